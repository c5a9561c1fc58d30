"""From the bytes of a source file to its syntax tree, or to what is wrong with it."""

import ast
import json
import re
import sys
import warnings
from typing import Mapping, Optional, Union

from modelkiln.lint.code.syntax.format_strings import with_older_format_strings

__all__ = ["Unreadable", "magics_of", "parse"]

# Code that people write has some hundred kB at most; what is larger is data, and takes many seconds.
_MAX_SIZE = 1 << 20
_MAGIC = re.compile(r"\s*(![\w./]|%%?[a-z]+\b)")


class Unreadable(Exception):
    """Why a file has no syntax tree; `line` is where, 0 for all of it. without_magics: the file without the commands
    of a notebook, where it is Python without them."""

    def __init__(self, message: str, line: int = 0, without_magics: bytes = b"") -> None:
        super().__init__(message)
        self.message, self.line, self.without_magics = message, line, without_magics


def parse(content: bytes) -> tuple[ast.Module, list[str]]:
    """Return the tree and the lines of a Python file; raises Unreadable.

    A mark of byte order and a line that declares the encoding are honoured, as Python does.
    """
    if len(content) > _MAX_SIZE:
        raise Unreadable(f"has {len(content)} bytes, and at most {_MAX_SIZE} are read")
    if _is_notebook(content):
        raise Unreadable("is a notebook, and not a module of Python")
    try:
        return _tree(content), _lines(content)
    except SyntaxError as error:
        magics = magics_of(content)
        plain = _without(content, magics) if magics else b""
        if plain and _parses(plain):
            line = min(magics)
            raise Unreadable(f"has commands of a notebook: {magics[line][:60]!r}", line, plain) from None
        raise Unreadable(f"does not parse: {error.msg}", error.lineno or 0) from None
    except (ValueError, LookupError) as error:
        # Null bytes, a coding that does not exist or that the bytes are not in.
        raise Unreadable(f"does not parse: {error}") from None
    except (RecursionError, MemoryError):
        raise Unreadable("is nested too deeply to be read") from None


def _tree(content: bytes) -> ast.Module:
    try:
        return _parsed(content)
    except SyntaxError:
        older = _older(content)
        if older is None:
            raise
        try:
            return _parsed(older)
        except SyntaxError:
            pass
        raise


def _older(content: bytes) -> Optional[bytes]:
    """A program whose format strings are those of Python 3.12, as older releases read it."""
    if sys.version_info >= (3, 12):
        return None
    encoding = _encoding(content)
    # Bytes that are not in the encoding stay what they are.
    changed = with_older_format_strings(content.decode(encoding, "surrogateescape"))
    return None if changed is None else changed.encode(encoding, "surrogateescape")


def _parsed(content: bytes) -> ast.Module:
    with warnings.catch_warnings():
        # Of escapes and comparisons in code that is not ours.
        warnings.simplefilter("ignore")
        return ast.parse(content)


def _parses(content: bytes) -> bool:
    try:
        _tree(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def magics_of(content: bytes) -> dict[int, str]:
    """Return the commands of a notebook that a file has, `!pip install x` and `%cd /content`, by their lines."""
    lines = content.decode("utf-8", "replace").splitlines()
    return {number: line.strip() for number, line in enumerate(lines, 1) if _MAGIC.match(line)}


def _without(content: bytes, magics: Mapping[int, str]) -> bytes:
    lines = content.decode("utf-8", "replace").splitlines()
    for number in magics:
        line = lines[number - 1]
        lines[number - 1] = line[: len(line) - len(line.lstrip())] + "pass"
    return "\n".join(lines).encode()


def _is_notebook(content: Union[bytes, str]) -> bool:
    if content.lstrip()[:1] not in (b"{", "{"):
        return False
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "cells" in document


def _lines(content: bytes) -> list[str]:
    return content.decode(_encoding(content), "replace").splitlines()


def _encoding(content: bytes) -> str:
    import io
    import tokenize

    return tokenize.detect_encoding(io.BytesIO(content).readline)[0]
