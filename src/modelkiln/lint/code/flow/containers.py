"""What stands in dictionaries, lists and tuples of the code: their items, and what a loop over them gives."""

import ast
from typing import Callable, Iterable, Iterator, Optional

from modelkiln.lint.code.program import Program
from modelkiln.lint.code.scopes import ARGUMENT, ELEMENT, IMPORT, VALUE, Binding, Scope, written

__all__ = ["Containers", "Part", "key_of"]

Part = tuple[ast.AST, Scope]
# So many parts of one container are followed, and so many steps from one container to the next.
_MAX_PARTS, _MAX_DEPTH, _MAX_ITEMS = 16, 10, 256
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp)
_LITERALS = (ast.Dict, ast.List, ast.Tuple, ast.Set, *_COMPREHENSIONS)
# What returns its argument, as far as its elements are concerned.
_SAME = frozenset(("list", "tuple", "sorted", "reversed", "set", "dict", "copy.deepcopy", "copy.copy"))
_SAME_METHODS = frozenset(("copy", "keys", "values", "items"))


class Containers:
    """Containers of a program. may_go_on: asked at each step whether there is one left."""

    def __init__(self, program: Program, may_go_on: Callable[[], bool]) -> None:
        self._program = program
        self._may_go_on = may_go_on

    def items(self, node: ast.AST, key: Optional[str], scope: Scope) -> list[Part]:
        """Return the expressions that `node[key]` may stand for; of a key that is not known, None, all items."""
        return self._items(node, key, scope, 0)

    def elements(self, node: Optional[ast.AST], index: int, scope: Scope) -> list[Part]:
        """Return the expressions that a loop over `node` gives a name, the one at `index` of several."""
        return self._elements(node, index, scope, 0) if node is not None else []

    def listed(self, node: ast.AST, scope: Scope) -> list[Part]:
        """Return the elements of the lists and tuples that an expression may stand for."""
        found = self._literals(node, scope, 0)
        return [(one, of) for literal, of in found if isinstance(literal, (ast.List, ast.Tuple))
                for one in literal.elts[:_MAX_PARTS]]  # fmt: skip

    def parts_of(self, binding: Binding) -> list[Part]:
        """Return the expressions that a name may stand for that is one of several, or an element."""
        return self._parts_of(binding, 0)

    def _items(self, node: ast.AST, key: Optional[str], scope: Scope, depth: int) -> list[Part]:
        found: list[Part] = []
        for literal, of_literal in self._literals(node, scope, depth):
            found += [(one, of_literal) for one in _items_of(literal, key)]
        return found[:_MAX_PARTS]

    def _parts_of(self, binding: Binding, depth: int) -> list[Part]:
        node = binding.node
        if node is None:
            return []
        if binding.kind == ELEMENT:
            return self._elements(node, binding.index, binding.scope, depth + 1)
        if binding.index >= 0:
            return self._items(node, str(binding.index), binding.scope, depth + 1)
        return [(node, binding.scope)]

    def _literals(self, node: ast.AST, scope: Scope, depth: int) -> list[Part]:
        """The containers that an expression may stand for, as they stand in the code."""
        if depth > _MAX_DEPTH or not self._may_go_on():
            return []
        if isinstance(node, _LITERALS):
            return [(node, scope)]
        if isinstance(node, ast.Call) and node.keywords and self._program.name_of(node.func, scope) == "dict":
            return [(node, scope)]
        found: list[Part] = []
        for one, of_one in self._behind(node, scope, depth):
            found += self._literals(one, of_one, depth + 1)
            if len(found) >= _MAX_PARTS:
                break
        return [*found, *_added(node, scope)][:_MAX_PARTS]

    def _behind(self, node: ast.AST, scope: Scope, depth: int) -> Iterable[Part]:
        """The expressions that one stands for."""
        if isinstance(node, ast.Name):
            return self._bound(self._program.bindings_of(node.id, scope, node.lineno), depth)
        if isinstance(node, ast.Attribute):
            return self._bound(self._program.attribute_bindings(node, scope), depth)
        if isinstance(node, ast.Subscript):
            return self._items(node.value, key_of(node.slice), scope, depth + 1)
        if isinstance(node, ast.IfExp):
            return [(node.body, scope), (node.orelse, scope)]
        if isinstance(node, ast.BoolOp):
            return [(one, scope) for one in node.values]
        return self._called(node, scope, depth) if isinstance(node, ast.Call) else []

    def _bound(self, bindings: list[Binding], depth: int) -> Iterator[Part]:
        for one in bindings[-_MAX_PARTS:]:
            if one.kind == IMPORT:
                if depth < _MAX_DEPTH:
                    yield from self._bound(self._program.exported(one.name), depth + 1)
            elif one.kind in (VALUE, ELEMENT, ARGUMENT):
                yield from self._parts_of(one, depth)

    def _called(self, node: ast.Call, scope: Scope, depth: int) -> Iterable[Part]:
        func, name = node.func, self._program.name_of(node.func, scope)
        if isinstance(func, ast.Attribute) and func.attr in _SAME_METHODS:
            return [(func.value, scope)]
        if isinstance(func, ast.Attribute) and func.attr == "get" and node.args:
            rest = [(one, scope) for one in node.args[1:2]]
            return [*self._items(func.value, key_of(node.args[0]), scope, depth + 1), *rest]
        if name in _SAME and node.args:
            return [(node.args[0], scope)]
        return self._program.returned_by(name)[:_MAX_PARTS]

    def _elements(self, node: ast.AST, index: int, scope: Scope, depth: int) -> list[Part]:
        if isinstance(node, ast.Call) and depth <= _MAX_DEPTH:
            func = node.func
            if isinstance(func, ast.Attribute) and func.attr == "items" and index in (0, 1):
                return self._sides(func.value, index, scope, depth)
            if isinstance(func, ast.Attribute) and func.attr == "values":
                return self._within(self._items(func.value, None, scope, depth + 1), index, depth)
            name = self._program.name_of(func, scope)
            if name == "enumerate" and node.args and index == 1:
                return self._elements(node.args[0], -1, scope, depth + 1)
            if name == "zip" and 0 <= index < len(node.args):
                return self._elements(node.args[index], -1, scope, depth + 1)
        found = self._sides(node, 0, scope, depth)
        return self._within(found, index, depth)

    def _within(self, parts: list[Part], index: int, depth: int) -> list[Part]:
        """The items at an index of each of several expressions, or all of those."""
        if index < 0:
            return parts
        return [one for part, of in parts for one in self._items(part, str(index), of, depth + 1)][:_MAX_PARTS]

    def _sides(self, node: ast.AST, side: int, scope: Scope, depth: int) -> list[Part]:
        """The keys (0) or values (1) of dictionaries; the elements of lists."""
        found: list[Part] = []
        for literal, of in self._literals(node, scope, depth):
            if isinstance(literal, ast.Dict):
                listed = literal.keys if side == 0 else literal.values
                found += [(one, of) for one in listed[:_MAX_PARTS] if one is not None]
            else:
                found += [(one, of) for one in _items_of(literal, None)]
        return found[:_MAX_PARTS]


