"""Paths below the model's folder in place of paths of another machine, and of names on a hub."""

import ast
import re
from typing import Any, Iterator, Mapping, Optional

from modelkiln.lint.edit import Edit
from modelkiln.lint.edits.script import Script
from modelkiln.lint.finding import Finding
from modelkiln.lint.subject import SourceFile, Subject

__all__ = ["HUB_RULE", "PATH_RULES", "REVISION_RULE", "hub_edits", "path_edits", "revision_edits"]

PATH_RULES = frozenset(("MK101", "MK102", "MK103", "MK104", "MK107"))
HUB_RULE, REVISION_RULE = "MK201", "MK301"
_WORKING = ", a path from the working directory"
# What a system has of its own is not a model's, whatever it is called.
_SYSTEM = re.compile(r"/(?:bin|boot|dev|etc|lib|lib64|proc|run|sbin|sys|usr|var)(?:/|\Z)")
_PLAIN = re.compile(r"[\w@+=. -]+(?:/[\w@+=. -]+)*")
_HUB = re.compile(r"hf:(?://)?([\w.-]+/[\w.-]+)(?:@[^\s@?#]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# By the last part of their names: what takes the commit of a repository of models by this keyword; and what opens a
# file to change it, unless a mode says otherwise.
_PINNABLE = frozenset((
    "CrossEncoder", "SentenceTransformer", "SparseEncoder", "from_pretrained", "hf_hub_download", "snapshot_download",
))  # fmt: skip
_UPDATING = frozenset(("CDLL", "File", "GFile", "connect", "memmap"))
_MODE = re.compile(r"[rbtU]*[wax+][wax+rbt]*")
# Functions whose argument may be a Path as well as a text, by what they are called where nothing else has the name.
_PATH_LIKE = ("open", "Path", "pathlib.Path")


def path_edits(script: Script, source: SourceFile, subject: Subject, found: Finding) -> tuple[Edit, ...]:
    """Return the path of the file of the model that a literal names, where a call opens it on the same line, the
    model's folder has a name there, and one file or folder of the artifacts alone is meant."""
    for node in script.nodes_at(found.line, found.column):
        for literal in _literals(node):
            opened = f"opens {literal.value!r}"
            if found.message not in (opened, opened + _WORKING):
                continue
            path = _artifact_of(str(literal.value), subject)
            edit = _below_model(script, source, subject, literal, path) if path else None
            return (edit,) if edit else ()
    return ()


def hub_edits(script: Script, source: SourceFile, subject: Subject, found: Finding) -> tuple[Edit, ...]:
    """Return the model's folder in place of a name on a hub that an artifact of the package was locked from."""
    for call, literal, locked in _loads(script, subject, found):
        revision = _keyword(call, "revision")
        is_other = revision is not None and not (
            isinstance(revision, ast.Constant) and revision.value == locked.get("revision")
        )
        paths = [file.path for file in subject.artifacts]
        is_part = locked.get("include") or locked.get("exclude") or paths.count("config.json") != 1
        if is_other or is_part or _keyword(call, "subfolder") is not None:
            return ()
        if len(subject.record.get("sources") or ()) != 1 or _last_name(call) != "from_pretrained":
            return ()
        edit = _below_model(script, source, subject, literal, "")
        return (edit,) if edit else ()
    return ()


def revision_edits(script: Script, source: SourceFile, subject: Subject, found: Finding) -> tuple[Edit, ...]:
    """Return the commit that an artifact of the package was locked with, where a call names its repository without
    one."""
    for call, _, locked in _loads(script, subject, found):
        commit = str(locked.get("revision") or "")
        given = [*call.args, *(one.value for one in call.keywords)]
        is_open = any(isinstance(one, ast.Starred) for one in call.args) or any(
            one.arg is None for one in call.keywords
        )
        is_named = any(_keyword(call, name) is not None for name in ("revision", "repo_type"))
        if not _COMMIT.fullmatch(commit) or is_open or is_named or _last_name(call) not in _PINNABLE:
            return ()
        _, end = script.text.span(max(given, key=lambda one: (one.end_lineno or 0, one.end_col_offset or 0)))
        # A bracket may stand around the last argument.
        if not re.match(r"\s*[,)]", script.text.text[end:]):
            return ()
        return (Edit(source.shown, end, end, f', revision="{commit}"'),)
    return ()


def _literals(node: ast.AST) -> Iterator[ast.Constant]:
    given = [node, *node.args[:1], *(one.value for one in node.keywords)] if isinstance(node, ast.Call) else [node]
    yield from (one for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str))


