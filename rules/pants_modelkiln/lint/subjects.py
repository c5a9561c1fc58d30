"""From targets to what the rules of lint look at: nothing is fetched or made for it but the choice from a lock."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Iterable, Sequence

from pants.backend.python.subsystems.setup import PythonSetup
from pants.engine.addresses import Address, Addresses
from pants.engine.fs import FileDigest, FileEntry
from pants.engine.rules import collect_rules
from pants.engine.target import Target
from pants.util.logging import LogLevel

from modelkiln.frozen_json import FrozenJson
from modelkiln.lint.packages.listed import LARGEST_FILE, LARGEST_SOURCE
from modelkiln.manifest.closure import closure
from modelkiln.package.accelerator import Accelerator
from modelkiln.package.source_facts import metadata_of
from pants_modelkiln.compat.calls import (
    concurrently,
    get_digest_entries,
    implicitly,
    resolve_targets,
    resolve_unparsed_address_inputs,
    rule,
)
from pants_modelkiln.inputs.artifact import Artifact
from pants_modelkiln.inputs.base_image import BaseImage
from pants_modelkiln.inputs.code import FirstPartyRequest, FirstPartySources, find_first_party_sources
from pants_modelkiln.inputs.named_files import find_entry_point
from pants_modelkiln.inputs.repository_artifact import ArtifactListRequest, list_artifact
from pants_modelkiln.manifest.environment import RUNTIME_REQUIREMENT, ResolvedLockRequest, choose_wheels
from pants_modelkiln.manifest.lock_file import LockFileRequest, read_lock_file
from pants_modelkiln.manifest.resolve_python import package_python
from pants_modelkiln.package.field_set import ModelPackageFieldSet, accelerator_of, provided_of
from pants_modelkiln.package.inputs import facts_of, find_bases, find_embedded, find_signature, find_target
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.artifact import ModelArtifactSourceField
from pants_modelkiln.target_types.ensemble import EnsembleMembersField
from pants_modelkiln.target_types.lint import LintIgnoreField


@dataclass(frozen=True)
class SubjectRequest:
    """The `model_package`, `model_ensemble` or `model_artifact` at an address."""

    address: Address


@dataclass(frozen=True)
class LintSubject:
    """described: what `modelkiln.lint.packages.listed` reads of it. files: what of its code and of its artifacts rules
    read. locks: paths in the repository of the locks that its requirements are from."""

    described: FrozenJson
    files: tuple[FileDigest, ...] = ()
    locks: tuple[str, ...] = ()


@dataclass(frozen=True)
class DistributionsRequest:
    """The wheels of a lock that requirements need, but for those that a host provides, by their names."""

    lock: ResolvedLockRequest
    requirements: tuple[str, ...]
    provided: tuple[str, ...]


@dataclass(frozen=True)
class LintDistributions:
    """JSON objects with the name, the version and what it requires of each wheel."""

    described: tuple[FrozenJson, ...]


@rule(level=LogLevel.DEBUG)
async def list_distributions(request: DistributionsRequest) -> LintDistributions:
    """Choose them as far as that is known before any is built. Packages that need the same ask for it once."""
    chosen = await choose_wheels(request.lock, **implicitly())
    wheels = closure(chosen.content, request.requirements, request.provided, chosen.remedy)
    described = ({"name": one.name, "version": one.version, "requires": list(one.requires)} for one in wheels)
    return LintDistributions(tuple(map(FrozenJson.of, described)))


async def _files_of(artifacts: Iterable[Artifact]) -> tuple[FileDigest, ...]:
    """The files of artifacts that rules read."""
    listed = [await get_digest_entries(one.digest) for one in artifacts]
    files = [one.file_digest for entries in listed for one in entries if isinstance(one, FileEntry)]
    return tuple(one for one in files if one.serialized_bytes_length <= LARGEST_FILE)


def _described_code(code: FirstPartySources) -> tuple[dict[str, Any], tuple[FileDigest, ...]]:
    """What is said of code, and the files of it that rules read."""
    files = dict(code.files)
    small = {place: one for place, one in files.items() if one.file_digest.serialized_bytes_length <= LARGEST_SOURCE}
    sources = [
        {"path": place, "origin": one.path, "sha256": one.file_digest.fingerprint} for place, one in small.items()
    ]
    described = {"sources": sources, "other_files": sorted(files.keys() - small.keys())}
    return described, tuple(one.file_digest for one in small.values())


async def _find_artifacts(addresses: Iterable[Address]) -> tuple[Artifact, ...]:
    """The artifacts with their files as they are: what packaging would refuse is found, too."""
    listed = await concurrently(list_artifact(ArtifactListRequest(address), **implicitly()) for address in addresses)
    return tuple(one.artifact for one in listed)


def _entries(artifacts: Sequence[Artifact]) -> list[dict]:
    return sorted((entry for one in artifacts for entry in one.record_entries()), key=lambda entry: entry["path"])


async def _artifact_subject(target: Target) -> LintSubject:
    """What is known of an artifact by itself."""
    (artifact,) = await _find_artifacts([target.address])
    files = await _files_of([artifact])
    described = {
        "name": str(target.address),
        "artifacts": _entries([artifact]),
        "at_hand": sorted({one.fingerprint for one in files}),
        "record": {"sources": [artifact.origin.to_json()] if artifact.origin else []},
        "ignore": list(target[LintIgnoreField].value or ()),
    }
    return LintSubject(FrozenJson.of(described), files)


async def _signature(field_set: ModelPackageFieldSet, artifacts: Sequence[Artifact]) -> dict[str, Any]:
    if not field_set.signature.value and not any(one.facts.get("signature") for one in artifacts):
        return {}
    return {"signature": await find_signature(field_set, facts_of(artifacts))}


async def _ensemble_subject(target: Target) -> LintSubject:
    """What an ensemble has besides its members, which are packages of their own: `combine`, signature and metadata."""
    field_set = ModelPackageFieldSet.create(target)
    code, sources = _described_code(
        await find_first_party_sources(FirstPartyRequest(field_set.address), **implicitly())
    )
    entry_point = (await find_entry_point(field_set.entry_point)).val.spec if field_set.entry_point.value else ""
    record = {
        "name": field_set.address.generated_name or field_set.address.target_name,
        "version": field_set.version.value,
        "entry_point": entry_point,
        "metadata": json.loads(field_set.model_metadata.value or "{}"),
        **await _signature(field_set, ()),
    }
    described = {
        "name": str(field_set.address),
        **({"entry_point": entry_point} if entry_point else {}),
        **code,
        "record": record,
        "target": {"formats": list(field_set.formats.value or ())},
        "ignore": list(target[LintIgnoreField].value or ()),
    }
    return LintSubject(FrozenJson.of(described), sources)


@dataclass(frozen=True)
class _Variant:
    """Which one of a package is looked at: its first."""

    accelerator: Accelerator
    base: BaseImage | None
    lock: ResolvedLockRequest

    def to_json(self) -> dict[str, Any]:
        """Return the record's object."""
        target = self.lock.target
        return {**self.accelerator.to_json(), "platform": target.platform, "python": target.python}


