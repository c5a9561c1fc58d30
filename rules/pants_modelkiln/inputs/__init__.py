"""From targets to pinned inputs: artifacts, code, base and interpreter."""

from pants_modelkiln.inputs import (
    base_image,
    check_batch,
    checks,
    code,
    debian_facts,
    lfs_pointers,
    locked_artifact,
    portable_python,
    repository_artifact,
)

_MODULES = (
    base_image,
    check_batch,
    checks,
    code,
    debian_facts,
    lfs_pointers,
    locked_artifact,
    portable_python,
    repository_artifact,
)


def rules():
    """All rules of this room."""
    return [rule for module in _MODULES for rule in module.rules()]