def _loads(
    script: Script, subject: Subject, found: Finding
) -> Iterator[tuple[ast.Call, ast.Constant, Mapping[str, Any]]]:
    """The call of a finding with the literal that it loads by, and the lock's source of the same name."""
    sources = [one.get("source") or {} for one in subject.record.get("sources") or ()]
    for node in script.nodes_at(found.line, found.column):
        if not isinstance(node, ast.Call) or not isinstance(node.func, (ast.Attribute, ast.Name)):
            continue
        literals = [one for one in node.args[:1] if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        for literal in literals:
            named = [one for one in sources if _repository(one) == literal.value]
            if len(named) == 1 and repr(literal.value) in found.message:
                yield node, literal, named[0]
                return


def _repository(source: Mapping[str, Any]) -> str:
    match = _HUB.fullmatch(str(source.get("uri", "")))
    return match[1] if match else ""


def _last_name(call: ast.Call) -> str:
    return getattr(call.func, "attr", "") or getattr(call.func, "id", "")


def _may_write(call: ast.Call) -> bool:
    """Whether a call may change the file that it opens."""
    given = [*call.args[1:], *(one.value for one in call.keywords)]
    modes = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return _last_name(call) in _UPDATING or any(_MODE.fullmatch(one) for one in modes)


def _keyword(call: ast.Call, name: str) -> Optional[ast.AST]:
    return next((one.value for one in call.keywords if one.arg == name), None)


def _artifact_of(text: str, subject: Subject) -> str:
    """The file or folder among the artifacts that a path of another machine ends in; "" where it is none or several."""
    parts = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts or ".." in parts or _SYSTEM.match(text):
        return ""
    files = [file.path for file in subject.artifacts]
    folders = {"/".join(path.split("/")[:size]) for path in files for size in range(1, path.count("/") + 1)}
    named = [path for path in (*files, *folders) if path.rpartition("/")[2] == parts[-1]]
    if len(named) != 1 or not _PLAIN.fullmatch(named[0]):
        return ""
    wanted = named[0].split("/")
    return named[0] if parts[-len(wanted) :] == wanted else ""


def _below_model(
    script: Script, source: SourceFile, subject: Subject, literal: ast.Constant, path: str
) -> Optional[Edit]:
    """The edit that puts a path below the model's folder, "" for the folder itself, in place of a literal."""
    module, _, entry = subject.entry_point.partition(":")
    parent = script.parents.get(literal)
    call = script.parents.get(parent) if isinstance(parent, ast.keyword) else parent
    if source.path.rpartition(".")[0].replace("/", ".") != module or not isinstance(call, ast.Call):
        return None
    if _may_write(call):
        return None
    folder = script.folder_at(literal, entry)
    start, end = script.text.span(literal)
    written = script.text.text[start:end]
    is_plain = "\n" not in written and "\r" not in written and written[:1] in "\"'rR"
    is_apart = not script.text.text[start - 1 : start].isidentifier()
    if not folder or not is_plain or not is_apart or script.binds("str", script.tree):
        return None
    below = f'{folder} / "{path}"' if path else folder
    name = ast.unparse(call.func)
    is_path_like = name in _PATH_LIKE and not (name == "open" and script.binds("open", script.tree))
    return Edit(source.shown, start, end, below if is_path_like and path else f"str({below})")
