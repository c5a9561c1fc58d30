"""LightGBM's models, which are text.

Source: LightGBM's src/boosting/gbdt_model_text.cpp, SaveModelToString and LoadModelFromString: lines of `key=value`,
then the trees, whose sizes in bytes one of the keys lists.
"""

import re
from typing import Optional

from modelkiln.checks.content import MAX_READ, Content, Reader
from modelkiln.checks.headers.header import MAX_HEADER, BadHeader, Header, facts_of

__all__ = ["FORMAT", "NAME", "check", "looks_like"]

FORMAT, NAME = "lightgbm", "LightGBM model"
_START = re.compile(rb"tree\r?\nversion=v\d+\r?\n")
# Where the header ends: at the first tree, or where trees would end.
_TREES = re.compile(rb"[\r\n](?=Tree=|end of trees)")
_LONGEST = len(b"\nend of trees")
_TREE = re.compile(rb"Tree=(\d{1,9})[\r\n]")
_END = re.compile(rb"[\r\n]*(end of trees|feature[_ ]importances:)")
_WORD = re.compile(rb"[^ ]+")
_LISTS = ("feature_names", "feature_infos")
_MAX_INT = (1 << 31) - 1
# It has a dozen keys. A forest of thousands of trees is a large one.
_MAX_LINES, _MAX_TREES = 1000, 1 << 20


def looks_like(head: bytes) -> bool:
    """Return whether a file that starts with `head` is meant as a model of LightGBM."""
    return _START.match(head) is not None


def check(content: Content, path: str) -> Header:
    """Check a whole file, of which the header and the first line of each tree are read.

    Raises BadHeader or EOFError.
    """
    with content.reader() as reader:
        header, ahead = _read_header(reader)
    lines = _lines(header)
    features = _number(lines, "max_feature_idx") + 1
    for key in _LISTS:
        count = _count_words(_value(lines, key))
        if count != features:
            raise BadHeader(f"it has {features} features (max_feature_idx), and {count} {key}")
    sizes = _sizes(lines.get(b"tree_sizes"))
    if sizes is not None:
        _check_trees(content, len(header), sizes)
    classes = _number(lines, "num_class")
    objective = lines.get(b"objective", b"").decode("utf-8", "replace")
    return Header(
        facts_of(
            objective=objective.partition(" ")[0],
            classes=classes if classes > 1 else None,
            features=features,
            trees=None if sizes is None else len(sizes),
            format_version=_value(lines, "version").decode("utf-8", "replace"),
        )
    )


def _read_header(reader: Reader) -> tuple:
    """The lines before the trees, with the end of the last one, and what was read of the rest."""
    data = bytearray()
    while len(data) <= MAX_HEADER:
        start = max(0, len(data) - _LONGEST)
        block = reader.peek(MAX_READ >> 2)
        if not block:
            raise BadHeader("it ends before its trees")
        data += reader.read(len(block))
        end = _TREES.search(data, start)
        if end:
            return bytes(data[: end.end()]), data[end.end() :]
    raise BadHeader(f"no tree starts in its first {MAX_HEADER} bytes")


def _lines(header: bytes) -> dict:
    """The value of each key; of a key without one it is empty."""
    if header.count(b"\n") + header.count(b"\r") > _MAX_LINES:
        raise BadHeader(f"it has more than {_MAX_LINES} lines before its trees")
    values: dict = {}
    for line in header.splitlines():
        key, _, value = line.partition(b"=")
        if key and key in values:
            raise BadHeader(f"it has the key {key[:80].decode('utf-8', 'replace')!r} twice")
        values[key] = value
    return values


def _value(lines: dict, key: str) -> bytes:
    if key.encode() not in lines:
        raise BadHeader(f"it does not have the key {key!r}")
    return lines[key.encode()]


def _number(lines: dict, key: str) -> int:
    text = _value(lines, key)
    if not text.isdigit() or len(text) > 10 or int(text) > _MAX_INT:
        raise BadHeader(f"its {key} is {text[:80].decode('utf-8', 'replace')!r}, want a number")
    return int(text)


def _count_words(line: bytes) -> int:
    if b"  " in line or line.strip(b" ") != line:
        return sum(1 for _ in _WORD.finditer(line))
    return line.count(b" ") + 1 if line else 0


def _sizes(line: Optional[bytes]) -> Optional[list]:
    """Bytes of each tree; None for a model of a release that did not write them."""
    if line is None:
        return None
    if line.count(b" ") > _MAX_TREES:
        raise BadHeader(f"its tree_sizes are more than {_MAX_TREES}")
    words = line.split()
    for word in words:
        if not word.isdigit() or len(word) > 18:
            raise BadHeader(f"its tree_sizes have {word[:80].decode('utf-8', 'replace')!r}, want numbers of bytes")
    return [int(word) for word in words]


def _check_trees(content: Content, start: int, sizes: list) -> None:
    """Check that a tree starts where the sizes of those before it say, and that nothing but the end follows."""
    with content.reader() as reader:
        reader.skip(start)
        for number, size in enumerate(sizes):
            begin = reader.position
            line = _TREE.match(reader.peek(24))
            if not line or int(line[1]) != number:
                raise BadHeader(f"tree {number} of {len(sizes)} does not start at byte {begin}, as tree_sizes say")
            try:
                reader.skip(size)
            except EOFError:
                raise BadHeader(f"tree {number} has {size} bytes from byte {begin} on; the file is truncated") from None
        if not _END.match(reader.peek(64)):
            raise BadHeader(f"its {len(sizes)} trees do not end at byte {reader.position}, as tree_sizes say")
