"""A monorepo of many model packages that share one environment."""

from __future__ import annotations

import json
import random
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

__all__ = ["Monorepo", "copy_backend", "write_big_file"]

SOURCE = Path(__file__).resolve().parents[2]
_MODEL = SOURCE / "src" / "models" / "digits"
_CHUNK = 1 << 20
# Of the weights of a package; the rest of a larger file is a hole.
_MOST_WRITTEN = 1 << 30

_PANTS_TOML = """\
[GLOBAL]
pants_version = "{pants_version}"
pythonpath = ["{backend}"]
backend_packages = ["pants.backend.python", "pants_modelkiln"]
local_store_dir = "{caches}/lmdb_store"
named_caches_dir = "{caches}/named_caches"
local_execution_root_dir = "{caches}"

[source]
root_patterns = ["/"]

[python]
interpreter_constraints = ["CPython==3.11.*"]
enable_resolves = true
default_resolve = "{accelerator}"
invalid_lockfile_behavior = "ignore"

[python.resolves]
{accelerator} = "3rdparty/python/{accelerator}.txt"

[python-infer]
use_rust_parser = true

[modelkiln]
base_image = "//3rdparty/debian:python311"
"""
# As in this repository: both distributions bring one module.
_REQUIREMENTS = """\
python_requirements(
    name="{resolve}",
    source="{resolve}.in",
    resolve="{resolve}",
    module_mapping={{"onnxruntime-gpu": ["onnxruntime"]}},
)
"""
_PACKAGE = """\
python_sources(sources=["predict.py"])

model_artifact(name="weights", source="digits.onnx")
{big}
model_package(
    name="digits",
    entry_point="predict.py:predict",
    artifacts=[":weights"{big_name}],
    signature="signature.json",
    accelerator="{accelerator}",
    formats=[{formats}],
    platforms=[{platforms}],
    version="1.0.0",{layout}
)
"""
# A package that needs nothing from outside: to package it makes the engine's tools (the one of checks,
# which is for its weights, too) and no more.
_PRIME = """\
python_sources(name="code", sources=["predict.py"])

model_artifact(name="weights", source="weights.txt")

for name, format in (("prime", "pex"), ("base", "oci")):
    model_package(
        name=name,
        entry_point="predict.py:predict",
        artifacts=[":weights"],
        signature="signature.json",
        formats=[format],
    )
"""


def copy_backend(folder: Path, source: Path = SOURCE) -> Path:
    """Copy the backend with its engine, of a checkout, as an installed wheel has them; returns `folder`.

    A copy, so that work on the sources meanwhile cannot change what is measured.
    """
    ignored = shutil.ignore_patterns("__pycache__", "BUILD")
    shutil.copytree(source / "rules" / "pants_modelkiln", folder / "pants_modelkiln", ignore=ignored)
    shutil.copytree(source / "src" / "modelkiln", folder / "modelkiln", ignore=ignored)
    return folder


def write_big_file(path: Path, size: int, seed: int = 0, written: int | None = None) -> None:
    """Write `size` bytes that don't compress, the same ones for a seed; after `written` bytes a hole."""
    numbers = random.Random(seed)
    with path.open("wb") as stream:
        for start in range(0, size if written is None else min(size, written), _CHUNK):
            stream.write(numbers.randbytes(min(_CHUNK, size - start)))
        stream.truncate(size)


@dataclass
class Monorepo:
    """`packages` packages `models/m000:digits`, ... below `root`, in the given formats.

    big: bytes of one more artifact file of the first package, or 0. accelerator: "cpu" or "cuda12", also
    the name of the resolve. platforms: of the images; the base's first one where there are none. layout: of a PEX,
    or "".
    """

    root: Path
    packages: int
    backend: Path
    caches: Path
    formats: Sequence[str] = ("oci",)
    big: int = 0
    accelerator: str = "cpu"
    platforms: Sequence[str] = ()
    layout: str = ""

    def write(self) -> None:
        """Write all files; the folder must not exist."""
        resolve = self.accelerator
        for source in (f"3rdparty/python/{resolve}.in", f"3rdparty/python/{resolve}.txt", "3rdparty/debian"):
            _copy(SOURCE / source, self.root / source)
        (self.root / "3rdparty/python/BUILD").write_text(_REQUIREMENTS.format(resolve=resolve))
        version = re.search(r'^pants_version = "(.+)"', (SOURCE / "pants.toml").read_text(), re.MULTILINE)
        assert version, "pants.toml names no pants_version"
        (self.root / "pants.toml").write_text(
            _PANTS_TOML.format(pants_version=version[1], backend=self.backend, caches=self.caches, accelerator=resolve)
        )
        for number in range(self.packages):
            self._write_package(number)
        self._write_prime()

    def _write_package(self, number: int) -> None:
        folder = self.package(number)
        folder.mkdir(parents=True)
        self._copy_sources(folder)
        self.change_weights(number, f"package {number}")
        big = self.big and not number
        if big:
            write_big_file(folder / "big.bin", self.big, written=_MOST_WRITTEN)
        (folder / "BUILD").write_text(
            _PACKAGE.format(
                accelerator=self.accelerator,
                formats=json.dumps(list(self.formats))[1:-1],
                platforms=json.dumps(list(self.platforms))[1:-1],
                big='model_artifact(name="big", source="big.bin", lock="big.lock.json")\n' if big else "",
                layout=f'\n    layout="{self.layout}",' if self.layout else "",
                big_name=', ":big"' if big else "",
            )
        )

    def _copy_sources(self, folder: Path) -> None:
        for name in ("predict.py", "signature.json", "request.json"):
            shutil.copyfile(_MODEL / name, folder / name)

    def _write_prime(self) -> None:
        folder = self.root / "prime"
        folder.mkdir()
        shutil.copyfile(_MODEL / "signature.json", folder / "signature.json")
        (folder / "predict.py").write_text("def predict(inputs, model):\n    return inputs\n")
        (folder / "weights.txt").write_text("1")
        (folder / "BUILD").write_text(_PRIME)

    def package(self, number: int) -> Path:
        """The folder of a package."""
        return self.root / "models" / f"m{number:03d}"

    def edit_code(self, number: int, line: str) -> None:
        """Change one line of a package's inference script."""
        text = (_MODEL / "predict.py").read_text() + f"\n# {line}\n"
        (self.package(number) / "predict.py").write_text(text)

    def change_weights(self, number: int, text: str) -> None:
        """Give a package weights that no other package has, and that answer the same.

        ONNX, onnx.proto: field 6 of ModelProto is the string doc_string; of a field that is there
        twice, the last counts. So a model file may be made longer at its end.
        """
        data = text.encode()
        assert len(data) < 128, "its length would need more than one byte"
        field = bytes([6 << 3 | 2, len(data)]) + data
        (self.package(number) / "digits.onnx").write_bytes((_MODEL / "digits.onnx").read_bytes() + field)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
