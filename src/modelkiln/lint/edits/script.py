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

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node that each node stands in."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def nodes_at(self, line: int, column: int) -> Iterator[ast.AST]:
        """Yield the literals and calls that start at a line and a column, both from 1, in characters."""
        start = self.text.place(line, 0)
        for node in ast.walk(self.tree):
            is_there = isinstance(node, (ast.Constant, ast.Call)) and node.lineno == line
            if is_there and self.text.place(line, node.col_offset) - start == column - 1:  # type: ignore[attr-defined]
                yield node

    def binds(self, name: str, node: ast.AST) -> bool:
        """Whether anything in a node gives a name a value, but for the arguments of the node itself."""
        for one in ast.walk(node):
            if isinstance(one, ast.Name) and one.id == name and not isinstance(one.ctx, ast.Load):
                return True
            if isinstance(one, ast.alias) and name in ((one.asname or one.name).split(".")[0], "*"):
                return True
            if one is not node and isinstance(one, ast.arg) and one.arg == name and one not in _arguments(node):
                return True
            names = [getattr(one, "name", None), getattr(one, "rest", None), *(getattr(one, "names", None) or ())]
            if one is not node and name in [each for each in names if isinstance(each, str)]:
                return True  # A definition, `except ... as`, `case ... as`, `global`.
        return False

    def folder_at(self, node: ast.AST, entry: str) -> str:
        """Return the name by which the model's folder is known where a node stands, "" where it is not: the second
        argument of the function that is the entry point, or of its class's `__init__`."""
        inner, scope = node, self.parents.get(node)
        while scope is not None and not isinstance(scope, _SCOPES):
            inner, scope = scope, self.parents.get(scope)
        if not isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)) or inner not in scope.body:
            return ""
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
        defined = [one for one in self.tree.body if getattr(one, "name", None) == entry]
        return defined == [found]


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
