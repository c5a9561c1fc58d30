"""The layers of an image's wheels and code: a package's own, and those of an ensemble's members."""

from __future__ import annotations

from typing import Iterable

from modelkiln.layers import files as files_packer
from modelkiln.wheels.platforms import Target
from pants_modelkiln.engine.layers import LayerRequest
from pants_modelkiln.inputs.base_image import BaseImage
from pants_modelkiln.manifest.environment import Environment
from pants_modelkiln.manifest.wheel_layers import runtime_layer, wheel_layers
from pants_modelkiln.package.inputs import PackageInputs


def _once(requests: Iterable[LayerRequest]) -> list[LayerRequest]:
    """Of layers that several members have, the first one."""
    found: dict = {}
    for request in requests:
        found.setdefault(request.recipe, request)
    return list(found.values())


def wheel_requests(
    environment: Environment, target: Target, base: BaseImage, compression: str, split_pure: bool
) -> list[LayerRequest]:
    """The layers of wheels, lowest first, those of an ensemble's own environment before others.

    Of members those that their own images have: what several of them have of one distribution is the same. Those of an
    environment that the members' images have elsewhere are made once for all ensembles: where it lies follows from its
    wheels.
    """
    return _once(
        layer
        for one in (environment, *(other for _, other in environment.others))
        for part in one.parts or (one,)
        for layer in wheel_layers(part, target, base.bytecode, compression, split_pure)
    )


def _own_requests(inputs: PackageInputs, compression: str) -> list[LayerRequest]:
    """The layers of first-party code, of members first."""
    code = inputs.code
    # Code of the package's own is not compiled: it changes often, and compiling takes as long as importing.
    is_small = sum(file.size for file in code.own_files) <= files_packer.SMALL_BYTES
    own = files_packer.recipe("code", "code", "none" if is_small else compression, code.own_files)
    below = (one for member in inputs.together for one in _own_requests(member, compression))
    return [*below, LayerRequest(own, f"code of {inputs.address}", code.own, True)]


def code_requests(inputs: PackageInputs, compression: str) -> list[LayerRequest]:
    """The layers of wheels, runtime and code, lowest first."""
    base, split_pure = inputs.base, "platforms" in inputs.record["variant"]
    assert base is not None, "of an image"
    return [
        *wheel_requests(inputs.environment, inputs.target, base, compression, split_pure),
        runtime_layer(inputs.code.runtime, base, compression),
        *_once(_own_requests(inputs, compression)),
    ]
