"""`pants package`: a `model_package` becomes files in `dist/`."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Sequence

from pants.core.goals.package import BuiltPackage, PackageFieldSet
from pants.engine.fs import CreateDigest, FileContent, MergeDigests
from pants.engine.rules import collect_rules
from pants.engine.unions import UnionMembership, UnionRule
from pants.util.logging import LogLevel

from modelkiln.canonical import readable_json
from modelkiln.package.record import with_outputs
from modelkiln.registry.limits import limits_of
from pants_modelkiln.compat.calls import concurrently, create_digest, implicitly, merge_digests, rule
from pants_modelkiln.compat.known_artifact import KnownArtifact
from pants_modelkiln.formats.rendering import RenderingRequest, render
from pants_modelkiln.inputs.check_batch import FEWEST, CheckBatchFieldSet
from pants_modelkiln.package.ensemble import resolve_inputs
from pants_modelkiln.package.field_set import ModelPackageFieldSet
from pants_modelkiln.subsystem import ModelkilnSubsystem


def written_record(path: str, record: Mapping[str, Any]) -> FileContent:
    """The record as a file for people to read."""
    return FileContent(path, f"{readable_json(record)}\n".encode())


@rule(desc="Package a model", level=LogLevel.DEBUG)
async def package_model(
    field_set: ModelPackageFieldSet, unions: UnionMembership, modelkiln: ModelkilnSubsystem
) -> BuiltPackage:
    """Render all formats of a package at once, and write its record."""
    inputs = await resolve_inputs(field_set)
    kinds = {kind.format: kind for kind in unions[RenderingRequest]}
    wanted = [kinds[name] for name in dict.fromkeys(inputs.formats)]
    made = await concurrently(
        render(
            **implicitly(
                {kind(inputs, field_set.output_path.value_or_default(file_ending=kind.ending)): RenderingRequest}
            )
        )
        for kind in wanted
    )
    record = with_outputs(
        inputs.record,
        {kind.format: one.facts.to_json() for kind, one in zip(wanted, made)},
        # Formats share layers.
        [layer.to_json() for layer in dict.fromkeys(layer for one in made for layer in one.layers)],
        [artifact.origin.to_json() for artifact in inputs.artifacts if artifact.origin],
        [one.record for one in inputs.platforms] if inputs.others else [],
    )
    path = field_set.output_path.value_or_default(file_ending="package.json")
    written = written_record(path, record)
    digest = await merge_digests(
        MergeDigests((await create_digest(CreateDigest([written])), *(one.digest for one in made)))
    )
    sizes = [layer.descriptor.size for one in made for layer in one.layers]
    lines = [f"  package digest {record['package_digest']}", *registry_lines(field_set.repositories.value or (), sizes)]
    explained = written.content if modelkiln.explain else b""
    listed = KnownArtifact(path, tuple(lines), explained=explained)
    return BuiltPackage(digest, (*(one.artifact for one in made), listed))


def gather_checks(packages: Sequence[PackageFieldSet]) -> CheckBatchFieldSet | None:
    """What checks the artifacts of many packages together, before these are made; None for a few packages."""
    own = [one for one in packages if isinstance(one, ModelPackageFieldSet)]
    if len(own) < FEWEST:
        return None
    return CheckBatchFieldSet(own[0].address, tuple(one.artifacts for one in own))


def registry_lines(repositories: Iterable[str], sizes: Iterable[int]) -> list[str]:
    """What people are to know before they publish: layers that a registry is known to refuse, by their sizes."""
    hosts = dict.fromkeys(repository.partition("/")[0] for repository in repositories)
    found = [limits.refusal(sizes) for limits in map(limits_of, hosts) if limits]
    return [f"  {sentence}" for sentence in dict.fromkeys(found) if sentence]


def rules():
    return [
        *collect_rules(),
        *ModelPackageFieldSet.rules(),
        UnionRule(PackageFieldSet, ModelPackageFieldSet),
    ]
