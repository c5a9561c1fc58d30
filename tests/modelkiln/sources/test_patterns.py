"""Patterns that choose files."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.sources.patterns import matches, select


@pytest.mark.parametrize(
    "pattern, path, expected",
    [
        ("*.bin", "a.bin", True),
        ("*.bin", "deep/down/a.bin", True),
        ("/*.bin", "deep/a.bin", False),
        ("/*.bin", "a.bin", True),
        ("deep/*.bin", "deep/a.bin", True),
        ("deep/*.bin", "deep/down/a.bin", False),
        ("deep/**/*.bin", "deep/a.bin", True),
        ("deep/**/*.bin", "deep/far/down/a.bin", True),
        ("deep/**", "deep/far/down/a.bin", True),
        ("**/a.bin", "a.bin", True),
        ("deep", "deep/a.bin", True),
        ("deep/", "x/deep/a.bin", True),
        ("shard-[0-3]", "shard-2", True),
        ("shard-[!0-3]", "shard-2", False),
        ("a?c", "a/c", False),
        ("./a", "a", True),
        ("a.b", "axb", False),
    ],
)
def test_patterns_mean_what_they_say(pattern, path, expected):
    """`*` stays in its folder, `**` does not, a name is looked for in every folder."""
    assert expected == matches(path, pattern)


def test_all_is_chosen_without_patterns():
    """include adds, exclude takes away, in this order."""
    paths = ["b/x", "a", "c"]
    assert ["a", "b/x", "c"] == select(paths, (), (), "t")
    assert ["a", "b/x"] == select(paths, ["a", "b/"], (), "t")
    assert ["a"] == select(paths, ["a", "b/"], ["x"], "t")


def test_a_pattern_that_chooses_nothing_is_refused():
    """It was misspelt; what is there is named."""
    with pytest.raises(ModelkilnError, match=r"t: the pattern 'q' matches none of 1 file \(a\)"):
        select(["a"], ["q"], (), "t")
