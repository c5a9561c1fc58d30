"""The wheels of a package, and the layers that packages share, as soon as they are known."""

from __future__ import annotations

from dataclasses import dataclass

from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.frozen_json import FrozenJson
from modelkiln.layers import files as files_packer
from modelkiln.layers import wheels as wheels_packer
from modelkiln.package.accelerator import Accelerator
from modelkiln.wheels.platforms import Target
from pants_modelkiln.compat.calls import concurrently, implicitly, rule
from pants_modelkiln.engine.layers import LayerRequest, make_layer
from pants_modelkiln.inputs.base_image import BaseImage
from pants_modelkiln.inputs.code import PackageCodeRequest, RuntimeFiles, collect_code
from pants_modelkiln.manifest.environment import Environment, EnvironmentRequest, ResolvedLockRequest, fetch_environment
from pants_modelkiln.subsystem import ModelkilnSubsystem


@dataclass(frozen=True)
class PackageEnvironmentRequest:
    """The wheels that a package's code needs, from a lock.

    base: of the image; None for a package that is not an image. split_pure: whether the image is for several
    platforms.
    """

    code: PackageCodeRequest
    accelerator: Accelerator
    lock: ResolvedLockRequest
    base: BaseImage | None
    split_pure: bool


@rule(desc="Find a package's wheels", level=LogLevel.DEBUG)
async def find_package_environment(request: PackageEnvironmentRequest, options: ModelkilnSubsystem) -> Environment:
    """Fetch the wheels of a package, and have an image's layers of them made at once."""
    code = await collect_code(request.code, **implicitly())
    where = str(request.code.address)
    wheels = await fetch_environment(
        EnvironmentRequest(where, request.accelerator, code.requirements, request.lock), **implicitly()
    )
    if request.base is not None:
        # They take longest of all, and only here nothing else is waited for. The image asks for
        # them again and has them at once.
        layers = wheel_layers(
            wheels, request.lock.target, request.base.bytecode, options.compression, request.split_pure
        )
        runtime = runtime_layer(code.runtime, request.base, options.compression)
        await concurrently(make_layer(layer, **implicitly()) for layer in (*layers, runtime))
    return wheels


def wheel_layers(
    wheels: Environment, target: Target, bytecode: FrozenJson | None, compression: str, split_pure: bool
) -> list[LayerRequest]:
    """The layers of an environment's wheels, lowest first. bytecode: of the base. split_pure: as in the request."""
    requests = []
    # Platforms of one package share the layer of wheels that are for any.
    for group in wheels_packer.plan(wheels.to_json(), split_pure=split_pure):
        recipe = wheels_packer.recipe(group, target.python, target.platform, compression, bytecode)
        title = ", ".join(f"{wheel['name']} {wheel['version']}" for wheel in group)
        size = sum(wheel["unpacked_size"] for wheel in group)
        requests.append(LayerRequest(recipe, title, size=size))
    return requests


def runtime_layer(runtime: RuntimeFiles, base: BaseImage, compression: str) -> LayerRequest:
    """The layer of the runtime, the same for all packages. It is compiled: every start imports it."""
    byte_code = {"python": base.python, "bytecode": base.bytecode.to_json()} if base.bytecode else {}
    recipe = files_packer.recipe("code", "runtime", compression, runtime.files, byte_code)
    return LayerRequest(recipe, "runtime", runtime.digest, True)


def rules():
    return collect_rules()
