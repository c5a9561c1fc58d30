"""The target type `model_smoke_test`."""

from __future__ import annotations

from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    BoolField,
    Dependencies,
    FloatField,
    OptionalSingleSourceField,
    StringField,
)
from pants.util.strutil import help_text

from pants_modelkiln.target_types.owned_files import NamedFileField, OwningSourcesMixin, OwningTarget


class SmokeTestPackageField(StringField, AsyncFieldMixin):
    # No SpecialCasedDependencies: Pants resolves those to one target each, and this may name all
    # variants of one.
    alias = "package"
    required = True
    help = help_text("""
        The address of the `model_package` or `model_ensemble` to test, in all of its formats. `":digits"` tests all
        variants, `":digits@accelerator=cpu"` that one.
        """)


class SmokeTestRequestField(OwningSourcesMixin, OptionalSingleSourceField):
    alias = "request"
    uses_source_roots = False
    expected_file_extensions = (".json",)
    help = help_text("""
        A JSON file with a request of the Open Inference Protocol v2. It may be left out where the lock
        of a model artifact contains an input example, as from an MLflow server.
        """)


class SmokeTestExpectedField(NamedFileField):
    alias = "expected"
    required = True
    help = help_text("""
        A JSON file, relative to the BUILD file, with the expected response. Its outputs are
        compared with the package's: exactly, or within `rtol` and `atol`.
        """)


class SmokeTestRtolField(FloatField):
    alias = "rtol"
    default = 0.0
    help = "Relative tolerance: |actual - expected| may be `atol + rtol * |expected|`."


class SmokeTestAtolField(FloatField):
    alias = "atol"
    default = 0.0
    help = "Absolute tolerance: |actual - expected| may be `atol + rtol * |expected|`."


class SmokeTestRequiresGpuField(BoolField):
    alias = "requires_gpu"
    default = False
    help = help_text("""
        Run the test only where there is an NVIDIA GPU; elsewhere the result says that it was not
        run.

        Without it, a CUDA variant is tested on any machine as far as possible: it imports, the
        image's CUDA libraries find each other, and its fallback to the CPU answers.
        """)


class SmokeTestTarget(OwningTarget):
    alias = "model_smoke_test"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        Dependencies,
        SmokeTestPackageField,
        SmokeTestRequestField,
        SmokeTestExpectedField,
        SmokeTestRtolField,
        SmokeTestAtolField,
        SmokeTestRequiresGpuField,
    )
    help = help_text("""
        Sends a real request to the packaged model and compares its response with the expected one.

        Each format of the package is tested as it will run: the PEX by itself, the image in an
        unpacked root as the image's user, both on a read-only disk without a network. A PEX can
        write to its `PEX_ROOT`, and to a folder of its own for HOME and TMPDIR. Request and response are
        also checked against the package's signature. Results are cached until the package, the
        request or the expected response changes.

        Example:

            model_smoke_test(
                name="smoke", package=":digits",
                request="request.json", expected="response.json", rtol=1e-4,
            )
        """)
