"""MK1xx: paths in code."""

import ast
import posixpath
import re
from dataclasses import replace
from typing import Callable, Iterable, Iterator, Optional

from modelkiln.lint.catalogue.paths import (
    ABSOLUTE,
    BESIDE_CODE,
    CHANGED_FOLDER,
    DRIVE,
    HOME_FOLDER,
    SEARCH_PATH,
    TRAINING,
    UNPACKAGED,
)
from modelkiln.lint.code.evaluation import Evaluation
from modelkiln.lint.code.flow.destinations import (
    DROPPED,
    HANDED,
    KEY,
    NAMED,
    Destination,
    destination_of,
    is_handed,
)
from modelkiln.lint.code.libraries.files import (
    FOLDERS,
    WRITE,
    Use,
    is_a_path,
    is_named_path,
    looks_like_a_file,
    looks_like_data,
    uses_of,
)
from modelkiln.lint.code.libraries.guesses import is_hub_name
from modelkiln.lint.code.places import Places
from modelkiln.lint.code.program import Program
from modelkiln.lint.code.scopes import Module, Scope
from modelkiln.lint.code.values import CODE, HOME, MODEL, TEXT, WORKING, Value, has_drive
from modelkiln.lint.finding import LIKELY, SURE, Finding
from modelkiln.lint.rule import Rule

__all__ = ["check_paths", "rule_of_absolute"]

_TRAINING_ROOTS = ("content", "kaggle", "mnt", "dbfs", "databricks", "gdrive", "notebooks", "Volumes")
_HOME_ROOTS = ("home", "Users", "root")
# Folders of other machines that a literal is taken to mean even where nothing is seen to open it.
_ROOTS = frozenset((*_TRAINING_ROOTS, *_HOME_ROOTS, "app", "applications", "cephfs", "checkpoints", "code", "cluster",
                    "data", "data1", "data2", "dataset", "datasets", "ebs", "efs", "export", "fsx", "gpfs",
                    "lustre", "media",
                    "model", "models", "model_repository", "net", "network", "nfs", "opt", "output", "outputs",
                    "private",
                    "project", "projects", "repo", "ComfyUI", "cache", "comfyui", "disk", "hdd", "local_disk0", "nas",
                    "persistent", "raid", "runpod-volume", "ssd", "tank", "vol", "volume", "volumes", "workspaces",
                    "mount", "repository", "scratch", "share", "shared", "shared_models", "srv",
                    "src", "storage", "usr", "var", "weights", "work", "workdir", "workspace"))  # fmt: skip
# What every system has, or what is temporary by name.
_EVERYWHERE = re.compile(
    r"/(dev|proc|sys|tmp|var/tmp|var/run|run|bin|sbin|usr/bin|usr/sbin|usr/lib|usr/share|usr/local/bin|usr/local/lib|usr/local/cuda|etc/ssl|"
    r"usr/local/cuda[-.\w]*|etc/(?:hosts|passwd|os-release|resolv\.conf|localtime|timezone))(/|$)|/\Z"
)
_PATH_TEXT = re.compile(r"/[\w.@+-]+(/[\w.@+ %{}*=-]*)*\Z")
_NOT_PATHS = frozenset((
    "route", "get", "post", "put", "delete", "patch", "options", "head", "add_api_route", "add_url_rule", "add_route",
    "add_get", "add_post", "websocket", "api_route", "mount", "include_router", "APIRouter", "url_for", "path",
    "re_path", "APIRoute", "Route", "Mount", "WebSocketRoute",
    "startswith", "endswith", "replace", "split", "join_url", "urljoin", "compile", "match", "search", "sub", "request",
    "RedirectResponse", "redirect", "Blueprint", "FastAPI", "Flask", "find", "xpath", "print", "info", "debug",
    "warning",
    "error", "exception", "getLogger", "register", "addHandler", "test_client", "HTTPException", "Response", "pop",
    "setdefault", "index", "count", "removeprefix", "lstrip", "rstrip", "strip", "critical", "write", "partition",
))  # fmt: skip
_NOT_PATH_KEYWORDS = frozenset((
    "url", "prefix", "path_prefix", "root_path", "route", "endpoint", "route_prefix", "help", "description",
    "openapi_url", "docs_url", "api_prefix", "url_prefix", "mount_path", "predict_path", "health_path", "metavar",
    "title", "remote_path",
))  # fmt: skip
_SQL = re.compile(r"\s*(SELECT|PRAGMA|CREATE|INSERT|UPDATE|DELETE|REPLACE|ALTER)\s", re.I)
# An owner and a name with a capital or a digit, as folders seldom have, with something unknown below.
_HUB_FOLDER = re.compile(r"[\w.-]+/[\w.-]*[A-Z\d][\w.-]*/\Z")
_LOOKS = frozenset(
    ("exists", "lexists", "is_file", "isfile", "is_dir", "isdir", "glob", "iterdir", "listdir", "suppress")
)
_NOTEBOOK_MODULES = ("google.colab", "kaggle_secrets", "kaggle_datasets", "dbruntime", "IPython")


