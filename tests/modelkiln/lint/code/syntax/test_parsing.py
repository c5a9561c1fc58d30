"""Files that are not Python of this release, or not Python."""

import json

import pytest

from modelkiln.lint.linter import lint
from modelkiln.lint.subject import SourceFile, Subject

_BAD = b'def predict(inputs, model):\n    return open("/data/w\xe9.json")\n'


def found(content, path="predict.py"):
    """Rules and lines of what is found in a file."""
    return [(one.rule, one.line) for one in lint(Subject("x", (SourceFile(path, content),)))]


def test_a_mark_of_byte_order_is_skipped():
    """As Python does."""
    assert [("MK101", 2)] == found(b"\xef\xbb\xbf" + _BAD.replace(b"\xe9", b"e"))


def test_latin_1_is_read_as_it_declares():
    """And a column is counted in characters."""
    source = SourceFile("predict.py", b"# -*- coding: latin-1 -*-\n" + _BAD.replace(b"return", b"'\xe9'; return"))
    (finding,) = lint(Subject("x", (source,)))
    assert ("MK101", 3, 22) == (finding.rule, finding.line, finding.column)
    assert "é" in finding.text


@pytest.mark.parametrize(
    "content",
    [
        _BAD,
        b"def predict(inputs, model:\n",
        b"print 'Python 2'\n",
        b"a = 1\0\n",
        b"# coding: klingon\n",
        b"(" * 5000,
        b"x = " + b"-" * 200_000 + b"1",
        b"a" * (3 << 20),
        b"match x:\n  case 1: !\n",
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_does_not_parse_is_a_finding(content):
    """And not a crash; interpreters differ in which line they name."""
    assert ["MK001"] == [rule for rule, _ in found(content)]


def test_a_notebook_is_not_a_module():
    """Under either ending."""
    content = json.dumps({"cells": [], "nbformat": 4}).encode()
    assert [("MK001", 0)] == found(content) == found(content, "train.ipynb")


def test_commands_of_a_notebook_are_read():
    """The rest of the file is Python, and is looked at."""
    content = b"!pip install tokenizers\n%matplotlib inline\nopen('/data/w.json')\n"
    assert [("MK001", 1), ("MK204", 1), ("MK101", 3)] == found(content)


def test_deep_sums_are_read():
    """Of generated code; what is not followed to its end is not found."""
    assert [] == found(b"x = " + b" + ".join([b"'/data/'"] * 900) + b"\nopen(x[0])\n")
