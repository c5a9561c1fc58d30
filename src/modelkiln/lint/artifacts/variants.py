"""The same weights several times: in two formats, and in several precisions."""

import posixpath
import re
from collections import defaultdict
from typing import Iterable, Iterator, Mapping

from modelkiln.lint.catalogue.fat import PRECISIONS, TWO_FORMATS
from modelkiln.lint.finding import LIKELY, Finding
from modelkiln.lint.subject import ArtifactFile, Subject

__all__ = ["check"]

# What transformers and diffusers call the weights of one model in each format: `model`, `pytorch_model`, `tf_model`,
# `flax_model`, in shards or not (transformers/utils/__init__.py; diffusers/utils/constants.py).
_STEM = re.compile(
    r"(?:pytorch_|tf_|flax_|rust_|diffusion_pytorch_|adapter_)?(model|consolidated)(?:[-.]\d{5}-of-\d{5}|\.\d\d)?"
)
_FORMATS = {
    ".bin": "torch", ".pt": "torch", ".pth": "torch", ".safetensors": "safetensors", ".h5": "Keras", ".keras": "Keras",
    ".msgpack": "Flax", ".ot": "rust", ".onnx": "ONNX", ".gguf": "GGUF", ".tflite": "TFLite",
}  # fmt: skip
_PRECISION = re.compile(
    r"[-_.](?:avx2|avx512|avx512_vnni|arm64|bf16|bnb4|bfloat16|f16|f32|fp8|fp16|fp32|float16|float32|half|int4|int8|"
    r"iq[1-4]_\w+|mxfp4|q[2-8](?:_[0-9a-z_]+)?|q4f16|qint8(?:_\w+)?|quantized|quint8(?:_\w+)?|uint8|8bit|4bit|o[1-4])"
    r"(?=$|[-_.])",
    re.IGNORECASE,
)
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_SHOWN = 4


def check(subject: Subject) -> Iterable[Finding]:
    """Yield folders whose files look like one model several times."""
    folders: dict[str, list[ArtifactFile]] = defaultdict(list)
    for file in subject.artifacts:
        if posixpath.splitext(file.path)[1].lower() in _FORMATS:
            folders[posixpath.dirname(file.path)].append(file)
    for folder, files in sorted(folders.items()):
        yield from _two_formats(folder, files)
        yield from _precisions(files)


def _two_formats(folder: str, files: Iterable[ArtifactFile]) -> Iterator[Finding]:
    formats: dict[str, str] = {}
    for file in sorted(files, key=lambda one: one.path):
        stem, ending = posixpath.splitext(posixpath.basename(file.path))
        if _STEM.fullmatch(stem):
            formats.setdefault(_FORMATS[ending.lower()], file.path)
    if len(formats) > 1:
        first = min(formats.values())
        what = f"the weights are there as {', '.join(f'{name} ({path})' for name, path in sorted(formats.items()))}"
        yield TWO_FORMATS.finding(folder or first, what, certainty=LIKELY)


def _precisions(files: Iterable[ArtifactFile]) -> Iterator[Finding]:
    groups: Mapping[tuple, dict[str, str]] = defaultdict(dict)
    for file in sorted(files, key=lambda one: one.path):
        stem, ending = posixpath.splitext(posixpath.basename(file.path))
        stem = _SHARD.sub("", stem)
        plain = _PRECISION.sub("", stem)
        groups[plain.lower(), ending.lower()].setdefault(stem, file.path)
    for _, variants in sorted(groups.items()):
        if len(variants) > 1:
            shown = sorted(variants)
            more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
            what = f"one model is there {len(shown)} times: {', '.join(shown[:_SHOWN])}{more}"
            yield PRECISIONS.finding(min(variants.values()), what, certainty=LIKELY)
