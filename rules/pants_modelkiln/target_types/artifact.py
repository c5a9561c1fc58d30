"""The target type `model_artifact`."""

from __future__ import annotations

from typing import Any

from pants.engine.addresses import Address
from pants.engine.fs import GlobMatchErrorBehavior, PathGlobs
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    InvalidFieldException,
    MultipleSourcesField,
    StringField,
    StringSequenceField,
)
from pants.util.strutil import help_text

from modelkiln.archives.tar import check_path
from modelkiln.checks.allowed import Allowed
from modelkiln.checks.code.names import check_allowed_code
from modelkiln.checks.pickle_globals import check_allowed
from modelkiln.digest import check_digest
from modelkiln.errors import ModelkilnError
from pants_modelkiln.target_types.lint import LINT_FIELDS
from pants_modelkiln.target_types.owned_files import NamedFileField, OwningSourcesMixin, OwningTarget


class ModelArtifactSourceField(OwningSourcesMixin, MultipleSourcesField):
    # Set by the target, which knows its other fields.
    is_locked = False
    alias = "source"
    uses_source_roots = False
    help = help_text("""
        The files of the model artifact: one path or glob, or a list of them, relative to the
        BUILD file. Globs start with the folder, as in `["weights/*.safetensors", "config.json"]`;
        a path after `!` is left out.

        Each file keeps its path relative to the BUILD file: `source="digits.onnx"` is found by the
        inference script at `model / "digits.onnx"`, and is at `/models/digits.onnx` in an image.

        Files in Git LFS may be pointers or be checked out, and of any size: the committed pointer is
        their lock, and their bytes come from the repository's LFS server.

        With the field `lock` it may be a folder, whose files have paths relative to it, or a URI,
        such as `https://...`, `oci://...`, `s3://...`, `hf:...`, `models:/...` or
        `pypi:name==version#folder`. Then only `pants lock` reads it.
        """)

    @classmethod
    def compute_value(cls, raw_value: Any, address: Address) -> Any:
        """Take one path, as a list of one."""
        return super().compute_value((raw_value,) if isinstance(raw_value, str) else raw_value, address)

    def path_globs(self, unmatched_build_file_globs: Any) -> PathGlobs:  # type: ignore[misc]
        """What Pants' own goals, such as `lint` with any formatter, look for: what a lock has need not be here.

        Pants up to 2.32 declares it final, and asks nothing else whether a missing file is worth a warning."""
        found = super().path_globs(unmatched_build_file_globs)
        if not self.is_locked:
            return found
        return PathGlobs(found.globs, GlobMatchErrorBehavior.ignore, found.conjunction)


class ModelArtifactAllowPickleField(StringSequenceField):
    alias = "allow_pickle"
    help = help_text("""
        The names that pickles among the files may import, such as `["collections.OrderedDict",
        "torch._utils._rebuild_tensor_v2", "torch.FloatStorage"]`. Without this field pickles are
        refused: loading one runs whatever code its author put into it.

        Pickles are found by content, whatever their files are called: those of `pickle`, joblib
        and torch, arrays of objects of numpy, and those in zip and tar archives or compressed.
        Each is followed to its end without running it. It is refused when it imports a name that
        is not listed, hides the name that it imports, or cannot be followed.

        Names are written in full. There are no wildcards, and names that could do anything
        (`builtins.eval`, those of `os` or `pickle`) cannot be listed. The error for a refused
        pickle names what it imports. List a name only if it is harmless whatever arguments it is
        called with. `[]` allows pickles that import nothing.

        An attribute of a class in a module is written with a colon: `"demo.model:Outer.Inner"`.
        """)

    @classmethod
    def compute_value(cls, raw_value: Any, address: Address) -> Any:
        """Refuse names that could do anything."""
        value = super().compute_value(raw_value, address)
        check_allowed(str(address), value)
        return value


class ModelArtifactAllowCodeField(StringSequenceField):
    alias = "allow_code"
    help = help_text("""
        The code that files of other formats than pickles may hold, each as a kind and a name, such as
        `["keras-lambda:scale", "script:bin/convert.sh"]`. Without this field such files are refused; the
        error names what to list.

        It is found by content: Lambda layers of Keras (`keras-lambda`) and objects that Keras imports
        (`keras-module`), in `.keras` and HDF5 files; programs of TorchScript (`torchscript`) and packages of
        torch.package (`torch-package`), by the file's path; types that skops loads (`skops-type`);
        classes of `auto_map` whose Python file is in the artifact (`auto-map`); tags of YAML that
        make objects of Python (`yaml-tag`); loaders of MLmodel files that are not MLflow's own
        (`mlflow-loader`); domains of operators that ONNX lacks (`onnx-domain`); and files that run by
        themselves: `program` (ELF, PE, Mach-O), `script` (with a `#!` line) and `pyc`.

        Chat templates (Jinja) are normal: the record names them (`jinja`), and only those that reach out of
        Jinja's sandbox are refused (`jinja-unsafe`). There are no wildcards, and what could run anything, such
        as a tag of YAML with a name of `os`, cannot be listed.
        """)

    @classmethod
    def compute_value(cls, raw_value: Any, address: Address) -> Any:
        """Refuse entries of no kind, and those that could do anything."""
        value = super().compute_value(raw_value, address)
        check_allowed_code(str(address), value or ())
        return value


