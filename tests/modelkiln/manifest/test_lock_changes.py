"""What changed between two locks, for people."""

from modelkiln.manifest.lock import Pin
from modelkiln.manifest.lock_changes import changed_pins, describe_changes

A, B = ("a" * 64,), ("b" * 64,)


def test_each_change_is_a_line():
    """What came, what went, versions, files, and sizes as far as they are known."""
    before = [Pin("gone", "1.0", A), Pin("kept", "1.0", A), Pin("files", "1.0", A), Pin("up", "1.0", A)]
    after = [Pin("files", "1.0", A + B), Pin("kept", "1.0", A), Pin("new", "0.1", B), Pin("up", "2.0", B)]
    expected = [
        "  files 1.0: other files (1 -> 2 hashes)",
        "  gone 1.0 is gone",
        "  new (new) 0.1",
        "  up 1.0 -> 2.0, 1.5 MB",
        "  1.5 MB to fetch",
    ]
    assert expected == describe_changes(before, after, {"up": 1_500_000})
    assert ["new", "up"] == [pin.name for pin in changed_pins(before, after)]


def test_equal_locks_have_no_changes():
    """Nothing is said."""
    assert [] == describe_changes([Pin("a", "1.0", A)], [Pin("a", "1.0", A)], {})
