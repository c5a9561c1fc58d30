"""MK204, MK206 and MK207: code that comes into being at run time."""

import ast
import re
from typing import Iterator

from modelkiln.lint.catalogue.dynamic import COMPUTED_CODE, COMPUTED_IMPORT, INSTALL, NETWORK
from modelkiln.lint.code.evaluation import Evaluation, argument_of
from modelkiln.lint.code.places import Places, cut, quoted, text_of
from modelkiln.lint.code.program import Program
from modelkiln.lint.code.scopes import Scope
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
    command = _command(call, scope, evaluation)
    if name.startswith("pip.") or name.startswith("pip._internal"):
        command = f"pip {command}"
    installs = INSTALLS.search(command)
    if installs:
        yield places.finding(INSTALL, call, scope.module, f"{name} runs {quoted(cut(command))}")
    elif FETCHES.search(command) or _DATA_COMMAND.search(command):
        yield places.finding(NETWORK, call, scope.module, f"{name} runs {quoted(cut(command))}")


def _command(call: ast.Call, scope: Scope, evaluation: Evaluation) -> str:
    """The words of a command as far as they are known."""
    given = argument_of(call, 0, "args", "command", "cmd")
    words = _words(given, scope, evaluation) if given is not None else []
    words += [one for one in call.args[1:] if not isinstance(one, ast.Starred)]
    known = (evaluation.values(one, scope)[0] for one in words)
    return " ".join(one.text if one.root == TEXT and one.text else "..." for one in known)


def _words(node: ast.AST, scope: Scope, evaluation: Evaluation, depth: int = 0) -> list[ast.AST]:
    """The elements of a list, of lists that are added, and of one that a name stands for; else the expression."""
    if isinstance(node, (ast.List, ast.Tuple)):
        return list(node.elts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and depth < _MAX_DEPTH:
        return [
            *_words(node.left, scope, evaluation, depth + 1),
            *_words(node.right, scope, evaluation, depth + 1),
        ]
    if isinstance(node, ast.Name):
        bindings = evaluation.program.bindings_of(node.id, scope, node.lineno)
        lists = [one.node for one in bindings if isinstance(one.node, (ast.List, ast.Tuple))]
        return [one for several in lists for one in several.elts] or [node]
    return [node]
