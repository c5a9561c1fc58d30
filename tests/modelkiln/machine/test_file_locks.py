"""Locks of open files."""

import fcntl

from modelkiln.machine.file_locks import is_locked, try_lock


def test_any_lock_counts_for_as_long_as_it_is_held(tmp_path):
    """A shared one, too; a file that is not there has none."""
    path = tmp_path / "lock"
    assert not is_locked(path)
    for kind in (fcntl.LOCK_SH, fcntl.LOCK_EX):
        with open(path, "ab") as file:
            fcntl.flock(file, kind)
            assert is_locked(path)
        assert not is_locked(path)


def test_a_lock_is_had_when_nobody_else_has_it(tmp_path):
    """While it is, it counts as one; a file that is not there is nobody's."""
    path = tmp_path / "lock"
    with try_lock(path) as is_held:
        assert is_held and not path.exists()
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        with try_lock(path) as is_held:
            assert not is_held
    with try_lock(path) as is_held:
        assert is_held and is_locked(path)
    assert not is_locked(path)
