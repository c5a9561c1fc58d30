"""ONNX models and onnxruntime: the newest version of the format and of the operators that a release reads."""

from collections.abc import Iterator

from modelkiln.lint.skew.row import REFUSES, Row

__all__ = ["ROWS"]

_SOURCE = (
    "onnxruntime, docs/Versioning.md; a model of one Identity loaded with onnxruntime 1.12.1 to 1.31.0, the "
    "last of each "
    "minor release or its first"
)
# From a release of onnxruntime on, the newest that it reads: IR version, opset of ai.onnx, opset of ai.onnx.ml.
_NEWEST = (
    ("1.12", 8, 17, 3),
    ("1.14", 8, 18, 3),
    ("1.15", 9, 18, 3),
    ("1.16", 9, 19, 3),
    ("1.17", 9, 20, 4),
    ("1.18", 10, 21, 5),
    ("1.21", 10, 22, 5),
    ("1.23", 11, 23, 5),
    ("1.24", 13, 25, 5),
    ("1.25", 13, 26, 5),
)
# The first release that nobody has tried yet.
_UNTRIED = "1.32"


def _rows() -> Iterator[Row]:
    ends = [*(start for start, *_ in _NEWEST[1:]), _UNTRIED]
    for (start, ir, opset, ml), end in zip(_NEWEST, ends):
        releases = f">={start},<{end}"
        says = "Unsupported model IR version: {value}, max supported IR version: %d" % ir
        yield Row("onnx-ir", f">{ir}", "onnxruntime", releases, REFUSES, says, _SOURCE)
        for kind, newest in (("onnx-opset", opset), ("onnx-opset:ai.onnx.ml", ml)):
            says = (
                "Opset {value} is under development and support for this is limited; official support is till opset %d"
            )
            yield Row(kind, f">{newest}", "onnxruntime", releases, REFUSES, says % newest, _SOURCE)


ROWS = tuple(_rows())
