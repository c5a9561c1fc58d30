"""MK201 to MK203, MK205 and MK301: downloads in code."""

import ast
import re
from typing import Iterator, Optional

from modelkiln.lint.catalogue.dynamic import DATA, HUB, NETWORK, REMOTE_CODE
from modelkiln.lint.catalogue.paths import UNPACKAGED
from modelkiln.lint.catalogue.unpinned import NO_REVISION
from modelkiln.lint.code.downloads import (
    DATA_CALLS,
    NETWORK_CALLS,
    NETWORK_METHODS,
    PRETRAINED_FLAGS,
    HubCall,
    hub_call,
)
from modelkiln.lint.code.evaluation import Evaluation, argument_of
from modelkiln.lint.code.files import FOLDERS, looks_like_a_file
from modelkiln.lint.code.places import Places, quoted, text_of
from modelkiln.lint.code.program import Program
from modelkiln.lint.code.scopes import Scope
from modelkiln.lint.code.values import TEXT, UNKNOWN, Value, is_url
from modelkiln.lint.finding import LIKELY, SURE, Finding

__all__ = ["check_dynamic"]

_HUB_NAME = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)?\Z")
_SAYS_HUB = re.compile(
    r"(model|repo|hub|checkpoint|pretrained|tokenizer|base|hf)\w*_?(id|name|repo|tag)|base_?model\Z|repo_id|hf_\w+|model_?name|repo\Z",
    re.I,
)
_SAYS_PATH = re.compile(r"path|dir|folder|local|file", re.I)
_CANONICAL = re.compile(
    r"(albert|bert|camembert|ctrl|distil\w+|electra|flaubert|gpt2|openai-gpt|roberta|t5|transfo-xl|xlm|xlnet|bigbird|"
    r"bart|mbart|longformer|deberta|funnel|squeezebert)([-.\d]|\Z)"
)
_MODEL_KEYWORDS = frozenset(("model_path", "ckpt_path", "checkpoint", "checkpoint_path", "weights", "weights_path",
                             "pretrained_model_path", "model_url", "config_path"))  # fmt: skip
_URL_READERS = ("read_", "open", "imread", "get_blob", "load_ckpt", "InferenceSession", "load_image")
_FETCHED = ("http://", "https://", "s3://", "gs://", "az://", "abfs", "hdfs://", "ftp://")


def check_dynamic(program: Program, evaluation: Evaluation, places: Places) -> Iterator[Finding]:
    """Find what comes from the network while the package runs."""
    for name, call, scope in program.calls():
        where = _when(scope)
        plain = name.replace("tf.", "tensorflow.", 1) if name.startswith("tf.") else name
        method = plain.rpartition(".")[2]
        found = hub_call(plain, method)
        if found and not _is_own(plain, program):
            yield from _from_hub(found, plain, method, call, scope, evaluation, places)
        elif plain in DATA_CALLS:
            yield places.finding(DATA, call, scope.module, f"{plain} downloads {DATA_CALLS[plain]} {where}")
        elif plain in NETWORK_CALLS or (method in NETWORK_METHODS and isinstance(call.func, ast.Attribute)):
            yield from _request(plain, method, call, scope, evaluation, places)
        yield from _flagged(plain, call, scope, evaluation, places)
        trusted = argument_of(call, None, "trust_remote_code")
        if isinstance(trusted, ast.Constant) and trusted.value is True:
            yield places.finding(REMOTE_CODE, trusted, scope.module, f"{method} runs code of the model's repository")
        yield from _read_url(plain, method, call, scope, evaluation, places)


def _is_own(name: str, program: Program) -> bool:
    """Whether a method such as `from_pretrained` is one of the package's own."""
    return program.scope_of(name) is not None


def _when(scope: Scope) -> str:
    return "when the module is imported" if scope.kind != "function" else f"in {scope.name.rpartition('.')[2]}"


def _from_hub(
    hub: HubCall, name: str, method: str, call: ast.Call, scope: Scope, evaluation: Evaluation, places: Places
) -> Iterator[Finding]:
    argument = argument_of(call, hub.place, *hub.keywords)
    shown = method if name.startswith("?") else name.replace("()", "")
    if argument is None:
        if hub.default and not any(one.arg is None for one in call.keywords):
            yield places.finding(HUB, call, scope.module, f"{shown} downloads {hub.default} {_when(scope)}")
        return
    if isinstance(argument, ast.Constant) and argument.value is None:
        return
    for value in evaluation.elements(argument, scope):
        certainty = _downloads(hub, value, argument, evaluation)
        if certainty:
            what = quoted(value.text) if value.text else "a model by its name"
            message = f"{shown} downloads {what} {_when(scope)}"
            yield places.finding(HUB, call, scope.module, message, certainty)
            if not _is_pinned(hub, value, shown, call, scope, evaluation):
                yield places.finding(NO_REVISION, call, scope.module, f"{what} has no revision", certainty)
        elif not hub.is_name and not hub.only_url and _is_folder(value):
            message = f"opens {value.text!r}, a path from the working directory"
            yield places.finding(UNPACKAGED, call, scope.module, message, LIKELY if value.is_default else SURE)


