"""Locks of open files."""

import fcntl

from modelkiln.machine.file_locks import is_locked


def test_any_lock_counts_for_as_long_as_it_is_held(tmp_path):
    """A shared one, too; a file that is not there has none."""
    path = tmp_path / "lock"
    assert not is_locked(path)
    for kind in (fcntl.LOCK_SH, fcntl.LOCK_EX):
        with open(path, "ab") as file:
            fcntl.flock(file, kind)
            assert is_locked(path)
        assert not is_locked(path)
