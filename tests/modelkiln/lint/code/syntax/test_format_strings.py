"""Format strings of Python 3.12, read by every release."""

import ast

import pytest

from modelkiln.lint.code.syntax.format_strings import with_older_format_strings
from modelkiln.lint.linter import lint
from modelkiln.lint.subject import SourceFile, Subject


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('f"{a["x"]}/{b[\'y\']}"', "f\"{a['x']}/{b['y']}\""),
        ("f'{a['x']}'", "f'{a[\"x\"]}'"),
        ('f"{"\\n".join(x)}"', "f\"{'__'.join(x)}\""),
        ('rf"{d["a"] != 1}\\d"', "rf\"{d['a'] != 1}\\d\""),
        ('f"{x!r:>{w["k"]}}"', "f\"{x!r:>{w['k']}}\""),
        ('f"{{}}{x:%H:%M}{d["a"]}"', "f\"{{}}{x:%H:%M}{d['a']}\""),
        ('# f"{\nx = f"{d["a"]}" + "f"', '# f"{\nx = f"{d[\'a\']}" + "f"'),
        ('f"""{a["""x"""]}"""', "f\"\"\"{a['''x''']}\"\"\""),
    ],
)
def test_expressions_get_other_quotes(text, expected):
    """And keep their places; what comes out is Python of any release."""
    assert expected == with_older_format_strings(text)
    assert len(text) == len(expected)
    ast.parse(expected)


@pytest.mark.parametrize(
    "text", ["f\"{a['x']}\"", '"{a}"', 'f"{', 'f"{a', 'f"abc', "x = 'a", 'f"' + "{a:" * 5000, "f'{" * 5000, ""]
)
def test_what_is_not_to_be_changed_is_left(text):
    """Older format strings, strings that do not end, and what is nested too deeply."""
    assert with_older_format_strings(text) is None


def test_code_of_a_newer_release_is_linted():
    """With the lines and columns of the file, and its text as it stands there."""
    body = 'def predict(inputs, model):\n    return f"{inputs["x"]}" + open(\'/data/w.json\').read()\n'
    (finding,) = lint(Subject("x", (SourceFile("predict.py", body.encode()),), entry_point="predict:predict"))
    assert ("MK101", 2, 36) == (finding.rule, finding.line, finding.column)
    assert '    return f"{inputs["x"]}" + open(\'/data/w.json\').read()' == finding.text
