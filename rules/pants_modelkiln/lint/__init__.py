"""The linter `modelkiln-lint`: anti-patterns of packages, before they are packaged."""

from pants_modelkiln.lint import linter, subjects

_MODULES = (subjects, linter)


def rules():
    """All rules of this room."""
    return [rule for module in _MODULES for rule in module.rules()]
