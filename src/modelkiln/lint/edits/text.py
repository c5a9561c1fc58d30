"""The text of a file that edits count in, and edits applied to the bytes of a file."""

import ast
import codecs
import io
import re
import tokenize
from typing import Iterable, Optional

from modelkiln.lint.edit import Edit

__all__ = ["Text", "apply_edits"]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")


class Text:
    """The text of a file of Python, without its mark of byte order; lines end as Python has them end."""

    def __init__(self, mark: bytes, encoding: str, text: str) -> None:
        self._mark, self._encoding, self.text = mark, encoding, text
        self._lines = [match[0] for match in _LINE.finditer(text)]
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    @classmethod
    def of(cls, content: bytes) -> Optional["Text"]:
        """Read the bytes of a file in the encoding that it declares; None where they would not come back the same."""
        mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
            encoding = "utf-8" if mark else encoding
            text = content[len(mark) :].decode(encoding)
            return cls(mark, encoding, text) if mark + text.encode(encoding) == content else None
        except (SyntaxError, LookupError, ValueError):
            return None

    @property
    def newline(self) -> str:
        """How its lines end."""
        return "\r\n" if "\r\n" in self.text else "\n"

    @property
    def lines(self) -> int:
        """How many it has."""
        return len(self._lines)

    def place(self, line: int, column: int) -> int:
        """Return where a place of a syntax tree is: a line from 1, and a column from 0 in bytes of UTF-8."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode("utf-8", "replace"))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return the start and the end of a node."""
        start = self.place(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        return start, self.place(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def line(self, number: int) -> str:
        """Return a line from 1, with its end."""
        return self._lines[number - 1]

    def edited(self, edits: Iterable[Edit]) -> Optional[bytes]:
        """Return the file with some edits, None where they overlap or the encoding lacks a character."""
        parts, at = [], 0
        for one in sorted(set(edits)):
            if one.start < at:
                return None
            parts += [self.text[at : one.start], one.replacement]
            at = one.end
        try:
            return self._mark + "".join((*parts, self.text[at:])).encode(self._encoding)
        except UnicodeEncodeError:
            return None


def apply_edits(content: bytes, edits: Iterable[Edit]) -> bytes:
    """Return a file of Python with some edits; as it was where the result would not be one that parses."""
    listed, text = sorted(set(edits)), Text.of(content)
    if text is None or not listed:
        return content
    edited = text.edited(listed)
    if edited is None:
        return content
    try:
        ast.parse(edited)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return content
    return edited
