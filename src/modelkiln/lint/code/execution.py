"""MK204, MK206 and MK207: code that comes into being at run time."""

import ast
import re
from typing import Iterator

from modelkiln.lint.catalogue.dynamic import COMPUTED_CODE, COMPUTED_IMPORT, INSTALL, NETWORK
from modelkiln.lint.catalogue.paths import BESIDE_CODE, UNPACKAGED
from modelkiln.lint.code.commands import Command, commands_of, paths_in
from modelkiln.lint.code.evaluation import Evaluation
from modelkiln.lint.code.flow.arguments import argument_of
from modelkiln.lint.code.libraries.files import is_a_path
from modelkiln.lint.code.paths import rule_of_absolute
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
    r"\b(pip3?(\.\d+)?|conda|mamba|uv pip|apt|apt-get|npm|easy_install|poetry|yum|apk)\b[\w\s.=-]*?\s(install|add)\b|"
    r"\bsetup\.py\s+(install|develop)\b",
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
    for command in commands_of(call, scope, evaluation):
        text = command.text
        if name.startswith("pip.") or name.startswith("pip._internal"):
            text = f"pip {text}"
        is_fetch = FETCHES.search(text) or _DATA_COMMAND.search(text)
        rule = INSTALL if INSTALLS.search(text) else NETWORK if is_fetch else None
        if rule:
            yield places.finding(rule, call, scope.module, f"{name} runs {quoted(cut(text))}")
            return
        script = _SCRIPT.search(text)
        if script and argument_of(call, None, "cwd") is None:
            message = f"{name} runs {script[1]!r}, a path from the working directory"
            yield places.finding(UNPACKAGED, call, scope.module, message, LIKELY)
            return
        yield from _paths(name, command, call, scope, places)


def _paths(name: str, command: Command, call: ast.Call, scope: Scope, places: Places) -> Iterator[Finding]:
    """Paths in the text of a command; an absolute one that stands in a list is found there."""
    in_folder = argument_of(call, None, "cwd") is not None
    for path, is_written in paths_in(command.text):
        rule, where = None, f"{name} runs a command with {path!r}"
        if path.startswith("/"):
            rule = None if command.is_listed else rule_of_absolute(path)
        elif not in_folder and (is_a_path(path) or path.endswith("/")):
            rule, where = BESIDE_CODE if is_written else UNPACKAGED, f"{where}, a path from the working directory"
        if rule:
            yield places.finding(rule, call, scope.module, where, LIKELY)
