"""From a lock to wheels: environments, sdists, toolchains and layers of wheels."""

from pants_modelkiln.manifest import environment, lock_file, resolved_lock, sdists, toolchains, wheel_layers

_MODULES = (environment, lock_file, resolved_lock, sdists, toolchains, wheel_layers)


def rules():
    """All rules of this room."""
    return [rule for module in _MODULES for rule in module.rules()]
