"""A monorepo as teams have them: models of many sizes, in one environment or several.

What the weights of each package weigh, of any 20 packages that follow one another (a mix for
tabular, ranking, vision and text models; the sizes are those of well-known models):

    10   20 kB                           linear models, small trees       committed, `source`
     4    1 MB and the 20 kB             boosted trees, embeddings        committed, `source`
     3  100 MB                           ResNet-50, MiniLM                locked
     2  440 MB                           BERT-base                        locked
     1   15 GB                           7 billion parameters, 16 bits    locked

Committed weights are different in each package. Locked ones are sparse files, one for each size:
their content matters to nobody, because packaging reads the locks alone.

Each environment is a resolve. They share the pins of `3rdparty/python/cpu.txt`, and each but the
first has a library of its team more, a wheel of 2 MB that is different in each and lies in a
folder next to it: so wheels from the index are downloaded once, and layers of small wheels differ.
"""

from __future__ import annotations

import base64
import hashlib
import random
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from generate import SOURCE, Monorepo, write_big_file

__all__ = ["TeamMonorepo"]

_COMMITTED = 10**6
_LOCKED = {"encoder": 100 * 10**6, "bert": 440 * 10**6, "llm": 15 * 10**9}
_MIX = (*["small"] * 10, *["trees"] * 4, *["encoder"] * 3, *["bert"] * 2, "llm")
_LIBRARY_BYTES = 2 * 10**6
_LOCKS = "3rdparty/python"
_BUILD = """\
python_sources(sources=["predict.py"], resolve="{resolve}")

model_artifact(name="weights", {weights})

model_package(
    name="digits",
    entry_point="predict.py:predict",
    artifacts=[":weights"],
    signature="signature.json",
    accelerator="{resolve}",
    formats=["oci"],
    version="1.0.0",{more}
)
"""
_REQUIREMENTS = 'python_requirements(name="{resolve}", source="{resolve}.in", resolve="{resolve}")\n'


@dataclass
class TeamMonorepo(Monorepo):
    """`packages` packages of mixed sizes; environments: how many resolves they are spread over."""

    environments: int = 1

    def write(self) -> None:
        """Write all files but the locks of weights, see `to_lock`; the folder must not exist."""
        super().write()
        if self.environments == 1:
            return
        wheels = self.root.with_name(f"{self.root.name}-wheels")
        wheels.mkdir()
        resolves = [self._resolve(number) for number in range(1, self.environments)]
        for resolve in resolves:
            self._write_environment(resolve, wheels)
        toml = self.root / "pants.toml"
        paths = "".join(f'{resolve} = "{_LOCKS}/{resolve}.txt"\n' for resolve in resolves)
        links = "".join(f'{resolve} = ["{wheels.as_uri()}"]\n' for resolve in resolves)
        text = toml.read_text().replace("[python.resolves]\n", f"[python.resolves]\n{paths}")
        toml.write_text(f"{text}\n[modelkiln.resolve_find_links]\n{links}")

    def to_lock(self) -> list[Path]:
        """Folders whose `weights.bin` has to be locked before `share_locks`: one for each size."""
        return [self.package(number) for number in self._first().values()]

    def share_locks(self) -> None:
        """Give every package the lock of its size."""
        first = self._first()
        for number in range(self.packages):
            lock = self.package(number) / "weights.lock.json"
            kind = _MIX[number % len(_MIX)]
            if kind in _LOCKED and number != first[kind]:
                shutil.copyfile(self.package(first[kind]) / lock.name, lock)

    def _first(self) -> dict[str, int]:
        numbers = range(min(self.packages, len(_MIX)))
        return {_MIX[number]: number for number in reversed(numbers) if _MIX[number] in _LOCKED}

    def _resolve(self, number: int) -> str:
        environment = number % self.environments
        return f"team{environment:03d}" if environment else "cpu"

    def _write_package(self, number: int) -> None:
        folder = self.package(number)
        folder.mkdir(parents=True)
        self._copy_sources(folder)
        resolve, kind = self._resolve(number), _MIX[number % len(_MIX)]
        if kind in _LOCKED:
            weights = 'source="weights.bin", lock="weights.lock.json"'
            if self._first()[kind] == number:
                with (folder / "weights.bin").open("wb") as stream:
                    stream.write(kind.encode())
                    stream.truncate(_LOCKED[kind])
        else:
            weights = 'source="*.onnx"' if kind == "small" else 'source=["digits.onnx", "trees.bin"]'
            self.change_weights(number, f"package {number}")
            if kind == "trees":
                write_big_file(folder / "trees.bin", _COMMITTED, number)
        library = f'\n    dependencies=["//{_LOCKS}:{resolve}#lib-{resolve}"],' if resolve != "cpu" else ""
        (folder / "BUILD").write_text(_BUILD.format(resolve=resolve, weights=weights, more=library))

    def _write_environment(self, resolve: str, wheels: Path) -> None:
        digest = _write_library(wheels, resolve)
        folder, pin = self.root / _LOCKS, f"lib-{resolve}==1.0"
        lock = (SOURCE / _LOCKS / "cpu.txt").read_text()
        (folder / f"{resolve}.txt").write_text(f"{lock}{pin} \\\n    --hash=sha256:{digest}\n")
        (folder / f"{resolve}.in").write_text((SOURCE / _LOCKS / "cpu.in").read_text() + f"{pin}\n")
        with (folder / "BUILD").open("a") as stream:
            stream.write(_REQUIREMENTS.format(resolve=resolve))


def _write_library(folder: Path, resolve: str) -> str:
    """Write the wheel of a team's library, the same one each time; returns its sha256."""
    name = f"lib_{resolve}"
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}/__init__.py": b"",
        f"{name}/table.bin": random.Random(resolve).randbytes(_LIBRARY_BYTES),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    # Recording installed projects, PyPA specification: urlsafe base64 without its padding.
    lines = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}"
        for path, data in files.items()
    ]
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in {**files, f"{info}/RECORD": "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()}.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()
