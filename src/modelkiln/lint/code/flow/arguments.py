"""What the arguments of a package's functions may be: what calls give them, and what users choose on pages."""

import ast
from collections import defaultdict
from typing import Iterator, Mapping, Optional

from modelkiln.lint.code.flow.containers import Containers, Part
from modelkiln.lint.code.program import Program
from modelkiln.lint.code.scopes import ARGUMENT, VALUE, Binding, Scope

__all__ = ["Arguments", "argument_of"]

_MAX_CALLS, _MAX_CHOICES, _MAX_DEPTH = 8, 8, 4
# Methods of Gradio's components that call a function with the values of others, and pages that do so.
_EVENTS = frozenset(("click", "change", "submit", "input", "select", "upload", "release", "then", "success", "load"))
# With how many arguments that are none of its components: of a chat, the message and what was said before.
_PAGES = {"gradio.Interface": ("inputs", 0), "gradio.ChatInterface": ("additional_inputs", 2)}
_CHOOSERS = ("Dropdown", "Radio", "CheckboxGroup")
# Components whose value is a text; those of files hand over copies of theirs.
_TEXTS = ("Textbox", "Text", "TextArea", "State")
_STREAMLIT = (".selectbox", ".radio", ".select_slider", ".pills", ".segmented_control", ".multiselect")


def argument_of(call: ast.Call, place: Optional[int], *keywords: str) -> Optional[ast.AST]:
    """Return the argument at a place or of one of the keywords, or None; None for the place is "only by keyword"."""
    for one in call.keywords:
        if one.arg in keywords:
            return one.value
    if place is None or place >= len(call.args) or any(isinstance(one, ast.Starred) for one in call.args[: place + 1]):
        return None
    return call.args[place]


