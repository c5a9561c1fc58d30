"""What the wheel of a package has besides: its names, what it requires, and how its code is loaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pants.engine.fs import FileContent

from modelkiln.frozen_json import FrozenJson
from modelkiln.package import model_wheel
from modelkiln.package.provided import without_provided
from pants_modelkiln.engine.files import engine_files
from pants_modelkiln.inputs.artifact import Artifact
from pants_modelkiln.inputs.code import PackageCode
from pants_modelkiln.manifest.environment import Environment
from pants_modelkiln.package.dependencies import find_pickle_imports
from pants_modelkiln.package.field_set import ModelPackageFieldSet, provided_of
from pants_modelkiln.package.weights_lock import wheel_lock


@dataclass(frozen=True)
class WheelParts:
    """What the wheel of a package depends on. accelerator: its name. python: the release that runs the model."""

    field_set: ModelPackageFieldSet
    accelerator: str
    python: str
    code: PackageCode
    environment: Environment
    artifacts: tuple[Artifact, ...]


@dataclass(frozen=True)
class ModelWheel:
    """described: the record's "wheel", see `modelkiln.package.model_wheel`. loader: files of the wheel that no
    other format has, at their paths in it. weights_lock: what it has in place of weights that are bundled in
    other formats, else b""."""

    described: FrozenJson
    loader: tuple[FileContent, ...]
    weights_lock: bytes


async def describe_wheel(parts: WheelParts, limit: int) -> ModelWheel | None:
    """Describe the wheel, if the package has that format; raises ModelkilnError for one that cannot be a wheel.

    limit: of bundled weights, in bytes.
    """
    fields, code = parts.field_set, parts.code
    if "wheel" not in fields.formats.value:
        return None
    where = str(fields.address)
    locked = parts.environment.to_json()
    name = fields.address.generated_name or fields.address.target_name
    others = [value for key, value in sorted(fields.address.parameters.items()) if key != fields.accelerator.alias]
    distribution = model_wheel.distribution_of(fields.distribution.value or "", name, parts.accelerator, others)
    import_name = model_wheel.import_name_of(fields.import_name.value or "", distribution)
    model_wheel.check_distribution(distribution, where)
    modules = {module for wheel in parts.environment.contents["contents"] for module in wheel["modules"]}
    model_wheel.check_import_name(import_name, where, modules)
    own = [file.path for file in code.own_files]
    model_wheel.check_code(where, own, await find_pickle_imports(fields.artifacts))
    provided = provided_of(fields)
    mode, is_bundled = str(fields.wheel_requires.value), fields.weights.value == "bundled"
    lock = wheel_lock(fields.address, parts.artifacts, limit) if is_bundled else b""
    files = [file for file in engine_files("library") if file.path.startswith("modelkiln/library/")]
    loader = tuple(FileContent(model_wheel.loader_path(import_name, file.path), file.content) for file in files)
    described = {
        "distribution": distribution,
        "import_name": import_name,
        "version": model_wheel.check_version(str(fields.version.value), where),
        "requires": mode,
        "requires_dist": model_wheel.requires_dist(
            mode, without_provided(code.requirements, provided), locked, provided
        ),
        "requires_python": model_wheel.requires_python(mode, parts.python),
        "weights_lock": hashlib.sha256(lock).hexdigest() if lock else None,
        "code": [
            {"path": file.path, "sha256": hashlib.sha256(file.content).hexdigest(), "size": len(file.content)}
            for file in sorted(loader, key=lambda file: file.path)
        ],
    }
    return ModelWheel(FrozenJson.of(described), loader, lock)
