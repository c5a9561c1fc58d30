"""The scopes of a module: which names stand for what, and which calls there are."""

import ast
from dataclasses import dataclass, field
from functools import cached_property
from typing import Callable, Iterable, Iterator, Mapping, Optional, Union

__all__ = [
    "ARGUMENT",
    "CONTEXT",
    "DEFINITION",
    "ELEMENT",
    "IMPORT",
    "VALUE",
    "Binding",
    "Module",
    "Scope",
    "read_scopes",
    "written",
]

# How a name gets its value: that of an expression, an element of one, what a `with` gives of one; an argument of a
# function (with its default); an import; a function or class.
VALUE, ELEMENT, CONTEXT, ARGUMENT, IMPORT, DEFINITION = (
    "value", "element", "context", "argument", "import", "definition",
)  # fmt: skip


@dataclass(frozen=True)
class Binding:
    """node: the expression, None where it is not known. name: of an import the full name, of an argument its own,
    of a definition the full name. is_conditional: whether it stands in a branch or a loop. index: of a name that is
    one of several, `a, b = pair`, which of them; -1 of one alone."""

    kind: str
    node: Optional[ast.AST]
    line: int
    scope: "Scope"
    name: str = ""
    is_conditional: bool = False
    index: int = -1


@dataclass(eq=False)
class Scope:
    """A module, a class or a function. name: full. attributes: of a class, what its methods assign to `self`. globals:
    names that a function declares to be its module's."""

    kind: str
    node: ast.AST
    name: str
    parent: Optional["Scope"]
    module: "Module"
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    attributes: dict[str, list[Binding]] = field(default_factory=dict)

    @property
    def of_class(self) -> Optional["Scope"]:
        """The class whose method this scope is in, or None."""
        scope: Optional[Scope] = self
        while scope and not (scope.kind == "function" and scope.parent and scope.parent.kind == "class"):
            scope = scope.parent
        return scope.parent if scope else None

    def outwards(self) -> Iterator["Scope"]:
        """This scope and those whose names are seen in it, as Python looks them up."""
        scope: Optional[Scope] = self
        while scope:
            if scope is self or scope.kind != "class":
                yield scope
            scope = scope.parent


