"""The engine and Pex outside of Pants, each in a virtual environment of a lock."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Mapping

from generate import SOURCE, write_big_file
from measure import Sample, run

__all__ = ["Engine", "Pex", "make_venv", "write_big_wheel"]


class Engine:
    """The engine from `backend`, in a virtual environment of the lock of Pants' processes for registries."""

    def __init__(self, folder: Path, backend: Path) -> None:
        self._python = make_venv(folder, SOURCE / "rules/pants_modelkiln/registry.txt")
        self._env = {**os.environ, "PYTHONPATH": str(backend)}

    def run(self, *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path = Path("/")) -> Sample:
        """`modelkiln ARGUMENTS`."""
        return run([self._python, "-m", "modelkiln", *arguments], cwd, {**self._env, **(env or {})})

    def layer(self, recipe: Mapping, store: Path, scratch: Path, sources: Path | None = None) -> Sample:
        """Build one layer, as Pants' process for it does."""
        described = scratch / "recipe.json"
        described.write_text(json.dumps(recipe))
        more = [f"--sources={sources}"] if sources else []
        output = f"--output={scratch / 'layer.json'}"
        return self.run("build", "layer", f"--recipe={described}", f"--store={store}", output, *more)


class Pex:
    """The command `pex`, with a warm cache in `folder`."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self._python = make_venv(folder / "venv", Path(__file__).with_name("pex.txt"))
        self._folder, self._wheels = folder, wheels

    def build(self, context: Path, *options: str) -> Sample:
        """Build the same PEX as a package's from a build context, with wheels from a folder."""
        return run(
            [
                self._python, "-m", "pex", "--no-compress", *options, "--no-pypi", f"--find-links={self._wheels}",
                f"--requirement={context / 'requirements.txt'}", f"--sources-directory={context / 'app'}",
                "--entry-point=modelkiln.runtime.cli:main", f"--output-file={self._folder / 'peer.pex'}",
                f"--pex-root={self._folder / 'root'}",
            ],
            self._folder,
        )  # fmt: skip

    def forget(self) -> None:
        """Empty the cache."""
        shutil.rmtree(self._folder / "root", ignore_errors=True)


def make_venv(folder: Path, lock: Path) -> Path:
    """Make a virtual environment of a lock; returns its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    install: list[str | Path] = [python, "-m", "pip", "install", "-qq", "--no-deps", "--require-hashes", "-r", lock]
    subprocess.run(install, check=True)
    return python


def write_big_wheel(path: Path, size: int) -> None:
    """Write a valid wheel whose one large file has `size` bytes that don't compress."""
    payload = path.with_suffix(".payload")
    write_big_file(payload, size)
    info = "big-1.0.dist-info"
    texts = {
        "big/__init__.py": b"",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: big\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: false\nTag: py3-none-any\n",
    }
    with payload.open("rb") as stream:
        lines = [_record_line("big/weights.so", hashlib.file_digest(stream, "sha256").digest(), size)]
    lines += [_record_line(name, hashlib.sha256(text).digest(), len(text)) for name, text in texts.items()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(payload, "big/weights.so")
        for name, text in texts.items():
            archive.writestr(name, text)
        archive.writestr(f"{info}/RECORD", "\n".join([*lines, f"{info}/RECORD,,", ""]))
    payload.unlink()


def _record_line(name: str, digest: bytes, size: int) -> str:
    # Recording installed projects, PyPA specification: urlsafe base64 without its padding.
    return f"{name},sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')},{size}"
