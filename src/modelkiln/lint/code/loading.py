"""MK710 and MK711: calls that run what a file or a text names, while they load it."""

import ast
from typing import Iterator, Optional

from modelkiln.lint.catalogue.hidden_code import UNPICKLED_DOWNLOAD, UNSAFE_LOAD
from modelkiln.lint.code.evaluation import Evaluation
from modelkiln.lint.code.flow.arguments import argument_of
from modelkiln.lint.code.libraries.downloads import is_network_call, plain_name
from modelkiln.lint.code.places import Places
from modelkiln.lint.code.program import Program
from modelkiln.lint.code.scopes import Scope
from modelkiln.lint.finding import Finding

__all__ = ["check_loading"]

_UNPICKLERS = frozenset(
    (*(f"{module}.{name}" for module in ("pickle", "_pickle", "cPickle", "dill", "cloudpickle")
       for name in ("load", "loads", "Unpickler")), "joblib.load", "pandas.read_pickle", "marshal.loads"))  # fmt: skip
# By full name, a keyword and the value with which pickles are loaded as programs.
_OPTIONS = {
    "numpy.load": ("allow_pickle", True),
    "torch.load": ("weights_only", False),
    **{f"{module}.load_model": ("safe_mode", False) for module in
       ("keras.models", "keras.saving", "tensorflow.keras.models", "tensorflow.keras.saving")},
}  # fmt: skip
# A keyword of loaders of LangChain's stores of vectors, whatever their class.
_ANY = ("allow_dangerous_deserialization", True)
_MAX_DEPTH = 8


def check_loading(program: Program, evaluation: Evaluation, places: Places) -> Iterator[Finding]:
    """Find pickles that are loaded from the network, and loaders that are asked to run what they load."""
    for name, call, scope in program.calls():
        if name in _UNPICKLERS and _is_fetched(argument_of(call, 0, "file", "data", "filename"), scope, program):
            message = f"{name} runs what was fetched from the network"
            yield places.finding(UNPICKLED_DOWNLOAD, call, scope.module, message)
            continue
        plain = plain_name(name)
        if plain.endswith(".enable_unsafe_deserialization"):
            message = f"{plain} lets files of Keras run what they name"
            yield places.finding(UNSAFE_LOAD, call, scope.module, message)
        elif plain in _OPTIONS or any(one.arg == _ANY[0] for one in call.keywords):
            keyword, unsafe = _OPTIONS.get(plain, _ANY)
            given = argument_of(call, None, keyword)
            if isinstance(given, ast.Constant) and given.value is unsafe:
                message = f"{plain.replace('()', '')} with {keyword}={unsafe} runs what the file names"
                yield places.finding(UNSAFE_LOAD, call, scope.module, message)


def _is_fetched(
    node: Optional[ast.AST], scope: Scope, program: Program, depth: int = 0, seen: Optional[set[int]] = None
) -> bool:
    """Whether an expression is made from the answer of a server, through names and the package's own functions."""
    seen = set() if seen is None else seen
    if node is None or depth > _MAX_DEPTH or id(node) in seen:
        return False
    seen.add(id(node))
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            name = program.name_of(part.func, scope)
            method = part.func.attr if isinstance(part.func, ast.Attribute) else name.rpartition(".")[2]
            if is_network_call(name, method, isinstance(part.func, ast.Attribute)):
                return True
            function = program.scope_of(name) if name else None
            if function and isinstance(function.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                returned = [one.value for one in ast.walk(function.node) if isinstance(one, ast.Return)]
                if any(_is_fetched(one, function, program, depth + 1, seen) for one in returned):
                    return True
        elif isinstance(part, ast.Name):
            bindings = program.bindings_of(part.id, scope, part.lineno)
            if any(_is_fetched(one.node, one.scope, program, depth + 1, seen) for one in bindings if one.name == ""):
                return True
    return False
