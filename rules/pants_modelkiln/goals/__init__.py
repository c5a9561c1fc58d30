"""Pants' goals on model targets: package, publish, run and test."""

from pants_modelkiln.goals import (
    command_line,
    package,
    package_index,
    publish,
    publish_wheel,
    report,
    run,
    smoke_results,
    smoke_test,
    test,
)

_MODULES = (command_line, package, package_index, publish, publish_wheel, report, run, smoke_results, smoke_test, test)


def rules():
    """All rules of this room."""
    return [rule for module in _MODULES for rule in module.rules()]
