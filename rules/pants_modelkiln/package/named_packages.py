"""The `model_package` targets that a field of another target names."""

from __future__ import annotations

from dataclasses import dataclass

from pants.engine.addresses import Address
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from pants_modelkiln.engine.api import concurrently, parse_address, targets_matching
from pants_modelkiln.package.field_set import ModelPackageFieldSet


@dataclass(frozen=True)
class NamedPackagesRequest:
    """Addresses as the field `field` of `owner` has them, relative ones among them."""

    owner: Address
    field: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class NamedPackages:
    """The packages in the order of their names; all variants of one whose address names none."""

    field_sets: tuple[ModelPackageFieldSet, ...]


def named_packages(owner: Address, field: str, *names: str) -> Get:
    """NamedPackages of a target's field."""
    return Get(NamedPackages, NamedPackagesRequest(owner, field, names))


@rule(level=LogLevel.DEBUG)
async def find_named_packages(request: NamedPackagesRequest) -> NamedPackages:
    owner, origin = request.owner, f"the field `{request.field}` of {request.owner}"
    named = await concurrently(parse_address(name, owner.spec_path, origin) for name in request.names)
    matching = await concurrently(targets_matching(address, origin) for address in named)
    found = {target.address: target for targets in matching for target in targets}
    for target in found.values():
        if not ModelPackageFieldSet.is_applicable(target):
            raise ModelkilnError(
                f"{owner}: `{request.field}` must name a `model_package`, but {target.address} is a `{target.alias}`."
            )
    return NamedPackages(tuple(ModelPackageFieldSet.create(target) for target in found.values()))


def rules():
    return collect_rules()
