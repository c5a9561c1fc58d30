"""Format strings of Python 3.12, written so that older releases read them: PEP 701 lets an expression in one have the
quotes of the string around it, and backslashes."""

import re
from typing import Optional

__all__ = ["with_older_format_strings"]

_OPEN = re.compile(r"([A-Za-z]{0,2})('''|\"\"\"|'|\")")
_OTHER = {"'": '"', '"': "'"}
_BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
_MAX_DEPTH = 8


def with_older_format_strings(text: str) -> Optional[str]:
    """Return a program of the same length, line for line and column for column, with other quotes in the expressions of
    format strings; None where nothing is to change, or that cannot be done."""
    scanner = _Scanner(text)
    try:
        scanner.code(0, "")
    except (IndexError, ValueError):
        # A string that does not end: the program does not parse, whatever the release.
        return None
    changed = "".join(scanner.characters)
    return changed if changed != text else None


class _Scanner:
    """Goes through a program once. characters: those of the program, some of them replaced."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.characters = list(text)
        self._depth = 0

    def code(self, place: int, outer: str) -> int:
        """Go through code, from a place to the end of an expression in a format string whose quote is `outer`, or of
        the program where that is ""; returns the place where it ended."""
        text, level = self._text, 0
        while place < len(text):
            one = text[place]
            opened = None if place and _is_word(text[place - 1]) else _OPEN.match(text, place)
            if opened:
                place = self._string(opened, outer)
                continue
            if one == "#":
                end = text.find("\n", place)
                place = len(text) if end < 0 else end
                continue
            if outer and not level and (one in "}:" or (one == "!" and text[place + 1] != "=")):
                return place
            level += _BRACKETS.get(one, 0)
            place += 1
        if outer:
            raise ValueError("an expression in a format string does not end")
        return place

    def _string(self, opened: re.Match, outer: str) -> int:
        """Go through a string; returns the place after it."""
        quote, start = opened[2], opened.end()
        is_format = "f" in opened[1].lower() or "t" in opened[1].lower()
        end = self._content(start, quote) if is_format else self._plain(start, quote, bool(outer))
        if outer and quote == outer:
            for place in (*range(start - len(quote), start), *range(end, end + len(quote))):
                self.characters[place] = _OTHER[quote[0]]
        return end + len(quote)

    def _plain(self, place: int, quote: str, is_inside: bool) -> int:
        """Go through a string without expressions, which may have no backslashes where it is inside of one."""
        while not self._text.startswith(quote, place):
            if self._text[place] == "\\":
                if is_inside:
                    self.characters[place : place + 2] = ["_", "_" if self._text[place + 1] != "\n" else "\n"]
                place += 1
            place += 1
        return place

    def _content(self, place: int, quote: str) -> int:
        """Go through the text and the expressions of a format string, to its end."""
        while not self._text.startswith(quote, place):
            one = self._text[place]
            if one == "\\" or self._text.startswith(("{{", "}}"), place):
                place += 2
            elif one == "{":
                place = self._field(place + 1, quote)
            else:
                place += 1
        return place

    def _field(self, place: int, quote: str) -> int:
        """Go through an expression, its conversion and its format; returns the place after its brace."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ValueError("format strings are nested too deeply")
        place = self.code(place, quote)
        while self._text[place] != "}":
            place = self._field(place + 1, quote) if self._text[place] == "{" else place + 1
        self._depth -= 1
        return place + 1


def _is_word(one: str) -> bool:
    return one.isalnum() or one == "_"
