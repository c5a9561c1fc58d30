"""Locking and fetching the files of a portable CPython."""

import hashlib

import pytest
from loopback.file_servers import file_server

from modelkiln.base.portable_python import MIRROR_VARIABLE
from modelkiln.base.portable_python_lock import python_path, scie_jump_path, science_path
from modelkiln.errors import ModelkilnError
from modelkiln.formats.scie_assets import fetch_assets, lock_interpreter, scie_versions
from modelkiln.machine.settings import save_machine_env
from modelkiln.store.store import Store

PYTHON, RELEASE = "3.11.14", "20251120"
PLACE = python_path(PYTHON, RELEASE, "amd64")


def _files():
    science, jump = scie_versions()
    paths = (science_path(science, "amd64"), scie_jump_path(jump, "amd64"), PLACE)
    return {"/" + path.replace("+", "%2B"): path.encode() for path in paths}


def _store(folder, url):
    store = Store(folder)
    save_machine_env(store.root, {MIRROR_VARIABLE: url})
    return store


def test_a_lock_pins_what_a_mirror_has(tmp_path):
    """Path, size and sha256 of each file, which is in the store then; only a damaged one is fetched again."""
    with file_server(_files()) as server:
        store = _store(tmp_path, server.url)
        lock = lock_interpreter(PYTHON, RELEASE, ["amd64"], store, "b:py")
        assert sorted(data.decode() for data in _files().values()) == [asset.path for asset in lock.assets]
        for asset in lock.assets:
            assert hashlib.sha256(asset.path.encode()).hexdigest() == asset.sha256
            assert asset.path.encode() == store.path(asset.digest).read_bytes()
        damaged = store.path(lock.assets[0].digest)
        damaged.chmod(0o644)
        damaged.write_bytes(b"other")
        server.files = {path: data for path, data in server.files.items() if data.decode() == lock.assets[0].path}
        fetch_assets(lock.assets, store, "CPython")
        assert lock.assets[0].path.encode() == damaged.read_bytes()


def test_a_lock_serves_every_mirror(tmp_path):
    """What is missing is fetched by the lock from a folder, too, by its hash alone."""
    with file_server(_files()) as server:
        lock = lock_interpreter(PYTHON, RELEASE, ["amd64"], _store(tmp_path / "one", server.url), "b:py")
    for path, data in _files().items():
        target = tmp_path / "mirror" / path[1:].replace("%2B", "+")
        target.parent.mkdir(parents=True)
        target.write_bytes(data)
    store = _store(tmp_path / "two", (tmp_path / "mirror").as_uri())
    fetch_assets(lock.assets, store, "CPython")
    assert all(store.verify(asset.digest) for asset in lock.assets)


def test_other_bytes_are_refused(tmp_path):
    """A mirror cannot change what is embedded; the error names the file."""
    with file_server(_files()) as server:
        lock = lock_interpreter(PYTHON, RELEASE, ["amd64"], _store(tmp_path / "one", server.url), "b:py")
        for path, data in server.files.items():
            server.files[path] = bytes(len(data))
        store = _store(tmp_path / "two", server.url)
        with pytest.raises(ModelkilnError, match=r"CPython: jump/download/.*sha256"):
            fetch_assets(lock.assets, store, "CPython")
        assert not any(store.has(asset.digest) for asset in lock.assets)


@pytest.mark.parametrize("where", ["next to", "of the release"])
def test_a_published_checksum_counts(tmp_path, where):
    """What is locked is what its publisher says, in a file next to it or in one for the whole release."""
    path = "/" + PLACE.replace("+", "%2B")
    name = PLACE.rpartition("/")[2]
    listed = f"{path}.sha256" if where == "next to" else f"{path.rpartition('/')[0]}/SHA256SUMS"
    files = _files()
    good = f"{'0' * 64}  other\n{hashlib.sha256(files[path]).hexdigest()}  {name}\n"
    with file_server({**files, listed: good.encode()}) as server:
        lock_interpreter(PYTHON, RELEASE, ["amd64"], _store(tmp_path / "one", server.url), "b:py")
        server.files[listed] = f"{'0' * 64} *{name}\n".encode()
        with pytest.raises(ModelkilnError, match=r"b:py: .*cpython.*its publisher says 0000"):
            lock_interpreter(PYTHON, RELEASE, ["amd64"], _store(tmp_path / "two", server.url), "b:py")


def test_a_version_that_does_not_exist_is_reported(tmp_path):
    """The error names the target, the file and the address."""
    with file_server(_files()) as server:
        store = _store(tmp_path, server.url)
        with pytest.raises(ModelkilnError, match=rf"b:py: .*cpython-3\.11\.99.*{server.url}.*404"):
            lock_interpreter("3.11.99", RELEASE, ["amd64"], store, "b:py")
