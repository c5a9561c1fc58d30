"""The `model_package` targets that a field of another target names."""

from __future__ import annotations

from dataclasses import dataclass

from pants.base.specs import AddressLiteralSpec, RawSpecs
from pants.build_graph.address import AddressInput
from pants.engine.addresses import Address
from pants.engine.rules import collect_rules
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from pants_modelkiln.compat.calls import concurrently, implicitly, resolve_address, resolve_unexpanded_targets, rule
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


def _spec(address: Address, origin: str) -> RawSpecs:
    """What an address stands for: all parametrizations that agree with it."""
    spec = AddressLiteralSpec(
        address.spec_path, address.target_name, address.generated_name, FrozenDict(address.parameters)
    )
    return RawSpecs(description_of_origin=origin, address_literals=(spec,))


@rule(level=LogLevel.DEBUG)
async def find_named_packages(request: NamedPackagesRequest) -> NamedPackages:
    """Find the targets; raises ModelkilnError for one that is not a package."""
    owner, origin = request.owner, f"the field `{request.field}` of {request.owner}"
    inputs = [
        AddressInput.parse(name, relative_to=owner.spec_path, description_of_origin=origin) for name in request.names
    ]
    named = await concurrently(resolve_address(**implicitly({one: AddressInput})) for one in inputs)
    specs = [_spec(address, origin) for address in named]
    matching = await concurrently(resolve_unexpanded_targets(**implicitly({one: RawSpecs})) for one in specs)
    found = {target.address: target for targets in matching for target in targets}
    for target in found.values():
        if not ModelPackageFieldSet.is_applicable(target):
            raise ModelkilnError(
                f"{owner}: `{request.field}` must name a `model_package`, but {target.address} is a `{target.alias}`."
            )
    return NamedPackages(tuple(ModelPackageFieldSet.create(target) for target in found.values()))


def rules():
    return collect_rules()
