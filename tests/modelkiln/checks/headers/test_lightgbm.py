"""LightGBM's models: what it loads, and what it would read past the end of."""

import io
import re

import pytest
from samples.headers.models import lightgbm_model

from modelkiln.checks.check import Options, check_file
from modelkiln.errors import ModelkilnError


def _check(data):
    return check_file("m.txt", lambda: io.BytesIO(data), len(data), Options("src/demo:weights"))


def test_facts():
    """Of several classes, and of a regression, whose class is none."""
    found = _check(lightgbm_model())
    facts = {"classes": 3, "features": 5, "format_version": "v4", "objective": "multiclass", "trees": 12}
    assert ("lightgbm", facts) == (found.format, found.facts)
    single = {"objective": "regression", "num_class": 1}
    facts = {"features": 5, "format_version": "v4", "objective": "regression", "trees": 4}
    for more in (
        {},
        {"linear_tree": True},
        {"boosting": "dart"},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
    ):
        assert facts == _check(lightgbm_model(**single, **more)).facts


def test_only_the_first_line_of_each_tree_is_read(tmp_path):
    """Gigabytes of a sparse file are passed over."""
    header, _, rest = lightgbm_model().partition(b"\n\n")
    size = 20 << 30
    end = rest[rest.index(b"end of trees") :]
    path = tmp_path / "m.txt"
    with path.open("wb") as stream:
        stream.write(re.sub(rb"tree_sizes=.*", b"tree_sizes=%d" % size, header) + b"\n\n")
        start = stream.tell()
        stream.write(b"Tree=0\n")
        stream.seek(start + size)
        stream.write(end)
    found = check_file("m.txt", lambda: path.open("rb"), path.stat().st_size, Options("a:b"))
    assert ("lightgbm", 1) == (found.format, found.facts["trees"])


CHANGES = {
    "features": ("max_feature_idx=4", "max_feature_idx=5", "has 6 features .*, and 5 feature_names"),
    "names": ("feature_names=a ", "feature_names=", "has 5 features .*, and 4 feature_names"),
    "infos": ("feature_infos=", "feature_infos=none ", "has 5 features .*, and 6 feature_infos"),
    "no-classes": ("num_class=3", "", "does not have the key 'num_class'"),
    "classes": ("num_class=3", "num_class=9223372036854775808", "num_class is '9223372036854775808'"),
    "negative": ("max_feature_idx=4", "max_feature_idx=-4", "max_feature_idx is '-4'"),
    "twice": ("num_class=3", "num_class=3\nnum_class=3", "has the key 'num_class' twice"),
    "not-a-size": ("tree_sizes=", "tree_sizes=x ", "tree_sizes have 'x'"),
    "huge-size": ("tree_sizes=", "tree_sizes=999999999999999999 ", "tree 0 has 999999999999999999 bytes"),
    "another-size": ("tree_sizes=", "tree_sizes=7 ", "tree 1 of 13 does not start at byte"),
    "no-end": ("end of trees", "tree of ends", "12 trees do not end at byte"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_counts_and_sizes_are_held_to_the_file(name):
    """The error has the value."""
    before, after, message = CHANGES[name]
    text = lightgbm_model().decode()
    assert before in text
    with pytest.raises(ModelkilnError, match=f"m.txt: not a valid LightGBM model: .*{message}"):
        _check(text.replace(before, after, 1).encode())


def test_a_release_without_sizes_is_taken():
    """Its trees are not counted."""
    text = re.sub(r"tree_sizes=.*\n", "", lightgbm_model().decode()).replace("version=v4", "version=v2")
    assert {"classes": 3, "features": 5, "format_version": "v2", "objective": "multiclass"} == _check(
        text.encode()
    ).facts


_ONE_FEATURE = b"max_feature_idx=0\nfeature_names=a\nfeature_infos=a\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"x\n" * 2000 + b"\nTree=0\n", "more than 1000 lines"),
        (b"x" * (65 << 20), "no tree starts in its first"),
        (b"", "it ends before its trees"),
        (_ONE_FEATURE + b"tree_sizes=" + b"1 " * (2 << 20) + b"\nTree=0\n", "tree_sizes are more than"),
    ],
    ids=["lines", "bytes", "nothing", "trees"],
)
def test_headers_without_end(data, message):
    """Neither lines nor bytes nor trees are counted without a limit."""
    with pytest.raises(ModelkilnError, match=message):
        _check(b"tree\nversion=v4\n" + data)
