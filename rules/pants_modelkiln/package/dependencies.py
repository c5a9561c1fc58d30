"""Dependency inference: what an entry point names, and options, the package depends on."""

from __future__ import annotations

from dataclasses import dataclass

from pants.backend.python.dependency_inference.module_mapper import PythonModuleOwnersRequest
from pants.backend.python.subsystems.setup import PythonSetup
from pants.engine.addresses import Address, Addresses
from pants.engine.rules import collect_rules
from pants.engine.target import (
    DependenciesRequest,
    ExplicitlyProvidedDependencies,
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
)
from pants.engine.unions import UnionRule

from modelkiln.package.imports import Import, imports_of_pickles
from pants_modelkiln.compat.calls import (
    concurrently,
    determine_explicitly_provided_dependencies,
    implicitly,
    map_module_to_address,
    resolve_targets,
    resolve_unparsed_address_inputs,
    rule,
)
from pants_modelkiln.inputs.named_files import find_entry_point
from pants_modelkiln.inputs.option_addresses import named_or_option
from pants_modelkiln.package.field_set import accelerator_of
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.artifact import ModelArtifactAllowPickleField
from pants_modelkiln.target_types.fields import OneAddressField
from pants_modelkiln.target_types.package import (
    ModelAcceleratorField,
    ModelArtifactsField,
    ModelBaseImageField,
    ModelEntryPointField,
    ModelFormatsField,
    ModelInterpreterField,
    ModelPackageDependenciesField,
    ModelResolveField,
)


@dataclass(frozen=True)
class ModelPackageInferenceFieldSet(FieldSet):
    required_fields = (ModelPackageDependenciesField, ModelEntryPointField)

    dependencies: ModelPackageDependenciesField
    entry_point: ModelEntryPointField
    accelerator: ModelAcceleratorField
    resolve: ModelResolveField
    artifacts: ModelArtifactsField
    base_image: ModelBaseImageField
    formats: ModelFormatsField
    interpreter: ModelInterpreterField


async def find_pickle_imports(artifacts: ModelArtifactsField) -> tuple[Import, ...]:
    """What loading the pickles of a package's artifacts imports: the names that `allow_pickle` lists."""
    addresses = await resolve_unparsed_address_inputs(artifacts.to_unparsed_address_inputs(), **implicitly())
    targets = await resolve_targets(**implicitly(Addresses(addresses)))
    return tuple(
        one
        for target in targets
        if target.has_field(ModelArtifactAllowPickleField)
        for one in imports_of_pickles(
            target[ModelArtifactAllowPickleField].value or (), f"`allow_pickle` of {target.address}"
        )
    )


async def _find_named_by_options(
    fields: ModelPackageInferenceFieldSet, options: ModelkilnSubsystem
) -> tuple[Address, ...]:
    """What a package is made with by its options alone, a base image and the interpreter of a `scie`. What its fields
    name are dependencies already."""
    wanted: list[tuple[OneAddressField, str | None]] = [(fields.base_image, options.base_image)]
    if "scie" in fields.formats.value:
        wanted.append((fields.interpreter, options.interpreter))
    named = [
        named_or_option(field.to_unparsed_address_inputs(), field.alias, value)
        for field, value in wanted
        if value and not field.value
    ]
    found = await concurrently(resolve_unparsed_address_inputs(one, **implicitly()) for one in named)
    return tuple(address for addresses in found for address in addresses)


async def find_code(
    field: ModelEntryPointField, explicit: ExplicitlyProvidedDependencies, resolve: str | None
) -> tuple[Address, ...]:
    """The target that has the module which a field names, in a resolve. explicit: dependencies of that target."""
    entry_point = await find_entry_point(field)
    module = entry_point.val.module
    owners = await map_module_to_address(PythonModuleOwnersRequest(module, resolve=resolve), **implicitly())
    explicit.maybe_warn_of_ambiguous_dependency_inference(
        owners.ambiguous,
        field.address,
        owners_must_be_ancestors=entry_point.file_name_used,
        import_reference="module",
        context=f"The target {field.address} has {field.alias} {entry_point.val.spec!r}",
    )
    chosen = explicit.disambiguated(owners.ambiguous, owners_must_be_ancestors=entry_point.file_name_used)
    return tuple(owners.unambiguous) or ((chosen,) if chosen else ())


class InferModelPackageDependencies(InferDependenciesRequest):
    infer_from = ModelPackageInferenceFieldSet


@rule(desc="Infer the dependency of a model_package on its entry point")
async def infer_entry_point_dependency(
    request: InferModelPackageDependencies, options: ModelkilnSubsystem, setup: PythonSetup
) -> InferredDependencies:
    """A package depends on the module of its entry point, in its accelerator's resolve, and on what it is made with."""
    fields = request.field_set
    explicit = await determine_explicitly_provided_dependencies(**implicitly(DependenciesRequest(fields.dependencies)))
    accelerator = accelerator_of(fields.address, fields.accelerator, fields.resolve, options, setup)
    # Without resolves, Pants knows all modules under no resolve's name.
    resolve = accelerator.resolve if setup.enable_resolves else None
    owners = await find_code(fields.entry_point, explicit, resolve)
    pickled = await concurrently(
        map_module_to_address(PythonModuleOwnersRequest(name, resolve=resolve), **implicitly())
        for name in sorted({one.module for one in await find_pickle_imports(fields.artifacts)})
    )
    of_pickles = [address for one in pickled for address in one.unambiguous or _only(explicit, one.ambiguous)]
    made_with = await _find_named_by_options(fields, options)
    return InferredDependencies([*owners, *of_pickles, *made_with])


def _only(explicit: ExplicitlyProvidedDependencies, ambiguous: tuple[Address, ...]) -> tuple[Address, ...]:
    """The one of several owners that the package's explicit dependencies leave."""
    chosen = explicit.disambiguated(ambiguous)
    return (chosen,) if chosen else ()


def rules():
    return [*collect_rules(), UnionRule(InferDependenciesRequest, InferModelPackageDependencies)]
