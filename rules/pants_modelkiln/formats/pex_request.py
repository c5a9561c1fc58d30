"""A PEX that is wanted of a package, and what goes into it whatever its layout is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable

from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileContent, MergeDigests

from modelkiln.attestation.sbom.bom import PROGRAM
from modelkiln.canonical import canonical_json
from modelkiln.conventions import PEX_MODELS, PEX_SBOM, RECORD_PATH
from modelkiln.ensemble.environments import refuse_several
from modelkiln.layer import Layer
from modelkiln.manifest.closure import LockedWheel
from modelkiln.runtime.weights.lock import LOCK_PATH
from modelkiln.runtime.weights.progress import readable_size
from pants_modelkiln.compat.calls import add_prefix, create_digest, merge_digests
from pants_modelkiln.engine.tool import fetching_tool
from pants_modelkiln.engine.tool_install import ToolRequest
from pants_modelkiln.inputs.artifact import Artifact
from pants_modelkiln.package.bom import write_bom
from pants_modelkiln.package.inputs import PackageInputs, refuse_large_program
from pants_modelkiln.subsystem import ModelkilnSubsystem

_ONE_ENVIRONMENT = (
    'A PEX has one environment, and so has what `pants run` starts; an image has several: leave "pex" out of `formats`.'
)


@dataclass(frozen=True)
class PexRequest:
    """A PEX of a package, called `file_name`. has_models: whether the model artifacts are in it."""

    inputs: PackageInputs
    file_name: str
    has_models: bool = True

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The model artifacts that are in it."""
        is_bundled = self.has_models and self.inputs.record["weights"] == "bundled"
        return self.inputs.artifacts if is_bundled else ()

    @property
    def size(self) -> int:
        """About so many bytes."""
        wheels = sum(wheel.size for wheel in self.wheels)
        return wheels + sum(artifact.size for artifact in self.artifacts)

    @property
    def wheels(self) -> tuple[LockedWheel, ...]:
        """The wheels that are in it."""
        return self.inputs.environment.wheels

    def check(self, options: ModelkilnSubsystem) -> None:
        """Refuse (ModelkilnError) a package of several environments, and artifacts that are too large for a PEX."""
        inputs = self.inputs
        others = {path: one.to_json() for path, one in inputs.environment.others}
        refuse_several(str(inputs.address), inputs.environment.to_json(), others, _ONE_ENVIRONMENT)
        artifacts = sum(artifact.size for artifact in self.artifacts)
        refuse_large_program(inputs.address, artifacts, options.large_blob_limit)

    def title(self) -> str:
        """Target and size, for people."""
        return f"PEX of {self.inputs.address} ({readable_size(self.size)})"

    def spec(self, has_weights: bool = True) -> FileContent:
        """What the engine is to build but for the package's own files. has_weights: whether with locked artifacts."""
        inputs = self.inputs
        provided = [one["name"] for one in inputs.record.get("provided") or ()]
        spec: dict[str, Any] = {
            "wheels": inputs.environment.to_json(),
            **inputs.target.to_json(),
            "entry_point": "modelkiln.runtime.cli:main",
            # Of locked artifacts: the files come from the store.
            "weights": (
                [layer.recipe.to_json() for layer in _layers(self.artifacts) if layer.recipe] if has_weights else []
            ),
            **({"provided": provided} if provided else {}),
        }
        return FileContent("spec.json", canonical_json(spec))

    def tool(self, options: ModelkilnSubsystem) -> ToolRequest | None:
        """The engine with what fetches the locked artifacts."""
        return fetching_tool((layer.recipe for layer in _layers(self.artifacts)), options)


def _layers(artifacts: Iterable[Artifact]) -> list[Layer]:
    return [layer for artifact in artifacts for layer in artifact.layers]


async def own_files(request: PexRequest) -> Digest:
    """What lies in a PEX beside its wheels and locked weights."""
    inputs = request.inputs
    bom = await write_bom(inputs, PROGRAM)
    in_package = [FileContent(RECORD_PATH, inputs.record.to_bytes()), FileContent(PEX_SBOM, bom)]
    if inputs.weights_lock:
        in_package.append(FileContent(LOCK_PATH, inputs.weights_lock))
    record = await create_digest(CreateDigest(in_package))
    models = await merge_digests(MergeDigests(artifact.digest for artifact in request.artifacts))
    models = await add_prefix(AddPrefix(models, PEX_MODELS))
    return await merge_digests(MergeDigests((inputs.code.digest, record, models)))
