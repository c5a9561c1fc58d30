"""A response compared with the expected one, element by element, reported for people.

Needs no numpy: the tool environment of the engine has none.
"""

import struct
from dataclasses import dataclass
from typing import Any, Iterable

from modelkiln.runtime.tensors import Tensor

__all__ = ["EXACT", "Tolerance", "differences"]

# Elements that are shown of a tensor; enough to see a pattern, few enough to read.
_SHOWN = 5
# struct codes that round a Python float to the precision of a datatype.
_ROUND = {"FP16": "e", "FP32": "f", "FP64": "d"}


@dataclass(frozen=True)
class Tolerance:
    """How far a float may be off: |actual - expected| <= absolute + relative * |expected|, as
    numpy.isclose has it. Zero for both means equal at the precision of the datatype."""

    relative: float = 0.0
    absolute: float = 0.0

    def allows(self, actual: float, expected: float) -> bool:
        """Whether `actual` is close enough to `expected`."""
        return actual == expected or abs(actual - expected) <= self.absolute + self.relative * abs(expected)


EXACT = Tolerance()


def differences(actual: Iterable[Tensor], expected: Iterable[Tensor], tolerance: Tolerance) -> list[str]:
    """Return one text (several lines) for each output that differs; empty when all agree.

    The tolerance is for FP16, FP32 and FP64 alone: integers, booleans and strings are labels and
    counts, which are right or wrong.
    """
    found = {tensor.name: tensor for tensor in actual}
    wanted = {tensor.name: tensor for tensor in expected}
    texts = []
    for name, want in wanted.items():
        texts += _compare(found[name], want, tolerance) if name in found else [f'output "{name}" is missing.']
    for name in found:
        if name not in wanted:
            texts.append(f'output "{name}" is not in the expected response.')
    return texts


def _compare(got: Tensor, want: Tensor, tolerance: Tolerance) -> list[str]:
    texts = []
    if got.datatype != want.datatype:
        texts.append(f'output "{want.name}": got datatype {got.datatype}, want {want.datatype}.')
    if got.shape != want.shape:
        texts.append(f'output "{want.name}": got shape {list(got.shape)}, want {list(want.shape)}.')
    if texts:
        return texts
    if got.datatype in _ROUND:
        return _compare_floats(got, want, tolerance)
    wrong = [index for index, (a, b) in enumerate(zip(got.data, want.data)) if a != b]
    if not wrong:
        return []
    rows = [f"  {_position(index, got.shape)}: got {got.data[index]!r}, want {want.data[index]!r}" for index in wrong]
    return [_report(got, wrong, rows, "")]


def _compare_floats(got: Tensor, want: Tensor, tolerance: Tolerance) -> list[str]:
    actual, expected = _rounded(got), _rounded(want)
    wrong = [index for index, (a, b) in enumerate(zip(actual, expected)) if not tolerance.allows(a, b)]
    if not wrong:
        return []
    off = {index: abs(actual[index] - expected[index]) for index in wrong}
    rows = [
        f"  {_position(index, got.shape)}: got {got.data[index]!r}, want {want.data[index]!r}, "
        f"off by {off[index]:.3g}{_relative(off[index], expected[index])}"
        for index in wrong[:_SHOWN]
    ]
    worst = max(wrong, key=lambda index: off[index])
    largest = f" The largest difference is {off[worst]:.3g} at {_position(worst, got.shape)}"
    limits = f" (rtol {tolerance.relative:g}, atol {tolerance.absolute:g})."
    return [_report(got, wrong, rows, largest + limits)]


def _rounded(tensor: Tensor) -> tuple[float, ...]:
    form = f"<{len(tensor.data)}{_ROUND[tensor.datatype]}"
    return struct.unpack(form, struct.pack(form, *tensor.data))


def _relative(off: float, expected: float) -> str:
    return f" ({off / abs(expected):.3g} of it)" if expected else ""


def _report(tensor: Tensor, wrong: list[int], rows: list[str], more: str) -> str:
    head = f'output "{tensor.name}" ({tensor.datatype} {list(tensor.shape)}): '
    head += f"{len(wrong)} of {len(tensor.data)} elements differ.{more}"
    left = len(wrong) - _SHOWN
    tail = [f"  and {left} more"] if left > 0 else []
    return "\n".join([head, *rows[:_SHOWN], *tail])


def _position(index: int, shape: Iterable[int]) -> str:
    """The row-major `index` as people write it: [2, 0]."""
    places: list[Any] = []
    for size in reversed(tuple(shape)):
        index, place = divmod(index, size)
        places.append(place)
    return str(places[::-1])
