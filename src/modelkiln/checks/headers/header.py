"""What a header states of its file, and what is wrong with one."""

from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Union

from modelkiln.checks.content import is_natural

__all__ = ["MAX_HEADER", "MAX_KEYS", "BadHeader", "Fact", "Header", "Keys", "ValueCount", "facts_of"]

# Vocabularies with their merges are the largest that there is in a header, and have tens of MB.
MAX_HEADER = 64 << 20
# Of an object: the largest vocabularies have less than a million, of some bytes each.
MAX_KEYS = 1 << 22
# Values that are looked at one by one: an ensemble of a hundred thousand trees has two million of them.
_MAX_VALUES = 1 << 24
# What a record repeats of a file: names and numbers, no texts to read.
_MAX_TEXT = 128
_MAX_NUMBER = 1 << 64

Fact = Union[str, int]


class BadHeader(Exception):
    """What is wrong with a file, for a message that names the file."""


class Keys:
    """The keys of one object, of which each may be there once."""

    def __init__(self) -> None:
        self._seen: set = set()
        self._size = 0

    def add(self, key: str) -> None:
        """Take a key; raises BadHeader for one that is there twice, and for more than can be looked at."""
        if key in self._seen:
            raise BadHeader(f"the key {key[:80]!r} is there twice")
        self._seen.add(key)
        self._size += len(key)
        if len(self._seen) > MAX_KEYS or self._size > MAX_HEADER:
            raise BadHeader(
                f"an object has {len(self._seen)} keys of {self._size} characters; at most {MAX_KEYS} of "
                f"{MAX_HEADER} are read"
            )


class ValueCount:
    """How many values of a file were read one by one, which takes time."""

    def __init__(self) -> None:
        self._count = 0

    def add(self) -> None:
        """Count one more; raises BadHeader above a limit."""
        self._count += 1
        if self._count > _MAX_VALUES:
            raise BadHeader(f"it has more than {_MAX_VALUES} values besides those in lists of numbers")


@dataclass(frozen=True)
class Header:
    """facts: what the file states of its model, see `facts_of`. needs: paths of the files that it is one of.
    templates: pairs of name and text of its chat templates."""

    facts: Mapping[str, Fact] = field(default_factory=dict)
    needs: tuple = ()
    templates: tuple = ()


def facts_of(**values: Optional[Fact]) -> dict:
    """Return the facts that are known, by the names that records have for them (docs/schemas/record.json).

    None and 0 are left out, and so is what a record cannot say: texts that are long or that a terminal could take for
    a command, numbers that are not positive ones of 64 bits, and other values, whatever the file has there.
    """
    return {key: value for key, value in values.items() if value and _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_TEXT and value.isprintable()
    return is_natural(value) and value < _MAX_NUMBER
