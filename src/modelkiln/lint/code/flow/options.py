"""Options of command lines: what an attribute of parsed arguments, or an argument of a command, has by default."""

import ast
from typing import Iterator, Mapping, Optional

from modelkiln.lint.code.scopes import Module, Scope

__all__ = ["Default", "decorated_default", "default_of", "is_parsed", "options_of"]

Default = tuple[Optional[ast.AST], Scope]
# Parsed arguments go by these names from function to function.
_NAMES = frozenset((
    "args", "arg", "opt", "opts", "options", "arguments", "flags", "FLAGS", "cfg", "conf", "config", "configs",
    "hparams", "params", "namespace", "ns", "parsed", "parsed_args", "cli_args",
))  # fmt: skip
_PARSED = (".parse_args()", ".parse_known_args()", "absl.flags.FLAGS", "tf.app.flags.FLAGS")
_FIRST_DEFAULT = frozenset((
    "pydantic.Field", "typer.Option", "typer.Argument", "cog.Input", "fastapi.Form", "fastapi.Query", "fastapi.Body",
    "fastapi.Header", "pydantic.fields.Field", "dataclasses.field",
))  # fmt: skip


def options_of(module: Module) -> Mapping[str, list[Default]]:
    """Return the defaults of the options that a module declares, by the names that their values get."""
    found: dict[str, list[Default]] = {}
    for call, scope, _ in module.calls:
        method = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if method == "add_argument":
            for name in _declared(call):
                found.setdefault(name, []).append((_keyword(call, "default"), scope))
        elif method.startswith("DEFINE_") and len(call.args) > 1:
            for name in _texts(call.args[:1]):
                found.setdefault(name, []).append((call.args[1], scope))
    return found


def is_parsed(node: ast.AST, name: str) -> bool:
    """Return whether an expression, with the full name of what it stands for, holds parsed arguments."""
    if name.endswith(_PARSED) or name in ("vars()",):
        return True
    last = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return last in _NAMES


def decorated_default(function: ast.AST, name: str) -> Optional[ast.AST]:
    """Return the default that a decorator such as click's `option` gives an argument of a function, or None."""
    for one in getattr(function, "decorator_list", ()):
        method = one.func.attr if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) else ""
        if method in ("option", "argument") and name in _declared(one):
            return _keyword(one, "default")
    return None


def default_of(name: str, call: ast.Call) -> Optional[ast.AST]:
    """Return the default that a call, of a function of another library, declares for a value from outside."""
    if name in ("getattr", "builtins.getattr") and len(call.args) == 3:
        return call.args[2]
    if name in _FIRST_DEFAULT and call.args:
        return call.args[0]
    if name.startswith(("streamlit.", "?.")) and name.endswith((".text_input", ".text_area")):
        return call.args[1] if len(call.args) > 1 else _keyword(call, "value")
    return _keyword(call, "default")


def _declared(call: ast.Call) -> Iterator[str]:
    explicit = _keyword(call, "dest")
    names = list(_texts([explicit] if explicit is not None else call.args))
    yield from (name.lstrip("-").replace("-", "_") for name in names)


def _texts(nodes: list) -> Iterator[str]:
    yield from (one.value for one in nodes if isinstance(one, ast.Constant) and isinstance(one.value, str))


def _keyword(call: ast.Call, name: str) -> Optional[ast.AST]:
    return next((one.value for one in call.keywords if one.arg == name), None)
