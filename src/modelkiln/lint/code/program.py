"""All code of a package: its modules, what names stand for across them, and what runs in it."""

import ast
from collections import defaultdict
from functools import lru_cache
from typing import Iterable, Iterator, Mapping, Optional

from modelkiln.lint.catalogue.general import UNREADABLE
from modelkiln.lint.code.scopes import CONTEXT, DEFINITION, IMPORT, VALUE, Binding, Module, Scope, read_scopes
from modelkiln.lint.code.syntax.parsing import Unreadable, magics_of, parse
from modelkiln.lint.finding import Finding
from modelkiln.lint.subject import SourceFile, Subject

__all__ = ["Program", "is_property", "read_program"]

_MAX_DEPTH, _MAX_BASES = 24, 8


class Program:
    """The modules of a package by their dotted names. files: all paths that are known to lie in the package.
    artifacts: those of its model artifacts, below the model's folder."""

    def __init__(self, modules: Iterable[Module], subject: Subject) -> None:
        self.modules = list(modules)
        self.entry_point = subject.entry_point
        self.files = frozenset((*(one.path for one in subject.sources), *subject.other_files))
        self.artifacts = frozenset(one.path for one in subject.artifacts)
        self._by_name = {one.name: one for one in self.modules}
        # By the identity of nodes, which live as long as their modules.
        self._names: dict[int, str] = {}
        self._returned: dict[str, list[tuple[ast.AST, Scope]]] = {}
        self._calls: Optional[Mapping[str, list[tuple[ast.Call, Scope]]]] = None
        self._main_only = {module.path: self._names_of_main(module) for module in self.modules}

    def calls(self) -> Iterator[tuple[str, ast.Call, Scope]]:
        """Every call that may run in the package, with the full name of what it calls, "" where that is not known."""
        for module in self.modules:
            for call, scope, is_main in module.calls:
                if self.runs(scope, is_main):
                    yield self.name_of(call.func, scope), call, scope

    def changes(self) -> Iterator[tuple[str, ast.Attribute, Scope]]:
        """Every attribute that may be assigned to in the package, with its full name, besides those of `self`."""
        for module in self.modules:
            for node, scope, is_main in module.changes:
                if self.runs(scope, is_main):
                    yield self.name_of(node, scope), node, scope

    def texts(self) -> Iterator[tuple[ast.Constant, Scope, ast.AST]]:
        """Every string literal that may be used in the package, with the node it stands in."""
        for module in self.modules:
            for text, scope, parent, is_main in module.texts:
                if self.runs(scope, is_main):
                    yield text, scope, parent

    def runs(self, scope: Scope, is_main: bool) -> bool:
        """Whether code runs when a module is imported or its entry point called, and not only where the module is the
        main program. Of a package without a known entry point everything runs."""
        if not self.entry_point:
            return True
        if is_main:
            return False
        outermost = scope
        while outermost.parent and outermost.parent.kind != "module":
            outermost = outermost.parent
        name = outermost.name.rpartition(".")[2]
        return outermost.kind == "module" or name not in self._main_only[scope.module.path]

    def _names_of_main(self, module: Module) -> frozenset[str]:
        """Functions that are used where the module is the main program, and nowhere else."""
        entry = self.entry_point.partition(":")[2].partition(".")[0]
        top = {name for name, found in module.scope.bindings.items() if any(one.kind == DEFINITION for one in found)}
        users: dict[str, set[str]] = defaultdict(set)
        for name, scope, is_main in module.uses:
            if name in top:
                users[name].add("" if is_main else self._outermost(scope))
        found = {name for name, by in users.items() if "" in by and by == {""} and name != entry}
        grown = bool(found)
        while grown:
            more = {name for name, by in users.items() if by <= (found | {""}) and name != entry} - found
            found, grown = found | more, bool(more)
        imported = {name.rpartition(".")[2] for one in self.modules for name in self._imports_of(one, module.name)}
        return frozenset(found - imported)

    @staticmethod
    def _imports_of(module: Module, name: str) -> Iterator[str]:
        for found in module.scope.bindings.values():
            yield from (one.name for one in found if one.kind == IMPORT and one.name.startswith(name + "."))

    @staticmethod
    def _outermost(scope: Scope) -> str:
        while scope.parent and scope.parent.kind != "module":
            scope = scope.parent
        return scope.name.rpartition(".")[2] if scope.kind != "module" else "<module>"

    def name_of(self, node: Optional[ast.AST], scope: Scope, depth: int = 0) -> str:
        """Return the full name of what an expression stands for: "torch.hub.load"; "boto3.client().download_file" of
        what a call returned; "" where it is not known."""
        if node is None or depth > _MAX_DEPTH:
            return ""
        known = self._names.get(id(node))
        if known is None:
            # A name that is made of itself, `data = data.drop(...)`, is met again on the way, and then not known.
            self._names[id(node)] = ""
            known = self._names[id(node)] = self._find_name(node, scope, depth)
        return known

    def _find_name(self, node: ast.AST, scope: Scope, depth: int) -> str:
        if isinstance(node, ast.Name):
            bindings = self.bindings_of(node.id, scope)
            if not bindings:
                return node.id
            names = {self._bound_name(one, depth + 1) for one in bindings[-3:]}
            names.discard("")
            return sorted(names)[0] if names else ""
        if isinstance(node, ast.Attribute):
            return self._attribute_name(node, scope, depth)
        if isinstance(node, ast.Call):
            return self._called_name(self.name_of(node.func, scope, depth + 1), depth)
        if isinstance(node, ast.Await):
            return self.name_of(node.value, scope, depth + 1)
        return ""

    def _called_name(self, called: str, depth: int) -> str:
        """The name of what a call gives; of one of the package's own functions, of what that returns."""
        for node, scope in self.returned_by(called)[:_MAX_BASES]:
            name = self.name_of(node, scope, depth + 1)
            if name.endswith("()"):
                return name
        return f"{called}()" if called else ""

    def _attribute_name(self, node: ast.Attribute, scope: Scope, depth: int) -> str:
        for binding in self.attribute_bindings(node, scope, depth)[:1]:
            if binding.kind != DEFINITION:
                return self._bound_name(binding, depth + 1)
            if is_property(binding):
                return self._called_name(binding.name, depth + 1)
        base = self.name_of(node.value, scope, depth + 1)
        return f"{base}.{node.attr}" if base else f"?.{node.attr}"

    def _bound_name(self, binding: Binding, depth: int) -> str:
        if binding.kind in (IMPORT, DEFINITION):
            return binding.name
        if binding.kind in (VALUE, CONTEXT) and binding.index < 0:
            return self.name_of(binding.node, binding.scope, depth)
        return ""

    def bindings_of(self, name: str, scope: Scope, line: int = 0) -> list[Binding]:
        """Return what a name may stand for in a scope; at a line, what was bound to it before, the last time that
        was certain and all later ones."""
        for number, one in enumerate(scope.outwards()):
            found = one.bindings.get(name)
            if not found:
                continue
            if line and number == 0:
                found = [binding for binding in found if _is_before(binding, line)] or found
                certain = [place for place, binding in enumerate(found) if not binding.is_conditional]
                found = found[certain[-1] :] if certain else found
            return found
        return []

    def exported(self, full_name: str) -> list[Binding]:
        """Return what a full name stands for in the package's own modules: "rain.settings.PATH", also of a class."""
        module_name, _, name = full_name.rpartition(".")
        module = self._by_name.get(module_name)
        if module:
            return module.scope.bindings.get(name, [])
        owner = self.scope_of(module_name)
        if owner and owner.kind == "class":
            return owner.bindings.get(name) or self._of_class(owner, name)
        return []

    def _of_class(self, owner: Scope, name: str, depth: int = 0) -> list[Binding]:
        """What an attribute of a class may stand for, its own or one of a class that it is derived from."""
        found = owner.attributes.get(name) or owner.bindings.get(name, [])
        if found or depth > _MAX_DEPTH:
            return found
        for one in getattr(owner.node, "bases", ())[:_MAX_BASES]:
            base = self.scope_of(self.name_of(one, owner.parent or owner, depth + 1))
            if base and base is not owner and base.kind == "class":
                found = self._of_class(base, name, depth + _MAX_DEPTH // 4)
                if found:
                    return found
        return []

    def returned_by(self, full_name: str) -> list[tuple[ast.AST, Scope]]:
        """Return the expressions that a function of the package returns, with its scope."""
        function = self.scope_of(full_name) if full_name else None
        if not function or not isinstance(function.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return []
        if full_name not in self._returned:
            returned = (one.value for one in ast.walk(function.node) if isinstance(one, ast.Return))
            self._returned[full_name] = [(one, function) for one in returned if one is not None]
        return self._returned[full_name]

    def scope_of(self, full_name: str) -> Optional[Scope]:
        """Return a class or function of the package by its full name, or None."""
        parts = full_name.split(".")
        for size in range(len(parts), 0, -1):
            module = self._by_name.get(".".join(parts[:size]))
            if module:
                return module.scopes.get(full_name)
        return None

    def attribute_bindings(self, node: ast.Attribute, scope: Scope, depth: int = 0) -> list[Binding]:
        """Return what an attribute may stand for: of `self`, of a class or module of the package, of an instance."""
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            owner = scope.of_class
            if owner:
                return self._of_class(owner, node.attr, depth)
        base = self.name_of(node.value, scope, depth + 1)
        return self.exported(f"{base[:-2] if base.endswith('()') else base}.{node.attr}") if base else []

    def calls_of(self, full_name: str) -> list[tuple[ast.Call, Scope]]:
        """Return the calls in the package of one of its functions or classes."""
        if self._calls is None:
            found: dict[str, list[tuple[ast.Call, Scope]]] = defaultdict(list)
            for name, call, scope in self.calls():
                if name:
                    found[name].append((call, scope))
            self._calls = found
        return self._calls.get(full_name, [])


def read_program(subject: Subject) -> tuple[Program, list[Finding]]:
    """Return the package's code, and a finding for each file that cannot be read."""
    modules, findings = [], []
    for source in subject.sources:
        if not source.path.endswith((".py", ".pyw", ".ipynb")):
            continue
        try:
            modules.append(_module(source))
        except Unreadable as error:
            findings.append(UNREADABLE.finding(source.shown, f"the file {error.message}", line=error.line))
            if error.without_magics:
                modules.append(_module(source, error.without_magics))
    return Program(modules, subject), findings


@lru_cache(maxsize=256)
def _module(source: SourceFile, content: bytes = b"") -> Module:
    """Read a file once for all packages that have it; nothing changes a module afterwards."""
    if source.is_cut:
        raise Unreadable("is too large to be read: it is data rather than code")
    tree, lines = parse(content or source.content)
    name = source.path.rpartition(".")[0].replace("/", ".")
    if name.endswith(".__init__"):
        name = name.rpartition(".")[0]
    module = read_scopes(Module(source.path, source.shown, name, tree, lines))
    if content:
        module.lines = source.content.decode("utf-8", "replace").splitlines()
        module.magics = magics_of(source.content)
    return module


def is_property(binding: Binding) -> bool:
    """Return whether a definition is a method that is read as an attribute."""
    names = (getattr(one, "id", getattr(one, "attr", "")) for one in getattr(binding.node, "decorator_list", ()))
    return binding.kind == DEFINITION and any(one in ("property", "cached_property") for one in names)


def _is_before(binding: Binding, line: int) -> bool:
    """Whether a name is bound when the code at a line runs; an assignment counts after its last line."""
    if binding.kind == VALUE and binding.node is not None:
        return (getattr(binding.node, "end_lineno", None) or binding.line) < line
    return binding.line <= line
