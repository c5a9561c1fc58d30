"""`tokenizer.json` of Hugging Face's tokenizers.

Source: tokenizers' src/tokenizer/serialization.rs and src/models: what is refused is what its reader refuses.
"""

import re
from typing import Any, Optional

from modelkiln.checks.content import Content, is_natural
from modelkiln.checks.headers.header import BadHeader, Header, facts_of
from modelkiln.checks.headers.json_stream import JsonStream

__all__ = ["FORMAT", "NAME", "check", "looks_like"]

FORMAT, NAME = "tokenizer", "tokenizer.json"
# Its writer keeps the order of fields, and its reader takes version 1.0 alone.
_START = re.compile(rb'\s*\{\s*"version"\s*:\s*"1\.0"\s*,\s*"truncation"\s*:')
_MODELS = ("BPE", "WordPiece", "WordLevel", "Unigram")
_MAX_ID = (1 << 32) - 1


def looks_like(head: bytes) -> bool:
    """Return whether a file that starts with `head` is meant as a tokenizer."""
    return _START.match(head) is not None


def check(content: Content, path: str) -> Header:
    """Check a whole file. Raises BadHeader or EOFError."""
    with content.reader() as reader:
        tokenizer = _Tokenizer(JsonStream(reader))
        tokenizer.read()
    return Header(tokenizer.facts())


class _Tokenizer:
    def __init__(self, stream: JsonStream) -> None:
        self._stream = stream
        self._model: Any = None
        self._added: Optional[int] = None
        self._vocabulary: Optional[int] = None

    def read(self) -> None:
        """Read the file, and count what is in it."""
        for key in self._stream.members():
            if key == "added_tokens":
                self._read_added()
            elif key == "model":
                self._read_model()
            else:
                self._stream.skip()
        self._stream.finish()
        if self._added is None or self._vocabulary is None:
            raise BadHeader("it lacks its added_tokens or its model with a vocab")
        # Files of early releases do not name it.
        if self._model not in (None, *_MODELS):
            raise BadHeader(f"its model is {self._model!r}, want one of {', '.join(_MODELS)}")

    def facts(self) -> dict:
        """What is known of it after `read`."""
        return facts_of(architecture=self._model, vocabulary=self._vocabulary, added_tokens=self._added)

    def _read_added(self) -> None:
        self._added = 0
        for _ in self._stream.items():
            token: dict = {}
            for key in self._stream.members():
                if key in ("content", "id"):
                    token[key] = self._stream.scalar()
                else:
                    self._stream.skip()
            self._check_id(token.get("content"), token.get("id"))
            self._added += 1

    def _read_model(self) -> None:
        for key in self._stream.members():
            if key == "type":
                self._model = self._stream.scalar()
            elif key == "vocab":
                self._vocabulary = self._count_vocabulary()
            else:
                self._stream.skip()

    def _count_vocabulary(self) -> int:
        """Entries of a map from tokens to IDs, or of Unigram's list of pairs."""
        if self._stream.kind() != "{":
            return self._stream.skip()
        count = 0
        for token in self._stream.members():
            self._check_id(token, self._stream.scalar())
            count += 1
        return count

    def _check_id(self, token: Any, number: Any) -> None:
        if not isinstance(token, str) or not is_natural(number) or number > _MAX_ID:
            raise BadHeader(f"its token {str(token)[:80]!r} has the ID {str(number)[:80]}, want a number of 32 bits")
