"""From a target with locked Debian packages to its locks."""

from __future__ import annotations

from typing import Any

from pants.engine.addresses import Address
from pants.engine.fs import FileContent
from pants.engine.target import Target

from modelkiln.base.debian_lock import check_listed, load_lock, lock_name, parse_package_list
from modelkiln.base.ready_lists import READY, find_suite, ready_list
from modelkiln.errors import ModelkilnError
from pants_modelkiln.inputs.named_files import read_named_file
from pants_modelkiln.target_types.base_image import (
    BaseImageArchitecturesField,
    BaseImageLockField,
    BaseImagePackagesField,
    BaseImageSuiteField,
)


async def read_package_list(address: Address, field: BaseImagePackagesField) -> FileContent:
    """The package list that a field names: a file, or one of `modelkiln.base.ready_lists`."""
    name = str(field.value)
    if name.startswith(READY):
        return FileContent(name, ready_list(name, f"{address}: the field `{field.alias}`").encode())
    return await read_named_file(address, field.alias, name, "Write a Debian package a line there.")


async def debian_locks(target: Target) -> dict[str, dict[str, Any]]:
    """The locks of a target by architecture, in the order in which it names them."""
    architectures = tuple(dict.fromkeys(target[BaseImageArchitecturesField].value or ()))
    field = target[BaseImageLockField]
    remedy = f"Lock it with `pants lock {target.address}`."
    locks = {}
    for name in architectures:
        path = lock_name(str(field.value), architectures, name)
        file = await read_named_file(target.address, field.alias, path, remedy)
        locks[name] = _load(target, file.path, file.content, name)
    listed = target[BaseImagePackagesField]
    if listed.value:
        file = await read_package_list(target.address, listed)
        wanted = parse_package_list(file.content.decode("utf-8", "replace"), f"{target.address}: {file.path}")
        suite = find_suite(target[BaseImageSuiteField].value, listed.value, str(target.address))
        for name, lock in locks.items():
            check_listed(lock, *wanted, suite, f"{target.address}: the lock for {name}", remedy)
    return locks


def _load(target: Target, path: str, text: bytes, architecture: str) -> dict[str, Any]:
    lock = load_lock(text.decode("utf-8", "replace"), f"{target.address}: {path}")
    if lock["architecture"] != architecture:
        raise ModelkilnError(
            f"{target.address}: {path}: is a lock for {lock['architecture']}, want one for {architecture}. "
            f"Lock it again with pants lock {target.address}."
        )
    return lock