def _added(node: ast.AST, scope: Scope) -> Iterator[Part]:
    """What is added to the list that a name, or an attribute of `self`, stands for: by code that sees the same one."""
    name = written(node)
    for listed, of in scope.module.added.get(name, ()) if name else ():
        if of.of_class is scope.of_class if name.startswith("self.") else (of is scope or _binds(of, node, scope)):
            yield listed, of


def _binds(scope: Scope, node: ast.AST, other: Scope) -> bool:
    """Whether a name stands for the same in two scopes: the innermost that binds it is one."""
    name = node.id if isinstance(node, ast.Name) else ""
    owners = [next((one for one in each.outwards() if name in one.bindings), None) for each in (scope, other)]
    return owners[0] is not None and owners[0] is owners[1]


def key_of(node: ast.AST) -> Optional[str]:
    """Return a key that stands in the code, as text; None for one that is computed."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        return f"-{node.operand.value!r}"
    return str(node.value) if isinstance(node, ast.Constant) else None


def _items_of(literal: ast.AST, key: Optional[str]) -> Iterator[ast.AST]:
    if isinstance(literal, ast.Dict):
        for name, value in zip(literal.keys[:_MAX_ITEMS], literal.values):
            # A key that is computed may be any.
            is_key = str(name.value) == key if isinstance(name, ast.Constant) else name is not None
            if key is None or is_key:
                yield value
    elif isinstance(literal, _COMPREHENSIONS):
        # Each of its elements is one of these.
        yield literal.elt
    elif isinstance(literal, ast.Call):
        yield from (one.value for one in literal.keywords[:_MAX_ITEMS] if key is None or one.arg == key)
    elif isinstance(literal, (ast.List, ast.Tuple, ast.Set)):
        elements = literal.elts[:_MAX_ITEMS]
        if key is None:
            yield from elements
        elif key.lstrip("-").isdigit() and -len(elements) <= int(key) < len(elements):
            yield elements[int(key)]
