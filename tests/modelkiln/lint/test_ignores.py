"""Comments that take findings back."""

import pytest

from modelkiln.lint.catalogue.general import UNREADABLE
from modelkiln.lint.ignores import apply_ignores
from modelkiln.lint.subject import SourceFile


def ignored(text, *lines):
    """Lines of the findings that are left of those of MK001 at `lines`, and the rules of what is left."""
    source = SourceFile("code.py", text.encode())
    left = apply_ignores(source, [UNREADABLE.finding("code.py", "found", line=line) for line in lines])
    return [(one.rule, one.line) for one in left]


def test_a_comment_at_the_end_of_a_line_ignores_it():
    """The finding of its line is gone, that of the next is not."""
    text = "a = 1  # modelkiln: ignore[MK001] it is mounted\nb = 2\n"
    assert [("MK001", 2)] == ignored(text, 1, 2)


def test_a_comment_stands_for_the_whole_statement():
    """A call over several lines has one comment, on any of them or above."""
    text = "a(\n    1,\n    2,\n)  # modelkiln: ignore[MK001] reason\n"
    assert [] == ignored(text, 1, 3)
    text = "# modelkiln: ignore[MK001] reason\na(\n    1,\n)\n"
    assert [] == ignored(text, 2, 3)


def test_a_comment_inside_of_a_statement_stands_for_the_next_line():
    """On a line of its own it is about what follows."""
    text = "a(\n    # modelkiln: ignore[MK001] reason\n    1,\n    2,\n)\n"
    assert [("MK001", 4)] == ignored(text, 3, 4)


def test_a_comment_without_a_reason_ignores_nothing():
    """The finding stays, and the comment is one itself."""
    text = "a = 1  # modelkiln: ignore[MK001]\n"
    assert [("MK001", 1), ("MK002", 1)] == ignored(text, 1)


@pytest.mark.parametrize(
    "text", ["a = 1  # modelkiln: ignore[MK001] reason\n", "# modelkiln: ignore[MK001] at the end"]
)
def test_a_comment_that_ignores_nothing_is_found(text):
    """Nothing was found on its line."""
    assert [("MK003", 1)] == ignored(text)


@pytest.mark.parametrize("name", ["MK001", "MK0", "lint", "unreadable-code", "paths, lint"])
def test_rules_are_named_as_in_options(name):
    """By id, by its start, by name and by category; each name counts for itself."""
    left = [("MK003", 1)] if "paths" in name else []
    assert left == ignored(f"a = 1  # modelkiln: ignore[{name}] reason\n", 1)


@pytest.mark.parametrize("name", ["MK999", "path", "absolute_path", ""])
def test_a_name_of_no_rule_is_found(name):
    """It says so, with what there is; the finding stays."""
    source = SourceFile("code.py", f"a = 1  # modelkiln: ignore[{name}] reason\n".encode())
    first, second = apply_ignores(source, [UNREADABLE.finding("code.py", "found", line=1)])
    assert ("MK001", "MK003") == (first.rule, second.rule)
    assert "names no rule" in second.message and "--list" in second.remedy


def test_a_category_of_which_a_part_is_looked_for_may_find_nothing():
    """A rule that was left out could be what it is there for."""
    source = SourceFile("code.py", b"a = 1  # modelkiln: ignore[lint] reason\n")
    assert [] == apply_ignores(source, [], lambda rule: rule != "MK001")


def test_a_text_is_not_a_comment():
    """A string with the same characters ignores nothing."""
    text = 'a = "# modelkiln: ignore[MK001] reason"\n'
    assert [("MK001", 1)] == ignored(text, 1)
