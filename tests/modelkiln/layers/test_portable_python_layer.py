"""The layer of a portable CPython, and the base of libraries below it."""

import gzip
import io
import tarfile

import zstandard
from samples.debs import pinned_lock, tar_of

from modelkiln.archives.spool import Spool
from modelkiln.base.debian_root import root_entries
from modelkiln.base.interpreter import interpreter_packages
from modelkiln.base.portable_python import archive_package
from modelkiln.base.portable_python_lock import InterpreterLock, python_path
from modelkiln.layers import debian, portable_python
from modelkiln.layers.recipe import build
from modelkiln.pinned_file import PinnedFile
from modelkiln.store.store import Store

PYTHON, RELEASE = "3.11.2", "20250317"


def _archive(store, tmp_path):
    """An archive with the program and modules of Debian's Python, in the form of python-build-standalone."""
    members = []
    with (tmp_path / "spool").open("w+b") as spool:
        entries = root_entries({**pinned_lock(), "packages": interpreter_packages(pinned_lock())}, store, Spool(spool))
        for path, entry in sorted(entries.items()):
            if entry.kind == "file" and path.startswith(("usr/bin/python3.11", "usr/lib/python3.11/")):
                with entry.open() as stream:
                    mode = 0o755 if entry.executable else 0o644
                    members.append((path.replace("usr/", "python/", 1), {"data": stream.read(), "mode": mode}))
    return gzip.compress(tar_of(members))


def _members(store, layer):
    stream = io.BytesIO(zstandard.ZstdDecompressor().stream_reader(store.open(layer.descriptor.digest)).read())
    with tarfile.open(fileobj=stream) as archive:
        return {member.name: member for member in archive}


def test_its_standard_library_is_compiled_by_itself(tmp_path):
    """The layer is the same again, whatever the store had, and remembers nothing but its recipe."""
    store = Store(tmp_path / "store")
    data = _archive(store, tmp_path)
    lock = InterpreterLock(
        PYTHON, RELEASE, (PinnedFile(python_path(PYTHON, RELEASE, "amd64"), store.add_bytes(data)[7:], len(data)),)
    )
    archive = archive_package(lock, "amd64")
    libraries = [one for one in interpreter_packages(pinned_lock()) if "python" not in one["name"]]
    recipe = portable_python.recipe(archive, "zstd", {"packages": [*libraries, archive]})
    layer = build(recipe, store)
    assert ("base", "CPython 3.11.2 (python-build-standalone 20250317)") == (layer.kind, layer.title)
    members = _members(store, layer)
    assert {"usr/local/bin/python3.11", "usr/local/lib/python3.11/__pycache__/os.cpython-311.pyc"} <= set(members)
    assert 0o755 == members["usr/local/bin/python3.11"].mode
    other = Store(tmp_path / "other")
    other.add_bytes(data)
    assert layer.descriptor == portable_python.build(recipe, other).descriptor


def test_a_base_of_libraries_has_no_python(tmp_path):
    """Its recipe says that nothing is compiled, and its title names Debian alone."""
    lock = pinned_lock()
    lock["packages"] = [package for package in lock["packages"] if "python" not in package["name"]]
    recipe = debian.recipe(lock, "zstd")
    assert recipe["bytecode"] is None
    store = Store(tmp_path / "store")
    layer = build(recipe, store)
    assert "Debian bookworm" == layer.title
    assert not any("python3" in name for name in _members(store, layer))
