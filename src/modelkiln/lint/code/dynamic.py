"""MK201 to MK203, MK205 and MK301: downloads in code."""

import ast
import re
from typing import Iterator, Optional

from modelkiln.lint.catalogue.dynamic import DATA, HUB, NETWORK, REMOTE_CODE
from modelkiln.lint.catalogue.paths import UNPACKAGED
from modelkiln.lint.catalogue.unpinned import NO_REVISION
from modelkiln.lint.code.evaluation import Evaluation
from modelkiln.lint.code.flow.arguments import argument_of
from modelkiln.lint.code.libraries.downloads import (
    TAGGED,
    data_call,
    hub_call,
    is_network_call,
    plain_name,
)
from modelkiln.lint.code.libraries.files import looks_like_a_file
from modelkiln.lint.code.libraries.guesses import SAYS_HUB, guessed_downloads, is_hub_name, when_runs
from modelkiln.lint.code.libraries.hubs import HubCall
from modelkiln.lint.code.libraries.pretrained import CHOICES, PRETRAINED_FLAGS
from modelkiln.lint.code.libraries.services import NETWORK_METHODS
from modelkiln.lint.code.places import Places, quoted, text_of
from modelkiln.lint.code.program import Program
from modelkiln.lint.code.scopes import Binding, Scope
from modelkiln.lint.code.values import TEXT, UNKNOWN, Value, is_url
from modelkiln.lint.finding import LIKELY, SURE, Finding

__all__ = ["check_dynamic"]

# What transformers calls an argument that is either.
_EITHER = re.compile(r"name_or_path")
_SAYS_PATH = re.compile(r"path|dir|folder|local|file", re.I)
_CANONICAL = re.compile(
    r"(albert|bert|camembert|ctrl|distil\w+|electra|flaubert|gpt2|openai-gpt|roberta|t5|transfo-xl|xlm|xlnet|bigbird|"
    r"bart|mbart|longformer|deberta|funnel|squeezebert)([-.\d]|\Z)"
)
# What a revision is called that is neither a commit nor a release: a branch, which is moved.
_BRANCH = re.compile(r"(?![0-9a-f]{7,40}\Z)(?!\w*\d+(\.\d+)+)(?!\Z)")
# What takes paths, URLs and pictures alike.
_LOAD_IMAGE = frozenset((
    "diffusers.utils.load_image", "diffusers.utils.load_video", "transformers.image_utils.load_image",
))  # fmt: skip
# An address, or an item of a request.
_FROM_OUTSIDE = re.compile(r"url|[\w)]\[['\"]|\.get\(", re.I)
# Keywords that name a server, and what names this machine.
_ADDRESSES = ("url", "host", "target", "uri", "dsn", "hosts")
_THIS_MACHINE = re.compile(
    r"sqlite\b|(\w+(\+\w+)?://)?([^@/]*@)?(localhost|127\.0\.0\.1|0\.0\.0\.0|169\.254\.[\d.]+|\[::1\])([:/]|\Z)"
)
_MODEL_KEYWORDS = frozenset(("model_path", "ckpt_path", "checkpoint", "checkpoint_path", "weights", "weights_path",
                             "pretrained_model_path", "model_url", "config_path"))  # fmt: skip
_URL_READERS = ("read_", "open", "imread", "get_blob", "load_ckpt", "InferenceSession", "load_image")
_LOADS = re.compile(r"(\A|_)(load|read|fetch)(_|\Z)")
_FETCHED = ("http://", "https://", "s3://", "gs://", "az://", "abfs", "hdfs://", "ftp://")


