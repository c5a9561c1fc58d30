"""Which texts and paths an expression may stand for: constants followed through names, calls and joins."""

import ast
import posixpath
from dataclasses import replace
from itertools import product
from typing import Callable, Iterable, Mapping, Optional, Sequence

from modelkiln.lint.code.flow.arguments import Arguments, argument_of
from modelkiln.lint.code.flow.containers import Containers, key_of
from modelkiln.lint.code.flow.functions import (
    ENVIRONMENT,
    JOINS,
    LAST_PARTS,
    NEW_NAMES,
    SAME,
    SAME_METHODS,
    TEMPORARY_FILES,
)
from modelkiln.lint.code.flow.options import Default, decorated_default, default_of, is_parsed, options_of
from modelkiln.lint.code.program import Program, is_property
from modelkiln.lint.code.scopes import ARGUMENT, CONTEXT, ELEMENT, IMPORT, VALUE, Binding, Scope
from modelkiln.lint.code.values import (
    CODE,
    HOME,
    MODEL,
    TEMPORARY,
    TEXT,
    UNKNOWN,
    WORKING,
    Value,
    concatenated,
    is_file_name,
    joined,
    names_place,
)

__all__ = ["Evaluation"]

# So many alternatives are followed, and so many steps from one expression to the next.
_MAX_VALUES, _MAX_DEPTH = 8, 20
# Expressions looked at for one value: alternatives of alternatives would take for ever in generated code.
_MAX_STEPS = 2000
# And for all values of a package: some seconds. What is not looked at is not known.
_MAX_ALL_STEPS = 300_000
_NOTHING = (Value(),)


