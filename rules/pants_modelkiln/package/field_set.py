"""The fields of a package that its formats and goals need."""

from __future__ import annotations

from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.core.goals.package import OutputPathField, PackageFieldSet
from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior
from pants.engine.addresses import Address

from modelkiln.errors import ModelkilnError
from modelkiln.package.accelerator import Accelerator, find_accelerator
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.package import (
    ModelAcceleratorField,
    ModelAllowMissingField,
    ModelArtifactsField,
    ModelBaseImageField,
    ModelDistributionField,
    ModelEntryPointField,
    ModelEntrypointField,
    ModelFormatsField,
    ModelImportNameField,
    ModelInterpreterField,
    ModelMetadataField,
    ModelOnDemandField,
    ModelPlatformsField,
    ModelSignatureField,
    ModelVersionField,
    ModelWeightsField,
    ModelWeightsMirrorsField,
    ModelWheelRequiresField,
)
from pants_modelkiln.target_types.publish import PublishRepositoriesField


@dataclass(frozen=True)
class ModelPackageFieldSet(PackageFieldSet, RunFieldSet):
    """The fields of a `model_package` that packaging and running need."""

    required_fields = (ModelEntryPointField, ModelSignatureField)
    run_in_sandbox_behavior = RunInSandboxBehavior.RUN_REQUEST_HERMETIC

    entry_point: ModelEntryPointField
    artifacts: ModelArtifactsField
    signature: ModelSignatureField
    accelerator: ModelAcceleratorField
    formats: ModelFormatsField
    platforms: ModelPlatformsField
    weights: ModelWeightsField
    weights_mirrors: ModelWeightsMirrorsField
    on_demand: ModelOnDemandField
    allow_missing: ModelAllowMissingField
    base_image: ModelBaseImageField
    interpreter: ModelInterpreterField
    distribution: ModelDistributionField
    import_name: ModelImportNameField
    wheel_requires: ModelWheelRequiresField
    version: ModelVersionField
    entrypoint: ModelEntrypointField
    model_metadata: ModelMetadataField
    repositories: PublishRepositoriesField
    output_path: OutputPathField


def accelerator_of(address: Address, name: str, options: ModelkilnSubsystem, setup: PythonSetup) -> Accelerator:
    """What the field `accelerator` of a package says, after `[modelkiln.accelerators]`."""
    try:
        return find_accelerator(name, options.accelerators, tuple(setup.resolves), setup.default_resolve)
    except ModelkilnError as error:
        raise ModelkilnError(f"{address}: {error}") from None
