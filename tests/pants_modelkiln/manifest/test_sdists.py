"""What is said of an sdist that nothing locks a build for."""

from modelkiln.manifest.closure import LockedWheel
from pants_modelkiln.manifest.sdists import build_issue

SDIST = {"name": "tiny", "version": "1.0", "filename": "tiny-1.0.tar.gz", "sha256": "0" * 64, "is_sdist": True}


def _issue(**more):
    return build_issue(LockedWheel.from_json({**SDIST, **more}), "cpu.txt", "cpu.build.txt", "pants lock :cpu")


def test_a_version_without_wheels_needs_a_lock_of_what_builds_it():
    """Both locks, the file and the command are named."""
    assert (
        "tiny 1.0 has no wheel in the lock cpu.txt, and to build one from tiny-1.0.tar.gz, cpu.build.txt has to say "
        "with what. Write it with pants lock :cpu."
    ) == _issue()


def test_wheels_whose_hashes_are_not_locked_are_named_first():
    """The lock has a wrong hash or none of them; a build is the other way."""
    found = _issue(has_other_wheels=True)
    assert found.startswith("tiny 1.0: an index has wheels of this version that fit, and none has a hash that is in")
    assert "Lock the package again" in found and found.endswith("Write it with pants lock :cpu.")
