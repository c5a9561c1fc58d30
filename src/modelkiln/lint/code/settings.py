"""MK107 and MK201: files and models that a dictionary of settings names, and that nothing is seen to open."""

import ast
import re
from typing import Iterator

from modelkiln.lint.catalogue.dynamic import HUB
from modelkiln.lint.catalogue.paths import UNPACKAGED
from modelkiln.lint.code.evaluation import Evaluation
from modelkiln.lint.code.libraries.files import is_a_path
from modelkiln.lint.code.libraries.guesses import MODEL_NAME, is_hub_name
from modelkiln.lint.code.places import Places, quoted
from modelkiln.lint.code.program import Program
from modelkiln.lint.code.scopes import Module
from modelkiln.lint.code.values import TEXT, Value
from modelkiln.lint.finding import LIKELY, Finding

__all__ = ["check_settings"]

_SAYS_FILE = re.compile(r"(\A|_)(path|file|ckpt|checkpoint|weights|config|cfg)\Z", re.I)
_SAYS_MODEL = re.compile(r"model|ckpt|checkpoint|pretrained|tokenizer|encoder|repo", re.I)
_MAX_NESTED = 3


def check_settings(program: Program, evaluation: Evaluation, places: Places) -> Iterator[Finding]:
    """Find values of dictionaries that have a name: they travel to modules that are not at hand."""
    for text, scope, parent in program.texts():
        if not isinstance(parent, ast.Dict) or id(text) in evaluation.followed or "/" not in str(text.value):
            continue
        key = next((one for one, value in zip(parent.keys, parent.values) if value is text), None)
        name = str(key.value) if isinstance(key, ast.Constant) else ""
        value = str(text.value)
        if not name or not _is_named(parent, scope.module):
            continue
        if _SAYS_FILE.search(name) and is_a_path(value) and not value.startswith("/"):
            message = f"the setting {name!r} names {value!r}, a path from the working directory"
            yield places.finding(UNPACKAGED, text, scope.module, message, LIKELY)
        elif _SAYS_MODEL.search(name) and MODEL_NAME.match(value) and is_hub_name(Value(TEXT, value, True)):
            message = f"the setting {name!r} names {quoted(value)}, a model of a hub"
            yield places.finding(HUB, text, scope.module, message, LIKELY)


def _is_named(node: ast.AST, module: Module) -> bool:
    """Whether a dictionary, or one that it is a value of, is given a name."""
    for _ in range(_MAX_NESTED):
        parent = module.parents.get(id(node))
        if not isinstance(parent, ast.Dict):
            return isinstance(parent, (ast.Assign, ast.AnnAssign))
        node = parent
    return False
