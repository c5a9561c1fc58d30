"""What is printed of values that others wrote."""

import json

import pytest

from modelkiln.wording import counted, one_line, print_json, print_lines, printable, report_line

_HOSTILE = "a\x1b[31m\x07\x9b\u202e\u2066\u2028\ud800\r\nfake: verified"
_SHOWN = "a\\x1b[31m\\x07\\x9b\\u202e\\u2066\\u2028\\ud800\\r"


def test_controls_are_shown_and_not_obeyed(capsys):
    """Escapes of terminals, marks of direction, and line breaks, which would fake a line."""
    assert f"{_SHOWN}\\nfake: verified" == one_line(_HOSTILE)
    assert f"{_SHOWN}\nfake: verified" == printable(_HOSTILE)
    print_lines([_HOSTILE, "plain \u00fc \U0001f600\ttext"])
    report_line(_HOSTILE)
    out, err = capsys.readouterr()
    assert [f"{_SHOWN}\\nfake: verified", "plain \u00fc \U0001f600\ttext"] == out.splitlines()
    assert [f"{_SHOWN}\\nfake: verified"] == err.splitlines()


@pytest.mark.parametrize("text", [_HOSTILE, "\U000e0041", "\x7f", "plain \u00fc"])
def test_json_stays_the_same_value(text, capsys):
    """Escaped as JSON does, also beyond the basic plane; what is only text stays readable."""
    print_json({"b": text, text: [1]})
    out = capsys.readouterr().out
    assert {"b": text, text: [1]} == json.loads(out)
    assert out.replace("\n", "").isprintable()
    assert ("\u00fc" in text) == ("\u00fc" in out)


def test_one_is_no_plural():
    """Counts read as people write them, also where an s does not make the plural."""
    assert ["0 blobs", "1 blob", "2 blobs"] == [counted(number, "blob") for number in range(3)]
    assert ["1 index", "2 indexes"] == [counted(number, "index", "indexes") for number in (1, 2)]
