"""What the facts of a file's header say of its reader, where the file is not at hand: records and locks hold facts."""

from typing import Any, Mapping

from modelkiln.checks.headers import gguf
from modelkiln.checks.headers.gguf_types import TENSOR_TYPES
from modelkiln.checks.traits.trait import Trait

__all__ = ["traits_of_facts"]

# By format, the fact and the kind of trait that it is.
_TRAITS = {"xgboost": ("release", "xgboost"), "lightgbm": ("format_version", "lightgbm-format")}


def traits_of_facts(format: str, facts: Mapping[str, Any]) -> frozenset[Trait]:
    """Return what the facts of a file of a format state; see `checks.headers.header.facts_of`."""
    if format == gguf.FORMAT:
        return _gguf_types(str(facts.get("quantization", "")))
    fact, kind = _TRAITS.get(format, ("", ""))
    return frozenset({Trait(kind, str(facts[fact]))} if fact in facts else ())


def _gguf_types(quantization: str) -> frozenset[Trait]:
    """The type of most tensors of a file that is quantized so: of MXFP4_MOE that is MXFP4."""
    names = {known.name: number for number, known in TENSOR_TYPES.items()}
    found = [names[name] for name in (quantization, quantization.rpartition("_")[0]) if name in names]
    return frozenset(Trait("gguf-type", str(number)) for number in found[:1])