def check_dynamic(program: Program, evaluation: Evaluation, places: Places) -> Iterator[Finding]:
    """Find what comes from the network while the package runs."""
    for name, call, scope in program.calls():
        where = when_runs(scope)
        plain = plain_name(name)
        method = plain.rpartition(".")[2]
        found = hub_call(plain, method)
        if plain in _LOAD_IMAGE and call.args and _FROM_OUTSIDE.search(text_of(call.args[0])):
            message = f"{method} fetches what it is given, where that is a URL, {where}"
            yield places.finding(NETWORK, call, scope.module, message, LIKELY)
        if found and not _is_own(plain, program):
            yield from _from_hub(found, plain, method, call, scope, evaluation, places)
        elif data_call(plain):
            yield places.finding(DATA, call, scope.module, f"{plain} downloads {data_call(plain)} {where}")
        elif is_network_call(plain, method, isinstance(call.func, ast.Attribute)):
            yield from _request(plain, method, call, scope, evaluation, places)
        elif not program.scope_of(plain):
            yield from guessed_downloads(plain, method, call, scope, evaluation, places)
        yield from _flagged(plain, call, scope, evaluation, places)
        trusted = argument_of(call, None, "trust_remote_code")
        if isinstance(trusted, ast.Constant) and trusted.value is True:
            yield places.finding(REMOTE_CODE, trusted, scope.module, f"{method} runs code of the model's repository")
        yield from _tagged(plain, call, scope, evaluation, places)
        yield from _read_url(method, call, scope, evaluation, places, is_hub=found is not None)
    yield from _trusted_by_dictionaries(program, places)


def _trusted_by_dictionaries(program: Program, places: Places) -> Iterator[Finding]:
    """Dictionaries of options that are handed over as `**options`, or in `model_kwargs`."""
    for text, scope, parent in program.texts():
        if text.value == "trust_remote_code" and isinstance(parent, ast.Dict) and text in parent.keys:
            value = parent.values[parent.keys.index(text)]
            if isinstance(value, ast.Constant) and value.value is True:
                yield places.finding(REMOTE_CODE, value, scope.module, "the options run code of the model's repository")


def _tagged(name: str, call: ast.Call, scope: Scope, evaluation: Evaluation, places: Places) -> Iterator[Finding]:
    """Models of a store beside the package, by a tag that is moved."""
    if not TAGGED.match(name):
        return
    for value in evaluation.values(argument_of(call, 0, "tag", "model", "tag_like"), scope):
        if value.root == TEXT and value.is_whole and value.text.partition(":")[2] in ("", "latest"):
            certainty = LIKELY if value.is_default else SURE
            message = f"{name.replace('()', '')} takes the latest of {quoted(value.text)}"
            yield places.finding(NO_REVISION, call, scope.module, message, certainty)


def _is_own(name: str, program: Program) -> bool:
    """Whether a method such as `from_pretrained` is one of the package's own."""
    return program.scope_of(name) is not None


def _from_hub(
    hub: HubCall, name: str, method: str, call: ast.Call, scope: Scope, evaluation: Evaluation, places: Places
) -> Iterator[Finding]:
    argument = argument_of(call, hub.place, *hub.keywords)
    shown = method if name.startswith("?") else name.replace("()", "")
    if argument is None:
        if hub.default and not any(one.arg is None for one in call.keywords):
            yield places.finding(HUB, call, scope.module, f"{shown} downloads {hub.default} {when_runs(scope)}")
        return
    if isinstance(argument, ast.Constant) and argument.value is None:
        return
    if _constant(argument_of(call, None, "local_files_only"), scope, evaluation) is True or _is_offline(call):
        return
    for value in evaluation.elements(argument, scope):
        certainty = _downloads(hub, value, argument)
        if certainty:
            what = quoted(value.text) if value.text else "a model by its name"
            message = f"{shown} downloads {what} {when_runs(scope)}"
            yield places.finding(HUB, call, scope.module, message, certainty)
            if not _is_pinned(hub, value, shown, call, scope, evaluation):
                yield places.finding(NO_REVISION, call, scope.module, f"{what} has no revision", certainty)
        elif not hub.is_name and not hub.only_url and _is_folder(value):
            message = f"opens {value.text!r}, a path from the working directory"
            yield places.finding(UNPACKAGED, call, scope.module, message, LIKELY if value.is_default else SURE)


