"""Packages that a Mac builds: what they are made of is the same as on Linux, byte for byte."""

import json

import pytest
from on_mac import run_on_a_mac
from samples.wheelhouse import make_wheel, put_wheel

from modelkiln.store.store import Store

# Locks weights, of one file that is put on the disk in pieces and of many that are put there together, and makes a
# layer of each kind and a PEX, as steps of Pants do: with the settings of the machine saved by a process before them.
_BUILD = """
import hashlib, json, sys
from pathlib import Path
from modelkiln.formats.pex import build_pex
from modelkiln.layers import files, weights, wheels
from modelkiln.machine.settings import load_machine_env, save_machine_env
from modelkiln.pinned_file import PinnedFile
from modelkiln.store.store import Store
from modelkiln.weights.locking import lock_weights
from modelkiln.weights.selection import WeightsSource

wheel, store = json.load(sys.stdin), Store(sys.argv[1])
save_machine_env(store.root, {"MODELKILN_INDEXES": "found"})
assert "found" == load_machine_env(store.root)["MODELKILN_INDEXES"]
lock = lock_weights(WeightsSource("weights", Path.cwd(), "m:w"), store)
pinned = PinnedFile("app.py", hashlib.sha256(Path("app.py").read_bytes()).hexdigest(), Path("app.py").stat().st_size)
made = [
    *(weights.build(layer.recipe, store) for layer in weights.locked_layers(lock, "weights")),
    files.build(files.recipe("code", "code", "zstd", [pinned]), store, Path.cwd()),
    wheels.build(wheels.recipe([wheel], "3.11", "linux/amd64", "gzip"), store),
]
spec = {"wheels": [wheel], "python": "3.11", "platform": "linux/amd64", "glibc": "2.36", "entry_point": "app:main"}
Path("sources").mkdir()
Path("sources/app.py").write_bytes(Path("app.py").read_bytes())
build_pex(spec, Path("sources"), store, Path(sys.argv[1] + ".pex").absolute())
digests = [lock.set_digest, *(layer.descriptor.digest for layer in made)]
digests.append(hashlib.sha256(Path(sys.argv[1] + ".pex").read_bytes()).hexdigest())
print(json.dumps([sys.platform, digests]))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with weights and code; its large file is a hole but for the end."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights/small").mkdir(parents=True)
    for number in range(30):
        (tmp_path / f"weights/small/{number}.bin").write_text(f"{number}")
    with (tmp_path / "weights/large.bin").open("wb") as large:
        large.seek(66 << 20)
        large.write(b"end" * 1000)
    (tmp_path / "app.py").write_text("def main():\n    print('hello')\n")
    return tmp_path


def test_weights_layers_and_a_pex_have_the_same_bytes(folder):
    """Without what CPython has on Linux alone."""
    made = []
    for name in ("linux", "darwin"):
        (folder / "sources/app.py").unlink(missing_ok=True)
        if (folder / "sources").is_dir():
            (folder / "sources").rmdir()
        wheel = json.dumps(put_wheel(Store(folder / name), make_wheel()))
        made.append(run_on_a_mac(_BUILD, name, given=wheel, is_mac=name == "darwin", HOME=str(folder)))
    print(made)
    linux, darwin = map(json.loads, made)
    assert ["linux", "darwin"] == [linux[0], darwin[0]]
    assert 5 <= len(linux[1]) and linux[1] == darwin[1]
