"""Vocabularies: tokens with their IDs (`vocab.json`, `encoder.json`, `added_tokens.json`), or one in each line
(`vocab.txt` of WordPiece).

Source: tokenizers' src/models/bpe/model.rs and src/models/wordpiece/mod.rs, `read_file`, which refuse less: a token
that is there twice has its last ID, and one whose ID is no number of 32 bits has none, or another. Others call other
things so: a file is one by its content, too.
"""

import re

from modelkiln.checks.content import Content, is_natural
from modelkiln.checks.headers.header import BadHeader, Header, facts_of
from modelkiln.checks.headers.json_stream import JsonStream
from modelkiln.checks.headers.tokenizers.lines import read_lines

__all__ = ["FORMAT", "NAME", "check", "looks_like"]

FORMAT, NAME = "vocabulary", "vocabulary"
_ADDED = "added_tokens.json"
_MAPS = ("vocab.json", "encoder.json", _ADDED)
_LIST = "vocab.txt"
_TEXT = rb'"(?:[^"\\\n]|\\.)*"'
_IDS = re.compile(rb"\s*\{(?:\s*" + _TEXT + rb"\s*:\s*\d+\s*,)*")
# What follows the last comma: the end, or an entry that the head cuts off.
_LAST = re.compile(
    rb"\s*(?:" + _TEXT + rb'\s*:\s*\d+\s*\}\s*|(?:"(?:[^"\\\n]|\\.)*\\?|' + _TEXT + rb"\s*(?::\s*\d*\s*)?)?)"
)
# WordPiece has them among its first lines.
_SPECIAL = frozenset((b"[PAD]", b"[UNK]", b"[CLS]"))
_MAX_ID = (1 << 32) - 1


def looks_like(path: str, head: bytes) -> bool:
    """Return whether a file that starts with `head` (512 bytes) is meant as a vocabulary."""
    if path.endswith(_MAPS):
        start = _IDS.match(head)
        return start is not None and b":" in head and _LAST.fullmatch(head, start.end()) is not None
    return path.endswith(_LIST) and not _SPECIAL.isdisjoint(head.split())


def check(content: Content, path: str) -> Header:
    """Check a whole file. Raises BadHeader."""
    if path.endswith(_LIST):
        return Header(facts_of(architecture="WordPiece", vocabulary=_count_lines(content)))
    count = _count_ids(content)
    return Header(facts_of(added_tokens=count) if path.endswith(_ADDED) else facts_of(vocabulary=count))


def _count_ids(content: Content) -> int:
    count = 0
    with content.reader() as reader:
        stream = JsonStream(reader)
        for token in stream.members():
            number = stream.scalar()
            if not is_natural(number) or number > _MAX_ID:
                raise BadHeader(f"its token {token[:80]!r} has the ID {str(number)[:80]}, want a number of 32 bits")
            count += 1
        stream.finish()
    return count


def _count_lines(content: Content) -> int:
    count = 0
    for number, line in read_lines(content):
        try:
            line.decode()
        except UnicodeDecodeError:
            raise BadHeader(f"line {number} is not UTF-8") from None
        count += 1
    return count
