"""What the members of an ensemble make together: one code, and one environment as far as they fit into it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Callable, Collection, Iterable, Mapping, Sequence

from pants.engine.fs import CreateDigest, FileDigest, FileEntry, MergeDigests

from modelkiln.conventions import VENV
from modelkiln.ensemble.document import SCRIPT
from modelkiln.ensemble.environments import check_places, environment_path, group_members, relocation_notice
from modelkiln.ensemble.members import MEMBERS_FOLDER, apart, check_same
from modelkiln.ensemble.programs import members_by_environment
from modelkiln.frozen_json import FrozenJson
from modelkiln.package.imports import check_imports, code_modules
from modelkiln.pinned_file import PinnedFile
from modelkiln.wheels.platforms import Target
from pants_modelkiln.compat.calls import create_digest, get_digest_entries, implicitly, merge_digests
from pants_modelkiln.engine.files import ENSEMBLE_RUNTIME, engine_files
from pants_modelkiln.engine.layers import make_layers
from pants_modelkiln.inputs.artifact import pinned_files
from pants_modelkiln.inputs.base_image import BaseImage
from pants_modelkiln.inputs.code import PackageCode, PackageCodeRequest, collect_code
from pants_modelkiln.manifest.environment import Environment
from pants_modelkiln.manifest.wheel_layers import runtime_layer
from pants_modelkiln.package.code_layers import wheel_requests
from pants_modelkiln.package.field_set import ModelPackageFieldSet
from pants_modelkiln.package.inputs import PackageInputs

# By their names in the ensemble, on one platform.
Members = Mapping[str, PackageInputs]


@dataclass(frozen=True)
class EnsembleCode:
    """The code of an ensemble with that of its members. apart: names of those whose code must not meet that of others.
    combine: "module:callable", or ""."""

    code: PackageCode
    apart: frozenset[str]
    combine: str


def check_members(where: str, members: Members) -> None:
    """Refuse members that differ in what an ensemble has once."""
    base = "Give all of them one `oci_base_image`, in the field `base_image` or in [modelkiln].base_image."
    checks: Sequence[tuple[str, Callable[[PackageInputs], Any], str]] = (
        (
            "their platforms",
            lambda one: ", ".join(each.target.platform for each in one.platforms),
            "Give them the same `platforms`.",
        ),
        ("their accelerator", lambda one: one.accelerator.to_json(), "Name variants of one accelerator."),
        ("their base image", lambda one: str(one.base.address) if one.base else None, base),
        ("their Python", lambda one: one.target.python, base),
    )
    for field, value, remedy in checks:
        check_same(where, field, {name: value(one) for name, one in members.items()}, remedy)
    check_same(where, "where their weights are", _weights(members), "Give them the same `weights`.")


def _weights(members: Members) -> dict[str, str]:
    """Where the weights are, of the members that have any."""
    return {name: one.record["weights"] for name, one in members.items() if one.record["artifacts"]}


def weights_of(members: Members) -> str:
    """Where the weights of an ensemble are: where those of its members are."""
    return next(iter(_weights(members).values()), "bundled")


def _beyond_runtime(code: PackageCode) -> list[PinnedFile]:
    runtime = set(code.runtime.files)
    return [file for file in code.files if file not in runtime]


async def collect_ensemble_code(
    fields: ModelPackageFieldSet, members: Members, in_environment: Collection[str]
) -> EnsembleCode:
    """The code of an ensemble: what calls the members, `combine`, and copies of code that must not meet that of others,
    next to the code of the other members. in_environment: the names of those that are in its own environment."""
    caller = [file for file in engine_files(ENSEMBLE_RUNTIME) if ENSEMBLE_RUNTIME in file.path]
    combine = None
    if fields.entry_point.value:
        combine = await collect_code(PackageCodeRequest(fields.address, fields.entry_point), **implicitly())
    of_members = {name: _beyond_runtime(one.code) for name, one in members.items()}
    meeting = {name: files for name, files in of_members.items() if name in in_environment}
    excluded = apart({**meeting, "": combine.own_files if combine else ()}) - {""} | (members.keys() - meeting.keys())
    copies = [
        FileEntry(f"{MEMBERS_FOLDER}/{name}/{file.path}", FileDigest(file.sha256, file.size))
        for name in sorted(excluded)
        for file in of_members[name]
    ]
    made = await create_digest(CreateDigest([*caller, *copies]))
    own = await merge_digests(MergeDigests((made, *((combine.own,) if combine else ()))))
    runtime = next(iter(members.values())).code.runtime
    beside = [one.code.digest for name, one in members.items() if name not in excluded]
    digest = await merge_digests(MergeDigests((own, runtime.digest, *beside)))
    requirements = {text for one in members.values() for text in one.code.requirements}
    code = PackageCode(
        entry_point=SCRIPT,
        files=pinned_files(await get_digest_entries(digest)),
        digest=digest,
        requirements=tuple(sorted(requirements)),
        own_files=pinned_files(await get_digest_entries(own)),
        own=own,
        runtime=runtime,
        imports=combine.imports if combine else (),
    )
    return EnsembleCode(code, excluded, combine.entry_point if combine else "")


def _merge_needed_by(environments: Iterable[Environment]) -> FrozenJson:
    merged: dict[str, set[str]] = {}
    for environment in environments:
        for name, parents in environment.needed_by.items():
            merged.setdefault(name, set()).update(parents)
    return FrozenJson.of({name: sorted(parents) for name, parents in sorted(merged.items())})


def _merge(path: str, environments: Sequence[Environment]) -> Environment:
    """The wheels of environments that have one version of each distribution, in one that lies at `path`.

    Its layers are theirs, if these are for the same place.
    """
    wheels = {wheel.name: wheel for one in reversed(environments) for wheel in one.wheels}
    every = [one for environment in environments for one in environment.contents["contents"]]
    contents = list({json.dumps(one, sort_keys=True): one for one in every}.values())
    return Environment(
        tuple(wheel for _, wheel in sorted(wheels.items())),
        FrozenJson.of({"contents": contents}),
        _merge_needed_by(environments),
        path=path,
        parts=tuple(part for one in environments if one.path == path for part in one.parts or (one,)),
    )


def find_groups(where: str, members: Members) -> tuple[tuple[str, ...], ...]:
    """The names of members by environment, that of the whole ensemble first; the same on all platforms.

    Refuses members that declare one place for environments which exclude each other, also within ensembles.
    """
    wheels = {
        name: _wheels_of(member, [one.environment for one in member.platforms]) for name, member in members.items()
    }
    declared = {name: one.environment.path for name, one in members.items() if one.environment.path != VENV}
    places: dict[str, dict[str, Any]] = {}
    for name, path in declared.items():
        places.setdefault(path, {})[name] = wheels[name]
    for name, member in members.items():
        inside = members_by_environment(member.record) if member.environment.others else {}
        for path, _ in member.environment.others:
            environments = [dict(one.environment.others)[path] for one in member.platforms]
            title = " and ".join(f"{name}/{inner}" for inner in inside[path])
            places.setdefault(path, {})[title] = _wheels_of(member, environments)
    check_places(where, places)
    return tuple(group_members(wheels, declared))


def _wheels_of(member: PackageInputs, environments: Sequence[Environment]) -> list[dict[str, Any]]:
    """The wheels of a member in an environment on all of its platforms, as `group_members` wants them."""
    found = []
    for one, environment in zip(member.platforms, environments):
        modules = {wheel["name"]: wheel["modules"] for wheel in environment.contents["contents"]}
        platform, lock = one.target.platform, member.accelerator.resolve
        found += [
            {
                **wheel,
                "name": f"{platform} {wheel['name']}",
                "title": wheel["name"],
                "modules": [f"{platform} {module}" for module in modules.get(wheel["name"], ())],
                "lock": lock,
            }
            for wheel in environment.to_json()
        ]
    return found


@dataclass(frozen=True)
class Merged:
    """The environments of an ensemble on one platform. places: of members that are not in its own, name and path."""

    environment: Environment
    places: tuple[tuple[str, str], ...]


def merge_environments(where: str, members: Members, groups: Sequence[Sequence[str]]) -> Merged:
    """The wheels of all members, by groups of them; also of those within members that are ensembles."""
    found: dict[str, list[Environment]] = {}
    places: list[tuple[str, str]] = []
    for number, group in enumerate(groups):
        environments = [members[name].environment for name in group]
        path = environments[0].path
        if number and path == VENV:
            moved = _merge(path, environments)
            path = environment_path(moved.to_json())
            addresses = [str(members[name].address) for name in group]
            environments = [replace(moved, path=path, parts=(), notice=relocation_notice(where, addresses, path))]
        found.setdefault(path, []).extend(environments)
        places += [(name, path) for name in group] if number else []
    for member in members.values():
        for path, one in member.environment.others:
            found.setdefault(path, []).append(one)
    own, *others = (_merge(path, environments) for path, environments in found.items())
    return Merged(replace(own, others=tuple(sorted((one.path, one) for one in others))), tuple(places))


def check_combine(where: str, members: Members, environment: Environment, code: PackageCode) -> None:
    """Refuse a `combine` that imports what the environment of the ensemble lacks."""
    modules = {module for one in environment.contents["contents"] for module in one["modules"]}
    own = code_modules(file.path for file in code.files)
    remedy = (
        "What `combine` needs is a dependency of a member in the ensemble's own environment; members that need another "
        "version of a distribution are in one of their own."
    )
    provided = [one for member in members.values() for one in member.record.get("provided") or ()]
    check_imports(where, code.imports, own, modules, [name for one in provided for name in one["modules"]], remedy)


async def make_environment(
    environment: Environment, target: Target, base: BaseImage, code: PackageCode, compression: str, split_pure: bool
) -> Environment:
    """The environment with the layers that an image has of it made: the members' own, and those of others."""
    layers = [
        *wheel_requests(environment, target, base, compression, split_pure),
        runtime_layer(code.runtime, base, compression),
    ]
    made = await make_layers(layers)
    return replace(environment, diff_ids=tuple(one.layer.diff_id for one in made))


def merge_targets(members: Members, formats: Sequence[str]) -> Target:
    """What the wheels of an ensemble are for: every interpreter that those of its members are for, and its own."""
    first = next(iter(members.values())).target
    releases = {release for one in members.values() for release in one.target.releases}
    releases |= {first.python} if "pex" in formats else set()
    return replace(first, releases=tuple(sorted(releases)))