def check_paths(program: Program, evaluation: Evaluation, places: Places) -> Iterator[Finding]:
    """Find paths of other machines, and files that are not in the package."""
    yield from _notebooks(program, places)
    for name, call, scope in program.calls():
        if name in ("os.chdir", "os.fchdir", "contextlib.chdir"):
            yield places.finding(CHANGED_FOLDER, call, scope.module, f"{name} changes the working directory")
        elif name in ("sys.path.append", "sys.path.insert", "sys.path.extend", "site.addsitedir"):
            yield places.finding(SEARCH_PATH, call, scope.module, f"{name} changes what is imported")
        elif name in ("get_ipython", "dbutils.fs.ls", "dbutils.fs.cp", "dbutils.fs.mount", "google.colab.drive.mount"):
            yield places.finding(TRAINING, call, scope.module, f"{name}() exists in notebooks alone")
        # What a function of the package does with a path is seen there.
        for use in () if program.scope_of(name) else uses_of(name, call, _lister(evaluation, scope)):
            for value in evaluation.values(use.node, scope):
                yield from _opened(use, value, call, scope, program, places)
    for name, node, scope in program.changes():
        if name == "sys.path":
            yield places.finding(SEARCH_PATH, node, scope.module, "the assignment changes what is imported")
    yield from _literals(program, places)


def _lister(evaluation: Evaluation, scope: Scope) -> Callable[[ast.AST], list[ast.AST]]:
    return lambda node: [one for one, _ in evaluation.listed(node, scope)]


def _notebooks(program: Program, places: Places) -> Iterator[Finding]:
    for module in program.modules:
        for name, line, column in module.imports:
            found = next((one for one in _NOTEBOOK_MODULES if name == one or name.startswith(one + ".")), None)
            if found:
                message = f"imports {name}, which exists in notebooks alone"
                certainty = LIKELY if found == "IPython" else SURE
                yield places.at(TRAINING, module, line, column, message, certainty)


def _opened(
    use: Use, value: Value, call: ast.Call, scope: Scope, program: Program, places: Places
) -> Iterator[Finding]:
    """What is wrong with one path that a call opens."""
    verb = "writes" if use.kind == WRITE else "opens"
    where = f"{verb} {value.text!r}" if value.text else verb
    certainty = LIKELY if value.is_default or not use.is_sure else SURE
    if value.is_absolute or value.root == HOME:
        rule = rule_of_absolute(value.text) if value.root == TEXT else HOME_FOLDER
        if value.text == "/" and not value.is_whole and use.kind == WRITE:
            # A folder at the root whose name is computed.
            rule, certainty = ABSOLUTE, LIKELY
        elif not use.is_sure and not _is_below_root(value):
            rule = None
        if rule:
            yield places.of_value(rule, value, call, scope.module, where, certainty)
    elif value.root == CODE:
        yield from _beside_code(use, value, call, scope, program, places)
    elif value.root == MODEL:
        yield from _below_model(use, value, call, scope, program, places)
    elif value.is_relative or value.root == WORKING:
        if _is_on_hub(use, value):
            return
        anchor = _anchor(use, call)
        if use.kind == WRITE:
            if not use.is_sure and not _is_file_name(value, use):
                return
            message = f"{where}, in the working directory"
            yield places.finding(BESIDE_CODE, anchor, scope.module, message, certainty)
        elif _is_file_name(value, use):
            message = f"{where}, a path from the working directory"
            yield places.finding(UNPACKAGED, anchor, scope.module, message, certainty)


def _is_on_hub(use: Use, value: Value) -> bool:
    """Whether a text is a name of a hub and no path: where a call takes both, or below one that is a default."""
    if use.is_hub and is_hub_name(value):
        return "/" in value.text or looks_like_a_file(value.text)
    folder = replace(value, text=value.text.rstrip("/"), is_whole=True)
    return value.is_default and not value.is_whole and _HUB_FOLDER.match(value.text) is not None and is_hub_name(folder)


