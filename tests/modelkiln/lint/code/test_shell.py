"""Scripts of a shell beside code."""

import pytest

from modelkiln.lint.linter import lint
from modelkiln.lint.subject import SourceFile, Subject


def found(text, path="start.sh"):
    """What is found in a script."""
    findings = lint(Subject("x", (SourceFile(path, text.encode()),)))
    return [(one.rule, one.line, one.certainty) for one in findings]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("wget https://example.com/w.bin", "MK203"),
        ("test -f w.bin || curl -O https://example.com/w.bin", "MK203"),
        ("  pip install numpy", "MK204"),
        ("apt-get update && apt-get install -y git", "MK204"),
    ],
)
def test_what_a_script_gets(line, rule):
    """It is likely that it runs."""
    assert [(rule, 3, "likely")] == found(f"set -e\n\n{line}\n")


def test_a_script_is_known_by_its_first_line():
    """Whatever it is called; another text is none."""
    assert [("MK203", 2, "likely")] == found("#!/usr/bin/env bash\nwget x\n", "bin/start")
    assert [] == found("Get it:\nwget x\n", "USAGE")


@pytest.mark.parametrize("line", ["# wget x", "exec python3 app.py  # no pip install", "echo widget install"])
def test_what_gets_nothing_is_quiet(line):
    """Comments, and words that look alike."""
    assert [] == found(f"{line}\n")
