"""Checkpoints and exported programs of torch."""

from modelkiln.checks.traits.trait import IMPORT
from modelkiln.lint.skew.row import REFUSES, Row

__all__ = ["ROWS"]

_SOURCE = "tensors of nine types, weights and a program written with torch 2.8.0, loaded with 2.2.2, 2.5.1 and 2.8.0"


def _types(names: tuple[str, ...], releases: str) -> Row:
    return Row(
        IMPORT, tuple(f"torch.{name}" for name in names), "torch", releases, REFUSES, "it lacks {value}", _SOURCE
    )


# From where on a release reads them is known of those that were tried alone: those between are not reported.
ROWS = (
    _types(("uint16", "uint32", "uint64"), "<2.3"),
    _types(("float4_e2m1fn_x2", "float8_e8m0fnu"), "<2.6"),
    Row(
        "torch-export",
        ("models-folder",),
        "torch",
        "<2.6",
        REFUSES,
        "There is no item named 'version' in the archive",
        _SOURCE,
    ),
)
