"""Entry point of the Pants backend `pants_modelkiln`."""

# ruff: noqa: E402, I001  Before anything is imported that another release of Pants has not, or another Modelkiln.
from pants_modelkiln.compat.installation import check_installation
from pants_modelkiln.compat.release import check_release

check_installation()
check_release()

from pants_modelkiln import engine, formats, goals, inputs, lint, locks, manifest, package
from pants_modelkiln.compat.collection_hash import repair_collection_hash
from pants_modelkiln.compat.memory import limit_heaps
from pants_modelkiln.compat.package_goal import write_only_changes
from pants_modelkiln.goals.package import gather_checks
from pants_modelkiln.target_types.artifact import ModelArtifactTarget
from pants_modelkiln.target_types.base_image import OciBaseImageTarget
from pants_modelkiln.target_types.command_line import CommandLineTarget
from pants_modelkiln.target_types.ensemble import ModelEnsembleTarget
from pants_modelkiln.target_types.index import ModelIndexTarget
from pants_modelkiln.target_types.package import ModelPackageTarget
from pants_modelkiln.target_types.portable_python import PortablePythonTarget
from pants_modelkiln.target_types.smoke_test import SmokeTestTarget
from pants_modelkiln.target_types.toolchain import BuildToolchainTarget

_ROOMS = (engine, inputs, manifest, package, locks, formats, lint, goals)

limit_heaps()
repair_collection_hash()
write_only_changes(gather_checks)


def target_types():
    return [
        BuildToolchainTarget,
        CommandLineTarget,
        ModelArtifactTarget,
        ModelEnsembleTarget,
        ModelIndexTarget,
        ModelPackageTarget,
        OciBaseImageTarget,
        PortablePythonTarget,
        SmokeTestTarget,
    ]


def rules():
    # Again, since a daemon of Pants takes up new settings, with what it has imported.
    check_installation()
    return [rule for room in _ROOMS for rule in room.rules()]
