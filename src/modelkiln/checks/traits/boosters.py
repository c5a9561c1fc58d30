"""Boosted trees: releases and features that the files of XGBoost and LightGBM state.

Sources: XGBoost's src/learner.cc, LearnerIO::SaveModel, which writes `version` last; LightGBM's
src/boosting/gbdt_model_text.cpp, which begins with the version of the format and ends with the parameters.
"""

import re
import struct

from modelkiln.checks.content import Content
from modelkiln.checks.traits.trait import Survey, Trait

__all__ = ["survey_lightgbm", "survey_xgboost"]

_TAIL = 1 << 16
_JSON = re.compile(rb'"version"\s*:\s*\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]')
# UBJSON: a key with its length as a number of 8 bytes, and an array with or without its type and count.
_UBJSON = b"L\0\0\0\0\0\0\0\7version["
_ITEMS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q"}
_BASE_SCORE = re.compile(rb"base_score.{0,16}?\[([0-9Ee+.,-]+)\]", re.DOTALL)
_HALF = 0.5
_FORMAT = re.compile(rb"tree\r?\nversion=(v\d+)")
_LINEAR = re.compile(rb"\[linear_tree: 1\]")


def survey_xgboost(content: Content) -> Survey:
    """Return what a model of XGBoost states; its beginning and its end are read."""
    for data in (content.head(_TAIL), _tail(content)):
        # A member of that name may be in a user's attributes as well: the last one is the model's own.
        found = _JSON.findall(data)
        release = tuple(map(int, found[-1])) if found else _ubjson_release(data)
        if release:
            halves = {Trait("xgboost-feature", "base_score-0.5")} if _are_halves(data) else set()
            return Survey(frozenset({Trait("xgboost", ".".join(map(str, release))), *halves}))
    return Survey()


def _are_halves(data: bytes) -> bool:
    """Whether the base score of each output is 0.5. It stands in the parameters behind the trees, in brackets."""
    found = _BASE_SCORE.findall(data)
    try:
        return bool(found) and all(float(one) == _HALF for one in found[-1].split(b","))
    except ValueError:
        return False


def _ubjson_release(data: bytes) -> tuple[int, ...]:
    start = data.rfind(_UBJSON)
    if start < 0:
        return ()
    rest, kind = data[start + len(_UBJSON) :], b""
    parts: list[int] = []
    if rest[:1] == b"$":
        kind, rest = rest[1:2], rest[2:]
    if rest[:1] == b"#":
        rest = rest[1 + 1 + struct.calcsize(_ITEMS.get(rest[1:2], ">B")) :]
    while len(parts) < 3:
        code, rest = (kind, rest) if kind else (rest[:1], rest[1:])
        if code not in _ITEMS or len(rest) < struct.calcsize(_ITEMS[code]):
            return ()
        parts.append(struct.unpack_from(_ITEMS[code], rest)[0])
        rest = rest[struct.calcsize(_ITEMS[code]) :]
    return tuple(parts)


def survey_lightgbm(content: Content) -> Survey:
    """Return what a model of LightGBM states; its beginning and its end are read."""
    traits = {Trait("lightgbm-format", name.decode()) for name in _FORMAT.findall(content.head(64))}
    if _LINEAR.search(_tail(content)):
        traits.add(Trait("lightgbm-feature", "linear_tree"))
    return Survey(frozenset(traits))


def _tail(content: Content) -> bytes:
    with content.reader() as reader:
        reader.skip(max(0, (content.size or 0) - _TAIL))
        return reader.peek(_TAIL)
