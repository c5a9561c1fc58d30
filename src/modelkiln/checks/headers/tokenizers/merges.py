"""Merges of a byte-pair encoding: `merges.txt`, two tokens in each line.

Source: tokenizers' src/models/bpe/model.rs, `convert_merges_to_hashmap`: what is refused is what its reader refuses,
but for lines without a word, which transformers passes over.
"""

import re

from modelkiln.checks.content import Content
from modelkiln.checks.headers.header import BadHeader, Header, facts_of
from modelkiln.checks.headers.tokenizers.lines import read_lines

__all__ = ["FORMAT", "NAME", "check", "looks_like"]

FORMAT, NAME = "merges", "list of merges"
_ENDINGS = ("merges.txt", "vocab.bpe")
_VERSION = b"#version"
# Its writer begins with it, as GPT-2 did; Whisper's begin with pairs, in which a blank is "Ġ". Lists of pairs without
# either are of tokenizers that people wrote themselves, which have tokens with blanks in them.
_START = re.compile(rb"#version: \d")
_PAIRS = re.compile(rb"(?:[^ \t\r\n]+ [^ \t\r\n]+\r?\n){2}")
_BLANK = "Ġ".encode()


def looks_like(path: str, head: bytes) -> bool:
    """Return whether a file that starts with `head` is meant as merges."""
    return path.endswith(_ENDINGS) and bool(_START.match(head) or (_PAIRS.match(head) and _BLANK in head))


def check(content: Content, path: str) -> Header:
    """Check a whole file. Raises BadHeader."""
    count = 0
    for number, line in read_lines(content):
        if not line.strip() or line.startswith(_VERSION):
            continue
        try:
            words = line.decode().split(" ")
        except UnicodeDecodeError:
            raise BadHeader(f"line {number} is not UTF-8") from None
        if len(words) != 2 or not all(words):
            raise BadHeader(f"line {number} is {line[:80].decode('utf-8', 'replace')!r}, want two tokens")
        count += 1
    return Header(facts_of(architecture="BPE", merges=count))
