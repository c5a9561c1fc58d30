"""What a file of a model asks of its reader, one fact at a time."""

from dataclasses import dataclass
from typing import Iterable, NamedTuple

__all__ = ["HEADERS_ONLY", "IMPORT", "NOTHING", "RELEASES", "Survey", "Trait", "joined"]

# Of larger files the headers are read, and nothing that would take reading them to the end.
HEADERS_ONLY = 64 << 20
# A name that a pickle imports.
IMPORT = "import"
# Kinds whose value is the release of the library of that name (PEP 503) that wrote the file.
RELEASES = frozenset(
    ("catboost", "keras", "lightgbm", "onnx", "scikit-learn", "skops", "tensorflow", "torch", "xgboost")
)


class Trait(NamedTuple):
    """kind: one of RELEASES with a release as the value, IMPORT, or a property of a format: "onnx-ir", "onnx-opset"
    and "onnx-opset:ai.onnx.ml" (numbers), "safetensors-type" (F8_E8M0), "gguf-type" (a number of ggml.h),
    "keras-class" (keras.layers.Dense), "keras-option" (Dense.units), "skops-loader" (LossNode), "lightgbm-format" (v4),
    "torch-export" (models-folder), and names of what a file has: "joblib-feature", "lightgbm-feature",
    "pandas-feature", "tokenizer-feature", "xgboost-feature"."""

    kind: str
    value: str


@dataclass(frozen=True)
class Survey:
    """format: as `checks.check` calls it, "" where that does not show. code: entries of code in it besides pickles (see
    `checks.code.names`). traits: what the file states. tensors: names of its tensors with their types, "" where those
    are not known. keys: of the dictionary that a checkpoint is, at its top."""

    traits: frozenset[Trait] = frozenset()
    format: str = ""
    code: frozenset[str] = frozenset()
    tensors: tuple[tuple[str, str], ...] = ()
    keys: tuple[str, ...] = ()


NOTHING = Survey()


def joined(surveys: Iterable[Survey]) -> Survey:
    """Return what several parts of one file say."""
    listed = list(surveys)
    return Survey(
        frozenset().union(*(one.traits for one in listed)),
        next((one.format for one in listed if one.format), ""),
        frozenset().union(*(one.code for one in listed)),
        tuple(sorted({tensor for one in listed for tensor in one.tensors})),
        tuple(sorted({key for one in listed for key in one.keys})),
    )
