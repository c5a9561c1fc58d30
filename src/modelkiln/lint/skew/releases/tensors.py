"""Types of tensors that not every release of a reader knows: safetensors and GGUF."""

from modelkiln.lint.skew.row import REFUSES, Row

__all__ = ["ROWS"]

_SAFETENSORS = "a tensor of each type read with safetensors 0.3.1 to 0.8.0"
_GGUF = "the types that gguf 0.6.0 to 0.19.0 know; gguf_reader.py raises for others"


def _safetensors(types: tuple[str, ...], releases: str) -> Row:
    return Row("safetensors-type", types, "safetensors", releases, REFUSES, "unknown variant `{value}`", _SAFETENSORS)


def _gguf(numbers: tuple[str, ...], releases: str) -> Row:
    return Row("gguf-type", numbers, "gguf", releases, REFUSES, "{value} is not a valid GGMLQuantizationType", _GGUF)


ROWS = (
    _safetensors(("F8_E5M2", "F8_E4M3"), "<0.4.1"),
    _safetensors(("F4", "F6_E2M3", "F6_E3M2", "F8_E8M0"), "<0.6"),
    _safetensors(("C64",), "<0.7"),
    _safetensors(("F8_E4M3FNUZ", "F8_E5M2FNUZ"), "<0.8"),
    _gguf(("39",), "<0.18"),
    _gguf(("40", "41"), "<0.19"),
)
