"""A file of code with what edits ask of it: which node stands at a place, and what a name there stands for."""

import ast
import warnings
from functools import cached_property, lru_cache
from typing import Iterator, Optional

from modelkiln.lint.edits.text import Text
from modelkiln.lint.subject import SourceFile

__all__ = ["Script", "script_of"]

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


class Script:
    """text, tree: of the file. parents: of each node of the tree."""

    def __init__(self, text: Text, tree: ast.Module) -> None:
        self.text, self.tree = text, tree
        # A file may have thousands of findings, which ask the same of it.
        self._bound: dict[tuple[str, ast.AST], bool] = {}
        self._folders: dict[tuple[ast.AST, str], tuple[str, frozenset[ast.AST]]] = {}

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node that each node stands in."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def texts(self) -> dict[str, list[ast.Constant]]:
        """Where each text is a literal."""
        found: dict[str, list[ast.Constant]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.setdefault(node.value, []).append(node)
        return found

    def nodes_at(self, line: int, column: int) -> Iterator[ast.AST]:
        """Yield the literals and calls that start at a line and a column, both from 1, in characters."""
        yield from self._places.get(self.text.place(line, 0) + column - 1, ())

    @cached_property
    def _places(self) -> dict[int, list[ast.AST]]:
        """The literals and calls by the character that they start at."""
        found: dict[int, list[ast.AST]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Constant, ast.Call)):
                found.setdefault(self.text.place(node.lineno, node.col_offset), []).append(node)
        return found

    def binds(self, name: str, node: ast.AST) -> bool:
        """Whether anything in a node gives a name a value, but for the arguments of the node itself."""
        if (name, node) not in self._bound:
            own = {node, *_arguments(node)}
            self._bound[name, node] = any(_gives(one, name) for one in ast.walk(node) if one not in own)
        return self._bound[name, node]

    def folder_at(self, node: ast.AST, entry: str) -> str:
        """Return the name by which the model's folder is known where a node stands, "" where it is not: the second
        argument of the function that is the entry point, or of its class's `__init__`."""
        inner, scope = node, self.parents.get(node)
        while scope is not None and not isinstance(scope, _SCOPES):
            inner, scope = scope, self.parents.get(scope)
        if not isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return ""
        if (scope, entry) not in self._folders:
            self._folders[scope, entry] = self._folder_of(scope, entry), frozenset(scope.body)
        folder, body = self._folders[scope, entry]
        return folder if inner in body else ""

    def _folder_of(self, scope: "ast.FunctionDef | ast.AsyncFunctionDef", entry: str) -> str:
        listed = [one.arg for one in (*scope.args.posonlyargs, *scope.args.args)]
        if scope.decorator_list or len(listed) < 2 or self.binds(listed[1], scope):
            return ""
        return listed[1] if self._is_entry(scope, entry) else ""

    def _is_entry(self, function: ast.AST, entry: str) -> bool:
        """Whether the runtime calls a function with the model's folder second."""
        owner = self.parents[function]
        is_init = isinstance(owner, ast.ClassDef) and getattr(function, "name", "") == "__init__"
        found = owner if is_init else function
        if getattr(owner, "decorator_list", None):
            return False
        if is_init and not _is_only(function, "__init__", owner):
            return False
        return _is_only(found, entry, self.tree) and not any(
            isinstance(one, ast.Global) and entry in one.names for one in ast.walk(self.tree)
        )


def _is_only(found: ast.AST, name: str, owner: ast.AST) -> bool:
    """Whether a definition of a module or of a class is all that gives its name a value there."""
    body = owner.body  # type: ignore[attr-defined]
    given, nodes = [], list(body)
    while nodes:
        one = nodes.pop()
        if _gives(one, name):
            given.append(one)
        if not isinstance(one, _SCOPES):
            nodes += ast.iter_child_nodes(one)
    return given == [found] and found in body


def _gives(node: ast.AST, name: str) -> bool:
    """Whether a node by itself gives a name a value."""
    if isinstance(node, ast.Name):
        return node.id == name and not isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.alias):
        return name in ((node.asname or node.name).split(".")[0], "*")
    if isinstance(node, ast.arg):
        return node.arg == name
    # A definition, `except ... as`, `case ... as`, `global`.
    names = [getattr(node, "name", None), getattr(node, "rest", None), *(getattr(node, "names", None) or ())]
    return name in [one for one in names if isinstance(one, str)]


def _arguments(node: ast.AST) -> list[ast.arg]:
    found = getattr(node, "args", None)
    return [*found.posonlyargs, *found.args, *found.kwonlyargs] if isinstance(found, ast.arguments) else []


@lru_cache(maxsize=64)
def script_of(source: SourceFile) -> Optional[Script]:
    """Return a file to edit, None for one that does not parse or that is not Python."""
    text = None if source.is_cut or not source.path.endswith((".py", ".pyw")) else Text.of(source.content)
    if text is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Script(text, ast.parse(source.content))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
