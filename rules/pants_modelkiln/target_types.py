"""The target types that users write: their fields and help texts."""

from __future__ import annotations

import json
import os
from typing import Any, Optional

from pants.backend.python.target_types import EntryPointField
from pants.core.goals.package import OutputPathField
from pants.core.goals.run import RestartableField
from pants.engine.addresses import Address
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    Dependencies,
    Field,
    FloatField,
    InvalidFieldException,
    InvalidFieldTypeException,
    MultipleSourcesField,
    OptionalSingleSourceField,
    SecondaryOwnerMixin,
    SingleSourceField,
    SpecialCasedDependencies,
    StringField,
    StringSequenceField,
    Target,
)
from pants.source.filespec import Filespec
from pants.util.strutil import help_text

# ---------------------------------------------------------------------------------------------
# model_artifact
# ---------------------------------------------------------------------------------------------


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


# ---------------------------------------------------------------------------------------------
# oci_base_image
# ---------------------------------------------------------------------------------------------


class BaseImageLockField(OptionalSingleSourceField):
    alias = "lock"
    uses_source_roots = False
    expected_file_extensions = (".json",)
    help = help_text("""
        A lock of Debian packages (name, version, size and sha256 of each) that make the image,
        written by `pants lock` from the package list in the field `packages`.

        Set either this field or `image`.
        """)


class BaseImagePackagesField(StringField, AsyncFieldMixin, SecondaryOwnerMixin):
    alias = "packages"
    help = help_text("""
        The list of Debian packages that `pants lock` resolves into the file of the field `lock`:
        one name a line, `#` starts a comment, and a name after `-` is a dependency to leave out.
        """)

    @property
    def filespec(self) -> Filespec:
        return {"includes": [os.path.join(self.address.spec_path, self.value)] if self.value else []}


class BaseImageReferenceField(StringField):
    alias = "image"
    help = help_text("""
        An image of a registry, pinned by digest: `registry.example.com/python@sha256:...`.

        A tag alone is refused, since it can change its meaning. While packaging, only the image's
        manifest and config are read; its layers are fetched when something needs their bytes.

        Set either this field or `lock`.
        """)


class BaseImageSuiteField(StringField):
    alias = "suite"
    default = "bookworm"
    help = "The Debian release that `pants lock` takes packages from."


class BaseImageArchitectureField(StringField):
    alias = "architecture"
    default = "amd64"
    valid_choices = ("amd64", "arm64")
    help = "The processor architecture of the image, as OCI and Debian name it."


class BaseImagePythonField(StringField):
    alias = "python"
    help = help_text("""
        The Python release in the image, such as `"3.11"`. A lock tells it by itself; for an image
        of a registry the default is `[modelkiln].python`.
        """)


class BaseImagePythonPathField(StringField):
    alias = "python_path"
    help = help_text("""
        Where the image's Python interpreter lies, such as `"/usr/local/bin/python3.11"`. The
        default is `/usr/bin/python<release>`.
        """)


class BaseImageGlibcField(StringField):
    alias = "glibc"
    help = help_text("""
        The release of the image's C library, such as `"2.36"`: wheels that need a newer one are
        not chosen. A lock tells it by itself; for an image of a registry the default is
        `[modelkiln].glibc`.
        """)


class OciBaseImageTarget(Target):
    alias = "oci_base_image"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        Dependencies,
        BaseImageLockField,
        BaseImagePackagesField,
        BaseImageReferenceField,
        BaseImageSuiteField,
        BaseImageArchitectureField,
        BaseImagePythonField,
        BaseImagePythonPathField,
        BaseImageGlibcField,
    )
    help = help_text("""
        What images of packages are built on: pinned Debian packages, or an image of a registry
        pinned by digest.

        Examples:

            oci_base_image(name="python311", packages="python311.packages", lock="python311.lock.json")

            oci_base_image(name="slim", image="registry.example.com/python@sha256:0123...")
        """)


# ---------------------------------------------------------------------------------------------
# model_package
# ---------------------------------------------------------------------------------------------


class _OneAddressField(SpecialCasedDependencies):
    """A field that holds one address, written as a plain string."""

    @classmethod
    def compute_value(cls, raw_value: Any, address: Address) -> Any:
        if raw_value is not None and not isinstance(raw_value, str):
            raise InvalidFieldTypeException(
                address, cls.alias, raw_value, expected_type="an address, such as ':digits'"
            )
        return super().compute_value(None if raw_value is None else (raw_value,), address)


class ModelPackageDependenciesField(Dependencies):
    pass


class ModelEntryPointField(EntryPointField):
    required = True
    help = help_text("""
        The inference script's callable: `"models.digits.predict:predict"`, or with the file's
        name relative to the BUILD file, `"predict.py:predict"`.

        It is a function `predict(inputs: dict[str, numpy.ndarray], model: pathlib.Path) ->
        dict[str, numpy.ndarray]`, or a class with `__init__(self, model)` and
        `predict(self, inputs)`. `model` is the folder of the model artifact's files. The script
        needs no import from Modelkiln. Its dependencies are inferred.
        """)


class ModelArtifactsField(SpecialCasedDependencies):
    alias = "artifacts"
    help = "Addresses of the `model_artifact` targets whose files go into the package."


