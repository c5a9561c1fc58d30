"""Where environments are made, by whom, and what is left there."""

import errno
import fcntl
import os

import pytest

from modelkiln.formats.installer import workplace
from modelkiln.formats.installer.workplace import lock, work_folder


def test_one_works_at_a_time(tmp_path):
    """In a folder that is called after the environment, and that is gone afterwards."""
    with work_folder(tmp_path, "a") as work:
        os.mkdir(work)
        assert ".a.tmp" == os.path.basename(work)
        with open(f"{work}.lck", "a") as stream, pytest.raises(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert [".a.tmp.lck"] == os.listdir(tmp_path)


def test_one_that_was_stopped_is_not_waited_for(tmp_path, monkeypatch):
    """The second one then works in a folder of its own, and touches nothing of the other one."""
    monkeypatch.setattr(workplace, "_PATIENCE", 0)
    with work_folder(tmp_path, "a") as first:
        os.mkdir(first)
        with work_folder(tmp_path, "a") as second:
            os.mkdir(second)
            assert first != second
            assert os.path.dirname(first) == os.path.dirname(second)
        assert os.path.isdir(first)
        assert not os.path.exists(second)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_worked_on(tmp_path, monkeypatch, number):
    """As a disk of the network may be: each in a folder of its own."""

    def refuse(_stream, _kind):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with work_folder(tmp_path, "a") as first, work_folder(tmp_path, "a") as second:
        assert first != second


def test_another_error_of_a_lock_is_raised(tmp_path):
    """It is not taken for a file system without locks."""
    with open(tmp_path / "a", "a") as stream, pytest.raises(OSError, match="Invalid argument"):
        lock(stream, 0)


def test_what_killed_processes_left_goes(tmp_path):
    """Of this environment and of others, but of those that are being made."""
    for name in ("a", "killed"):
        (tmp_path / f".{name}.tmp/deep").mkdir(parents=True)
        (tmp_path / f".{name}.tmp.lck").touch()
    with work_folder(tmp_path, "busy") as busy:
        os.mkdir(busy)
        with work_folder(tmp_path, "a") as work:
            assert not os.path.exists(work)
            assert [".a.tmp.lck", ".busy.tmp", ".busy.tmp.lck", ".killed.tmp.lck"] == sorted(os.listdir(tmp_path))
