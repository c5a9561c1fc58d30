"""What a package is made of, gathered once for all formats."""

from pants_modelkiln.package import bom, dependencies, ensemble, ensemble_dependencies, inputs, named_packages

_MODULES = (bom, dependencies, ensemble, ensemble_dependencies, inputs, named_packages)


def rules():
    """All rules of this room."""
    return [rule for module in _MODULES for rule in module.rules()]
