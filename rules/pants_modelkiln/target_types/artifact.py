"""The target type `model_artifact`."""

from __future__ import annotations

from typing import Any

from pants.engine.addresses import Address
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    MultipleSourcesField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from modelkiln.checks.pickle_globals import check_allowed


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


class ModelArtifactAllowPickleField(StringSequenceField):
    alias = "allow_pickle"
    help = help_text("""
        The names that pickles among the files may import, such as `["collections.OrderedDict",
        "torch._utils._rebuild_tensor_v2", "torch.FloatStorage"]`. Without this field pickles are
        refused: loading one runs whatever its maker wrote.

        Pickles are found by content, whatever their files are called: those of `pickle`, joblib
        and torch, arrays of objects of numpy, and those in zip and tar archives or compressed.
        Each is followed to its end without running it. It is refused when it imports a name that
        is not listed, hides the name that it imports, or cannot be followed.

        Names are full and each stands for itself: there are no wildcards, and names that could do
        anything (`builtins.eval`, those of `os` or `pickle`) cannot be listed. The error for a
        pickle that is refused names what it imports. List a name only if what it does with
        arguments that a stranger has chosen is harmless. `[]` allows pickles that import nothing.

        An attribute of something in a module has a colon: `"demo.model:Outer.Inner"`.
        """)

    @classmethod
    def compute_value(cls, raw_value: Any, address: Address) -> Any:
        value = super().compute_value(raw_value, address)
        check_allowed(str(address), value)
        return value


class ModelArtifactTarget(Target):
    alias = "model_artifact"
    core_fields = (*COMMON_TARGET_FIELDS, Dependencies, ModelArtifactSourceField, ModelArtifactAllowPickleField)
    help = help_text("""
        The output of training: weights and the files that go with them.

        A model artifact is data. Its files are hashed, copied byte for byte into packages and
        never loaded while packaging. Empty files and Git LFS pointers are refused, and so are broken
        safetensors files, ONNX models and numpy arrays, models whose external data or shards are not
        among the files, and pickles unless `allow_pickle` lists what they import.

        Example:

            model_artifact(name="weights", source="digits.onnx")
        """)
