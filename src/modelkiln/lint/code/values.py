"""What is known of a value: a text, or a path below a folder that has a meaning."""

import ast
import posixpath
import re
from dataclasses import dataclass, replace
from typing import Optional

__all__ = [
    "CODE", "HOME", "MODEL", "TEMPORARY", "TEXT", "UNKNOWN", "WORKING", "Value", "concatenated", "is_file_name",
    "joined", "names_place",
]  # fmt: skip

# Where a path begins: the text alone; the model's folder; the folder that the package's code lies in; the home
# folder; the working directory; a temporary folder. Of all others nothing is known.
TEXT, MODEL, CODE, HOME, WORKING, TEMPORARY, UNKNOWN = (
    "text", "model", "code", "home", "working", "temporary", "unknown",
)  # fmt: skip

_PLACE = re.compile(r"path|dir|folder|root|base|prefix|file|out|dest|tmp|temp|loc|ur[il]|stem|home|cwd|parent", re.I)
# The end of a file's name, without a folder.
_FILE_NAME = re.compile(r"[^/\\:\s]*\.(?!\d)[A-Za-z]\w{1,11}\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(://|(?<=..):/)")


@dataclass(frozen=True)
class Value:
    """text: what follows the root, as far as it is known from its start. is_whole: all of it is known. is_default:
    something from outside (a variable of the environment, an argument) may stand in its place. literal, module: where
    its text stands in the code, the module by its path; None where it has none."""

    root: str = UNKNOWN
    text: str = ""
    is_whole: bool = False
    is_default: bool = False
    literal: Optional[ast.AST] = None
    module: str = ""

    @property
    def is_absolute(self) -> bool:
        """Whether it is a text that is an absolute path, of any system."""
        return self.root == TEXT and (self.text.startswith(("/", "\\\\", "~")) or has_drive(self.text))

    @property
    def is_relative(self) -> bool:
        """Whether it is a text that is a path from the working directory on."""
        return self.root == TEXT and bool(self.text) and not self.is_absolute and not is_url(self.text)

    def folder(self, levels: int = 1) -> "Value":
        """Return the folder of a path, `levels` up."""
        text = self.text
        for _ in range(levels):
            text = posixpath.dirname(text.rstrip("/"))
        return replace(self, text=text)

    def cut_at(self, mark: str) -> "Value":
        """Return what is known of a text in which something else takes the place of marks."""
        if self.root not in (TEXT, HOME) or mark not in self.text:
            return self
        return replace(self, text=self.text.partition(mark)[0], is_whole=False)

    def last_part(self) -> "Value":
        """Return the name that a path ends in, "*" for one that is not known; it has no folder."""
        known = posixpath.basename(self.text) if self.is_whole and self.root != UNKNOWN else ""
        return replace(self, root=TEXT, text=known or "*", is_whole=True)


def is_url(text: str) -> bool:
    """Whether a text has a scheme such as https:, s3: or models:, which a letter alone is not (see `has_drive`)."""
    return _SCHEME.match(text) is not None


def has_drive(text: str) -> bool:
    """Whether a text starts as paths of Windows do."""
    return len(text) > 2 and text[0].isalpha() and text[1] == ":" and text[2] in "\\/" and text[2:4] != "//"


def is_file_name(text: str) -> bool:
    """Whether a text is the end of a file's name, "_model.pkl"."""
    return _FILE_NAME.match(text) is not None


def names_place(node: ast.AST) -> bool:
    """Whether an expression is written as if it were a path, or a part of one that has a folder."""
    parts = [one for one in ast.walk(node) if isinstance(one, (ast.Name, ast.Attribute, ast.Call))]
    names = [one.id if isinstance(one, ast.Name) else getattr(one, "attr", "") for one in parts]
    return not names or any(_PLACE.search(one) for one in names) or any(isinstance(one, ast.Call) for one in parts)


def joined(first: Value, second: Value) -> Value:
    """Return the path of `second` below `first`; an absolute one stays what it is."""
    if second.root not in (TEXT, UNKNOWN) or second.is_absolute:
        return second
    known = replace(first, literal=first.literal or second.literal, module=first.module or second.module)
    if not first.is_whole:
        return known
    if second.root == UNKNOWN or not second.text:
        return replace(known, text=_folder(first.text), is_whole=second.is_whole)
    is_default = first.is_default or second.is_default
    return replace(known, text=_folder(first.text) + second.text, is_whole=second.is_whole, is_default=is_default)


def _folder(text: str) -> str:
    return text if not text or text.endswith("/") else text + "/"


def concatenated(first: Value, second: Value) -> Value:
    """Return the text of both."""
    known = replace(first, literal=first.literal or second.literal, module=first.module or second.module)
    if first.root == UNKNOWN or not first.is_whole:
        return known
    if second.root != TEXT:
        if first.root == TEXT and not first.text:
            return second
        return replace(known, is_whole=False)
    is_default = first.is_default or second.is_default
    return replace(known, text=first.text + second.text, is_whole=second.is_whole, is_default=is_default)
