"""The engine as processes: its tool, steps and layers."""

from pants_modelkiln.engine import layers, machine_python, step, tool, tool_fetching, tool_install

_MODULES = (layers, machine_python, step, tool, tool_fetching, tool_install)


def rules():
    """All rules of this room."""
    return [rule for module in _MODULES for rule in module.rules()]
