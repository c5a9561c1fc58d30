"""What `pants lock` can pin, one module for each kind of target."""

from pants_modelkiln.locks import base_image, goal, portable_python, resolve, weights

_MODULES = (base_image, goal, portable_python, resolve, weights)


def rules():
    """All rules of this room."""
    return [rule for module in _MODULES for rule in module.rules()]