def _is_offline(call: ast.Call) -> bool:
    """Whether a call says that nothing is to be downloaded, as Stanza's pipelines may."""
    return any(one.arg == "download_method" and getattr(one.value, "value", "") is None for one in call.keywords)


def _downloads(hub: HubCall, value: Value, argument: ast.AST) -> str:
    """Whether a value names something on a hub: SURE, LIKELY, or "" for no."""
    if value.root == UNKNOWN:
        names = text_of(argument)
        if hub.is_name:
            return LIKELY
        says_hub = SAYS_HUB.search(names) and not _SAYS_PATH.search(_EITHER.sub("", names))
        return LIKELY if not hub.only_url and says_hub else ""
    if value.root != TEXT or not value.text or value.text in hub.is_local:
        return ""
    if is_url(value.text):
        return "" if value.text.startswith("file:") else SURE
    if hub.only_url:
        return ""
    if hub.is_name:
        return "" if value.text.startswith((".", "/")) else SURE
    if value.is_absolute or value.text.startswith(".") or not is_hub_name(value):
        return ""
    # One name alone is that of a folder, but for those that the hub has without an owner.
    is_bare = hub.has_revision and hub.keywords[0] == "pretrained_model_name_or_path" and "/" not in value.text
    return "" if is_bare and not _CANONICAL.match(value.text) else SURE


def _is_folder(value: Value) -> bool:
    """Whether a text is a folder rather than a name: a word by itself, of an option, may stand for anything."""
    return value.is_relative and not (value.is_default and value.is_whole and value.text.isidentifier())


def _is_pinned(hub: HubCall, value: Value, name: str, call: ast.Call, scope: Scope, evaluation: Evaluation) -> bool:
    """Whether a revision stands there; of what takes none, there is nothing to ask for."""
    if name == "torch.hub.load":
        return ":" in value.text
    if value.text.startswith("models:/"):
        # models:/NAME/VERSION of MLflow; what else may stand there is moved: a stage, "latest", an alias.
        return value.text.rpartition("/")[2].isdigit() or not value.is_whole
    if not hub.has_revision:
        return True
    revision = argument_of(call, None, "revision")
    if revision is None:
        return any(one.arg is None for one in call.keywords)
    return not any(_BRANCH.match(one) for one in evaluation.texts(revision, scope))


def _request(
    name: str, method: str, call: ast.Call, scope: Scope, evaluation: Evaluation, places: Places
) -> Iterator[Finding]:
    shown = method if name.startswith("?") else name.replace("()", "")
    place = 1 if method in ("request", "stream") else 0
    texts = [one.text for one in evaluation.values(argument_of(call, place, *_ADDRESSES), scope) if one.root == TEXT]
    if texts and all(_THIS_MACHINE.match(text) for text in texts):
        return
    known = [text for text in texts if is_url(text)]
    certainty = SURE if known or method in NETWORK_METHODS or "urlretrieve" in method else LIKELY
    what = f" from {quoted(known[0])}" if known else ""
    yield places.finding(NETWORK, call, scope.module, f"{shown} fetches{what} {when_runs(scope)}", certainty)