class ModelSignatureField(SingleSourceField):
    alias = "signature"
    required = True
    uses_source_roots = False
    help = help_text("""
        A JSON file with the names, datatypes and shapes of the inputs and outputs, as in the Open
        Inference Protocol v2; -1 stands for a variable dimension:

            {"inputs":  [{"name": "pixels", "datatype": "FP32",  "shape": [-1, 8, 8]}],
             "outputs": [{"name": "digit",  "datatype": "INT64", "shape": [-1]}]}
        """)


class ModelAcceleratorField(StringField):
    alias = "accelerator"
    default = "cpu"
    help = help_text("""
        What the package computes on: a name of `[modelkiln].accelerators`, which says the resolve
        that the dependencies come from. `parametrize("cpu", "cuda12")` makes two variants.
        """)


class ModelFormatsField(StringSequenceField):
    alias = "formats"
    default = ("pex", "oci")
    valid_choices = ("pex", "oci")
    help = help_text("""
        What the package is rendered as: `"pex"`, one executable file for machines that have the
        right Python, and `"oci"`, a container image in an OCI image layout.
        """)


class ModelBaseImageField(_OneAddressField):
    alias = "base_image"
    help = help_text("""
        The address of the `oci_base_image` that the image is built on. The default is
        `[modelkiln].base_image`.
        """)


class ModelVersionField(StringField):
    alias = "version"
    default = "0.0.0"
    help = "The version of the model, such as `1.2.0`. It is part of the package digest."


class ModelEntrypointField(StringSequenceField):
    alias = "entrypoint"
    help = help_text("""
        The command that the image starts. The default is Modelkiln's own command with `predict`,
        `info` and `verify`; set it where the image starts your server.
        """)


class ModelMetadataField(Field):
    alias = "metadata"
    help = help_text("""
        What people and registries should know about the model: any JSON object. `authors`,
        `license`, `description`, `url`, `source`, `revision`, `documentation`, `title` and
        `vendor` become the `org.opencontainers.image.*` annotations and labels of the image.
        """)
    value: Optional[str]
    default = None

    @classmethod
    def compute_value(cls, raw_value: Any, address: Address) -> Optional[str]:
        """The value as JSON text: it must be hashable, and nested."""
        value = super().compute_value(raw_value, address)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise InvalidFieldTypeException(address, cls.alias, value, expected_type="a dictionary")
        try:
            return json.dumps(value, sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidFieldException(
                f"{address}: the field `metadata` cannot be written as JSON: {error}. "
                "Use strings, numbers, booleans, lists and dictionaries."
            ) from error


class ModelPackageTarget(Target):
    alias = "model_package"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        ModelPackageDependenciesField,
        ModelEntryPointField,
        ModelArtifactsField,
        ModelSignatureField,
        ModelAcceleratorField,
        ModelFormatsField,
        ModelBaseImageField,
        ModelVersionField,
        ModelEntrypointField,
        ModelMetadataField,
        OutputPathField,
        RestartableField,
    )
    help = help_text("""
        A model with all that it needs to answer a request: an immutable package, identified by
        its package digest.

        `package` writes each of its `formats` and its record (`.package.json`) to `dist/`, `run`
        starts it, and a `model_smoke_test` tests it. Every format answers `predict`, `info` and
        `verify`.

        Example:

            model_package(
                name="digits",
                entry_point="models.digits.predict:predict",
                artifacts=[":weights"],
                signature="signature.json",
                base_image="//3rdparty/debian:python311",
                version="1.2.0",
                metadata={"authors": "Ada Example", "license": "Apache-2.0"},
            )
        """)


# ---------------------------------------------------------------------------------------------
# model_smoke_test
# ---------------------------------------------------------------------------------------------


class SmokeTestPackageField(_OneAddressField):
    alias = "package"
    required = True
    help = "The address of the `model_package` to test. Each of its formats is tested."


class SmokeTestRequestField(SingleSourceField):
    alias = "request"
    required = True
    uses_source_roots = False
    expected_file_extensions = (".json",)
    help = "A JSON file with a request of the Open Inference Protocol v2."


class SmokeTestExpectedField(StringField, AsyncFieldMixin, SecondaryOwnerMixin):
    alias = "expected"
    required = True
    help = help_text("""
        A JSON file, relative to the BUILD file, with the response to expect. Its outputs are
        compared with the package's: exactly, or within `rtol` and `atol`.
        """)

    @property
    def filespec(self) -> Filespec:
        return {"includes": [os.path.join(self.address.spec_path, self.value)] if self.value else []}


class SmokeTestRtolField(FloatField):
    alias = "rtol"
    default = 0.0
    help = "Relative tolerance: |actual - expected| may be `atol + rtol * |expected|`."


class SmokeTestAtolField(FloatField):
    alias = "atol"
    default = 0.0
    help = "Absolute tolerance: |actual - expected| may be `atol + rtol * |expected|`."


class SmokeTestTarget(Target):
    alias = "model_smoke_test"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        Dependencies,
        SmokeTestPackageField,
        SmokeTestRequestField,
        SmokeTestExpectedField,
        SmokeTestRtolField,
        SmokeTestAtolField,
    )
    help = help_text("""
        Sends a real request to the packaged model and compares its response with the expected one.

        Each format of the package is tested as it will run: the PEX by its own, the image in an
        unpacked root without network, read-only, as the image's user. Request and response are
        also checked against the package's signature. Results are cached until the package, the
        request or the expected response changes.

        Example:

            model_smoke_test(
                name="smoke", package=":digits",
                request="request.json", expected="response.json", rtol=1e-4,
            )
        """)
