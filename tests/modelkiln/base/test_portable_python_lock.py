"""Locks of portable CPythons."""

import json

import pytest
from schemas import schema_problems

from modelkiln.base.portable_python_lock import (
    InterpreterLock,
    check_release,
    load_interpreter_lock,
    python_path,
    scie_jump_path,
    science_path,
)
from modelkiln.errors import ModelkilnError
from modelkiln.pinned_file import PinnedFile


def _lock(science="a" * 64):
    paths = [
        science_path("0.21.0", "amd64"),
        scie_jump_path("1.13.0", "amd64"),
        python_path("3.11.14", "20251120", "amd64"),
        python_path("3.11.14", "20251120", "arm64"),
    ]
    hashes = [science, "b" * 64, "c" * 64, "d" * 64]
    return InterpreterLock("3.11.14", "20251120", tuple(map(PinnedFile, paths, hashes, range(1, 5))))


def test_a_lock_reads_as_it_was_written():
    """Paths are those of a mirror, without an address."""
    lock = _lock()
    text = lock.to_text()
    assert [] == schema_problems("portable-python-lock", json.loads(text))
    assert lock == load_interpreter_lock(text, "x")
    assert "://" not in text
    assert "3.11" == lock.minor
    name = "cpython-3.11.14+20251120-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz"
    assert f"providers/PythonBuildStandalone/download/20251120/{name}" == lock.assets[2].path


def test_a_package_is_the_same_whatever_machine_builds_it():
    """What a record holds depends on what is embedded, and not on the tool that does it."""
    lock = _lock()
    identity = lock.identity("linux/amd64")
    assert identity == _lock(science="e" * 64).identity("linux/amd64")
    assert identity != lock.identity("linux/arm64")
    assert ("3.11.14", "20251120") == (identity["python"], identity["release"])


def test_a_file_that_the_lock_lacks_is_named():
    """The error says what to add, and how to lock it."""
    with pytest.raises(ModelkilnError, match=r"names no jump/download/v1\.13\.0/.*aarch64.*pants lock.*architectures"):
        _lock().asset(scie_jump_path("1.13.0", "arm64"))


@pytest.mark.parametrize(
    ("python", "release", "said"),
    [("3.11", "20251120", "'3.11' is not exact"), ("3.11.14", "latest", "'latest' is not a release")],
)
def test_a_lock_wants_exact_versions(python, release, said):
    """A release that moves could not be pinned."""
    with pytest.raises(ModelkilnError, match=f"b:py: .*{said}"):
        check_release(python, release, "b:py")


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"python": "3.11"},
        {"files": [{"path": "../x", "size": 1, "sha256": "a" * 64}]},
        {"files": [{"path": "x", "size": 0, "sha256": "a" * 64}]},
        {"files": [{"path": "x", "size": 1, "sha256": "x"}]},
        {"files": [{"path": "x"}]},
        {"files": "x"},
    ],
)
def test_broken_locks_are_refused(change):
    """The error names the file."""
    text = json.dumps({**_lock().to_json(), **change})
    with pytest.raises(ModelkilnError, match=r"^b:py: lock\.json"):
        load_interpreter_lock(text, "b:py: lock.json")
    with pytest.raises(ModelkilnError, match=r"^b:py: lock\.json"):
        load_interpreter_lock("", "b:py: lock.json")
