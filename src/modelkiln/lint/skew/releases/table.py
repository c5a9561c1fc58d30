"""All rows, by the library that reads."""

from collections import defaultdict
from functools import cache
from typing import Mapping

from modelkiln.lint.skew.releases import (
    boosters,
    keras,
    numpy,
    onnx,
    pickles,
    scikit_learn,
    skops,
    tensors,
    tokenizers,
    torch,
)
from modelkiln.lint.skew.row import Row

__all__ = ["rows_by_reader"]


@cache
def rows_by_reader() -> Mapping[str, tuple[Row, ...]]:
    """Return the rows about each reader."""
    found: dict[str, list[Row]] = defaultdict(list)
    for module in (boosters, keras, numpy, onnx, pickles, scikit_learn, skops, tensors, tokenizers, torch):
        for row in module.ROWS:
            found[row.reader].append(row)
    return {reader: tuple(rows) for reader, rows in found.items()}