class Evaluation:
    """Values of expressions in a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._steps = self._all_steps = 0
        # The literals, by their identity, that what was asked for so far was made from.
        self.followed: set[int] = set()
        self._options: dict[str, Mapping[str, list[Default]]] = {}
        self._containers = Containers(program, self._may_go_on)
        self.arguments = Arguments(program, self._containers)

    def _may_go_on(self) -> bool:
        """Take a step; whether it is one of those that one value, and all of them, may take."""
        self._steps += 1
        self._all_steps += 1
        return self._steps <= _MAX_STEPS and self._all_steps <= _MAX_ALL_STEPS

    def values(self, node: Optional[ast.AST], scope: Scope) -> tuple[Value, ...]:
        """Return what an expression may stand for; a Value of an unknown root where that is not known."""
        self._steps = 0
        return self._noted(self._values(node, scope, 0))

    def _noted(self, found: tuple[Value, ...]) -> tuple[Value, ...]:
        self.followed.update(id(one.literal) for one in found if one.literal is not None)
        return found

    def texts(self, node: Optional[ast.AST], scope: Scope) -> list[str]:
        """Return the texts that an expression may stand for, those that are known as a whole."""
        return [one.text for one in self.values(node, scope) if one.root == TEXT and one.is_whole]

    def _values(self, node: Optional[ast.AST], scope: Scope, depth: int) -> tuple[Value, ...]:
        if node is None or depth > _MAX_DEPTH or not self._may_go_on():
            return _NOTHING
        handler = _HANDLERS.get(type(node))
        found = handler(self, node, scope, depth + 1) if handler else _NOTHING
        return tuple(dict.fromkeys(found))[:_MAX_VALUES] or _NOTHING

    def _constant(self, node: ast.Constant, scope: Scope, depth: int) -> Sequence[Value]:
        if isinstance(node.value, bytes):
            text = node.value.decode("utf-8", "replace")
        elif isinstance(node.value, str):
            text = node.value
        elif isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
            text = str(node.value)
        else:
            return _NOTHING
        root = HOME if text == "~" or text.startswith("~/") else TEXT
        return [Value(root, text, True, False, node, scope.module.path)]

    def _name(self, node: ast.Name, scope: Scope, depth: int) -> Iterable[Value]:
        if node.id == "__file__":
            return [Value(CODE, scope.module.path, True)]
        bindings = self.program.bindings_of(node.id, scope, node.lineno)
        return self._of_bindings(bindings, depth)

    def _of_bindings(self, bindings: Sequence[Binding], depth: int) -> Iterable[Value]:
        found: list[Value] = []
        for one in bindings[-_MAX_VALUES:]:
            if one.kind == ELEMENT or one.index >= 0:
                found += self._of_parts(self._containers.parts_of(one), depth)
            elif one.kind in (VALUE, CONTEXT):
                found += self._values(one.node, one.scope, depth)
            elif one.kind == ARGUMENT:
                found += self._argument(one, depth)
            elif one.kind == IMPORT and depth < _MAX_DEPTH:
                found += self._of_bindings(self.program.exported(one.name), depth + 1)
            elif is_property(one):
                found += self._of_parts(self.program.returned_by(one.name), depth + 2)
        return found

    def elements(self, node: ast.AST, scope: Scope) -> tuple[Value, ...]:
        """Return what an expression may stand for, of a list that stands there what its elements may."""
        self._steps = 0
        parts = self._containers.listed(node, scope) or [(node, scope)]
        return self._noted(tuple(self._of_parts(parts, 0)))

    def listed(self, node: ast.AST, scope: Scope) -> list[tuple[ast.AST, Scope]]:
        """Return the elements of a list or tuple, also of one that a name stands for, with their scopes."""
        self._steps = 0
        return self._containers.listed(node, scope)

    def _of_parts(self, parts: Sequence[tuple[ast.AST, Scope]], depth: int) -> list[Value]:
        return [value for node, scope in parts[:_MAX_VALUES] for value in self._values(node, scope, depth)]

    def _argument(self, binding: Binding, depth: int) -> Iterable[Value]:
        """What a function's argument may be: the model's folder, its default, and what calls of it give."""
        if self.arguments.is_model(binding):
            return [Value(MODEL, "", True)]
        found = [replace(one, is_default=True) for one in self._values(binding.node, binding.scope.parent or
                                                                       binding.scope, depth)]  # fmt: skip
        function = binding.scope
        outside = function.parent or function
        decorated = self._values(decorated_default(function.node, binding.name), outside, depth)
        found += [replace(one, is_default=True) for one in decorated]
        for given, scope in self.arguments.given(binding):
            found += self._values(given, scope, depth + 4)
        for given, scope in self.arguments.chosen(binding):
            found += [replace(one, is_default=True) for one in self._values(given, scope, depth + 4)]
        return found

    def _attribute(self, node: ast.Attribute, scope: Scope, depth: int) -> Iterable[Value]:
        bindings = self.program.attribute_bindings(node, scope) or self.arguments.attribute(node, scope)
        if bindings:
            return self._of_bindings(bindings, depth)
        if node.attr == "parent":
            return [one.folder() for one in self._values(node.value, scope, depth)]
        owner = self.program.name_of(node.value, scope)
        if node.attr == "name" and owner.startswith("tempfile."):
            return [Value(TEMPORARY, "", True)]
        if f"{owner}.{node.attr}" in NEW_NAMES or node.attr == "filename":
            # What callers upload is named by them.
            return [Value(TEXT, "*", True, literal=node, module=scope.module.path)]
        return self._parsed_option(node, scope, depth)

    def _parsed_option(self, node: ast.Attribute, scope: Scope, depth: int) -> Iterable[Value]:
        """The default of an option of the command line: `args.model_path` of argparse."""
        if not is_parsed(node.value, self.program.name_of(node.value, scope)):
            return _NOTHING
        return self._option(node.attr, scope, depth)

    def _option(self, name: str, scope: Scope, depth: int) -> list[Value]:
        module = scope.module
        if module.path not in self._options:
            self._options[module.path] = options_of(module)
        declared = self._options[module.path].get(name, [])
        found = [value for node, of in declared[:_MAX_VALUES] for value in self._values(node, of, depth)]
        return [replace(one, is_default=True) for one in found]

    def _operation(self, node: ast.BinOp, scope: Scope, depth: int) -> Iterable[Value]:
        if isinstance(node.op, ast.Mod):
            found = self._values(node.left, scope, depth)
            given = node.right.elts[:1] if isinstance(node.right, ast.Tuple) else [node.right]
            return [one.cut_at("%") for one in found if one.text[:2] != "%s"] or self._named_after(
                given, found[0].text[2:].replace("%s", "*"), node.left, scope, depth
            )  # fmt: skip
        if isinstance(node.op, ast.Add):
            return self._spelled([node.left, node.right], node, scope, depth)
        is_joined = isinstance(node.op, ast.Div)
        return self._combined(joined, [node.left, node.right], scope, depth) if is_joined else _NOTHING

    def _combined(self, operation: Callable[[Value, Value], Value], nodes: Sequence[ast.AST], scope: Scope,
                  depth: int) -> Iterable[Value]:  # fmt: skip
        found = self._values(nodes[0], scope, depth)
        for node in nodes[1:]:
            given = _NOTHING if isinstance(node, ast.Starred) else self._values(node, scope, depth)
            found = tuple(operation(*pair) for pair in product(found, given))[:_MAX_VALUES]
        return found

    def _formatted(self, node: ast.JoinedStr, scope: Scope, depth: int) -> Iterable[Value]:
        parts = [one.value if isinstance(one, ast.FormattedValue) else one for one in node.values]
        if not parts:
            return [Value(TEXT, "", True)]
        return [replace(one, literal=one.literal or parts[0]) for one in self._spelled(parts, node, scope, depth)]

    def _spelled(self, parts: Sequence[ast.AST], node: ast.AST, scope: Scope, depth: int) -> Iterable[Value]:
        """A text of parts that stand one after the other."""
        found = self._combined(concatenated, parts, scope, depth)
        if any(one.root != UNKNOWN for one in found):
            return found
        rest = "".join(str(one.value) if isinstance(one, ast.Constant) else "*" for one in parts[1:])
        return self._named_after(parts[:1], rest, node, scope, depth)

    def _named_after(self, given: Sequence[ast.AST], rest: str, literal: ast.AST, scope: Scope, depth: int
                     ) -> Sequence[Value]:  # fmt: skip
        """A text that begins with what is not known, `f"{language}_model.pkl"`: the name of a file, where that is
        called neither a path nor a folder."""
        known = self._values(given[0], scope, depth) if given else _NOTHING
        is_name = all(one.root == UNKNOWN for one in known) and is_file_name(rest) and not names_place(given[0])
        return [Value(TEXT, f"*{rest}", True, True, literal, scope.module.path)] if is_name else _NOTHING

    def _choice(self, node: ast.AST, scope: Scope, depth: int) -> Iterable[Value]:
        if isinstance(node, ast.IfExp):
            return [value for one in (node.body, node.orelse) for value in self._values(one, scope, depth)]
        assert isinstance(node, ast.BoolOp)
        *others, last = node.values
        found = [value for one in others for value in self._values(one, scope, depth)]
        return [*found, *(replace(one, is_default=True) for one in self._values(last, scope, depth))]

    def _item(self, node: ast.Subscript, scope: Scope, depth: int) -> Iterable[Value]:
        """An item of a dictionary or a list that stands in the code; a path's `parents[2]`."""
        keys = self._values(node.slice, scope, depth)
        key = keys[0].text if keys[0].root == TEXT and keys[0].is_whole else None
        if isinstance(node.value, ast.Attribute) and node.value.attr == "parents" and (key or "").isdigit():
            return [one.folder(int(key or 0) + 1) for one in self._values(node.value.value, scope, depth)]
        owner = self.program.name_of(node.value, scope)
        if owner in ("os.path.splitext()", "posixpath.splitext()") and isinstance(node.value, ast.Call) and key == "0":
            found = self._values(argument_of(node.value, 0), scope, depth)
            return [replace(one, text=posixpath.splitext(one.text)[0]) for one in found]
        assigned = self._of_parts(scope.module.items.get((ast.dump(node.value), key), ()), depth) if key else []
        if assigned:
            return assigned
        if owner == "os.environ":
            return _of_environment(key, node, scope)
        if key and is_parsed(node.value, owner):
            options = self._option(key, scope, depth)
            if options:
                return options
        return self._of_parts(self._containers.items(node.value, key, scope), depth)

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value]:
        name = self.program.name_of(node.func, scope)
        if node.args and (name in JOINS or name.endswith(".Path")):
            return self._combined(joined, node.args, scope, depth)
        if name in SAME and node.args:
            return self._values(node.args[0], scope, depth)
        if name in ("os.path.dirname", "posixpath.dirname") and node.args:
            return [one.folder() for one in self._values(node.args[0], scope, depth)]
        if name in LAST_PARTS and node.args:
            return [one.last_part() for one in self._values(node.args[0], scope, depth)]
        if name in TEMPORARY_FILES:
            return [Value(TEMPORARY, "", True)]
        if name in NEW_NAMES:
            return [Value(TEXT, "*", True, literal=node, module=scope.module.path)]
        if name in ("os.getcwd", "pathlib.Path.cwd"):
            return [Value(WORKING, "", True, literal=node, module=scope.module.path)]
        if name == "pathlib.Path.home":
            return [Value(HOME, "~", True, literal=node, module=scope.module.path)]
        if name == "os.path.expanduser" and node.args:
            return self._values(node.args[0], scope, depth)
        if name in ENVIRONMENT:
            key = key_of(node.args[0]) if node.args else None
            found = self._values(argument_of(node, 1, "default"), scope, depth)
            return [*_of_environment(key, node, scope), *(replace(one, is_default=True) for one in found)]
        return self._method(node, name, scope, depth)

    def _method(self, node: ast.Call, name: str, scope: Scope, depth: int) -> Iterable[Value]:
        func = node.func
        if not isinstance(func, ast.Attribute):
            return self._returned(node, name, scope, depth)
        if func.attr == "joinpath":
            return self._combined(joined, [func.value, *node.args], scope, depth)
        if func.attr in SAME_METHODS:
            return self._values(func.value, scope, depth)
        if func.attr == "format":
            return self._filled(node, func.value, scope, depth)
        if func.attr == "join" and len(node.args) == 1 and isinstance(node.args[0], (ast.List, ast.Tuple)):
            return self._separated(func.value, node.args[0].elts, scope, depth)
        if func.attr in ("with_name", "replace") and node.args:
            found = self._values(func.value, scope, depth)
            return [replace(one, is_whole=False) for one in found] if func.attr == "replace" else (
                [joined(one.folder(), name) for one in found for name in self._values(node.args[0], scope, depth)]
            )  # fmt: skip
        if func.attr == "get" and node.args:
            key = key_of(node.args[0])
            parts = self._containers.items(func.value, key, scope)
            parts += scope.module.items.get((ast.dump(func.value), key), ()) if key else ()
            rest = self._values(node.args[1], scope, depth) if len(node.args) > 1 else ()
            return [*self._of_parts(parts, depth), *(replace(one, is_default=True) for one in rest)]
        return self._returned(node, name, scope, depth)

    def _filled(self, node: ast.Call, template: ast.AST, scope: Scope, depth: int) -> Iterable[Value]:
        """A template with its arguments in the places of `{}`; of other marks what stands before them."""
        text = template.value if isinstance(template, ast.Constant) else None
        parts = text.split("{}") if isinstance(text, str) else []
        if len(parts) != len(node.args) + 1 or any("{" in one for one in parts):
            return [one.cut_at("{") for one in self._values(template, scope, depth)]
        plain = [ast.copy_location(ast.Constant(one), template) for one in parts]
        filled = [one for pair in zip(plain, [*node.args, None]) for one in pair if one is not None]
        return self._spelled(filled if parts[0] else filled[1:], node, scope, depth)

    def _separated(self, separator: ast.AST, nodes: Sequence[ast.AST], scope: Scope, depth: int) -> Iterable[Value]:
        """A text that is joined from several, `"/".join((ROOT, "w.json"))`."""
        if not nodes:
            return _NOTHING
        parts = [one for node in nodes for one in (separator, node)][1:]
        return self._combined(concatenated, parts, scope, depth)

    def _returned(self, node: ast.Call, name: str, scope: Scope, depth: int) -> Iterable[Value]:
        """What a function of the package returns; of one of another library, the default that it is given."""
        returned = self.program.returned_by(name)
        if returned:
            return self._of_parts(returned, depth + 2)
        if self.program.scope_of(name):
            return _NOTHING
        choices = self.arguments.choices(node, name, scope)
        if choices:
            return [replace(one, is_default=True) for one in self._of_parts(choices, depth)]
        default = default_of(name, node)
        return [replace(one, is_default=True) for one in self._values(default, scope, depth)]


def _of_environment(key: Optional[str], node: ast.AST, scope: Scope) -> list[Value]:
    """A variable of the environment whose value is known: the home folder."""
    return [Value(HOME, "~", True, literal=node, module=scope.module.path)] if key == "HOME" else []


_HANDLERS: dict[type, Callable] = {
    ast.Constant: Evaluation._constant,
    ast.Name: Evaluation._name,
    ast.Attribute: Evaluation._attribute,
    ast.BinOp: Evaluation._operation,
    ast.JoinedStr: Evaluation._formatted,
    ast.IfExp: Evaluation._choice,
    ast.BoolOp: Evaluation._choice,
    ast.Subscript: Evaluation._item,
    ast.Call: Evaluation._call,
    ast.Await: lambda self, node, scope, depth: self._values(node.value, scope, depth),
    ast.NamedExpr: lambda self, node, scope, depth: self._values(node.value, scope, depth),
}
