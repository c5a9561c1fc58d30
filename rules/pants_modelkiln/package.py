"""`pants package`: a `model_package` becomes files in `dist/`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, PackageFieldSet
from pants.engine.fs import Digest, FileContent
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.record import with_outputs
from pants_modelkiln.api import add_prefix, create_digest, list_digest, merge_digests
from pants_modelkiln.formats.oci import dist_image, package_image
from pants_modelkiln.formats.pex import pex_file
from pants_modelkiln.inputs import ModelPackageFieldSet, PackageInputs, package_inputs


@dataclass(frozen=True)
class Rendering:
    """One format of a package for `dist/`: its files, what the record says, and log lines."""

    digest: Digest
    facts: str
    layers: tuple
    artifact: BuiltPackageArtifact


@dataclass(frozen=True)
class PexRenderingRequest:
    """The `pex` format at a path relative to `dist/`."""

    inputs: PackageInputs
    path: str


@dataclass(frozen=True)
class OciRenderingRequest:
    """The `oci` format at a path relative to `dist/`."""

    inputs: PackageInputs
    path: str


@rule(level=LogLevel.DEBUG)
async def render_pex(request: PexRenderingRequest) -> Rendering:
    folder, name = os.path.split(request.path)
    built = await pex_file(request.inputs, name)
    entry = (await list_digest(built.digest))[0].file_digest
    size = entry.serialized_bytes_length
    facts = {"path": name, "sha256": entry.fingerprint, "size": size}
    return Rendering(
        digest=await add_prefix(built.digest, folder),
        facts=canonical_json(facts).decode(),
        layers=(),
        artifact=BuiltPackageArtifact(request.path, (f"  PEX, {readable_size(size)}",)),
    )


@rule(level=LogLevel.DEBUG)
async def render_oci(request: OciRenderingRequest) -> Rendering:
    image = await package_image(request.inputs)
    laid_out = await dist_image(image, request.path)
    manifest = json.loads(image.manifest)
    facts = {"path": os.path.basename(request.path), "manifest": manifest}
    size = sum(layer.descriptor.size for layer in image.layers)
    lines = [f"  image {manifest['digest']}, {len(image.layers)} layers, {readable_size(size)}"]
    if laid_out.missing:
        names = ", ".join(layer.title for layer in laid_out.missing)
        lines.append(f"  in the store, not in dist/ (`modelkiln export` completes it): {names}")
    return Rendering(
        digest=laid_out.digest,
        facts=canonical_json(facts).decode(),
        layers=image.layers,
        artifact=BuiltPackageArtifact(request.path, tuple(lines)),
    )


def readable_size(size: int) -> str:
    """Bytes for people: `13.2 MB`."""
    value, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


@rule(desc="Package a model", level=LogLevel.DEBUG)
async def package_model(field_set: ModelPackageFieldSet) -> BuiltPackage:
    inputs = await package_inputs(field_set)
    renderings = {}
    if "pex" in inputs.formats:
        path = field_set.output_path.value_or_default(file_ending="pex")
        renderings["pex"] = await Get(Rendering, PexRenderingRequest(inputs, path))
    if "oci" in inputs.formats:
        path = field_set.output_path.value_or_default(file_ending="oci")
        renderings["oci"] = await Get(Rendering, OciRenderingRequest(inputs, path))
    record = with_outputs(
        inputs.record_json,
        {name: json.loads(rendering.facts) for name, rendering in renderings.items()},
        [layer.to_json() for rendering in renderings.values() for layer in rendering.layers],
    )
    path = field_set.output_path.value_or_default(file_ending="package.json")
    text = json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    written = await create_digest([FileContent(path, text.encode())])
    digest = await merge_digests((written, *(found.digest for found in renderings.values())))
    line = f"  package digest {record['package_digest']}"
    artifacts = [found.artifact for found in renderings.values()]
    return BuiltPackage(digest, (*artifacts, BuiltPackageArtifact(path, (line,))))


def rules():
    return [
        *collect_rules(),
        *ModelPackageFieldSet.rules(),
        UnionRule(PackageFieldSet, ModelPackageFieldSet),
    ]