def allowed_in(pickle: ModelArtifactAllowPickleField, code: ModelArtifactAllowCodeField) -> Allowed:
    """What a target allows in its files."""
    return Allowed(pickle.value, code.value or ())


class ModelArtifactLockField(NamedFileField):
    alias = "lock"
    help = help_text("""
        The file that `pants lock` writes, such as `"llm.lock.json"`: path, size and sha256 of each
        file, and the layers that they make. Commit it: packages are made from it alone, and the
        files themselves stay in the store and never pass through Pants.
        """)


class ModelArtifactSignatureField(NamedFileField):
    alias = "model_signature"
    help = help_text("""
        The file that `modelkiln sign` writes for the lock, such as `"model.sig"`: a signature of the model's files in
        the format of OpenSSF Model Signing. Packages have it next to the files, by its name, where serving platforms
        and `model_signing verify` look for it.

        It has to be of exactly the files of the lock; who signed is for those to verify who use the package. Packages
        that fetch their weights when they start carry it, and put it next to them.
        """)


class ModelArtifactIncludeField(StringSequenceField):
    alias = "include"
    help = help_text("""
        Patterns of the files that `pants lock` takes from `source`; the default is all of them.

        `*` stands for characters other than `/`, `**` for any folders, `[ab]` for one of a set. A
        pattern without `/` is compared with the file's name in any folder, one with `/` with its
        path from the top; a pattern that names a folder takes everything in it. Each pattern must
        match a file.
        """)


class ModelArtifactExcludeField(StringSequenceField):
    alias = "exclude"
    help = "Patterns, as in `include`, of the files that `pants lock` leaves out, whatever `include` says."


class ModelArtifactFolderField(StringField):
    alias = "folder"
    help = help_text("""
        With the field `lock`: the folder that the files lie in, such as `"encoder"`. A file that its source has as
        `config.json` is found by the inference script at `model / "encoder" / "config.json"` then. So two artifacts
        with files of one name can be in one package, or in members of one ensemble. Patterns are those of paths at
        the source.

        Files next to the BUILD file lie in folders as they are, and need no such field.
        """)

    @classmethod
    def compute_value(cls, raw_value: Any, address: Address) -> Any:
        """Refuse what is not a folder below that of the artifacts."""
        value = super().compute_value(raw_value, address)
        if value is None:
            return value
        try:
            return check_path(value, str(address))
        except ModelkilnError:
            raise InvalidFieldException(
                f"{address}: the field `{cls.alias}`: {value!r} is not a path of a folder below that of the model "
                'artifact files. Write it as "encoder" or "encoder/text".'
            ) from None


class ModelArtifactBaseField(StringField):
    alias = "base_set_digest"
    help = help_text("""
        Of an adapter, such as a LoRA: the set digest of the model artifact that it fits, `"sha256:..."`, which
        that one's weights lock has as `set_digest`. A package with the adapter must have that artifact in its
        `artifacts`, too: one with another base, or with another revision of it, is refused, and the error
        names the set digests that there are. The record names the base next to the adapter's files.
        """)

    @classmethod
    def compute_value(cls, raw_value: Any, address: Address) -> Any:
        """Refuse what is not a digest."""
        value = super().compute_value(raw_value, address)
        return None if value is None else check_digest(value, f"{address}: the field `{cls.alias}`")


class ModelArtifactTarget(OwningTarget):
    alias = "model_artifact"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        Dependencies,
        ModelArtifactSourceField,
        ModelArtifactLockField,
        ModelArtifactSignatureField,
        ModelArtifactIncludeField,
        ModelArtifactExcludeField,
        ModelArtifactFolderField,
        ModelArtifactAllowPickleField,
        ModelArtifactAllowCodeField,
        ModelArtifactBaseField,
        *LINT_FIELDS,
    )
    help = help_text("""
        The output of training: weights and the files that go with them.

        A model artifact is data. Its files are hashed, copied byte for byte into packages and
        never loaded while packaging. Empty files are refused (but for Python code, such as
        `__init__.py`, and what Git LFS has as empty), and so are broken files of safetensors, ONNX,
        numpy, GGUF, XGBoost, LightGBM, sentencepiece and tokenizers, models whose external data, shards
        or tensors of shards are missing, pickles unless `allow_pickle` lists what they import, and other
        code unless `allow_code` lists it. Files of more than `[modelkiln].large_blob_limit` bytes, and
        files that are elsewhere, need a lock.

        Examples:

            model_artifact(name="weights", source="digits.onnx")

            model_artifact(name="llm", source="hf:example/llm", lock="llm.lock.json")
        """)

    def validate(self) -> None:
        """Let the field `source` know whether it is a lock that says which files there are."""
        super().validate()
        object.__setattr__(self[ModelArtifactSourceField], "is_locked", bool(self[ModelArtifactLockField].value))
