"""What a package is made of, gathered once for all formats."""

from pants_modelkiln.package import dependencies, ensemble, ensemble_dependencies, inputs, named_packages

_MODULES = (dependencies, ensemble, ensemble_dependencies, inputs, named_packages)


def rules():
    """All rules of this room."""
    return [rule for module in _MODULES for rule in module.rules()]
