"""From a `model_package` or `model_ensemble` target to everything that goes into it, pinned."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any, Mapping, Sequence

from pants.engine.addresses import Address, Addresses
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.ensemble.document import SCRIPT, describe
from modelkiln.ensemble.host import merge_provided, merge_requires
from modelkiln.ensemble.lazy_weights import merge_documents
from modelkiln.ensemble.members import inner_first, merge_artifacts
from modelkiln.ensemble.step import Step, read_steps
from modelkiln.ensemble.wiring import check_wiring
from modelkiln.errors import ModelkilnError
from modelkiln.package.signature import read_signature
from modelkiln.wheels.platforms import Target
from pants_modelkiln.compat.calls import concurrently, implicitly, resolve_targets, rule
from pants_modelkiln.inputs.base_image import BaseImage, BaseLayers, BaseLayersRequest, make_base_layers
from pants_modelkiln.manifest.environment import Environment
from pants_modelkiln.package.ensemble_parts import (
    EnsembleCode,
    Members,
    check_combine,
    check_members,
    collect_ensemble_code,
    find_groups,
    make_environment,
    merge_environments,
    merge_targets,
    weights_of,
)
from pants_modelkiln.package.field_set import ModelPackageFieldSet
from pants_modelkiln.package.image import recorded_images
from pants_modelkiln.package.inputs import PackageInputs, SinglePackageRequest, find_signature, resolve_package
from pants_modelkiln.package.named_packages import NamedPackagesRequest, find_named_packages
from pants_modelkiln.package.recorded import check_described, platform_digest, record_of, recorded_wheels, variant_of
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.ensemble import EnsembleMembersField, EnsembleStepsField


@dataclass(frozen=True)
class _Ensemble:
    """An ensemble as its target describes it. members: addresses by name. steps: JSON."""

    fields: ModelPackageFieldSet
    members: Mapping[str, Address]
    steps: str


async def _read_ensemble(fields: ModelPackageFieldSet) -> _Ensemble | None:
    """The ensemble of a target; None for a target that is a package."""
    target = (await resolve_targets(**implicitly(Addresses([fields.address])))).expect_single()
    if not target.has_field(EnsembleMembersField):
        return None
    # Sorted: dictionaries that differ in their order alone are one to Pants.
    named = dict(sorted((target[EnsembleMembersField].value or {}).items()))
    found = await concurrently(
        find_named_packages(
            NamedPackagesRequest(fields.address, EnsembleMembersField.alias, (address,)), **implicitly()
        )
        for address in named.values()
    )
    members = {}
    for name, packages in zip(named, found):
        if len(packages.field_sets) != 1:
            listed = ", ".join(str(one.address) for one in packages.field_sets)
            raise ModelkilnError(
                f"{fields.address}: `members`: {named[name]} has several variants, {listed}. Name one of them."
            )
        members[name] = packages.field_sets[0].address
    return _Ensemble(fields, members, target[EnsembleStepsField].value)


async def _find_members(ensemble: _Ensemble) -> tuple[list[_Ensemble], dict[Address, ModelPackageFieldSet]]:
    """All ensembles within one, the inner ones first, and all packages."""
    ensembles = {ensemble.fields.address: ensemble}
    packages: dict[Address, ModelPackageFieldSet] = {}
    todo = list(ensemble.members.values())
    while todo:
        address = todo.pop()
        if address in ensembles or address in packages:
            continue
        target = (await resolve_targets(**implicitly(Addresses([address])))).expect_single()
        fields = ModelPackageFieldSet.create(target)
        inner = await _read_ensemble(fields)
        if inner is None:
            packages[address] = fields
        else:
            ensembles[address] = inner
            todo += inner.members.values()
    edges = {str(one): [str(member) for member in inner.members.values()] for one, inner in ensembles.items()}
    by_name = {str(one): inner for one, inner in ensembles.items()}
    return [by_name[one] for one in inner_first(str(ensemble.fields.address), edges)], packages


@dataclass(frozen=True)
class _OnPlatform:
    """An ensemble on one platform. places: see `Merged`."""

    members: Members
    base: BaseImage | None
    environment: Environment
    places: Mapping[str, str]


async def _make_each(platforms: Sequence[_OnPlatform], code: EnsembleCode, compression: str) -> tuple[Environment, ...]:
    """The environment on each platform with the layers of an image."""
    split_pure = len(platforms) > 1
    return await concurrently(
        make_environment(one.environment, _target_of(one), one.base, code.code, compression, split_pure)
        for one in platforms
        if one.base is not None
    )


def _target_of(platform: _OnPlatform) -> Target:
    return next(iter(platform.members.values())).target


async def _make_bases(bases: Sequence[BaseImage]) -> tuple[BaseLayers, ...]:
    return await concurrently(make_base_layers(BaseLayersRequest(base), **implicitly()) for base in bases)


def _check_steps(ensemble: _Ensemble, members: Members, signature: dict) -> tuple[Step, ...]:
    where = str(ensemble.fields.address)
    steps = read_steps(json.loads(ensemble.steps), where)
    check_wiring(
        where,
        read_signature(signature, where),
        {name: read_signature(one.record["signature"], str(one.address)) for name, one in members.items()},
        steps,
        bool(ensemble.fields.entry_point.value),
    )
    return steps


async def _find_platforms(
    ensemble: _Ensemble,
    members: Members,
    groups: Sequence[Sequence[str]],
    code: EnsembleCode,
    options: ModelkilnSubsystem,
) -> tuple[list[_OnPlatform], tuple[BaseLayers, ...]]:
    """The ensemble on each platform, and the layers of each base of an image. groups: see `find_groups`."""
    where, formats = str(ensemble.fields.address), ensemble.fields.formats.value
    each = [dict(zip(members, ones)) for ones in zip(*(member.platforms for member in members.values()))]
    bases = [next(iter(ones.values())).base for ones in each]
    if "oci" in formats and None in bases:
        raise ModelkilnError(
            f"{where}: an image needs a base, which is that of its members. Name an `oci_base_image` in their field "
            '`base_image` or in the option [modelkiln].base_image, or leave "oci" out of `formats`.'
        )
    merged = [merge_environments(where, ones, groups) for ones in each]
    for ones, one in zip(each, merged):
        check_combine(where, ones, one.environment, code.code)
    platforms = [
        _OnPlatform(ones, base, one.environment, dict(one.places)) for ones, base, one in zip(each, bases, merged)
    ]
    if "oci" not in formats:
        return platforms, ()
    environments, made = await concurrently(
        _make_each(platforms, code, options.compression), _make_bases([base for base in bases if base])
    )
    return [replace(one, environment=whole) for one, whole in zip(platforms, environments)], made


def _describe_ensemble(ensemble: _Ensemble, members: Members, code: EnsembleCode, signature: dict) -> dict[str, Any]:
    """What the record says of the ensemble, the same for all of its platforms."""
    fields, where = ensemble.fields, str(ensemble.fields.address)
    check_described(fields)
    records = {name: one.record for name, one in members.items()}
    metadata = json.loads(fields.model_metadata.value or "{}")
    provided = merge_provided(where, records)
    return {
        "name": fields.address.generated_name or fields.address.target_name,
        "version": fields.version.value,
        "entry_point": SCRIPT,
        "entrypoint": list(fields.entrypoint.value or ()),
        "signature": signature,
        "artifacts": merge_artifacts(where, {name: one["artifacts"] for name, one in records.items()}),
        "code": [file.to_json() for file in code.code.files],
        "weights": weights_of(members),
        "metadata": merge_requires(metadata, [one["metadata"] for one in records.values()]),
        **({"provided": provided} if provided else {}),
    }


async def _resolve_ensemble(ensemble: _Ensemble, members: Members, options: ModelkilnSubsystem) -> PackageInputs:
    """The inputs of an ensemble of these members, on all of their platforms."""
    fields, where = ensemble.fields, str(ensemble.fields.address)
    check_members(where, members)
    first, formats = next(iter(members.values())), tuple(fields.formats.value)
    signature = await find_signature(fields, [])
    steps = _check_steps(ensemble, members, signature)
    groups = find_groups(where, members)
    code = await collect_ensemble_code(fields, members, groups[0])
    described = _describe_ensemble(ensemble, members, code, signature)
    platforms, made = await _find_platforms(ensemble, members, groups, code, options)
    lazy = [one.weights_lock for one in members.values() if one.weights_lock]
    weights_lock = merge_documents(lazy) if lazy else b""
    described["weights_lock"] = hashlib.sha256(weights_lock).hexdigest() if lazy else None
    bases, environments = [one.base for one in platforms], [one.environment for one in platforms]
    images = recorded_images(bases, made, environments, first.accelerator, described["entrypoint"], bool(lazy))
    targets = [merge_targets(one.members, formats) for one in platforms]
    digests = {target.platform: platform_digest(one.environment, one.base) for target, one in zip(targets, platforms)}
    found = []
    for one, target, image in zip(platforms, targets, images):
        records = {name: member.record for name, member in one.members.items()}
        others = {path: recorded_wheels(environment) for path, environment in one.environment.others}
        whole = {**described, "ensemble": describe(records, code.apart, steps, code.combine, one.places, others)}
        variant = variant_of(first.accelerator, target, digests)
        found.append(
            PackageInputs(
                address=fields.address,
                formats=formats,
                accelerator=first.accelerator,
                artifacts=tuple(dict.fromkeys(each for member in one.members.values() for each in member.artifacts)),
                code=code.code,
                environment=one.environment,
                base=one.base,
                target=target,
                record=record_of(whole, variant, one.base, one.environment, image),
                weights_lock=weights_lock,
                layout=fields.layout.value or "",
                together=tuple(member for name, member in one.members.items() if name not in code.apart),
            )
        )
    return replace(found[0], others=tuple(found[1:]))


@dataclass(frozen=True)
class EnsembleRequest:
    """A package that is an ensemble."""

    fields: ModelPackageFieldSet


@rule(desc="Resolve an ensemble's inputs", level=LogLevel.DEBUG)
async def resolve_ensemble(request: EnsembleRequest, options: ModelkilnSubsystem) -> PackageInputs:
    """Resolve the members first, all at once: none of their work is done again."""
    ensemble = await _read_ensemble(request.fields)
    assert ensemble is not None, "it is one"
    ensembles, packages = await _find_members(ensemble)
    resolved = await concurrently(
        resolve_package(SinglePackageRequest(fields), **implicitly()) for fields in packages.values()
    )
    inputs = dict(zip(packages, resolved))
    for one in ensembles:
        members = {name: inputs[address] for name, address in one.members.items()}
        inputs[one.fields.address] = await _resolve_ensemble(one, members, options)
    return inputs[request.fields.address]


async def resolve_inputs(fields: ModelPackageFieldSet) -> PackageInputs:
    """Resolve everything that a package is made of, and its record, on all of its platforms."""
    target = (await resolve_targets(**implicitly(Addresses([fields.address])))).expect_single()
    if target.has_field(EnsembleMembersField):
        return await resolve_ensemble(EnsembleRequest(fields), **implicitly())
    return await resolve_package(SinglePackageRequest(fields), **implicitly())


def rules():
    return collect_rules()
