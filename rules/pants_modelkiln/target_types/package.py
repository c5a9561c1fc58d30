"""The target type `model_package`."""

from __future__ import annotations

from typing import Any, Optional

from pants.backend.python.target_types import EntryPointField
from pants.core.goals.package import OutputPathField
from pants.core.goals.run import RestartableField
from pants.engine.addresses import Address
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    InvalidFieldException,
    OptionalSingleSourceField,
    SpecialCasedDependencies,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from modelkiln.ensemble.environments import declared_path
from modelkiln.errors import ModelkilnError
from modelkiln.package.metadata import check_metadata
from modelkiln.package.provided import read_provided
from pants_modelkiln.target_types.fields import ModelLayoutField, OneAddressField, TableField
from pants_modelkiln.target_types.library import ModelDistributionField, ModelImportNameField, ModelWheelRequiresField
from pants_modelkiln.target_types.lint import LINT_FIELDS
from pants_modelkiln.target_types.publish import PUBLISH_FIELDS, PublishWheelIndexesField


class ModelPackageDependenciesField(Dependencies):
    help = help_text("""
        What goes into the package in addition to what the inference script imports, which is
        inferred: code, `resources`, `files` and requirements, of any source root. Model artifacts
        are named in `artifacts`.

        All source roots are merged into one folder, `/app` in an image: modules and `resources`
        keep their paths relative to their root, `files` their paths in the repository. Two
        different files for one path are an error.
        """)


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


class ModelSignatureField(OptionalSingleSourceField):
    alias = "signature"
    uses_source_roots = False
    help = help_text("""
        A JSON file with the names, datatypes and shapes of the inputs and outputs, as in the Open
        Inference Protocol v2; -1 stands for a variable dimension:

            {"inputs":  [{"name": "pixels", "datatype": "FP32",  "shape": [-1, 8, 8]}],
             "outputs": [{"name": "digit",  "datatype": "INT64", "shape": [-1]}]}

        It may be left out where the lock of a model artifact contains one, as from an MLflow server.
        """)


class ModelAcceleratorField(StringField):
    alias = "accelerator"
    default = "cpu"
    help = help_text("""
        What the package runs on: `"cpu"`, a CUDA release such as `"cuda12"` or `"cuda124"`, one of ROCm
        such as `"rocm7"`, `"tpu"`, or a name in `[modelkiln.accelerators]`. It decides the resolve that
        the dependencies come from, the release and driver that the package is checked for, and the
        image's environment.
        `parametrize("cpu", "cuda12")` makes two variants.

        Code that several variants share must be in each of their resolves. One line in the BUILD
        file, or in one above it, puts all `python_sources` there:

            __defaults__({python_sources: dict(resolve=parametrize("cpu", "cuda12"))})
        """)


class ModelResolveField(StringField):
    alias = "resolve"
    help = help_text("""
        The resolve, a key of `[python].resolves`, that the dependencies come from. The default is the
        one of `accelerator`.

        With it models of several Pythons can be in one repository: a resolve serves the Pythons of its
        entry in `[python.resolves_to_interpreter_constraints]`, and `base_image` must have one of these.
        """)


class ModelPlatformsField(StringSequenceField):
    alias = "platforms"
    valid_choices = ("linux/amd64", "linux/arm64")
    help = help_text("""
        The platforms of the package: `["linux/amd64", "linux/arm64"]` makes one image of both, an
        OCI image index, on any machine and without emulation. The base image needs a lock for each
        architecture, and the resolve's lock needs wheels for each.

        Formats that hold one platform only, such as `pex`, are made for the first one.
        The default is the first architecture of the base image.
        """)


class ModelFormatsField(StringSequenceField):
    alias = "formats"
    default = ("pex", "oci")
    valid_choices = ("pex", "scie", "oci", "wheel", "artifact", "weights-image")
    help = help_text("""
        What the package is rendered as: `"pex"`, one executable file for machines that have the
        right Python, `"scie"`, the same with a CPython of its own, for machines that have none,
        `"oci"`, a container image in an OCI image layout, and `"wheel"`, a Python distribution that
        an application installs and imports. Before Python 3.13, the first two hold at most 4 GiB and
        64,535 files and folders as one file, see `layout`.

        Two more hold the files of `artifacts` alone, for a package whose weights are mounted
        separately: `"artifact"`, a ModelPack artifact (CNCF model-spec) with a layer for each file,
        which CRI-O and podman mount and model tools read; and `"weights-image"`, an image with
        the files under `/models`, which Kubernetes mounts as an image volume. That image has no
        shell, so KServe's modelcar container, which runs `sh`, cannot use it.
        """)


class ModelEnvironmentFolderField(StringField):
    alias = "environment_folder"
    help = help_text("""
        With the format `"oci"`: a name, such as the model's, for the folder below `/opt/venvs` in which the image
        has its environment; `/opt/venv` leads there. The default is `/opt/venv` itself.

        It is for members of a `model_ensemble` whose wheels exclude those of another member: there, such
        an environment cannot lie at `/opt/venv`, and with a folder of its own the ensemble has the very
        layers of the package's image.
        """)

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> Optional[str]:
        """Refuse what is not the name of a folder."""
        value = super().compute_value(raw_value, address)
        try:
            declared_path(value or "", str(address))
        except ModelkilnError as error:
            raise InvalidFieldException(str(error)) from None
        return value


class ModelWeightsField(StringField):
    alias = "weights"
    default = "bundled"
    valid_choices = ("bundled", "sidecar", "lazy")
    help = help_text("""
        Where the files of `artifacts` are when the package starts: `"bundled"`, in the package;
        `"sidecar"`, mounted by the deployment; or `"lazy"`, fetched into a store that the packages
        of a host share. In every case their sha256 are part of the package, and other files are
        refused.
        """)


