"""From the bytes of a source file to its syntax tree, or to what is wrong with it."""

import ast
import json
import warnings
from typing import Union

__all__ = ["Unreadable", "parse"]

# Code that people write has some hundred kB at most; what is larger is data.
_MAX_SIZE = 2 << 20


class Unreadable(Exception):
    """Why a file has no syntax tree; `line` is where, 0 for all of it."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.message, self.line = message, line


def parse(content: bytes) -> tuple[ast.Module, list[str]]:
    """Return the tree and the lines of a Python file; raises Unreadable.

    A mark of byte order and a line that declares the encoding are honoured, as Python does.
    """
    if len(content) > _MAX_SIZE:
        raise Unreadable(f"has {len(content)} bytes, and at most {_MAX_SIZE} are read")
    if _is_notebook(content):
        raise Unreadable("is a notebook, and not a module of Python")
    try:
        with warnings.catch_warnings():
            # Of escapes and comparisons in code that is not ours.
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
        return tree, _lines(content)
    except SyntaxError as error:
        raise Unreadable(f"does not parse: {error.msg}", error.lineno or 0) from None
    except (ValueError, LookupError) as error:
        # Null bytes, a coding that does not exist or that the bytes are not in.
        raise Unreadable(f"does not parse: {error}") from None
    except (RecursionError, MemoryError):
        raise Unreadable("is nested too deeply to be read") from None


def _is_notebook(content: Union[bytes, str]) -> bool:
    if content.lstrip()[:1] not in (b"{", "{"):
        return False
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "cells" in document


def _lines(content: bytes) -> list[str]:
    import io
    import tokenize

    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    return content.decode(encoding, "replace").splitlines()
