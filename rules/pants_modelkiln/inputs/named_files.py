"""The one file that a field of a target names."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pants.backend.python.target_types import ResolvedPexEntryPoint, ResolvePexEntryPointRequest
from pants.base.build_environment import get_buildroot
from pants.engine.addresses import Address
from pants.engine.fs import FileContent, PathGlobs

from modelkiln.errors import ModelkilnError
from modelkiln.machine.submodules import check_submodules
from pants_modelkiln.compat.calls import get_digest_contents, implicitly, resolve_pex_entry_point
from pants_modelkiln.target_types.package import ModelEntryPointField


def literal(path: str) -> str:
    """The glob that matches this path alone."""
    return re.sub(r"[*?\[\]]", r"[\g<0>]", path)


def check_inside(address: Address, field: str, name: str, path: str, remedy: str) -> None:
    """Refuse a field's value `name` whose `path` in the repository is none. remedy: a sentence."""
    if os.path.isabs(path) or os.path.normpath(path).split(os.sep)[0] == os.pardir:
        raise ModelkilnError(
            f"{address}: the field `{field}` is {name!r}, a path outside of the repository. It is relative to the "
            f"folder of the BUILD file. {remedy}"
        )


async def read_named_file(address: Address, field: str, name: str, remedy: str) -> FileContent:
    """The file `name`, relative to the BUILD file of the target at `address`, whose field `field` names it.

    remedy: a sentence, for a file that does not exist.
    """
    path = os.path.normpath(os.path.join(address.spec_path, name))
    check_inside(address, field, name, path, remedy)
    contents = await get_digest_contents(**implicitly(PathGlobs([literal(path)])))
    if not contents:
        check_submodules(Path(get_buildroot(), path), f"{address}: the field `{field}`")
        raise ModelkilnError(
            f"{address}: the field `{field}` names {path}, and there is no such file, or .gitignore hides it from "
            f"Pants. {remedy}"
        )
    return contents[0]


async def find_entry_point(field: ModelEntryPointField) -> ResolvedPexEntryPoint:
    """The entry point that the field of a package names: its module, by which file, and its callable."""
    module = field.value.module
    if module.endswith(".py"):
        remedy = "Name the inference script, `predict.py:predict`, or its module, `models.digits.predict:predict`."
        await read_named_file(field.address, field.alias, module, remedy)
    return await resolve_pex_entry_point(ResolvePexEntryPointRequest(field))