class ModelWeightsMirrorsField(StringSequenceField):
    alias = "weights_mirrors"
    help = help_text("""
        With `weights="lazy"`: mirrors that are tried before the sources that the locks of the files
        name. `"https://host/folder"` and `"s3://bucket/folder"` hold them as `sha256/<hex>` or by
        their paths, `"oci://registry/name"` is a repository that the model artifact was published
        to. `MODELKILN_WEIGHTS_URL`, a list separated by commas, names others at start.
        """)


class ModelOnDemandField(StringSequenceField):
    alias = "on_demand"
    help = help_text("""
        With `weights="lazy"`: patterns of paths, such as `"*.safetensors"`, of the files that are
        not fetched at start. The inference script reads them tensor by tensor with
        `modelkiln.runtime.safetensors_reader.open_safetensors(model / "x.safetensors")`.
        """)


class ModelAllowMissingField(StringSequenceField):
    alias = "allow_missing"
    help = help_text("""
        Modules that the code may import although nothing in the package has them, with all that is in
        them, and shared libraries that wheels may need although the base lacks them: `["cupy",
        "libGL.so.1"]`. A package that needs anything else that is missing is refused.

        An import needs no entry here that is plainly optional: inside of a `try` that catches its
        failure, of `if TYPE_CHECKING`, or of a check of the version or the platform, or with
        `# pants: no-infer-dep` in its line.
        """)


class ModelProvidedRequirementsField(TableField):
    alias = "provided_requirements"
    help = help_text("""
        Packages that the model needs and that its package must not contain, because of their license or
        because they belong to the platform, each with the reason:

            provided_requirements={"tensorrt>=10.3,<11": "NVIDIA's license forbids redistribution"}

        They are left out, with what they alone need, also where the resolve's lock has them; in a
        wheel they are the extra `provided`. The base image has them, or a folder that is mounted at
        `/opt/provided` (elsewhere: `MODELKILN_PROVIDED`). Before the model is loaded, a package
        compares their versions and imports them.

        A start imports the module of the requirement's own name; other modules are named as
        in `{"opencv-python>=4": {"reason": "...", "modules": ["cv2"]}}`.
        """)

    @classmethod
    def check(cls, value: dict[str, Any], address: Address) -> None:
        """Refuse what is not a requirement, or has no reason."""
        read_provided(value, str(address))


class ModelBaseImageField(OneAddressField):
    alias = "base_image"
    help = help_text("""
        The address of the `oci_base_image` that the image is built on. The default is
        `[modelkiln].base_image`.
        """)


class ModelInterpreterField(OneAddressField):
    alias = "interpreter"
    help = help_text("""
        With the format `"scie"`: the address of the `portable_python` that the program embeds, as
        Pex' option `--scie eager` does. The default is `[modelkiln].interpreter`. Its Python release
        must be the one that the dependencies are chosen for: that of the base image, or
        `[modelkiln].python`.
        """)


class ModelVersionField(StringField):
    alias = "version"
    default = "0.0.0"
    help = help_text("""
        The version of the model, such as `1.2.0`. It is part of the package digest. A wheel needs one
        that PEP 440 knows.
        """)


class ModelEntrypointField(StringSequenceField):
    alias = "entrypoint"
    help = help_text("""
        The command that the image starts. The default is Modelkiln's own command with `predict`,
        `info` and `verify`; set it where the image is to start your server.
        """)


class ModelMetadataField(TableField):
    alias = "metadata"
    help = help_text("""
        What users and registries should know about the model: any JSON object. `authors`,
        `license`, `description`, `url`, `source`, `revision`, `documentation`, `title` and
        `vendor` are texts, and become the `org.opencontainers.image.*` annotations and labels of the
        image; `authors` may be a list of texts.

        `requires` is what a host must have, which a package compares before the model is loaded:

            metadata={"requires": {"memory": "8 GiB", "device_memory": "16 GiB", "cpu": ["avx2"]}}

        `device_memory` is that of one GPU, for CUDA and ROCm. `cpu` lists features as `/proc/cpuinfo`
        names them, or a level such as `x86-64-v3`; those of another architecture do not count.

        `urls` are further addresses by their names, which a wheel has as `Project-URL`, next to those of
        `url`, `source` and `documentation`:

            metadata={"urls": {"Issues": "https://tracker.example.com/models/fraud"}}
        """)

    @classmethod
    def check(cls, value: dict[str, Any], address: Address) -> None:
        """Refuse values of known keys that nothing could be done with."""
        check_metadata(value, str(address))


class ModelPackageTarget(Target):
    alias = "model_package"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        ModelPackageDependenciesField,
        ModelEntryPointField,
        ModelArtifactsField,
        ModelSignatureField,
        ModelAcceleratorField,
        ModelResolveField,
        ModelFormatsField,
        ModelLayoutField,
        ModelEnvironmentFolderField,
        ModelPlatformsField,
        ModelWeightsField,
        ModelWeightsMirrorsField,
        ModelOnDemandField,
        ModelAllowMissingField,
        ModelProvidedRequirementsField,
        ModelBaseImageField,
        ModelInterpreterField,
        ModelDistributionField,
        ModelImportNameField,
        ModelWheelRequiresField,
        ModelVersionField,
        ModelEntrypointField,
        ModelMetadataField,
        *PUBLISH_FIELDS,
        PublishWheelIndexesField,
        *LINT_FIELDS,
        OutputPathField,
        RestartableField,
    )
    help = help_text("""
        A model with everything that it needs to answer a request: an immutable package,
        identified by its package digest.

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
