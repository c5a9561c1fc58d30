"""The target type `build_toolchain`."""

from __future__ import annotations

from pants.engine.target import COMMON_TARGET_FIELDS, Dependencies
from pants.util.strutil import help_text

from pants_modelkiln.target_types.base_image import (
    BaseImageArchitecturesField,
    BaseImageComponentsField,
    BaseImageLockField,
    BaseImagePackagesField,
    BaseImageSecurityField,
    BaseImageSuiteField,
)
from pants_modelkiln.target_types.owned_files import OwningTarget


class ToolchainLockField(BaseImageLockField):
    required = True
    help = help_text("""
        A lock of Debian packages (name, version, size and sha256 of each) that make the toolchain,
        written by `pants lock` from the package list in the field `packages`.
        """)


class ToolchainArchitecturesField(BaseImageArchitecturesField):
    help = help_text("""
        The processor architectures of the machines that build, as OCI and Debian name them. Each has
        a lock of its own: that of the first is the file of the field `lock`, and those of the others
        are next to it, `gcc12.arm64.lock.json` next to `gcc12.lock.json`. A machine compiles for its
        own architecture alone.
        """)


class BuildToolchainTarget(OwningTarget):
    alias = "build_toolchain"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        Dependencies,
        ToolchainLockField,
        BaseImagePackagesField,
        BaseImageSuiteField,
        BaseImageComponentsField,
        BaseImageSecurityField,
        ToolchainArchitecturesField,
    )
    help = help_text("""
        What compiles packages that have no wheel: pinned Debian packages with compiler, headers and
        interpreter of one Python release. `[modelkiln].build_toolchains` names those that are used.

        Example:

            build_toolchain(name="gcc12", packages="gcc12.packages", lock="gcc12.lock.json")

        with a package list such as

            g++
            make
            python3.11-dev

        The sdist is built in a root of these packages alone, by their Python and without a network. The
        platform tag of its wheel names the C library that it needs, and packages whose base has that take
        it. Use a suite that is no newer than those of the base images.
        """)
