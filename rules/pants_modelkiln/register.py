"""Entry point of the Pants backend `pants_modelkiln`."""

from pants_modelkiln import (
    artifacts,
    base_image,
    checks,
    code,
    command_line,
    dependencies,
    environment,
    index,
    inputs,
    interpreter,
    layers,
    lock,
    named_packages,
    package,
    pointers,
    publish,
    resolved_lock,
    run,
    sdists,
    smoke_test,
    tool,
    tool_fetching,
    tool_pex,
    toolchains,
    wheel_layers,
)
from pants_modelkiln.collection_hash import repair_collection_hash
from pants_modelkiln.dist_writing import write_only_changes
from pants_modelkiln.formats import layouts, oci, pex, scie, weights
from pants_modelkiln.locks import base_image as base_image_lock
from pants_modelkiln.locks import portable_python as portable_python_lock
from pants_modelkiln.locks import resolve as resolve_lock
from pants_modelkiln.locks import weights as weights_lock
from pants_modelkiln.target_types.artifact import ModelArtifactTarget
from pants_modelkiln.target_types.base_image import OciBaseImageTarget
from pants_modelkiln.target_types.command_line import CommandLineTarget
from pants_modelkiln.target_types.index import ModelIndexTarget
from pants_modelkiln.target_types.package import ModelPackageTarget
from pants_modelkiln.target_types.portable_python import PortablePythonTarget
from pants_modelkiln.target_types.smoke_test import SmokeTestTarget
from pants_modelkiln.target_types.toolchain import BuildToolchainTarget

repair_collection_hash()
write_only_changes()

_MODULES = (
    artifacts,
    base_image,
    base_image_lock,
    checks,
    code,
    command_line,
    dependencies,
    environment,
    index,
    inputs,
    interpreter,
    layers,
    layouts,
    lock,
    named_packages,
    oci,
    package,
    pex,
    pointers,
    portable_python_lock,
    publish,
    resolve_lock,
    resolved_lock,
    run,
    scie,
    sdists,
    smoke_test,
    tool,
    tool_fetching,
    tool_pex,
    toolchains,
    weights,
    weights_lock,
    wheel_layers,
)


def target_types():
    return [
        BuildToolchainTarget,
        CommandLineTarget,
        ModelArtifactTarget,
        ModelIndexTarget,
        ModelPackageTarget,
        OciBaseImageTarget,
        PortablePythonTarget,
        SmokeTestTarget,
    ]


def rules():
    return [rule for module in _MODULES for rule in module.rules()]
