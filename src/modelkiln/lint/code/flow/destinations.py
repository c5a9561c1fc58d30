"""Where a text goes that stands in code: into a call, under a name, out of a function, or nowhere."""

import ast
from typing import NamedTuple, Optional

from modelkiln.lint.code.scopes import Module

__all__ = ["DROPPED", "HANDED", "HELD", "KEY", "NAMED", "Destination", "destination_of", "is_handed"]

# To a function, or to code that does something with it; under a name or an attribute; in a container, or out of the
# function that it stands in; the key of a container; to nothing: compared, raised, a text by itself.
HANDED, NAMED, HELD, KEY, DROPPED = "handed", "named", "held", "key", "dropped"
_JOINS = (ast.JoinedStr, ast.FormattedValue, ast.BinOp, ast.BoolOp, ast.IfExp, ast.Starred, ast.Await, ast.NamedExpr)
_CONTAINERS = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
_RETURNS = (ast.Return, ast.Yield, ast.YieldFrom, ast.Lambda)
_SILENT = (ast.Expr, ast.Compare, ast.Raise, ast.Assert, ast.Delete)
# What makes a container of what it is given, and what makes an answer of a server.
_HOLDERS = frozenset(("dict", "list", "tuple", "set", "jsonify", "JSONResponse", "Response", "make_response", "dumps",
                      "ORJSONResponse", "append", "extend", "add", "SimpleNamespace", "update"))  # fmt: skip


class Destination(NamedTuple):
    """kind: see above. holder: the node that takes it. given: what the holder takes, with the text in it: the text
    itself, or a format, a choice or a sum."""

    kind: str
    holder: ast.AST
    given: ast.AST


def destination_of(node: ast.AST, module: Module) -> Destination:
    """Return where an expression of a module goes."""
    # The kinds of places that a container of the text is taken for one that holds it, and opens nothing.
    holding: tuple[str, ...] = ()
    parent = module.parents.get(id(node))
    while parent is not None:
        kind = _kind(parent, node)
        if kind:
            return Destination(HELD if kind in holding else kind, parent, node)
        if isinstance(parent, (ast.Dict, ast.DictComp)):
            holding = (NAMED, HANDED)
        elif isinstance(parent, _CONTAINERS):
            holding = holding or (NAMED,)
        node, parent = parent, module.parents.get(id(parent))
    return Destination(DROPPED, module.tree, node)


def _kind(parent: ast.AST, node: ast.AST) -> str:
    """What becomes of a node in its parent, "" where that is a part of a larger expression."""
    if isinstance(parent, ast.Dict) and any(node is one for one in parent.keys):
        return KEY
    if isinstance(parent, ast.DictComp) and node is parent.key:
        return KEY
    if isinstance(parent, ast.Subscript):
        return KEY if node is parent.slice else HANDED
    if isinstance(parent, ast.IfExp) and node is parent.test:
        return DROPPED
    if isinstance(parent, (*_JOINS, *_CONTAINERS)):
        return ""
    if isinstance(parent, _RETURNS):
        return HELD
    if isinstance(parent, _SILENT):
        return DROPPED
    if isinstance(parent, (ast.Assign, ast.AnnAssign)):
        return NAMED
    if isinstance(parent, ast.Call):
        return _given(parent)
    return "" if isinstance(parent, ast.keyword) else HANDED


def _given(call: ast.Call) -> str:
    """What becomes of an argument: a container of it goes where the call goes."""
    func = call.func
    name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    return HELD if name in _HOLDERS else HANDED


def is_handed(name: str, module: Module) -> Optional[bool]:
    """Return whether something of a module takes what a name stands for; None where the module never reads it."""
    if name not in module.handed:
        loads = module.loads.get(name)
        is_taken = any(destination_of(one, module).kind in (HANDED, NAMED) for one in loads or ())
        module.handed[name] = is_taken if loads else None
    return module.handed[name]
