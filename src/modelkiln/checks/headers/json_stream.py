"""JSON of any size, read forward: what is not asked for is passed over, and memory does not grow with the file."""

import codecs
import json
import re
from typing import Any, Iterator

from modelkiln.checks.content import Reader
from modelkiln.checks.headers.header import BadHeader, Keys, ValueCount

__all__ = ["JsonStream"]

_BLOCK = 1 << 18
# A text in one piece: tables of normalizers have a megabyte, and people put documents into attributes.
_MAX_TOKEN = 16 << 20
_MAX_DEPTH = 100
# RFC 8259. XGBoost writes, and takes, numbers that are none.
_SPACE = r"[ \t\n\r]*"
_NUMBER = r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|Infinity)|NaN"
_PLAIN = r'[^"\\\x00-\x1f]*'
_ESCAPED = rf'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{{4}}){_PLAIN}'
_TEXT = rf'"{_PLAIN}(?:{_ESCAPED})*"'
_SCALAR = rf"(?:{_NUMBER}|{_TEXT}|true|false|null)"
_FLAT = rf"(?:{_SCALAR}|\[{_SPACE}(?:{_SCALAR}{_SPACE}(?:,{_SPACE}{_SCALAR}{_SPACE})*)?\])"
_TOKEN = re.compile(rf"{_NUMBER}|true|false|null")
# A part of a text: of each escape that a pattern repeats it keeps more than that has bytes.
_PART = re.compile(rf"{_PLAIN}(?:{_ESCAPED}){{0,1024}}")
_ITEM = re.compile(rf"{_SPACE}{_FLAT}{_SPACE},")
_MEMBER = re.compile(rf"{_SPACE}{_TEXT}{_SPACE}:{_SPACE}{_FLAT}{_SPACE},")
# Most of a large file are such runs, which are passed over in one step.
_ITEMS = re.compile(rf"(?:{_SPACE}{_FLAT}{_SPACE},)+")
_MEMBERS = re.compile(rf"(?:{_SPACE}{_TEXT}{_SPACE}:{_SPACE}{_FLAT}{_SPACE},)+")
_FILLER = re.compile(_SPACE)


class JsonStream:
    """Reads one JSON value.

    What `members` and `items` yield is to be read or passed over before the next one is asked for.
    All methods raise BadHeader.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text, self._at, self._before, self._is_read = "", 0, 0, False
        self._depth, self._values = 0, ValueCount()

    def kind(self) -> str:
        """Return the first character of the next value: "{", "[", or that of a scalar."""
        return self._next()

    def members(self) -> Iterator[str]:
        """Yield the key of each member of an object; each key once."""
        keys = Keys()
        for _ in self._contents("{}"):
            key = self._key()
            keys.add(key)
            yield key

    def items(self) -> Iterator[None]:
        """Yield before each item of an array."""
        return self._contents("[]")

    def scalar(self) -> Any:
        """Return a text, a number, a boolean or None."""
        token = self._token()
        if token[0] == '"' or token in ("true", "false", "null"):
            return json.loads(token)
        try:
            return int(token)
        except ValueError:
            return float(token)

    def skip(self) -> int:
        """Pass over a value; returns how many members or items it has, 0 for a scalar."""
        kind = self._next()
        if kind == "{":
            return self._skip_contents("{}", _MEMBERS, _MEMBER)
        if kind == "[":
            return self._skip_contents("[]", _ITEMS, _ITEM)
        self._token()
        return 0

    def finish(self) -> None:
        """Check that nothing follows."""
        if self._next(may_end=True):
            raise self._bad("more follows")

    def _contents(self, brackets: str) -> Iterator[None]:
        self._enter(brackets)
        if self._next() != brackets[1]:
            yield None
            while self._separator(brackets):
                yield None
        self._leave()

    def _skip_contents(self, brackets: str, runs: "re.Pattern[str]", one: "re.Pattern[str]") -> int:
        self._enter(brackets)
        count, is_first = 0, True
        while not is_first or self._next() != brackets[1]:
            # Not all that a long text has made be read on: what a pattern repeats takes memory until it ends.
            run = runs.match(self._text, self._at, self._at + _BLOCK)
            if run:
                count += _count(run[0], one)
                self._at, is_first = run.end(), False
                continue
            if brackets == "{}":
                self._key()
            self.skip()
            count, is_first = count + 1, False
            if not self._separator(brackets):
                break
        self._leave()
        return count

    def _enter(self, brackets: str) -> None:
        if self._next() != brackets[0]:
            raise self._bad(f"want {brackets[0]!r}")
        self._at += 1
        self._depth += 1
        self._values.add()
        if self._depth > _MAX_DEPTH:
            raise self._bad(f"it is nested deeper than {_MAX_DEPTH} levels")

    def _separator(self, brackets: str) -> bool:
        """Pass over a comma; False at the end, which stays."""
        following = self._next()
        if following == brackets[1]:
            return False
        if following != ",":
            raise self._bad(f"want ',' or {brackets[1]!r}")
        self._at += 1
        return True

    def _leave(self) -> None:
        self._at += 1
        self._depth -= 1

    def _key(self) -> str:
        if self._next() != '"':
            raise self._bad("want a key in quotes")
        key = json.loads(self._token())
        if self._next() != ":":
            raise self._bad("want ':'")
        self._at += 1
        return key

    def _token(self) -> str:
        self._values.add()
        self._next()
        while True:
            start, end = self._at, self._token_end()
            # A number that ends with the block, but for a point or an exponent's sign, may go on in the next.
            if end and (end + 2 < len(self._text) or self._is_read):
                self._at = end
                return self._text[start:end]
            if self._is_read:
                raise self._bad("want a value")
            if len(self._text) - self._at > _MAX_TOKEN:
                raise self._bad(f"a text has more than {_MAX_TOKEN} characters")
            self._fill()

    def _token_end(self) -> int:
        """Where the scalar ends that starts here; 0 where none does, or its end is not there yet."""
        if self._text[self._at] != '"':
            match = _TOKEN.match(self._text, self._at)
            return match.end() if match else 0
        at = self._at + 1
        while True:
            end = _PART.match(self._text, at).end()  # type: ignore[union-attr]
            if self._text[end : end + 1] == '"':
                return end + 1
            if end == at:
                return 0
            at = end

    def _next(self, may_end: bool = False) -> str:
        """The next character that is not white space; "" at the end where that may be."""
        while True:
            self._at = _FILLER.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if self._is_read:
                if may_end:
                    return ""
                raise self._bad("it ends too early")
            self._fill()

    def _fill(self) -> None:
        """Read on; twice as much where a long text is waited for."""
        ahead = self._text[self._at :]
        self._before += self._at
        blocks, size = [ahead], 0
        try:
            while size < max(_BLOCK, len(ahead)) and not self._is_read:
                data = self._reader.read(len(self._reader.peek(_BLOCK)))
                self._is_read = not data
                blocks.append(self._decode(data, self._is_read))
                size += len(data)
        except UnicodeDecodeError:
            raise BadHeader(f"it is not UTF-8 before byte {self._reader.position}") from None
        self._text, self._at = "".join(blocks), 0

    def _bad(self, what: str) -> BadHeader:
        found = self._text[self._at : self._at + 20]
        return BadHeader(f"at character {self._before + self._at}, {found!r}: {what}")


def _count(run: str, one: "re.Pattern[str]") -> int:
    return run.count(",") if '"' not in run and "[" not in run else sum(1 for _ in one.finditer(run))