def _downloads(hub: HubCall, value: Value, argument: ast.AST, evaluation: Evaluation) -> str:
    """Whether a value names something on a hub: SURE, LIKELY, or "" for no."""
    if value.root == UNKNOWN:
        names = text_of(argument)
        if hub.is_name:
            return LIKELY
        return LIKELY if not hub.only_url and _SAYS_HUB.search(names) and not _SAYS_PATH.search(names) else ""
    if value.root != TEXT or not value.text:
        return ""
    if is_url(value.text):
        return "" if value.text.startswith("file:") else SURE
    if hub.only_url:
        return ""
    if hub.is_name:
        return "" if value.text.startswith((".", "/")) else SURE
    if value.is_absolute or value.text.startswith(".") or not _is_hub_name(value):
        return ""
    # One name alone is that of a folder, but for those that the hub has without an owner.
    is_bare = hub.has_revision and hub.keywords[0] == "pretrained_model_name_or_path" and "/" not in value.text
    return "" if is_bare and not _CANONICAL.match(value.text) else SURE


def _is_hub_name(value: Value) -> bool:
    if value.text.partition("/")[0] in FOLDERS or value.text.count("/") > 1:
        return False
    if looks_like_a_file(value.text):
        # A file of its own: of Ultralytics alone one that is not there is downloaded.
        return value.text.startswith(("yolo", "rtdetr", "sam", "fastsam", "mobile_sam")) and "/" not in value.text
    return bool(_HUB_NAME.match(value.text)) if value.is_whole else "/" in value.text or "-" in value.text


def _is_folder(value: Value) -> bool:
    return value.is_relative


def _is_pinned(hub: HubCall, value: Value, name: str, call: ast.Call, scope: Scope, evaluation: Evaluation) -> bool:
    """Whether a revision stands there; of what takes none, there is nothing to ask for."""
    if name == "torch.hub.load":
        return ":" in value.text
    if not hub.has_revision:
        return True
    revision = argument_of(call, None, "revision")
    if revision is None:
        return any(one.arg is None for one in call.keywords)
    return not set(evaluation.texts(revision, scope)) & {"main", "master", "latest"}


def _request(
    name: str, method: str, call: ast.Call, scope: Scope, evaluation: Evaluation, places: Places
) -> Iterator[Finding]:
    shown = method if name.startswith("?") else name.replace("()", "")
    place = 1 if method in ("request", "stream") else 0
    texts = [one.text for one in evaluation.values(argument_of(call, place, "url"), scope) if one.root == TEXT]
    if texts and all(re.match(r"https?://(localhost|127\.0\.0\.1|0\.0\.0\.0|169\.254\.)", text) for text in texts):
        return
    known = [text for text in texts if is_url(text)]
    certainty = SURE if known or method in NETWORK_METHODS or "urlretrieve" in method else LIKELY
    what = f" from {quoted(known[0])}" if known else ""
    yield places.finding(NETWORK, call, scope.module, f"{shown} fetches{what} {_when(scope)}", certainty)


def _flagged(name: str, call: ast.Call, scope: Scope, evaluation: Evaluation, places: Places) -> Iterator[Finding]:
    """Constructors of models that download weights by a flag."""
    constructor = name.rpartition(".")[2]
    for prefix, keywords, default in PRETRAINED_FLAGS:
        if not name.startswith(prefix) or "()" in name or constructor.startswith(_NO_CONSTRUCTORS):
            continue
        if prefix.startswith("torchvision.models.") and constructor[:1].isupper():
            return
        if prefix.endswith("keras.applications.") and not constructor[:1].isupper():
            return
        flag = _flag(call, keywords, default, scope, evaluation)
        if prefix == "torchvision.models." and flag is None and call.args and isinstance(call.args[0], ast.Constant):
            flag = call.args[0].value
        if flag and not (isinstance(flag, str) and ("/" in flag or looks_like_a_file(flag))):
            yield places.finding(HUB, call, scope.module, f"{name} downloads pretrained weights {_when(scope)}")
            return


_NO_CONSTRUCTORS = ("preprocess", "decode", "get_", "list_")


def _flag(
    call: ast.Call, keywords: tuple[str, ...], default: object, scope: Scope, evaluation: Evaluation
) -> Optional[object]:
    """What a call says of pretrained weights: the text of a flag, whether it is set, or what the library takes."""
    given = argument_of(call, None, *keywords)
    if given is None:
        return None if any(one.arg is None for one in call.keywords) else default
    if isinstance(given, ast.Constant):
        return given.value
    texts = evaluation.texts(given, scope)
    if texts:
        return texts[0]
    return "weights" if isinstance(given, ast.Attribute) and "_Weights" in text_of(given) else None


def _read_url(
    name: str, method: str, call: ast.Call, scope: Scope, evaluation: Evaluation, places: Places
) -> Iterator[Finding]:
    """What was given a URL: readers of files, pandas.read_csv("https://..."), and models by a keyword."""
    given = [one.value for one in call.keywords if one.arg in _MODEL_KEYWORDS]
    if method.startswith(_URL_READERS):
        given += call.args[:1]
    for argument in given:
        for value in evaluation.values(argument, scope):
            if value.root == TEXT and value.text.startswith(_FETCHED):
                message = f"{method} fetches from {quoted(value.text)} {_when(scope)}"
                yield places.finding(NETWORK, call, scope.module, message, LIKELY if value.is_default else SURE)
