"""`tekken.json`, the tokenizer of Mistral's models.

Source: mistral_common's tokens/tokenizers/tekken.py, `Tekkenizer.from_file` and `_reload_mergeable_ranks`: what is
refused is what its reader refuses. A token's rank is its place in the list.
"""

import base64
import binascii
import posixpath
from typing import Any, Optional

from modelkiln.checks.content import Content, is_natural
from modelkiln.checks.headers.header import BadHeader, Header, facts_of
from modelkiln.checks.headers.json_stream import JsonStream

__all__ = ["FORMAT", "NAME", "check", "looks_like"]

FORMAT, NAME = "tekken", "tekken.json"


def looks_like(path: str, head: bytes) -> bool:
    """Return whether a file is meant as such a tokenizer: its name says it."""
    return posixpath.basename(path) == NAME and head.lstrip().startswith(b"{")


def check(content: Content, path: str) -> Header:
    """Check a whole file. Raises BadHeader."""
    with content.reader() as reader:
        tokenizer = _Tekken(JsonStream(reader))
        tokenizer.read()
    return Header(tokenizer.facts())


class _Tekken:
    def __init__(self, stream: JsonStream) -> None:
        self._stream = stream
        self._config: dict = {}
        self._tokens: Optional[int] = None

    def read(self) -> None:
        """Read the file, and count its tokens."""
        for key in self._stream.members():
            if key == "config" and self._stream.kind() == "{":
                self._config = self._read_scalars()
            elif key == "vocab":
                self._read_vocabulary()
            else:
                self._stream.skip()
        self._stream.finish()
        if self._tokens is None or not self._config:
            raise BadHeader("it lacks its config or its vocab")
        size: Any = self._config.get("default_vocab_size")
        special: Any = self._config.get("default_num_special_tokens")
        if not is_natural(size) or not is_natural(special) or size - special > self._tokens:
            raise BadHeader(f"it has {self._tokens} tokens, and its config wants {size} without {special} special ones")

    def facts(self) -> dict:
        """What is known of it after `read`."""
        version = self._config.get("version")
        return facts_of(
            architecture="BPE",
            vocabulary=self._config["default_vocab_size"],
            format_version=version if isinstance(version, str) else None,
        )

    def _read_scalars(self) -> dict:
        """The members of an object that are neither lists nor objects."""
        found: dict[str, Any] = {}
        for key in self._stream.members():
            if self._stream.kind() in "[{":
                self._stream.skip()
            else:
                found[key] = self._stream.scalar()
        return found

    def _read_vocabulary(self) -> None:
        self._tokens = 0
        for _ in self._stream.items():
            token = self._read_scalars()
            if token.get("rank") != self._tokens or not _is_base64(token.get("token_bytes")):
                raise BadHeader(
                    f"its token {self._tokens} has the rank {str(token.get('rank'))[:80]} and the bytes "
                    f"{str(token.get('token_bytes'))[:80]!r}, want its place in the list, and base64"
                )
            self._tokens += 1


def _is_base64(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return False