@dataclass(eq=False)
class Module:
    """path: in the package. name: dotted. magics: of a notebook's text, commands of its shell by line. calls: each
    with its scope, and whether it runs only where the module is the main program. texts: string literals with their
    scope and the node that they stand in. uses: names that are read, likewise. imports: modules with line and column.
    """

    path: str
    shown: str
    name: str
    tree: ast.Module
    lines: list[str]
    scope: Scope = field(init=False)
    scopes: dict[str, Scope] = field(default_factory=dict)
    calls: list[tuple[ast.Call, Scope, bool]] = field(default_factory=list)
    texts: list[tuple[ast.Constant, Scope, ast.AST, bool]] = field(default_factory=list)
    uses: list[tuple[str, Scope, bool]] = field(default_factory=list)
    imports: list[tuple[str, int, int]] = field(default_factory=list)
    magics: dict[int, str] = field(default_factory=dict)
    # Attributes that are assigned to, or changed, and are none of `self`: `sys.path += [...]`.
    changes: list[tuple[ast.Attribute, Scope, bool]] = field(default_factory=list)
    # What is assigned to an item of an attribute, `app.config["FOLDER"] = "uploads"`, by the attribute and the key.
    items: dict[tuple[str, str], list[tuple[ast.AST, Scope]]] = field(default_factory=dict)
    # What is added to a list after it is made, `paths.append("w.pt")`, as lists of their own, by how it is written.
    added: dict[str, list[tuple[ast.List, Scope]]] = field(default_factory=dict)
    # What `flow.destinations.is_handed` has found of names: a script may give one a thousand paths.
    handed: dict[str, Optional[bool]] = field(default_factory=dict)

    @property
    def package(self) -> list[str]:
        """The names of the package that relative imports start from."""
        return self.path.split("/")[:-1]

    @cached_property
    def parents(self) -> Mapping[int, ast.AST]:
        """The node that each node stands in, by the identity of that: few modules are asked for it."""
        return {id(child): node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def loads(self) -> Mapping[str, list[ast.Name]]:
        """The places that read a name, by the name."""
        found: dict[str, list[ast.Name]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.setdefault(node.id, []).append(node)
        return found

    def line(self, number: int) -> str:
        """The text of a line, from 1."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


def read_scopes(module: Module) -> Module:
    """Fill in what the tree of a module says; returns it."""
    module.scope = Scope("module", module.tree, module.name, None, module)
    module.scopes[module.name] = module.scope
    _Reader(module).read()
    return module


@dataclass(frozen=True)
class _Place:
    scope: Scope
    is_main: bool = False
    is_conditional: bool = False


_BRANCHES = frozenset((ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.ExceptHandler))
# Of one name, in generated code; the last one stands for all that are more.
_MAX_BINDINGS = 64
_FUNCTIONS = frozenset((ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
_SILENT = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)


class _Reader:
    """Reads a tree with a stack of its own: expressions of generated code may be nested deeply."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._stack: list[tuple[ast.AST, ast.AST, _Place]] = []

    def read(self) -> None:
        module = self._module
        self._push(module.tree.body, module.tree, _Place(module.scope))
        while self._stack:
            self._visit(*self._stack.pop())

    def _push(self, nodes: Iterable[Optional[ast.AST]], parent: ast.AST, place: _Place) -> None:
        self._stack += [(node, parent, place) for node in reversed(list(nodes)) if node is not None]

    def _push_children(self, node: ast.AST, place: _Place) -> None:
        """All nodes below one, but for those that say nothing by themselves: they are half of a tree."""
        children = []
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                children += [one for one in value if isinstance(one, ast.AST)]
            elif isinstance(value, ast.AST) and not isinstance(value, _SILENT):
                children.append(value)
        children.reverse()
        self._stack += [(one, node, place) for one in children]

    def _visit(self, node: ast.AST, parent: ast.AST, place: _Place) -> None:
        kind = type(node)
        if kind is ast.Name:
            if isinstance(node.ctx, ast.Load):  # type: ignore[attr-defined]
                self._module.uses.append((node.id, place.scope, place.is_main))  # type: ignore[attr-defined]
        elif kind is ast.Constant:
            if isinstance(node.value, str):  # type: ignore[attr-defined]
                self._module.texts.append((node, place.scope, parent, place.is_main))  # type: ignore[arg-type]
        elif kind in _FUNCTIONS:
            self._function(node, place)
        elif kind is ast.ClassDef:
            self._class(node, place)  # type: ignore[arg-type]
        elif kind is ast.If and _is_main_guard(node):  # type: ignore[arg-type]
            self._push(node.body, node, _Place(place.scope, True, True))  # type: ignore[attr-defined]
            self._push(node.orelse, node, place)  # type: ignore[attr-defined]
        else:
            note = _NOTES.get(kind)
            if note:
                note(self, node, place)
            inner = _Place(place.scope, place.is_main, True) if kind in _BRANCHES else place
            self._push_children(node, inner)

    def _note_call(self, node: ast.Call, place: _Place) -> None:
        self._module.calls.append((node, place.scope, place.is_main))
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("append", "insert", "extend") and node.args:
            value = node.args[-1]
            listed = value if isinstance(value, ast.List) and node.func.attr == "extend" else ast.List([value])
            self._add_to(node.func.value, listed, place)

    def _add_to(self, owner: ast.AST, listed: ast.List, place: _Place) -> None:
        added = self._module.added.setdefault(written(owner), [])
        if len(added) < _MAX_BINDINGS:
            added.append((listed, place.scope))

    def _note_assignment(self, node: ast.Assign, place: _Place) -> None:
        for target in node.targets:
            self._bind(target, VALUE, node.value, place)

    def _note_annotated(self, node: Union[ast.AnnAssign, ast.NamedExpr], place: _Place) -> None:
        if node.value is not None:
            self._bind(node.target, VALUE, node.value, place)

    def _note_change(self, node: ast.AugAssign, place: _Place) -> None:
        self._bind(node.target, VALUE, None, _Place(place.scope, place.is_main, True))
        if isinstance(node.value, ast.List):
            self._add_to(node.target, node.value, place)

    def _note_global(self, node: ast.Global, place: _Place) -> None:
        place.scope.globals.update(node.names)

    def _note_loop(self, node: Union[ast.For, ast.AsyncFor, ast.comprehension], place: _Place) -> None:
        self._bind(node.target, ELEMENT, node.iter, place)

    def _note_context(self, node: ast.withitem, place: _Place) -> None:
        if node.optional_vars is not None:
            self._bind(node.optional_vars, CONTEXT, node.context_expr, place)

    def _bind(self, target: ast.AST, kind: str, value: Optional[ast.AST], place: _Place, index: int = -1) -> None:
        if isinstance(target, ast.Name):
            is_global = target.id in place.scope.globals
            binding = Binding(kind, value, target.lineno, place.scope, "", place.is_conditional or is_global, index)
            owner = self._module.scope if is_global else place.scope
            self._add(owner.bindings, target.id, binding)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            of_self = place.scope.of_class
            if of_self and target.value.id in ("self", "cls"):
                binding = Binding(kind, value, target.lineno, place.scope, "", True, index)
                self._add(of_self.attributes, target.attr, binding)
            else:
                self._module.changes.append((target, place.scope, place.is_main))
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Attribute):
            self._module.changes.append((target.value, place.scope, place.is_main))
            key = target.slice.value if isinstance(target.slice, ast.Constant) else None
            if isinstance(key, str) and value is not None and index < 0:
                self._module.items.setdefault((ast.dump(target.value), key), []).append((value, place.scope))
        elif isinstance(target, (ast.Tuple, ast.List)):
            several = isinstance(value, (ast.Tuple, ast.List)) and kind == VALUE and len(value.elts) == len(target.elts)
            if several:
                for one, of_one in zip(target.elts, value.elts):  # type: ignore[union-attr]
                    self._bind(one, kind, of_one, place)
                return
            is_plain = not any(isinstance(one, ast.Starred) for one in target.elts)
            for number, one in enumerate(target.elts):
                # What is bound to a part of a part is not known.
                self._bind(one, kind, value if is_plain and index < 0 else None, place, number)

    @staticmethod
    def _add(names: dict[str, list[Binding]], name: str, binding: Binding) -> None:
        found = names.setdefault(name, [])
        if len(found) == _MAX_BINDINGS:
            found.pop()
        found.append(binding)

    def _import(self, node: Union[ast.Import, ast.ImportFrom], place: _Place) -> None:
        scope = place.scope
        if isinstance(node, ast.Import):
            for alias in node.names:
                full = alias.name if alias.asname else alias.name.partition(".")[0]
                self._name_import(scope, alias.asname or full, full, node)
                self._module.imports.append((alias.name, node.lineno, node.col_offset))
            return
        base = node.module or ""
        if node.level:
            package = self._module.package
            base = ".".join([*package[: max(0, len(package) - node.level + 1)], *filter(None, [base])])
        self._module.imports.append((base, node.lineno, node.col_offset))
        for alias in node.names:
            self._name_import(scope, alias.asname or alias.name, f"{base}.{alias.name}", node)

    def _name_import(self, scope: Scope, name: str, full: str, node: ast.stmt) -> None:
        self._add(scope.bindings, name, Binding(IMPORT, None, node.lineno, scope, full))

    def _define(self, node: Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef], kind: str, place: _Place):
        full = f"{place.scope.name}.{node.name}"
        self._add(place.scope.bindings, node.name, Binding(DEFINITION, node, node.lineno, place.scope, full))
        scope = Scope(kind, node, full, place.scope, self._module)
        self._module.scopes.setdefault(full, scope)
        return scope

    def _function(self, node, place: _Place) -> None:
        arguments = node.args
        if isinstance(node, ast.Lambda):
            scope = Scope("function", node, f"{place.scope.name}.<lambda>", place.scope, self._module)
            body = [node.body]
        else:
            scope = self._define(node, "function", place)
            body = node.body
            self._push(node.decorator_list, node, place)
        self._push([*arguments.defaults, *arguments.kw_defaults], node, place)
        plain = [*arguments.posonlyargs, *arguments.args]
        defaults = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
        for one, default in zip([*plain, *arguments.kwonlyargs], [*defaults, *arguments.kw_defaults]):
            binding = Binding(ARGUMENT, default, node.lineno, scope, one.arg, is_conditional=True)
            self._add(scope.bindings, one.arg, binding)
        self._push(body, node, _Place(scope, place.is_main))

    def _class(self, node: ast.ClassDef, place: _Place) -> None:
        scope = self._define(node, "class", place)
        self._push([*node.decorator_list, *node.bases, *(one.value for one in node.keywords)], node, place)
        self._push(node.body, node, _Place(scope, place.is_main))


_NOTES: dict[type, Callable] = {
    ast.Call: _Reader._note_call,
    ast.Import: _Reader._import,
    ast.ImportFrom: _Reader._import,
    ast.Assign: _Reader._note_assignment,
    ast.AnnAssign: _Reader._note_annotated,
    ast.NamedExpr: _Reader._note_annotated,
    ast.AugAssign: _Reader._note_change,
    ast.Global: _Reader._note_global,
    ast.For: _Reader._note_loop,
    ast.AsyncFor: _Reader._note_loop,
    ast.comprehension: _Reader._note_loop,
    ast.withitem: _Reader._note_context,
}


def written(node: ast.AST) -> str:
    """Return how a name or an attribute of one is written, "self.paths"; "" for other expressions."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _is_main_guard(node: ast.If) -> bool:
    names = {one.id for one in ast.walk(node.test) if isinstance(one, ast.Name)}
    texts = {one.value for one in ast.walk(node.test) if isinstance(one, ast.Constant)}
    return "__name__" in names and "__main__" in texts
