"""The fields of a package that its formats and goals need."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.core.goals.package import OutputPathField, PackageFieldSet
from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior
from pants.engine.addresses import Address

from modelkiln.ensemble.environments import declared_path
from modelkiln.errors import ModelkilnError
from modelkiln.package.accelerator import Accelerator, find_accelerator
from modelkiln.package.provided import ProvidedRequirement, read_provided
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.fields import ModelLayoutField
from pants_modelkiln.target_types.library import ModelDistributionField, ModelImportNameField, ModelWheelRequiresField
from pants_modelkiln.target_types.package import (
    ModelAcceleratorField,
    ModelAllowMissingField,
    ModelArtifactsField,
    ModelBaseImageField,
    ModelEntryPointField,
    ModelEntrypointField,
    ModelEnvironmentFolderField,
    ModelFormatsField,
    ModelInterpreterField,
    ModelMetadataField,
    ModelOnDemandField,
    ModelPlatformsField,
    ModelProvidedRequirementsField,
    ModelResolveField,
    ModelSignatureField,
    ModelVersionField,
    ModelWeightsField,
    ModelWeightsMirrorsField,
)
from pants_modelkiln.target_types.publish import PublishMovingTagsField, PublishRepositoriesField, PublishTagsField


@dataclass(frozen=True)
class ModelPackageFieldSet(PackageFieldSet, RunFieldSet):
    """The fields of a `model_package` that packaging and running need."""

    required_fields = (ModelEntryPointField, ModelSignatureField)
    run_in_sandbox_behavior = RunInSandboxBehavior.RUN_REQUEST_HERMETIC

    entry_point: ModelEntryPointField
    artifacts: ModelArtifactsField
    signature: ModelSignatureField
    accelerator: ModelAcceleratorField
    resolve: ModelResolveField
    formats: ModelFormatsField
    layout: ModelLayoutField
    environment_folder: ModelEnvironmentFolderField
    platforms: ModelPlatformsField
    weights: ModelWeightsField
    weights_mirrors: ModelWeightsMirrorsField
    on_demand: ModelOnDemandField
    allow_missing: ModelAllowMissingField
    provided_requirements: ModelProvidedRequirementsField
    base_image: ModelBaseImageField
    interpreter: ModelInterpreterField
    distribution: ModelDistributionField
    import_name: ModelImportNameField
    wheel_requires: ModelWheelRequiresField
    version: ModelVersionField
    entrypoint: ModelEntrypointField
    model_metadata: ModelMetadataField
    repositories: PublishRepositoriesField
    tags: PublishTagsField
    moving_tags: PublishMovingTagsField
    output_path: OutputPathField


def provided_of(field_set: ModelPackageFieldSet) -> tuple[ProvidedRequirement, ...]:
    """What the package must not contain, sorted by name."""
    stated = json.loads(field_set.provided_requirements.value or "{}")
    return read_provided(stated, str(field_set.address))


def environment_of(field_set: ModelPackageFieldSet) -> str:
    """Where an image of the package has its environment; refuses a place for a package that is not an image."""
    field, where = field_set.environment_folder, str(field_set.address)
    if field.value and "oci" not in field_set.formats.value:
        raise ModelkilnError(f'{where}: the field `{field.alias}` is for the format "oci" alone. Remove it.')
    return declared_path(field.value or "", where)


def accelerator_of(
    address: Address,
    accelerator: ModelAcceleratorField,
    resolve: ModelResolveField,
    options: ModelkilnSubsystem,
    setup: PythonSetup,
) -> Accelerator:
    """What the fields `accelerator` and `resolve` of a package say, after `[modelkiln.accelerators]`."""
    resolves = tuple(setup.resolves)
    try:
        return find_accelerator(
            str(accelerator.value), options.accelerators, resolves, setup.default_resolve, resolve.value or ""
        )
    except ModelkilnError as error:
        raise ModelkilnError(f"{address}: {error}") from None
