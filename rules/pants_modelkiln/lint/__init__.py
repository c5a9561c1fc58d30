"""The linter `modelkiln-lint`, and the fixer of that name: anti-patterns of packages, before they are packaged."""

from pants_modelkiln.lint import fixer, linter, subjects

_MODULES = (subjects, linter, fixer)


def rules():
    """All rules of this room."""
    return [rule for module in _MODULES for rule in module.rules()]
