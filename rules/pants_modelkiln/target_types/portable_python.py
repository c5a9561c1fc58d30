"""The target type `portable_python`."""

from __future__ import annotations

from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    BoolField,
    Dependencies,
    OptionalSingleSourceField,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text


class PortablePythonVersionField(StringField):
    alias = "python_version"
    required = True
    help = "The exact version of CPython, such as `3.11.14`."


class PortablePythonReleaseField(StringField):
    alias = "pbs_release"
    required = True
    help = help_text("""
        The release of python-build-standalone that contains it: a date such as `20251120`. The
        project's releases list their versions of CPython.
        """)


class PortablePythonArchitecturesField(StringSequenceField):
    alias = "architectures"
    default = ("amd64",)
    valid_choices = ("amd64", "arm64")
    help = help_text("""
        The processor architectures to lock, as OCI and Debian name them: those of the packages and
        those of the machines that build.
        """)


class PortablePythonLockField(OptionalSingleSourceField):
    alias = "lock"
    required = True
    uses_source_roots = False
    expected_file_extensions = (".json",)
    # `pants lock` writes it.
    expected_num_files = range(0, 2)
    help = "The file that `pants lock` writes: the path, size and sha256 of every file that is used."


class PortablePythonScieField(BoolField):
    alias = "scie"
    default = True
    help = help_text("""
        Whether the lock has the launcher and the tool that put interpreter and PEX into one program, too.
        An interpreter for bases alone needs neither.
        """)


class PortablePythonTarget(Target):
    alias = "portable_python"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        Dependencies,
        PortablePythonVersionField,
        PortablePythonReleaseField,
        PortablePythonArchitecturesField,
        PortablePythonScieField,
        PortablePythonLockField,
    )
    help = help_text("""
        A CPython that runs from any folder of any Linux with the GNU C library: the interpreter of
        python-build-standalone, for packages of the format `"scie"` and, in the field `interpreter` of an
        `oci_base_image`, for images. For the first, the tools (`science` and `scie-jump`, of the versions
        that Pex works with) that put it and a PEX into one program are locked with it.

        Example:

            portable_python(
                name="python311",
                python_version="3.11.14",
                pbs_release="20251120",
                lock="python311.lock.json",
            )

        `pants lock` reads the files from the releases of these projects on GitHub, or from
        `[modelkiln].scie_mirror`, and checks them against the checksums that are published with
        them. From then on they are identified by their hash alone.

        Programs need a CPython 3.11 or newer on the machine that locks and builds them.
        """)