class Arguments:
    """Arguments of the functions of a program."""

    def __init__(self, program: Program, containers: Containers) -> None:
        self._program = program
        self._containers = containers
        # By the full name of a function, the components whose values it gets, and how many arguments are before them.
        self._pages: Optional[Mapping[str, list[tuple[ast.AST, Scope, int]]]] = None

    def given(self, binding: Binding) -> Iterator[Part]:
        """Return what calls in the package give an argument of a function, with their scopes."""
        name, place = self._place(binding)
        for call, scope in self._program.calls_of(name)[:_MAX_CALLS]:
            given = argument_of(call, place, binding.name)
            if given is not None:
                yield given, scope

    def chosen(self, binding: Binding) -> Iterator[Part]:
        """Return what users may choose for an argument on a page of Gradio, and what stands there before they do."""
        name, place = self._place(binding)
        if self._pages is None:
            self._pages = self._read_pages()
        if place is None:
            return
        for inputs, scope, skipped in self._pages.get(name, ()):
            components = inputs.elts if isinstance(inputs, (ast.List, ast.Tuple)) else [inputs]
            if 0 <= place - skipped < len(components):
                yield from self._offered(components[place - skipped], scope)

    def is_model(self, binding: Binding) -> bool:
        """Return whether it is where the runtime hands the model's folder over: the second argument of a function that
        is the entry point, the first one of a class's `__init__` besides `self`."""
        module, _, name = self._program.entry_point.partition(":")
        if not name or binding.scope.module.name != module:
            return False
        if binding.scope.name in (f"{module}.{name}", f"{module}.{name}.__init__"):
            return _names(binding.scope)[1:2] == [binding.name]
        return False

    def attribute(self, node: ast.Attribute, scope: Scope) -> list[Binding]:
        """Return what an attribute of an argument may stand for, by the class that the argument is declared to be of,
        or of which callers give an instance."""
        for owner in self._classes(node.value, scope, 0):
            found = self._program.exported(f"{owner}.{node.attr}")
            if found:
                return found
        return []

    def choices(self, call: ast.Call, name: str, scope: Scope) -> list[Part]:
        """Return what users may choose where Streamlit asks them, by a call of a function with a full name."""
        if not name.startswith(("streamlit.", "?.")) or not name.endswith(_STREAMLIT):
            return []
        return self._containers.elements(argument_of(call, 1, "options"), -1, scope)[:_MAX_CHOICES]

    def _place(self, binding: Binding) -> tuple[str, Optional[int]]:
        """The full name that calls know a function by, and which of their arguments one of its own is."""
        function, name, skipped = binding.scope, binding.scope.name, 0
        if function.parent and function.parent.kind == "class":
            skipped = 1
            name = function.parent.name if name.endswith(".__init__") else name
        names = _names(function)[skipped:]
        return name, names.index(binding.name) if binding.name in names else None

    def _classes(self, node: ast.AST, scope: Scope, depth: int) -> Iterator[str]:
        """The full names of the package's classes that an expression may be of, or is."""
        bindings: list[Binding] = []
        if isinstance(node, ast.Name):
            bindings = self._program.bindings_of(node.id, scope, node.lineno)
        elif isinstance(node, ast.Attribute):
            bindings = self._program.attribute_bindings(node, scope)
        for one in bindings[-_MAX_CALLS:] if depth < _MAX_DEPTH else ():
            if one.kind == ARGUMENT:
                parts = [*_annotation(one), *self.given(one)]
            else:
                parts = [(one.node, one.scope)] if one.kind == VALUE and one.node is not None else []
            for part, of in parts:
                name = self._program.name_of(part, of)
                owner = self._program.scope_of(name[:-2] if name.endswith("()") else name)
                if owner and owner.kind == "class":
                    yield owner.name
                else:
                    yield from self._classes(part, of, depth + 1)

    def _read_pages(self) -> Mapping[str, list[tuple[ast.AST, Scope, int]]]:
        found: dict[str, list[tuple[ast.AST, Scope, int]]] = defaultdict(list)
        for module in self._program.modules:
            if not any(name.partition(".")[0] == "gradio" for name, _, _ in module.imports):
                continue
            for call, scope, _ in module.calls:
                name = self._program.name_of(call.func, scope)
                is_event = isinstance(call.func, ast.Attribute) and call.func.attr in _EVENTS
                keyword, skipped = _PAGES.get(name, ("inputs", 0))
                inputs = argument_of(call, None if skipped else 1, keyword)
                function = argument_of(call, 0, "fn")
                if inputs is not None and function is not None and (is_event or name in _PAGES):
                    found[self._program.name_of(function, scope)].append((inputs, scope, skipped))
        return found

    def _offered(self, node: ast.AST, scope: Scope) -> Iterator[Part]:
        """What a component of Gradio has in it, and what it lets users choose."""
        for _ in range(_MAX_DEPTH):
            bindings = self._program.bindings_of(node.id, scope, node.lineno) if isinstance(node, ast.Name) else []
            if not bindings or bindings[-1].kind != VALUE or bindings[-1].node is None:
                break
            node, scope = bindings[-1].node, bindings[-1].scope
        name = self._program.name_of(node.func, scope) if isinstance(node, ast.Call) else ""
        is_text = name.startswith("gradio.") and name.endswith((*_CHOOSERS, *_TEXTS))
        if not isinstance(node, ast.Call) or not is_text:
            return
        is_chooser = name.endswith(_CHOOSERS)
        value = argument_of(node, None if is_chooser else 0, "value")
        if value is not None:
            yield value, scope
        choices = argument_of(node, 0, "choices") if is_chooser else None
        for choice, of in self._containers.elements(choices, -1, scope)[:_MAX_CHOICES]:
            # Of a label and a value, the value.
            yield (choice.elts[1] if isinstance(choice, ast.Tuple) and len(choice.elts) == 2 else choice), of


def _names(function: Scope) -> list[str]:
    arguments = getattr(function.node, "args", None)
    return [one.arg for one in (*arguments.posonlyargs, *arguments.args)] if arguments else []


def _annotation(binding: Binding) -> Iterator[Part]:
    """What an argument is declared to be."""
    arguments = getattr(binding.scope.node, "args", None)
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs) if arguments else ():
        if one.arg == binding.name and one.annotation is not None:
            yield one.annotation, binding.scope.parent or binding.scope