def _anchor(use: Use, call: ast.Call) -> ast.AST:
    """The node that a finding names: a text that is one of many which an argument lists, and else the call."""
    is_argument = any(use.node is one for one in (*call.args, *(each.value for each in call.keywords)))
    return use.node if isinstance(use.node, ast.Constant) and not is_argument else call


def _is_below_root(value: Value) -> bool:
    """Whether a path is made of a folder of another machine and of what is not known, `os.path.join("/app", name)`: a
    text that stands there as a whole is found by itself."""
    return not value.is_whole and value.text.lstrip("/").partition("/")[0] in _ROOTS


def _is_file_name(value: Value, use: Use) -> bool:
    """Whether a relative text is plainly a path: `spacy.load("en")` names a package."""
    if value.root == WORKING:
        return bool(value.text) or use.is_sure
    if use.is_path:
        return not value.text.isdigit()
    if use.is_named and value.is_whole and value.text in FOLDERS:
        return True
    if use.is_named and "/" in value.text and looks_like_data(value.text):
        return True
    if not use.is_sure:
        is_part = not value.is_whole and "/" in value.text and " " not in value.text
        return is_part or is_a_path(value.text)
    return value.is_whole and ("." in posixpath.basename(value.text) or "/" in value.text) or "/" in value.text


def _beside_code(
    use: Use, value: Value, call: ast.Call, scope: Scope, program: Program, places: Places
) -> Iterator[Finding]:
    shown = value.text or "."
    certainty = LIKELY if value.is_default or not use.is_sure else SURE
    if use.kind == WRITE or use.is_cache or (use.is_database and _writes_sql(scope)):
        yield places.finding(BESIDE_CODE, call, scope.module, f"writes {shown!r}, beside the code", certainty)
        return
    path = posixpath.normpath(shown)
    if not value.is_whole or not program.entry_point or not use.is_sure:
        return
    if path == "." or path in program.files or any(one.startswith(path + "/") for one in program.files):
        return
    message = f"opens {path!r}, which is not in the package"
    if path.startswith(".."):
        message = f"opens {path!r}, outside of the package"
    yield places.finding(UNPACKAGED, call, scope.module, message, certainty)


def _writes_sql(scope: Scope) -> bool:
    """Whether statements of a function change a data base, or of its module, where the function has none."""
    texts = [(str(text.value), of) for text, of, *_ in scope.module.texts if _SQL.match(str(text.value))]
    own = [text for text, of in texts if of is scope]
    return any(not text.lstrip().lower().startswith(("select", "pragma")) for text in own or (one for one, _ in texts))


def _below_model(
    use: Use, value: Value, call: ast.Call, scope: Scope, program: Program, places: Places
) -> Iterator[Finding]:
    """A file below the model's folder that no artifact has: each keeps its path relative to its BUILD file."""
    path = posixpath.normpath(value.text.strip("/") or ".")
    if not program.artifacts or not program.entry_point or not value.is_whole or value.is_default:
        return
    if use.kind == WRITE or use.is_cache or not use.is_sure or path.startswith(".") or _looks_first(scope):
        return
    if path in program.artifacts or any(one.startswith(path + "/") for one in program.artifacts):
        return
    meant = sorted(one for one in program.artifacts if posixpath.basename(one) == posixpath.basename(path))
    there = ", ".join(meant[:1] or sorted(program.artifacts)[:3])
    message = f"opens {path!r} below the model's folder, which no artifact of the package has; there is {there}"
    yield places.finding(UNPACKAGED, call, scope.module, message)


def _looks_first(scope: Scope) -> bool:
    """Whether code may do without a file: it looks whether there is one, or catches that there is none."""
    nodes = list(ast.walk(scope.node))
    return any(isinstance(one, ast.Try) for one in nodes) or any(
        getattr(one, "attr", getattr(one, "id", "")) in _LOOKS for one in nodes
    )


def rule_of_absolute(text: str) -> Optional[Rule]:
    """Return the rule that an absolute path breaks, None for one that every system has."""
    if has_drive(text) or text.startswith("\\\\"):
        return DRIVE
    if text.startswith("~"):
        return HOME_FOLDER
    if _EVERYWHERE.match(text):
        return None
    first = text.split("/")[1]
    if first in _TRAINING_ROOTS:
        return TRAINING
    return HOME_FOLDER if first in _HOME_ROOTS else ABSOLUTE


