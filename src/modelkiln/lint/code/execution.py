"""MK204, MK206 and MK207: code that comes into being at run time."""

import ast
import re
from typing import Iterator, Optional, Sequence

from modelkiln.lint.catalogue.dynamic import COMPUTED_CODE, COMPUTED_IMPORT, INSTALL, NETWORK
from modelkiln.lint.catalogue.paths import UNPACKAGED
from modelkiln.lint.code.evaluation import Evaluation, argument_of
from modelkiln.lint.code.places import Places, cut, quoted, text_of
from modelkiln.lint.code.program import Program
from modelkiln.lint.code.scopes import ARGUMENT, Scope
from modelkiln.lint.code.values import TEXT
from modelkiln.lint.finding import LIKELY, SURE, Finding

__all__ = ["FETCHES", "INSTALLS", "check_execution"]

_PROGRAMS = frozenset(("os.system", "os.popen", "subprocess.run", "subprocess.call", "subprocess.check_call",
                       "subprocess.check_output", "subprocess.Popen", "subprocess.getoutput", "os.execvp", "os.spawnvp",
                       "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "pip.main",
                       "pip._internal.main",
                       "pip._internal.cli.main.main", "get_ipython().system",
                       "get_ipython().run_line_magic"))  # fmt: skip
INSTALLS = re.compile(
    r"\b(pip3?(\.\d+)?|conda|mamba|uv pip|apt|apt-get|npm|easy_install|poetry|yum|apk)\b[\w\s.=-]*?\s(install|add)\b",
    re.I,
)
FETCHES = re.compile(
    r"(^|[\s;&|/])(wget|curl|git (clone|lfs)|gsutil|aws s3|azcopy|gdown|pget|aria2c|axel|huggingface-cli|"
    r"dvc pull|rclone)\b"
)
# A program of Python or of a shell, by a path that is not absolute; "..." stands for what is not known, sys.executable.
_SCRIPT = re.compile(
    r"(?:^|[\s;&|])(?:python[\d.]*|bash|sh|\.\.\.)\s+(?:-[a-z]+\s+)*(?![/-])([\w./-]+\.(?:py|sh))(?=\s|$)"
)
_DATA_COMMAND = re.compile(r"-m (spacy download|nltk\.downloader|unidic download)")


_MAX_DEPTH = 16


def check_execution(program: Program, evaluation: Evaluation, places: Places) -> Iterator[Finding]:
    """Find what installs, runs or imports by names and texts that are computed."""
    for module in program.modules:
        for line, text in module.magics.items():
            rule = INSTALL if INSTALLS.search(text) else NETWORK if FETCHES.search(text) else None
            if rule:
                yield places.at(rule, module, line, 0, f"a command of a notebook runs {quoted(cut(text))}")
    for name, call, scope in program.calls():
        if name in _PROGRAMS:
            yield from _program(name, call, scope, evaluation, places)
        elif name in ("exec", "eval", "builtins.exec", "builtins.eval") and call.args:
            if not _is_constant(call.args[0], scope, evaluation):
                message = f"{name}({text_of(call.args[0])}) runs text that is computed"
                yield places.finding(COMPUTED_CODE, call, scope.module, message)
        elif name in ("importlib.import_module", "__import__", "runpy.run_path", "runpy.run_module") and call.args:
            yield from _imported(name, call, scope, evaluation, places)
        elif name in ("importlib.util.spec_from_file_location", "importlib.machinery.SourceFileLoader"):
            message = f"{name} imports a file by its path"
            yield places.finding(COMPUTED_IMPORT, call, scope.module, message)


def _is_constant(node: ast.AST, scope: Scope, evaluation: Evaluation) -> bool:
    """Whether all that an expression may be stands in the code."""
    return all(one.root == TEXT and one.is_whole and not one.is_default for one in evaluation.values(node, scope))


def _imported(name: str, call: ast.Call, scope: Scope, evaluation: Evaluation, places: Places) -> Iterator[Finding]:
    values = evaluation.values(call.args[0], scope)
    if _is_constant(call.args[0], scope, evaluation):
        return
    is_own = any(one.root == TEXT and one.text.startswith(".") for one in values)
    message = f"{name}({text_of(call.args[0])}) imports by a name that is computed"
    yield places.finding(COMPUTED_IMPORT, call, scope.module, message, LIKELY if is_own else SURE)


def _program(name: str, call: ast.Call, scope: Scope, evaluation: Evaluation, places: Places) -> Iterator[Finding]:
    for command in _commands(call, scope, evaluation):
        if name.startswith("pip.") or name.startswith("pip._internal"):
            command = f"pip {command}"
        is_fetch = FETCHES.search(command) or _DATA_COMMAND.search(command)
        rule = INSTALL if INSTALLS.search(command) else NETWORK if is_fetch else None
        if rule:
            yield places.finding(rule, call, scope.module, f"{name} runs {quoted(cut(command))}")
            return
        script = _SCRIPT.search(command)
        if script and argument_of(call, None, "cwd") is None:
            message = f"{name} runs {script[1]!r}, a path from the working directory"
            yield places.finding(UNPACKAGED, call, scope.module, message, LIKELY)
            return


def _commands(call: ast.Call, scope: Scope, evaluation: Evaluation) -> list[str]:
    """The commands that a call may run, as far as their words are known: several where callers of a function give
    them."""
    given = argument_of(call, 0, "args", "command", "cmd")
    rest = [(one, scope) for one in call.args[1:] if not isinstance(one, ast.Starred)]
    words = _words(given, scope, evaluation) if given is not None else []
    if len(words) == 1 and not rest:
        texts = [one.text for one in evaluation.values(*words[0]) if one.root == TEXT and one.text]
        return [*texts, *(_joined(evaluation, one) for one in _given_lists(given, scope, evaluation))]
    return [_joined(evaluation, [*words, *rest])]


def _joined(evaluation: Evaluation, words: Sequence[tuple[ast.AST, Scope]]) -> str:
    """Words as one text, with dots for those that are not known."""
    known = (evaluation.values(*one)[0] for one in words)
    return " ".join(one.text if one.root == TEXT and one.text else "..." for one in known)


def _given_lists(
    node: Optional[ast.AST], scope: Scope, evaluation: Evaluation
) -> Iterator[list[tuple[ast.AST, Scope]]]:
    """The lists of words that callers give a function which runs its argument."""
    bindings = evaluation.program.bindings_of(node.id, scope, node.lineno) if isinstance(node, ast.Name) else ()
    for binding in bindings:
        if binding.kind == ARGUMENT:
            for given, of_caller in evaluation.given(binding):
                yield evaluation.listed(given, of_caller)


def _words(node: ast.AST, scope: Scope, evaluation: Evaluation, depth: int = 0) -> list[tuple[ast.AST, Scope]]:
    """The elements of a list, of lists that are added, and of one that a name stands for; else the expression."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and depth < _MAX_DEPTH:
        return [
            *_words(node.left, scope, evaluation, depth + 1),
            *_words(node.right, scope, evaluation, depth + 1),
        ]
    func = node.func if isinstance(node, ast.Call) else None
    if isinstance(node, ast.Call) and isinstance(func, ast.Attribute) and func.attr == "split" and depth < _MAX_DEPTH:
        # Of shlex.split(command) the argument, of command.split(" ") the owner.
        is_shlex = evaluation.program.name_of(func, scope) == "shlex.split" and node.args
        return _words(node.args[0] if is_shlex else func.value, scope, evaluation, depth + 1)
    if isinstance(node, (ast.List, ast.Tuple)):
        return [(one, scope) for one in node.elts]
    return evaluation.listed(node, scope) or [(node, scope)]
