"""How rules must be written so that they run on every release of Pants, read off their source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pants_modelkiln

_ROOT = Path(pants_modelkiln.__file__).parent
_MODULES = sorted(path.relative_to(_ROOT).as_posix() for path in _ROOT.rglob("*.py"))


def _functions(path: str) -> dict[str, ast.AST]:
    tree = ast.parse((_ROOT / path).read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def _calls(node: ast.AST) -> list[ast.Call]:
    return [one for one in ast.walk(node) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)]


@pytest.mark.parametrize("path", _MODULES)
def test_what_a_rule_awaits_stands_above_it(path):
    """2.17 does not see a rule that stands below its caller, and 2.33 no helper that does."""
    functions = _functions(path)
    below = [
        f"{node.name} calls {call.func.id}"
        for node in functions.values()
        if isinstance(node, ast.AsyncFunctionDef)
        for call in _calls(node)
        if isinstance(functions.get(call.func.id), ast.AsyncFunctionDef)
        and functions[call.func.id].lineno > node.lineno
    ]
    assert [] == below


@pytest.mark.parametrize("path", _MODULES)
def test_rules_are_called_with_what_every_release_takes(path):
    """At most one argument by position and nothing but `**implicitly(...)` besides: 2.33 reads calls so."""
    wrong = [
        f"{path}:{call.lineno}"
        for call in _calls(ast.parse((_ROOT / path).read_text(encoding="utf-8")))
        for keyword in call.keywords
        if keyword.arg is None
        and isinstance(keyword.value, ast.Call)
        and getattr(keyword.value.func, "id", "") == "implicitly"
        and (len(call.args) > 1 or len(call.keywords) > 1 or (call.args and keyword.value.args))
    ]
    assert [] == wrong


@pytest.mark.parametrize("path", [path for path in _MODULES if path != "compat/calls.py"])
def test_get_stands_in_one_module(path):
    """Nothing but the shim knows the calls of Pants 2.17."""
    tree = ast.parse((_ROOT / path).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert set() == names & {"Get", "MultiGet", "Effect", "rule_helper"}
