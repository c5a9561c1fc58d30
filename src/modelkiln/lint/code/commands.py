"""Commands that code runs in other processes: their words, and the paths in them."""

import ast
import re
from typing import Iterator, NamedTuple, Optional, Sequence

from modelkiln.lint.code.evaluation import Evaluation
from modelkiln.lint.code.flow.arguments import argument_of
from modelkiln.lint.code.flow.containers import Part
from modelkiln.lint.code.scopes import ARGUMENT, VALUE, Scope
from modelkiln.lint.code.values import TEXT

__all__ = ["Command", "NamedPath", "commands_of", "paths_in"]

_MAX_DEPTH = 16
# What stands in a command for what is not known.
_UNKNOWN = "..."
_SEPARATORS = re.compile(r"[;|&()\n]+")
# A word that writes to what follows it, and programs that write to what they are given.
_REDIRECTS, _OUTPUTS = frozenset((">", ">>", "1>", "2>", "&>")), frozenset(("-o", "-O", "-P", "--output", "--out"))
_MAKERS = frozenset(("mkdir", "touch", "tee", "rm", "7z", "zip", "tar", "git"))
_ABSOLUTE = re.compile(r"/[\w.+-]+(/[\w.+*-]+)+/?\Z")
_RELATIVE = re.compile(r"(?!-)(?!\.\.\.)[\w.+-]+(/[\w.+*-]+)*/?\Z")


class Command(NamedTuple):
    """What is run, as one text. is_listed: whether its words stand in a list in the code."""

    text: str
    is_listed: bool


class NamedPath(NamedTuple):
    """A path in a command, and whether the command writes there."""

    text: str
    is_written: bool


def commands_of(call: ast.Call, scope: Scope, evaluation: Evaluation) -> list[Command]:
    """Return the commands that a call may run, as far as their words are known: several where callers of a function
    give them."""
    given = argument_of(call, 0, "args", "command", "cmd")
    rest = [(one, scope) for one in call.args[1:] if not isinstance(one, ast.Starred)]
    words = _words(given, scope, evaluation) if given is not None else []
    if len(words) == 1 and not rest:
        command, of = words[0]
        texts = [one.text for one in evaluation.values(command, of) if one.root == TEXT and one.text]
        spelled = _spelled(command, of, evaluation)
        if spelled.replace(_UNKNOWN, "").strip() and spelled not in texts:
            texts = [one for one in texts if not spelled.startswith(one)] + [spelled]
        listed = [_joined(evaluation, one) for one in _given_lists(given, scope, evaluation)]
        return [*(Command(one, False) for one in texts), *(Command(one, True) for one in listed)]
    return [Command(_joined(evaluation, [*words, *rest]), True)]


def paths_in(command: str) -> Iterator[NamedPath]:
    """Return the paths that a text of a shell names, besides the programs that it runs: absolute ones, and those with
    a folder or an ending."""
    for part in _SEPARATORS.split(command):
        words = [one.strip("'\"") for one in part.split()]
        program = words[0].rpartition("/")[2] if words else ""
        for before, word in zip(["", *words], words):
            redirected = word[:1] == ">" and word.lstrip(">")
            text = redirected or word.rpartition("=")[2]
            is_written = bool(redirected) or before in _REDIRECTS | _OUTPUTS or program in _MAKERS
            if _ABSOLUTE.match(text) or (word is not words[0] and "/" in text and _RELATIVE.match(text)):
                yield NamedPath(text, is_written)


def _joined(evaluation: Evaluation, words: Sequence[Part]) -> str:
    """Words as one text, with dots for those that are not known."""
    known = (evaluation.values(*one)[0] for one in words)
    return " ".join(one.text if one.root == TEXT and one.text else _UNKNOWN for one in known)


def _spelled(node: Optional[ast.AST], scope: Scope, evaluation: Evaluation, depth: int = 0) -> str:
    """A text as one, with dots in the places of what is not known, also between what is."""
    if isinstance(node, ast.JoinedStr):
        parts = [one.value if isinstance(one, ast.FormattedValue) else one for one in node.values]
        return "".join(_spelled(one, scope, evaluation, depth + 1) for one in parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and depth < _MAX_DEPTH:
        return _spelled(node.left, scope, evaluation, depth + 1) + _spelled(node.right, scope, evaluation, depth + 1)
    if isinstance(node, ast.Name) and depth < _MAX_DEPTH:
        found = evaluation.program.bindings_of(node.id, scope, node.lineno)
        if found and found[-1].kind == VALUE and isinstance(found[-1].node, (ast.JoinedStr, ast.BinOp)):
            return _spelled(found[-1].node, found[-1].scope, evaluation, depth + 1)
    value = evaluation.values(node, scope)[0]
    return value.text if value.root == TEXT and value.is_whole else _UNKNOWN


def _given_lists(node: Optional[ast.AST], scope: Scope, evaluation: Evaluation) -> Iterator[list[Part]]:
    """The lists of words that callers give a function which runs its argument."""
    bindings = evaluation.program.bindings_of(node.id, scope, node.lineno) if isinstance(node, ast.Name) else ()
    for binding in bindings:
        if binding.kind == ARGUMENT:
            for given, of_caller in evaluation.arguments.given(binding):
                yield evaluation.listed(given, of_caller)


def _words(node: ast.AST, scope: Scope, evaluation: Evaluation, depth: int = 0) -> list[Part]:
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
