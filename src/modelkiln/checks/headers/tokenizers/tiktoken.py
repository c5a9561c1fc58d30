"""Ranks of tokens, as tiktoken has them: a token in base64 and its rank in each line.

Source: tiktoken's tiktoken/load.py, `load_tiktoken_bpe`, and src/lib.rs, `CoreBPE::new_internal`, which refuses a rank
that two tokens have. Llama 3 has such a file under the name of sentencepiece's, `tokenizer.model`.
"""

import binascii
import re

from modelkiln.checks.content import Content
from modelkiln.checks.headers.header import BadHeader, Header, facts_of
from modelkiln.checks.headers.tokenizers.lines import read_lines

__all__ = ["FORMAT", "NAME", "check", "looks_like"]

FORMAT, NAME = "tiktoken", "tiktoken file"
_ENDING = ".tiktoken"
# The first tokens are single bytes: no list of words and numbers begins so.
_START = re.compile(rb"[A-Za-z0-9+/][AQgw]== 0\r?\n[A-Za-z0-9+/][AQgw]== 1\r?\n")
_RANK = re.compile(rb"\d{1,10}")
_MAX_RANK = (1 << 32) - 1


def looks_like(path: str, head: bytes) -> bool:
    """Return whether a file that starts with `head` is meant as ranks."""
    return path.endswith(_ENDING) or _START.match(head) is not None


def check(content: Content, path: str) -> Header:
    """Check a whole file. Raises BadHeader."""
    ranks: set = set()
    for number, line in read_lines(content):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or not _is_base64(words[0]):
            raise BadHeader(f"line {number} is {_shown(line)}, want a token in base64 and its rank")
        rank = int(words[1]) if _RANK.fullmatch(words[1]) else -1
        if not 0 <= rank <= _MAX_RANK:
            raise BadHeader(f"line {number} has the rank {_shown(words[1])}, want a number of 32 bits")
        if rank in ranks:
            raise BadHeader(f"line {number} has the rank {rank}, which another token has")
        ranks.add(rank)
    if not ranks:
        raise BadHeader("it has no tokens")
    return Header(facts_of(architecture="BPE", vocabulary=len(ranks)))


def _is_base64(word: bytes) -> bool:
    # As its reader takes it: the multilingual ranks of Whisper have the empty token "=".
    try:
        binascii.a2b_base64(word)
    except binascii.Error:
        return False
    return True


def _shown(data: bytes) -> str:
    return repr(data[:80].decode("utf-8", "replace"))
