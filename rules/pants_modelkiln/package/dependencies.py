"""Dependency inference: what an entry point names, the package depends on."""

from __future__ import annotations

from dataclasses import dataclass

from pants.backend.python.dependency_inference.module_mapper import PythonModuleOwnersRequest
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import ResolvePexEntryPointRequest
from pants.engine.rules import collect_rules
from pants.engine.target import DependenciesRequest, FieldSet, InferDependenciesRequest, InferredDependencies
from pants.engine.unions import UnionRule

from pants_modelkiln.compat.calls import (
    determine_explicitly_provided_dependencies,
    implicitly,
    map_module_to_address,
    resolve_pex_entry_point,
    rule,
)
from pants_modelkiln.package.field_set import accelerator_of
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.package import (
    ModelAcceleratorField,
    ModelEntryPointField,
    ModelPackageDependenciesField,
)


@dataclass(frozen=True)
class ModelPackageInferenceFieldSet(FieldSet):
    required_fields = (ModelPackageDependenciesField, ModelEntryPointField)

    dependencies: ModelPackageDependenciesField
    entry_point: ModelEntryPointField
    accelerator: ModelAcceleratorField


class InferModelPackageDependencies(InferDependenciesRequest):
    infer_from = ModelPackageInferenceFieldSet


@rule(desc="Infer the dependency of a model_package on its entry point")
async def infer_entry_point_dependency(
    request: InferModelPackageDependencies, options: ModelkilnSubsystem, setup: PythonSetup
) -> InferredDependencies:
    """A package depends on the module of its entry point, in its accelerator's resolve."""
    fields = request.field_set
    explicit = await determine_explicitly_provided_dependencies(**implicitly(DependenciesRequest(fields.dependencies)))
    entry_point = await resolve_pex_entry_point(ResolvePexEntryPointRequest(fields.entry_point))
    module = entry_point.val.module
    accelerator = accelerator_of(fields.address, fields.accelerator.value, options, setup)
    # Without resolves, Pants knows all modules under no resolve's name.
    owners = await map_module_to_address(
        PythonModuleOwnersRequest(module, resolve=accelerator.resolve if setup.enable_resolves else None),
        **implicitly(),
    )
    explicit.maybe_warn_of_ambiguous_dependency_inference(
        owners.ambiguous,
        fields.address,
        owners_must_be_ancestors=entry_point.file_name_used,
        import_reference="module",
        context=f"The model_package target {fields.address} has entry_point {entry_point.val.spec!r}",
    )
    chosen = explicit.disambiguated(owners.ambiguous, owners_must_be_ancestors=entry_point.file_name_used)
    return InferredDependencies(owners.unambiguous or ((chosen,) if chosen else ()))


def rules():
    return [*collect_rules(), UnionRule(InferDependenciesRequest, InferModelPackageDependencies)]
