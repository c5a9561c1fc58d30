"""`model_index`: the images of several packages under one image index."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, OutputPathField, PackageFieldSet
from pants.engine.addresses import Address
from pants.engine.fs import CreateDigest, MergeDigests
from pants.engine.rules import collect_rules
from pants.engine.target import InferDependenciesRequest, InferredDependencies
from pants.engine.unions import UnionRule
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from modelkiln.package.record import index_record, with_outputs
from pants_modelkiln.compat.calls import concurrently, create_digest, implicitly, merge_digests, rule
from pants_modelkiln.engine.tool import machine_store
from pants_modelkiln.formats.layouts import lay_out_image, layout_rendering
from pants_modelkiln.formats.oci import assemble_index
from pants_modelkiln.goals.package import written_record
from pants_modelkiln.package.ensemble import resolve_inputs
from pants_modelkiln.package.inputs import PackageInputs
from pants_modelkiln.package.named_packages import NamedPackagesRequest, find_named_packages
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.index import ModelIndexPackagesField


@dataclass(frozen=True)
class ModelIndexFieldSet(PackageFieldSet):
    """The fields of a `model_index`."""

    required_fields = (ModelIndexPackagesField,)

    packages: ModelIndexPackagesField
    output_path: OutputPathField


def _check_packages(address: Address, packages: tuple[PackageInputs, ...]) -> None:
    """Refuse packages that are not variants of one model."""
    if not packages:
        raise ModelkilnError(f"{address}: the field `packages` is empty. Name `model_package` targets.")
    for one in packages:
        if "oci" not in one.formats:
            raise ModelkilnError(f'{address}: {one.address} has no image. Add "oci" to its `formats`.')
    for key in ("name", "version"):
        values = {one.record[key]: one.address for one in packages}
        if len(values) > 1:
            listed = ", ".join(f"{value!r} of {owner}" for value, owner in values.items())
            raise ModelkilnError(
                f"{address}: the packages of an index are variants of one model, but their {key}s are {listed}. "
                "Make an index for each."
            )


@rule(desc="Package an index of models", level=LogLevel.DEBUG)
async def package_model_index(
    field_set: ModelIndexFieldSet, options: ModelkilnSubsystem, machine: GlobalOptions
) -> BuiltPackage:
    """Write one layout of the images of several packages, under one index."""
    field = field_set.packages
    named = await find_named_packages(
        NamedPackagesRequest(field_set.address, field.alias, tuple(field.value or ())), **implicitly()
    )
    packages = await concurrently(resolve_inputs(one) for one in named.field_sets)
    _check_packages(field_set.address, packages)
    first, *others = (one for package in packages for one in package.platforms)
    image = await assemble_index(replace(first, others=tuple(others)))
    path = field_set.output_path.value_or_default(file_ending="oci")
    made = layout_rendering(
        f"image index of {1 + len(others)} images",
        path,
        image,
        await lay_out_image(image, path, options.dist_blob_limit, machine_store(machine)),
    )
    records = [one.record for one in (first, *others)]
    origins = {artifact.origin for package in packages for artifact in package.artifacts if artifact.origin}
    record = with_outputs(
        index_record(records),
        {"oci": made.facts.to_json()},
        [layer.to_json() for layer in made.layers],
        [origin.to_json() for origin in sorted(origins, key=lambda origin: origin.text)],
        records,
    )
    path = field_set.output_path.value_or_default(file_ending="package.json")
    digest = await merge_digests(
        MergeDigests((made.digest, await create_digest(CreateDigest([written_record(path, record)]))))
    )
    line = f"  package digest {record['package_digest']}"
    return BuiltPackage(digest, (made.artifact, BuiltPackageArtifact(path, (line,))))


class InferModelIndexDependencies(InferDependenciesRequest):
    infer_from = ModelIndexFieldSet


@rule(desc="Infer the dependencies of a model_index on its packages")
async def infer_index_dependencies(request: InferModelIndexDependencies) -> InferredDependencies:
    """An index depends on the packages that it names."""
    field = request.field_set.packages
    named = await find_named_packages(
        NamedPackagesRequest(request.field_set.address, field.alias, tuple(field.value or ())), **implicitly()
    )
    return InferredDependencies(one.address for one in named.field_sets)


def rules():
    return [
        *collect_rules(),
        UnionRule(PackageFieldSet, ModelIndexFieldSet),
        UnionRule(InferDependenciesRequest, InferModelIndexDependencies),
    ]
