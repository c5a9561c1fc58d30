"""The target type `oci_base_image`."""

from __future__ import annotations

import os

from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    BoolField,
    Dependencies,
    OptionalSingleSourceField,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from modelkiln.base.debian_lock import lock_name
from modelkiln.base.ready_lists import READY
from pants_modelkiln.target_types.fields import OneAddressField
from pants_modelkiln.target_types.owned_files import NamedFileField, OwningSourcesMixin, OwningTarget


class BaseImageLockField(OwningSourcesMixin, OptionalSingleSourceField):
    alias = "lock"
    uses_source_roots = False
    expected_file_extensions = (".json",)
    help = help_text("""
        A lock of Debian packages (name, version, size and sha256 of each) that make the image,
        written by `pants lock` from the package list in the field `packages`.

        Set either this field or `image`.
        """)


class BaseImagePackagesField(NamedFileField):
    alias = "packages"
    help = help_text("""
        The list of Debian packages that `pants lock` resolves into the file of the field `lock`:
        one name a line, `#` starts a comment, and a name after `-` is a dependency to leave out.

        `"modelkiln:python3.11"` stands for a list that comes with Modelkiln: that Python, the shared
        libraries that wheels leave to the system, and certificates, without a shell. Debian 12 (bookworm)
        has Python 3.11 and Debian 13 (trixie) 3.13, so `"modelkiln:python3.13"` stands for that one.
        `"modelkiln:libraries"` is the same without a Python, for a base with an `interpreter`.
        """)

    def named_files(self, target: Target) -> tuple[str, ...]:
        """The list, where it is a file."""
        return () if (self.value or "").startswith(READY) else super().named_files(target)


class BaseImageInterpreterField(OneAddressField):
    alias = "interpreter"
    help = help_text("""
        The address of a `portable_python`, for a Python that no release of Debian has: it lies below
        `/usr/local`, above packages without a Python of their own, such as `"modelkiln:libraries"`.
        """)


class BaseImageReferenceField(StringField):
    alias = "image"
    help = help_text("""
        An image of a registry, pinned by digest: `registry.example.com/python@sha256:...`.

        A tag alone is refused, since it can be moved. While packaging, only the image's
        manifest and config are read; its layers are fetched when their bytes are needed.

        Set either this field or `lock`.
        """)


class BaseImageSuiteField(StringField):
    alias = "suite"
    help = help_text("""
        The release of Debian, by its code name, that `pants lock` takes packages from. The default is
        the one that has the Python of a list such as `"modelkiln:python3.13"`, and `"bookworm"` for a
        list of your own.
        """)


class BaseImageComponentsField(StringSequenceField):
    alias = "components"
    default = ("main",)
    help = help_text("""
        The parts of the suite that `pants lock` takes packages from, such as `"non-free-firmware"`, the
        most preferred first.
        """)


class BaseImageSecurityField(BoolField):
    alias = "security"
    default = False
    help = help_text("""
        Whether `pants lock` takes newer versions from the security suite of the release as well, such
        as bookworm-security.

        Its archive drops a version when the next one comes, so `pants lock` puts the packages into the
        store at once; `modelkiln mirror` copies them to a folder or a registry from which other
        machines fetch them. Without this field `pants lock --check` reports which packages have fixes.
        """)


class BaseImageArchitecturesField(StringSequenceField, AsyncFieldMixin):
    alias = "architectures"
    default = ("amd64",)
    valid_choices = ("amd64", "arm64")
    help = help_text("""
        The processor architectures of the image, as OCI and Debian name them. Packages are built
        for the first one, unless they name `platforms`.

        Each has a lock of its own: that of the first is the file of the field `lock`, and those of
        the others are next to it, `python311.arm64.lock.json` next to `python311.lock.json`. Byte
        code is compiled by the interpreter of the building machine's own architecture, so name
        the architectures of the machines that build, too.
        """)

    def named_files(self, target: Target) -> tuple[str, ...]:
        """Paths in the repository of the locks of all architectures but the first."""
        lock, names = target[BaseImageLockField].value, tuple(self.value or ())
        folder = self.address.spec_path
        return tuple(os.path.join(folder, lock_name(lock, names, name)) for name in names[1:] if lock)


class BaseImagePythonField(StringField):
    alias = "python"
    help = help_text("""
        The Python release in the image, such as `"3.11"`. It follows from a lock; for an image of
        a registry the default is `[modelkiln].python`.
        """)


class BaseImagePythonPathField(StringField):
    alias = "python_path"
    help = help_text("""
        The path of the image's Python interpreter, such as `"/usr/local/bin/python3.11"`. The
        default is `/usr/bin/python<release>`.
        """)


class BaseImageGlibcField(StringField):
    alias = "glibc"
    help = help_text("""
        The release of the image's C library, such as `"2.36"`: wheels that need a newer one are
        not chosen. It follows from a lock; for an image of a registry the default is
        `[modelkiln].glibc`.
        """)


class OciBaseImageTarget(OwningTarget):
    alias = "oci_base_image"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        Dependencies,
        BaseImageLockField,
        BaseImagePackagesField,
        BaseImageInterpreterField,
        BaseImageReferenceField,
        BaseImageSuiteField,
        BaseImageComponentsField,
        BaseImageSecurityField,
        BaseImageArchitecturesField,
        BaseImagePythonField,
        BaseImagePythonPathField,
        BaseImageGlibcField,
    )
    help = help_text("""
        What images of packages are built on: pinned Debian packages, or an image of a registry
        pinned by digest.

        Examples:

            oci_base_image(name="python311", packages="modelkiln:python3.11", lock="python311.lock.json")

            oci_base_image(
                name="python312",
                packages="modelkiln:libraries",
                lock="libraries.lock.json",
                interpreter=":cpython312",  # a `portable_python`
            )

            oci_base_image(name="own", packages="own.packages", lock="own.lock.json")

            oci_base_image(name="slim", image="registry.example.com/python@sha256:0123...")
        """)
