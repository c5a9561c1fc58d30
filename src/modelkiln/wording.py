"""Words, lines and documents as they are printed."""

import json
import sys
from typing import Any, Iterable

from modelkiln.progress import make_room

__all__ = ["counted", "one_line", "print_json", "print_lines", "printable", "report_line"]


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return "1 blob" or "2 blobs"; `plural` where an s does not make it."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def printable(text: str) -> str:
    """Return `text` with escapes (\\x1b, \\u202e) for what would steer a terminal or hide what is there.

    Names, labels and messages come out of packages and registries, and their authors do not get to write to the
    terminal. Line breaks and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\n\t" else repr(one)[1:-1] for one in text)


def one_line(text: str) -> str:
    """Return `text` as `printable` does, on one line: a line break in a value would fake a line of its own."""
    return printable(text).replace("\n", "\\n")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines for people, each as one line whatever is in it."""
    for line in lines:
        print(one_line(line))
    sys.stdout.flush()


def report_line(line: str) -> None:
    """Print a line on standard error, at once: what is wrong, or why something takes time."""
    make_room()
    print(one_line(line), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print a document for programs, which a terminal only shows, too."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
    print("".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text))
