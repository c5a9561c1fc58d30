"""The wheels of a package, and the layers that packages share, as soon as they are known."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.base.debian_libraries import check_libraries
from modelkiln.conventions import VENV
from modelkiln.frozen_json import FrozenJson
from modelkiln.image.entrypoint import check_command, imports_of_command
from modelkiln.layers import files as files_packer
from modelkiln.layers import wheels as wheels_packer
from modelkiln.package.accelerator import Accelerator
from modelkiln.package.imports import Import, check_imports, code_modules
from modelkiln.package.provided import ProvidedRequirement, without_provided
from modelkiln.wheels.platforms import Target
from pants_modelkiln.compat.calls import concurrently, implicitly, rule
from pants_modelkiln.engine.layers import LayerRequest, make_layer
from pants_modelkiln.inputs.base_image import BaseImage
from pants_modelkiln.inputs.code import PackageCode, PackageCodeRequest, RuntimeFiles, collect_code
from pants_modelkiln.manifest.environment import Environment, EnvironmentRequest, ResolvedLockRequest, fetch_environment
from pants_modelkiln.subsystem import ModelkilnSubsystem


@dataclass(frozen=True)
class PackageEnvironmentRequest:
    """The wheels that a package's code needs, from a lock.

    base: of the image; None for a package that is not an image. split_pure: whether the image is for several
    platforms. allowed: modules and shared libraries that may be missing. pickled: what loading the
    artifacts imports. provided: what the host provides. venv: where an image has the environment. command: what
    the image starts, if not the package's own.
    """

    code: PackageCodeRequest
    accelerator: Accelerator
    lock: ResolvedLockRequest
    base: BaseImage | None
    split_pure: bool
    allowed: tuple[str, ...] = ()
    pickled: tuple[Import, ...] = ()
    provided: tuple[ProvidedRequirement, ...] = ()
    venv: str = VENV
    command: tuple[str, ...] = ()


@rule(desc="Find a package's wheels", level=LogLevel.DEBUG)
async def find_package_environment(request: PackageEnvironmentRequest, options: ModelkilnSubsystem) -> Environment:
    """Fetch the wheels of a package, and have an image's layers of them made at once."""
    code = await collect_code(request.code, **implicitly())
    where = str(request.code.address)
    wheels = await fetch_environment(
        EnvironmentRequest(
            where,
            request.accelerator,
            without_provided(code.requirements, request.provided),
            request.lock,
            request.provided,
        )
    )
    _check_environment(request, code, wheels)
    wheels = replace(wheels, path=request.venv)
    if request.base is not None:
        # They take longest of all, and only here nothing else is waited for. The image asks for
        # them again and has them at once.
        target, bytecode = request.lock.target, request.base.bytecode
        layers = wheel_layers(wheels, target, bytecode, options.compression, request.split_pure)
        runtime = runtime_layer(code.runtime, request.base, options.compression)
        made = await concurrently(make_layer(layer, **implicitly()) for layer in (*layers, runtime))
        return replace(wheels, diff_ids=tuple(one.layer.diff_id for one in made))
    return wheels


def _check_environment(request: PackageEnvironmentRequest, code: PackageCode, wheels: Environment) -> None:
    """Refuse a package that would not start: for want of a module, or of a shared library of the base."""
    where, base = str(request.code.address), request.base
    remedy = (
        f"Add what is missing to the requirements of the resolve {request.accelerator.resolve!r} and lock it "
        "(`module_mapping` of `python_requirements` says which package has a module of another name), or to the "
        "package's `dependencies`; what the model does without is named in `allow_missing`, and what its host has in "
        "`provided_requirements`."
    )
    contents = wheels.contents["contents"]
    modules = {module for wheel in contents for module in wheel["modules"]}
    own = code_modules(file.path for file in code.files)
    allowed = (*request.allowed, *(module for one in request.provided for module in one.modules))
    command = request.command if base is not None else ()
    imports = (*code.imports, *request.pickled, *imports_of_command(command))
    check_imports(where, imports, own, modules, allowed, remedy)
    check_command(where, command, {script for wheel in contents for script in wheel["scripts"]})
    if base is not None and base.lock is not None:
        check_libraries(where, str(base.address), base.lock, contents, request.allowed)


def wheel_layers(
    wheels: Environment,
    target: Target,
    bytecode: FrozenJson | None,
    compression: str,
    split_pure: bool,
) -> list[LayerRequest]:
    """The layers of an environment's wheels, lowest first. bytecode: of the base. split_pure: as in the request."""
    requests: list[LayerRequest] = []
    # Platforms of one package share the layer of wheels that are for any.
    for group in wheels_packer.plan(wheels.to_json(), split_pure=split_pure):
        recipe = wheels_packer.recipe(group, target.python, target.platform, compression, bytecode, wheels.path)
        title = ", ".join(f"{wheel['name']} {wheel['version']}" for wheel in group)
        size = sum(wheel["unpacked_size"] for wheel in group)
        requests.append(LayerRequest(recipe, title, size=size, notice="" if requests else wheels.notice))
    return requests


def runtime_layer(runtime: RuntimeFiles, base: BaseImage, compression: str) -> LayerRequest:
    """The layer of the runtime, the same for all packages. It is compiled: every start imports it."""
    byte_code = {"python": base.python, "bytecode": base.bytecode.to_json()} if base.bytecode else {}
    recipe = files_packer.recipe("code", "runtime", compression, runtime.files, byte_code)
    return LayerRequest(recipe, "runtime", runtime.digest, True)


def rules():
    return collect_rules()
