"""The target type `model_artifact`."""

from __future__ import annotations

from typing import Any

from pants.engine.addresses import Address
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    MultipleSourcesField,
    Target,
)
from pants.util.strutil import help_text


class ModelArtifactSourceField(MultipleSourcesField):
    alias = "source"
    required = True
    uses_source_roots = False
    help = help_text("""
        The files of the model artifact: one path or glob, or a list of them, relative to the
        BUILD file. Globs start with the folder, as in `["weights/*.safetensors", "config.json"]`;
        a path after `!` is left out.

        Each file keeps its path relative to the BUILD file: `source="digits.onnx"` is found by the
        inference script at `model / "digits.onnx"`, and lies at `/models/digits.onnx` in an image.
        """)

    @classmethod
    def compute_value(cls, raw_value: Any, address: Address) -> Any:
        return super().compute_value((raw_value,) if isinstance(raw_value, str) else raw_value, address)


class ModelArtifactTarget(Target):
    alias = "model_artifact"
    core_fields = (*COMMON_TARGET_FIELDS, Dependencies, ModelArtifactSourceField)
    help = help_text("""
        The output of training: weights and the files that go with them.

        A model artifact is data. Its files are hashed, copied byte for byte into packages and
        never loaded while packaging. Empty files and Git LFS pointers are refused.

        Example:

            model_artifact(name="weights", source="digits.onnx")
        """)