async def _find_variant(field_set: ModelPackageFieldSet, options: ModelkilnSubsystem, setup: PythonSetup) -> _Variant:
    base, *_ = await find_bases(field_set, options)
    address = field_set.address
    accelerator = accelerator_of(address, field_set.accelerator, field_set.resolve, options, setup)
    python = package_python(address, accelerator.resolve, base, options.python, setup)
    embedded = await find_embedded(field_set, python)
    platform = await find_target(field_set.formats.value, python, base, embedded, options)
    return _Variant(accelerator, base, ResolvedLockRequest(accelerator.resolve, platform))


def _described_artifacts(artifacts: Sequence[Artifact], files: Iterable[FileDigest]) -> dict[str, Any]:
    targets = [
        {
            "address": str(one.address),
            "paths": [file.path for file in one.files],
            "is_locked": one.origin is not None,
            "folder": one.origin.to_json()["source"].get("folder", "") if one.origin else "",
        }
        for one in artifacts
    ]
    at_hand = sorted({one.fingerprint for one in files})
    return {"artifacts": _entries(artifacts), "at_hand": at_hand, "artifact_targets": targets}


async def _package_subject(target: Target, options: ModelkilnSubsystem, setup: PythonSetup) -> LintSubject:
    """What is known of a package before anything of it is fetched or made."""
    field_set = ModelPackageFieldSet.create(target)
    address = field_set.address
    variant = await _find_variant(field_set, options, setup)
    await read_lock_file(LockFileRequest(variant.lock.resolve), **implicitly())  # Before dependencies are asked for.
    provided = provided_of(field_set)
    named = await resolve_unparsed_address_inputs(field_set.artifacts.to_unparsed_address_inputs(), **implicitly())
    # The lock's wheels are chosen while code is found: they take a process.
    first_party, _, artifacts, entry_point = await concurrently(
        find_first_party_sources(FirstPartyRequest(address), **implicitly()),
        choose_wheels(variant.lock, **implicitly()),
        _find_artifacts(named),
        find_entry_point(field_set.entry_point),
    )
    requirements = (*first_party.requirements, RUNTIME_REQUIREMENT)
    needed = DistributionsRequest(variant.lock, requirements, tuple(one.name for one in provided))
    distributions = await list_distributions(needed, **implicitly())
    code, sources = _described_code(first_party)
    files = await _files_of(artifacts)
    record = {
        "name": address.generated_name or address.target_name,
        "version": field_set.version.value,
        "entry_point": entry_point.val.spec,
        "entrypoint": list(field_set.entrypoint.value or ()),
        "variant": variant.to_json(),
        "base": variant.base.identity.to_json() if variant.base else None,
        "weights": field_set.weights.value,
        "metadata": metadata_of(facts_of(artifacts), json.loads(field_set.model_metadata.value or "{}")),
        "sources": [one.origin.to_json() for one in artifacts if one.origin],
        **({"provided": [one.to_json() for one in provided]} if provided else {}),
        **await _signature(field_set, artifacts),
    }
    described = {
        "name": str(address),
        "entry_point": entry_point.val.spec,
        **code,
        **_described_artifacts(artifacts, files),
        "distributions": [one.to_json() for one in distributions.described],
        "record": record,
        "target": {"formats": list(field_set.formats.value or ()), "resolve": variant.lock.resolve},
        "ignore": list(target[LintIgnoreField].value or ()),
    }
    return LintSubject(FrozenJson.of(described), (*sources, *files), (setup.resolves[variant.lock.resolve],))


@rule(desc="Describe a target for lint", level=LogLevel.DEBUG)
async def describe_subject(request: SubjectRequest, options: ModelkilnSubsystem, setup: PythonSetup) -> LintSubject:
    """Find what is known of a target; raises ModelkilnError for one that could not be packaged."""
    target = (await resolve_targets(**implicitly(Addresses([request.address])))).expect_single()
    if target.has_field(ModelArtifactSourceField):
        return await _artifact_subject(target)
    if target.has_field(EnsembleMembersField):
        return await _ensemble_subject(target)
    return await _package_subject(target, options, setup)


def rules():
    return collect_rules()
