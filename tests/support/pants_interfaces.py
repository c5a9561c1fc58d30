"""Stubs of the part of a Pants release that the rules use: names and types, read off its source.

    python tests/support/pants_interfaces.py /path/to/pants/src/python 2.33

writes `3rdparty/pants/2.33/pants/**/*.pyi`, against which `./pants lint` checks the rules with mypy, so that
a call which that release does not know fails without having it. Nothing of the source but declarations
is taken: no bodies, no values, no text.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path
from typing import Container, Iterable, Iterator, Mapping, Optional

__all__ = ["Interfaces", "names_used"]

_ROOT = Path(__file__).resolve().parents[2]
_RULES = ("rules/pants_modelkiln", "rules/house")
_Function = (ast.FunctionDef, ast.AsyncFunctionDef)
_HEADER = "# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.\n"
# Calls whose arguments are types or names and not values.
_TYPE_CALLS = ("NewType", "ParamSpec", "TypeVar")


def _trees() -> Iterator[ast.Module]:
    for folder in _RULES:
        for path in sorted((_ROOT / folder).rglob("*.py")):
            yield ast.parse(path.read_text("utf-8"))


def names_used() -> tuple[dict[str, set[str]], set[str]]:
    """Return what the rules import from Pants, by module, and all names of attributes and arguments in them."""
    imports: dict[str, set[str]] = defaultdict(set)
    attributes = set()
    for tree in _trees():
        modules = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "pants":
                imports[node.module].update(alias.name for alias in node.names)
                modules.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                imports[modules[node.value.id]].add(node.attr)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                continue
            if isinstance(node, ast.Attribute):
                attributes.add(node.attr)
            elif isinstance(node, ast.keyword) and node.arg:
                attributes.add(node.arg)
            elif isinstance(node, (*_Function, ast.arg)):
                attributes.add(node.name if isinstance(node, _Function) else node.arg)
    return dict(imports), attributes


class _Module:
    """The declarations of one module of a release."""

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.is_package = name, path.stem == "__init__"
        self.tree = ast.parse(path.read_text("utf-8"))
        self.definitions: dict[str, list[ast.stmt]] = defaultdict(list)
        self.imports: dict[str, tuple[str, Optional[str]]] = {}
        for node in self._statements(self.tree.body):
            if isinstance(node, (*_Function, ast.ClassDef)):
                self.definitions[node.name].append(node)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    self.imports[alias.asname or alias.name] = (node.module or "", alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    self.imports[alias.asname or alias.name.split(".")[0]] = (alias.name, None)
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Name):
                        self.definitions[target.id].append(node)

    def _statements(self, body: list[ast.stmt]) -> Iterator[ast.stmt]:
        for node in body:
            if isinstance(node, ast.If):  # TYPE_CHECKING and releases of Python
                yield from self._statements(node.body)
            else:
                yield node


class Interfaces:
    """Stubs of a release whose source is in the folder `source`; imports and attributes: as of names_used."""

    def __init__(self, source: Path, imports: Mapping[str, Iterable[str]], attributes: Container[str]) -> None:
        self._source, self._attributes = source, attributes
        self._modules: dict[str, Optional[_Module]] = {}
        self.kept: dict[str, set[str]] = defaultdict(set)
        for module, names in imports.items():
            for name in names:
                self._keep(module, name)

    def _module(self, name: str) -> Optional[_Module]:
        if name not in self._modules:
            base = self._source.joinpath(*name.split("."))
            paths = (base.with_suffix(".pyi"), base.with_suffix(".py"), base / "__init__.py")
            found = next((path for path in paths if path.is_file()), None)
            self._modules[name] = _Module(name, found) if found else None
        return self._modules[name]

    def _keep(self, module: str, name: str) -> None:
        """Keep a declaration, what its bases and decorators are, and where it comes from."""
        found = self._module(module)
        if found is None or name in self.kept[module]:
            return
        self.kept[module].add(name)
        if name in found.imports:
            origin, original = found.imports[name]
            if origin.split(".")[0] == "pants" and original:
                self._keep(origin, original)
        for node in found.definitions.get(name, ()):
            for one in self._heads(node):
                for inner in ast.walk(one):
                    if isinstance(inner, ast.Name):
                        self._keep(module, inner.id)

    def _heads(self, node: ast.stmt) -> list[ast.AST]:
        """What must be known of a declaration: of a class its bases and its members, of a function all."""
        if isinstance(node, ast.ClassDef):
            members = [one for one in node.body if self._is_member(one)]
            keywords = [keyword.value for keyword in node.keywords]
            return [
                *node.decorator_list,
                *node.bases,
                *keywords,
                *(one for member in members for one in self._heads(member)),
            ]
        if isinstance(node, _Function):
            return [*node.decorator_list, node.args, *([node.returns] if node.returns else [])]
        if isinstance(node, ast.AnnAssign):
            return [node.annotation]
        return [node.value] if isinstance(node, ast.Assign) and _is_type(node.value) else []

    def _is_member(self, node: ast.stmt) -> bool:
        if isinstance(node, _Function):
            return node.name in self._attributes or node.name.startswith("__")
        # The fields of a dataclass are its constructor's arguments, used or not.
        return isinstance(node, (ast.AnnAssign, ast.Assign, ast.ClassDef))

    def stubs(self) -> dict[str, str]:
        """Return the stubs by path."""
        found = {}
        for name in sorted(self.kept):
            module = self._module(name)
            assert module is not None
            path = "/".join(name.split(".")) + ("/__init__.pyi" if module.is_package else ".pyi")
            found[path] = self._stub(module, self.kept[name])
        for path in list(found):
            for parent in list(Path(path).parents)[:-1]:
                found.setdefault(f"{parent}/__init__.pyi", _HEADER)
        return found

    def _stub(self, module: _Module, names: set[str]) -> str:
        lines = [_HEADER.rstrip("\n"), "from typing import Any, ClassVar"]
        for name in sorted(names & set(module.imports)):
            origin, original = module.imports[name]
            is_kept = original is None or original in self.kept.get(origin, ()) or self._module(f"{origin}.{original}")
            if origin.split(".")[0] == "pants" and not is_kept:
                lines.append(f"{name}: Any")
                continue
            lines.append(
                f"from {origin} import {original} as {name}"
                if original
                else f"import {origin}" + (f" as {name}" if name != origin.split(".")[0] else "")
            )
        ordered = [
            (node.lineno, name, node)
            for name in names
            for node in _without_implementations(module.definitions.get(name, []))
        ]
        seen = set()
        for _, name, node in sorted(ordered, key=lambda one: one[:2]):
            if id(node) not in seen:
                seen.add(id(node))
                lines.append(ast.unparse(ast.fix_missing_locations(self._declaration(node, name))))
        return "\n".join(lines) + "\n"

    def _member(self, node: ast.stmt, is_enum: bool) -> ast.stmt:
        if not isinstance(node, ast.Assign):
            return self._declaration(node, "")
        if is_enum:
            return ast.Assign(node.targets, ast.Constant(...), lineno=1)
        made = self._declaration(node, "")
        if isinstance(made, ast.AnnAssign):
            made.annotation = ast.Subscript(ast.Name("ClassVar"), made.annotation)
        return made

    def _declaration(self, node: ast.stmt, name: str) -> ast.stmt:
        """A statement without bodies, values and texts."""
        if isinstance(node, _Function):
            made = type(node)(**{field: getattr(node, field) for field in node._fields})
            made.body = [ast.Expr(ast.Constant(...))]
            made.args = ast.arguments(**{field: getattr(node.args, field) for field in node.args._fields})
            made.args.defaults = [ast.Constant(...) for _ in node.args.defaults]
            made.args.kw_defaults = [one and ast.Constant(...) for one in node.args.kw_defaults]
            return made
        if isinstance(node, ast.ClassDef):
            made_class = ast.ClassDef(**{field: getattr(node, field) for field in node._fields})
            members = _without_implementations([one for one in node.body if self._is_member(one)])
            is_enum = any("Enum" in ast.unparse(base) for base in node.bases)
            made_class.body = [self._member(one, is_enum) for one in members] or [ast.Expr(ast.Constant(...))]
            return made_class
        if isinstance(node, ast.AnnAssign):
            return ast.AnnAssign(node.target, node.annotation, node.value and ast.Constant(...), node.simple)
        assert isinstance(node, ast.Assign)
        if _is_type(node.value):
            return node
        kind = (
            type(node.value.value).__name__
            if isinstance(node.value, ast.Constant) and node.value.value is not None
            else "Any"
        )
        target = node.targets[0]
        return ast.AnnAssign(target if isinstance(target, ast.Name) else ast.Name(name or "_"), ast.Name(kind), None, 1)


def _without_implementations(nodes: list[ast.stmt]) -> list[ast.stmt]:
    """Leave out the function itself where its overloads are declared."""
    overloaded = {
        node.name
        for node in nodes
        if isinstance(node, _Function) and any(ast.unparse(one) == "overload" for one in node.decorator_list)
    }
    return [
        node
        for node in nodes
        if not isinstance(node, _Function)
        or node.name not in overloaded
        or any(ast.unparse(one) == "overload" for one in node.decorator_list)
    ]


def _is_type(value: Optional[ast.AST]) -> bool:
    """Whether what is assigned is a type, or another name of something."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in _TYPE_CALLS
    if isinstance(value, ast.BinOp):
        return isinstance(value.op, ast.BitOr)
    return isinstance(value, (ast.Attribute, ast.Name, ast.Subscript))


def _write(source: str, release: str) -> None:
    for path, text in Interfaces(Path(source), *names_used()).stubs().items():
        file = _ROOT / "3rdparty/pants" / release / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")


if __name__ == "__main__":
    _write(*sys.argv[1:])
