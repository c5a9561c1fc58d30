"""The store of blobs."""

import errno
import os
import signal
import subprocess
import sys

import pytest
from python_path import python_path

from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.store.store import Store


def files_below(folder):
    """All files but those that say which processes use the store."""
    return [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "users"]


def test_a_blob_is_found_by_its_digest(tmp_path):
    """What was added is read back under the digest of its bytes."""
    store = Store(tmp_path)
    digest = store.add_bytes(b"blob")
    assert sha256_bytes(b"blob") == digest
    assert b"blob" == store.open(digest).read()


def test_an_unexpected_digest_is_refused(tmp_path):
    """Bytes other than those that were pinned leave nothing behind."""
    store = Store(tmp_path)
    pinned = "sha256:" + "0" * 64
    with pytest.raises(ModelkilnError, match="want " + pinned), store.writer(expected=pinned) as blob:
        blob.write(b"other")
    assert [] == files_below(tmp_path)


def test_an_error_while_writing_leaves_nothing(tmp_path):
    """A writer whose block fails adds no blob and no temporary file."""
    store = Store(tmp_path)
    with pytest.raises(ValueError), store.writer() as blob:
        blob.write(b"half")
        raise ValueError
    assert [] == files_below(tmp_path)


def test_a_full_disk_is_reported(tmp_path):
    """ENOSPC becomes an error that names the store, and nothing is kept."""
    store = Store(tmp_path)
    full = pytest.raises(ModelkilnError, match="No space left on device while a blob was written")
    with full, store.writer():
        raise OSError(errno.ENOSPC, "full")
    assert [] == files_below(tmp_path)


def test_a_really_full_disk_is_reported(tmp_path):
    """A write that the kernel refuses for want of space is reported and leaves no blob."""
    code = (
        "import resource, signal, sys\n"
        "from modelkiln.errors import ModelkilnError\n"
        "from modelkiln.store.store import Store\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "root = sys.argv[1]\n"
        "try:\n"
        "    with Store(root).writer() as blob:\n"
        "        blob.write(bytes(1 << 20))\n"
        "except ModelkilnError as error:\n"
        "    print(error)\n"
        "import pathlib\n"
        "print([str(p) for p in pathlib.Path(root).rglob('*') if p.is_file() and p.parent.name != 'users'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONPATH": python_path()})  # fmt: skip
    assert "File too large while a blob was written" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_a_killed_writer_leaves_no_blob(tmp_path):
    """After kill -9 in the middle of a write the blob's name is absent, and a second try works."""
    code = (
        "import sys, time\n"
        "from modelkiln.store.store import Store\n"
        "with Store(sys.argv[1]).writer() as blob:\n"
        "    blob.write(b'whole')\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE,
                             env={**os.environ, "PYTHONPATH": python_path()})  # fmt: skip
    assert b"ready\n" == child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    store, digest = Store(tmp_path), sha256_bytes(b"whole")
    assert not store.has(digest)
    assert digest == store.add_bytes(b"whole")


def test_a_truncated_blob_is_set_aside(tmp_path):
    """A blob of another size than its descriptor counts as absent and is kept to be looked at."""
    store = Store(tmp_path)
    digest = store.add_bytes(b"whole")
    store.path(digest).chmod(0o644)
    store.path(digest).write_bytes(b"who")
    assert not store.has(digest, 5)
    assert b"who" == (tmp_path / "corrupt" / digest[7:]).read_bytes()


def test_a_corrupt_blob_is_set_aside(tmp_path):
    """A blob with a flipped byte is found by verify and set aside."""
    store = Store(tmp_path)
    digest = store.add_bytes(b"whole")
    store.path(digest).chmod(0o644)
    store.path(digest).write_bytes(b"whale")
    assert not store.verify(digest)
    assert not store.has(digest)


def test_concurrent_writers_of_one_blob_agree(tmp_path):
    """Several processes that write the same blob at once all succeed."""
    code = (
        "import sys\n"
        "from modelkiln.store.store import Store\n"
        "for number in range(50):\n"
        "    Store(sys.argv[1]).add_bytes(b'x' * number)\n"
    )
    env = {**os.environ, "PYTHONPATH": python_path()}
    children = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=env) for _ in range(3)]
    assert [0, 0, 0] == [child.wait() for child in children]
    assert all(Store(tmp_path).verify(sha256_bytes(b"x" * number)) for number in range(50))