def _literals(program: Program, places: Places) -> Iterable[Finding]:
    """Paths in literals that nothing is seen to open: they travel through what this does not follow."""
    for text, scope, parent in program.texts():
        value = str(text.value)
        if not _is_known_path(value) and not (_PATH_TEXT.match(value) and _says_folder(parent, value)):
            continue
        found = destination_of(text, scope.module)
        if found.kind in (KEY, DROPPED) or _is_not_a_path(parent, text) or _is_not_a_path(found.holder, found.given):
            continue
        rule = rule_of_absolute(value)
        if rule:
            is_sure = _is_opened(found, scope.module) and not _is_default(parent)
            yield places.finding(rule, text, scope.module, f"names {value!r}", SURE if is_sure else LIKELY)


def _is_opened(found: Destination, module: Module) -> bool:
    """Whether a path is plainly there to be opened: it is handed to something, by itself or by its name. What a
    function returns, and what a container holds, may go anywhere."""
    if found.kind != NAMED:
        return found.kind == HANDED
    targets = found.holder.targets if isinstance(found.holder, ast.Assign) else [getattr(found.holder, "target", None)]
    for one in targets:
        name = one.id if isinstance(one, ast.Name) else one.attr if isinstance(one, ast.Attribute) else ""
        is_handed_on = is_handed(name, module) if isinstance(one, ast.Name) else None
        if is_handed_on or (is_handed_on is None and (one is None or not name or is_named_path(one))):
            return True
    return False


def _is_known_path(text: str) -> bool:
    if len(text) > 300 or "\n" in text:
        return False
    if has_drive(text) and len(text) > 3 and not text[3:].startswith(("\\", "/")):
        return bool(re.match(r"[A-Za-z]:[\\/][\w .\\/-]+\Z", text))
    if text.startswith("~/"):
        return bool(_PATH_TEXT.match(text[1:]))
    if not _PATH_TEXT.match(text):
        return False
    parts = [one for one in text.split("/") if one]
    is_known = parts[:1] and (parts[0] in _ROOTS or looks_like_data(text)) and len(parts) > 1
    is_file = len(parts) == 1 and (looks_like_a_file(text) or text.endswith(".sh"))
    return bool(is_known) or is_file or parts[:1] in (["content"], ["kaggle"], ["dbfs"])


_ROUTE_NAME = re.compile(r"(\A|_)(url|uri|route|endpoint)\Z", re.I)
_FOLDER_NAME = re.compile(r"(\A|_)(cwd|path|dir|directory|folder|root|cache|home|volume|mount)\Z", re.I)


def _says_folder(parent: ast.AST, value: str) -> bool:
    """Whether a folder at the root, `/weights`, is given a name that says what it is: `MODEL_DIR`."""
    if value.strip("/") not in _ROOTS:
        return False
    if isinstance(parent, ast.Call) and getattr(parent.func, "id", getattr(parent.func, "attr", "")) == "Path":
        return True
    names = [parent.arg] if isinstance(parent, ast.keyword) else []
    if isinstance(parent, (ast.Assign, ast.AnnAssign)):
        targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
        names = [getattr(one, "id", getattr(one, "attr", "")) for one in targets]
    return any(_FOLDER_NAME.search(name or "") for name in names) and not _is_not_a_path(parent, ast.Constant(value))


def _is_not_a_path(parent: ast.AST, text: ast.AST) -> bool:
    """Whether a literal is a route of a server, a prefix to compare with, or a part of a message."""
    if isinstance(parent, ast.Call):
        # What stands after a route, or after the key of a dictionary, is a value: `settings.get("path", "/data/w")`.
        if parent.args[:1] != [text]:
            return False
        func = parent.func
        name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        return name in _NOT_PATHS
    if isinstance(parent, ast.keyword):
        return parent.arg in _NOT_PATH_KEYWORDS
    if isinstance(parent, (ast.Assign, ast.AnnAssign)):
        target = parent.targets[0] if isinstance(parent, ast.Assign) else parent.target
        return _ROUTE_NAME.search(getattr(target, "id", getattr(target, "attr", ""))) is not None
    # After a first part that is not known, in an f-string, it is not the start of the path.
    if isinstance(parent, ast.JoinedStr):
        return parent.values[0] is not text
    return isinstance(parent, ast.BinOp) and parent.right is text


def _is_default(parent: ast.AST) -> bool:
    """Whether something from outside may stand in the place of a literal: of an option, a variable of the
    environment, an argument."""
    if isinstance(parent, ast.keyword):
        return parent.arg == "default"
    if isinstance(parent, (ast.arguments, ast.FunctionDef, ast.AsyncFunctionDef, ast.BoolOp)):
        return True
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute):
        return parent.func.attr in ("get", "getenv", "setdefault")
    return isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id == "getenv"
