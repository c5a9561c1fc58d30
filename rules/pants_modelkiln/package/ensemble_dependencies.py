"""Dependency inference: what an ensemble's `combine` names, the ensemble depends on."""

from __future__ import annotations

from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.engine.addresses import Addresses
from pants.engine.rules import collect_rules
from pants.engine.target import DependenciesRequest, FieldSet, InferDependenciesRequest, InferredDependencies
from pants.engine.unions import UnionRule

from pants_modelkiln.compat.calls import (
    determine_explicitly_provided_dependencies,
    implicitly,
    resolve_targets,
    rule,
)
from pants_modelkiln.package.dependencies import find_code
from pants_modelkiln.package.field_set import ModelPackageFieldSet, accelerator_of
from pants_modelkiln.package.named_packages import NamedPackagesRequest, find_named_packages
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.ensemble import (
    EnsembleCombineField,
    EnsembleDependenciesField,
    EnsembleMembersField,
)


@dataclass(frozen=True)
class EnsembleInferenceFieldSet(FieldSet):
    required_fields = (EnsembleDependenciesField, EnsembleMembersField)

    dependencies: EnsembleDependenciesField
    combine: EnsembleCombineField
    members: EnsembleMembersField


async def _find_package(members: EnsembleMembersField) -> ModelPackageFieldSet | None:
    """A package among the members, also of an ensemble among them; None where there is none."""
    seen = set()
    while members.address not in seen:
        seen.add(members.address)
        request = NamedPackagesRequest(members.address, members.alias, tuple((members.value or {}).values())[:1])
        fields = (await find_named_packages(request, **implicitly())).field_sets[0]
        target = (await resolve_targets(**implicitly(Addresses([fields.address])))).expect_single()
        if not target.has_field(EnsembleMembersField):
            return fields
        members = target[EnsembleMembersField]
    return None


class InferEnsembleDependencies(InferDependenciesRequest):
    infer_from = EnsembleInferenceFieldSet


@rule(desc="Infer the dependency of a model_ensemble on `combine`")
async def infer_combine_dependency(
    request: InferEnsembleDependencies, options: ModelkilnSubsystem, setup: PythonSetup
) -> InferredDependencies:
    """An ensemble depends on the module of `combine`, in the resolve of its members."""
    fields = request.field_set
    package = await _find_package(fields.members) if fields.combine.value else None
    if package is None:
        return InferredDependencies([])
    accelerator = accelerator_of(package.address, package.accelerator, package.resolve, options, setup)
    explicit = await determine_explicitly_provided_dependencies(**implicitly(DependenciesRequest(fields.dependencies)))
    resolve = accelerator.resolve if setup.enable_resolves else None
    return InferredDependencies(await find_code(fields.combine, explicit, resolve))


def rules():
    return [*collect_rules(), UnionRule(InferDependenciesRequest, InferEnsembleDependencies)]