def _flagged(name: str, call: ast.Call, scope: Scope, evaluation: Evaluation, places: Places) -> Iterator[Finding]:
    """Constructors of models that download weights by a flag."""
    chosen = CHOICES.get(name)
    if chosen:
        keyword, values, what = chosen
        if _constant(argument_of(call, None, keyword), scope, evaluation) in values:
            yield places.finding(HUB, call, scope.module, f"{name} downloads {what} {when_runs(scope)}")
        return
    constructor = name.rpartition(".")[2]
    for prefix, keywords, default in PRETRAINED_FLAGS:
        if not name.startswith(prefix) or "()" in name or constructor.startswith(_NO_CONSTRUCTORS):
            continue
        if prefix.startswith("torchvision.models.") and constructor[:1].isupper():
            return
        if prefix.endswith("keras.applications.") and not constructor[:1].isupper():
            return
        flag = _flag(call, keywords, default, scope, evaluation)
        place = {"torchvision.models.": 0, "timm.create_model": 1}.get(prefix, len(call.args))
        positional = call.args[place] if place < len(call.args) else None
        if flag is None and isinstance(positional, ast.Constant):
            flag = positional.value
        if flag and not (isinstance(flag, str) and ("/" in flag or looks_like_a_file(flag))):
            yield places.finding(HUB, call, scope.module, f"{name} downloads pretrained weights {when_runs(scope)}")
        return
    if constructor not in _HEEDLESS and not evaluation.program.scope_of(name) and _says_pretrained(call):
        shown = constructor or text_of(call.func)
        message = f"{shown} downloads pretrained weights {when_runs(scope)}"
        yield places.finding(HUB, call, scope.module, message, LIKELY)


# Functions that take flags of this name, and hand them to others.
_HEEDLESS = frozenset(("partial", "dict", "update", "Namespace", "SimpleNamespace", "add_argument", "register_model"))


def _says_pretrained(call: ast.Call) -> bool:
    """Whether a function that is not known is asked for pretrained weights."""
    for one in call.keywords:
        value = one.value.value if isinstance(one.value, ast.Constant) else None
        if one.arg in ("pretrained", "pretrained_backbone", "is_pretrained") and value in (True, "imagenet"):
            return True
        if one.arg in ("weights", "encoder_weights", "backbone_weights") and value == "imagenet":
            return True
    return False


_NO_CONSTRUCTORS = ("preprocess", "decode", "get_", "list_")


def _flag(
    call: ast.Call, keywords: tuple[str, ...], default: object, scope: Scope, evaluation: Evaluation
) -> Optional[object]:
    """What a call says of pretrained weights: the text of a flag, whether it is set, or what the library takes."""
    given = argument_of(call, None, *keywords)
    if given is None:
        return None if any(one.arg is None for one in call.keywords) else default
    constant = _constant(given, scope, evaluation)
    if constant is not None:
        return constant
    texts = evaluation.texts(given, scope)
    if texts:
        return texts[0]
    return "weights" if "_Weights." in evaluation.program.name_of(given, scope) + text_of(given) else None


def _constant(node: Optional[ast.AST], scope: Scope, evaluation: Evaluation) -> object:
    """The value of a constant, also of one that a name stands for; None where that is not known."""
    if isinstance(node, ast.Constant):
        return node.value
    bindings: list[Binding] = []
    if isinstance(node, ast.Name):
        bindings = evaluation.program.bindings_of(node.id, scope, node.lineno)
    elif isinstance(node, ast.Attribute):
        bindings = evaluation.program.attribute_bindings(node, scope)
    values = {one.node.value for one in bindings if isinstance(one.node, ast.Constant) and one.index < 0}
    return values.pop() if len(values) == 1 else None


def _read_url(
    method: str, call: ast.Call, scope: Scope, evaluation: Evaluation, places: Places, is_hub: bool
) -> Iterator[Finding]:
    """What was given a URL: readers of files, pandas.read_csv("https://..."), and models by a keyword. is_hub: whether
    the first argument has been looked at."""
    given = [(one.value, True) for one in call.keywords if one.arg in _MODEL_KEYWORDS]
    is_reader = method.startswith(_URL_READERS)
    if is_reader or (_LOADS.search(method) and not is_hub):
        given += [(one, is_reader) for one in call.args[:1]]
    for argument, takes_default in given:
        for value in evaluation.values(argument, scope):
            is_fetched = value.root == TEXT and value.text.startswith(_FETCHED) and not _THIS_MACHINE.match(value.text)
            if is_fetched and (takes_default or not value.is_default):
                message = f"{method} fetches from {quoted(value.text)} {when_runs(scope)}"
                yield places.finding(NETWORK, call, scope.module, message, LIKELY if value.is_default else SURE)
