"""Environments of single releases, and the probes that run in them."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROBES = Path(__file__).with_name("probes")


@dataclass(frozen=True)
class Library:
    """releases: pairs of a release and the Python that it runs on. distribution: where it is called otherwise.
    beside: what is installed with it, and nothing else unless it is to be closed under what its wheel requires.
    generated: whether its probe writes the files of all."""

    name: str
    releases: tuple[tuple[str, str], ...]
    beside: tuple[str, ...] = ()
    distribution: str = ""
    generated: bool = False
    is_closed: bool = False


@dataclass(frozen=True)
class Environments:
    """A folder of environments. uv: the program. pythons: its `--python`, by minor release, where it finds none."""

    folder: Path
    uv: str

    def probe(self, library: Library, release: str, command: str, folder: Path) -> dict[str, Any]:
        """Run a command of a library's probe on a release; returns its answers by file."""
        python = self._python(library, release)
        argv = [str(python), "-W", "ignore", str(PROBES), library.name, command, str(folder)]
        run = subprocess.run(argv, capture_output=True, text=True, check=False)
        if run.returncode:
            raise SystemExit(f"{library.name} {release}: {command} failed: {run.stderr[-2000:]}")
        return json.loads(run.stdout.splitlines()[-1])

    def remove(self, library: Library, release: str) -> None:
        """Remove the environment of a release."""
        shutil.rmtree(self._folder(library, release), ignore_errors=True)

    def _folder(self, library: Library, release: str) -> Path:
        return self.folder / f"{library.name}-{release}"

    def _python(self, library: Library, release: str) -> Path:
        folder = self._folder(library, release)
        python = folder / "bin" / "python"
        if not python.exists():
            wanted = dict(library.releases)[release]
            subprocess.run([self.uv, "venv", "-q", "--python", wanted, str(folder)], check=True)
            install = [self.uv, "pip", "install", "-q", "--only-binary", ":all:", "-p", str(python)]
            pin = f"{library.distribution or library.name}=={release}"
            alone = [] if library.is_closed else ["--no-deps"]
            subprocess.run([*install, *alone, pin, *library.beside], check=True)
        return python
