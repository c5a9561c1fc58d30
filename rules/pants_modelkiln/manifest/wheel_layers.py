"""The wheels of a package, and the layers that packages share, as soon as they are known."""

from __future__ import annotations

from dataclasses import dataclass

from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.layer import VENV
from modelkiln.layers import files as files_packer
from modelkiln.layers import wheels as wheels_packer
from modelkiln.package.accelerator import Accelerator
from pants_modelkiln.compat.calls import concurrently, implicitly, rule
from pants_modelkiln.engine.layers import LayerRequest, make_layer
from pants_modelkiln.inputs.code import PackageCodeRequest, RuntimeFiles, collect_code
from pants_modelkiln.manifest.environment import Environment, EnvironmentRequest, ResolvedLockRequest, fetch_environment
from pants_modelkiln.subsystem import ModelkilnSubsystem


@dataclass(frozen=True)
class PackageEnvironmentRequest:
    """The wheels that a package's code needs, from a lock.

    interpreter: the one of the image's base that compiles byte code; None for a package that is
    no image. apart: whether the image is for several platforms.
    """

    code: PackageCodeRequest
    accelerator: Accelerator
    lock: ResolvedLockRequest
    interpreter: str | None
    apart: bool


@rule(desc="Find a package's wheels", level=LogLevel.DEBUG)
async def find_package_environment(request: PackageEnvironmentRequest, options: ModelkilnSubsystem) -> Environment:
    code = await collect_code(request.code, **implicitly())
    where = str(request.code.address)
    wheels = await fetch_environment(
        EnvironmentRequest(where, request.accelerator, code.requirements, request.lock), **implicitly()
    )
    if request.interpreter is not None:
        # They take longest of all, and only here nothing else is waited for. The image asks for
        # them again and has them at once.
        layers = wheel_layers(wheels, request.lock, request.interpreter, options.compression, request.apart)
        runtime = runtime_layer(code.runtime, request.lock.python, request.interpreter, options.compression)
        await concurrently(make_layer(layer, **implicitly()) for layer in (*layers, runtime))
    return wheels


def wheel_layers(
    wheels: Environment, target: ResolvedLockRequest, interpreter: str, compression: str, apart: bool
) -> list[LayerRequest]:
    """The layers of an environment's wheels, lowest first. interpreter and apart: as in the request."""
    requests = []
    # Platforms of one package share the layer of wheels that are for any.
    for group in wheels_packer.plan(wheels.to_json(), apart=apart):
        recipe = wheels_packer.recipe(
            group,
            python=target.python,
            platform=target.platform,
            venv=VENV,
            compression=compression,
            bytecode=interpreter,
        )
        title = ", ".join(f"{wheel['name']} {wheel['version']}" for wheel in group)
        size = sum(wheel["unpacked_size"] for wheel in group)
        requests.append(LayerRequest(canonical_json(recipe).decode(), title, size=size))
    return requests


def runtime_layer(runtime: RuntimeFiles, python: str, interpreter: str, compression: str) -> LayerRequest:
    """The layer of the runtime, the same for all packages. It is compiled: every start imports it."""
    files = [file.to_json() for file in runtime.files]
    recipe = files_packer.recipe("code", "runtime", "app", compression, files, python, interpreter)
    return LayerRequest(canonical_json(recipe).decode(), "runtime", runtime.digest, True)


def rules():
    return collect_rules()
