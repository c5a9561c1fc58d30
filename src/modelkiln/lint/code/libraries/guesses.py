"""MK201 and MK203 of functions that no table of libraries knows: by what they are called, and what they are given."""

import ast
import re
from typing import Iterator

from modelkiln.lint.catalogue.dynamic import HUB, NETWORK
from modelkiln.lint.code.evaluation import Evaluation
from modelkiln.lint.code.libraries.downloads import is_downloader
from modelkiln.lint.code.libraries.files import FOLDERS, looks_like_data
from modelkiln.lint.code.libraries.services import is_service
from modelkiln.lint.code.places import Places, quoted
from modelkiln.lint.code.scopes import Binding, Scope
from modelkiln.lint.code.values import TEXT, Value
from modelkiln.lint.finding import LIKELY, Finding

__all__ = ["MODEL_NAME", "SAYS_HUB", "guessed_downloads", "is_hub_name", "when_runs"]

_HUB_NAME = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)?\Z")
SAYS_HUB = re.compile(
    r"(model|repo|hub|checkpoint|pretrained|tokenizer|processor|encoder|decoder|backbone|base|hf)\w*_?"
    r"(id|name|repo|tag|size|variant|type)(?![a-z])|base_?model\Z|repo_id|hf_\w+|model_?name|repo\Z",
    re.I,
)
# Keywords that name nothing but a repository.
_REPOSITORIES = frozenset(("repo_id", "hf_repo", "hf_repo_id", "hub_id", "hf_model_id", "hf_model_name"))
# What runs a chain of steps.
_RUNS = frozenset((
    "invoke", "ainvoke", "stream", "astream", "batch", "abatch", "run", "arun", "predict", "apredict", "query", "chat",
))  # fmt: skip
_SAYS_MODEL = re.compile(
    r"(?<!data)(?<!data_)load|model|pipeline|embed|token|llm|encoder|processor|predictor|classifier|detector|whisper|rerank|diffusion|tts|"
    r"asr|generator|transformer|captioner|segment",
    re.I,
)
# Of a hub: an owner and a name with a number or several words; not a type of media.
MODEL_NAME = re.compile(r"(?!(text|application|image|audio|video|multipart|font)/)[\w.-]+/(?=[\w.-]*[\d-])[\w.-]+\Z")
# Functions that say which model it was, or give one to a hub.
_REPORTS = re.compile(
    r"(push|upload|create|delete|list|try_to_load|log|print|info|debug|track|record|report|write|echo|markdown)(_|\Z)|"
    r"str\Z|len\Z"
)
_KEY = re.compile(r"(\A|_)api_?key\Z", re.I)
_CONFIGURES = re.compile(r"\A(configure|init|setup|set|Settings|verify|check|validate|depends)", re.I)
_HOSTED = re.compile(r"(openai|anthropic|groq|gemini|azure|bedrock|openrouter|vertex_ai|ollama|google/gemini)\b", re.I)


def guessed_downloads(
    name: str, method: str, call: ast.Call, scope: Scope, evaluation: Evaluation, places: Places
) -> Iterator[Finding]:
    """Find what a function that is not known gets, by what it is called and what it is given."""
    where = when_runs(scope)
    if is_downloader(name) or _takes_key(name, call):
        yield places.finding(NETWORK, call, scope.module, f"{name} is called as if it asked a server {where}", LIKELY)
    elif method in _RUNS and any(is_service(f"{one}.invoke") for one in _piped(call.func, scope, evaluation)):
        yield places.finding(NETWORK, call, scope.module, f"{method} asks a hosted model {where}", LIKELY)
    else:
        yield from _named_model(method, call, scope, evaluation, places)


def _named_model(
    method: str, call: ast.Call, scope: Scope, evaluation: Evaluation, places: Places
) -> Iterator[Finding]:
    """A name of a hub, "owner/model-7b", that is given to what is called as if it loaded models."""
    if _REPORTS.match(method):
        return
    if any(one.arg in _REPOSITORIES for one in call.keywords):
        yield places.finding(HUB, call, scope.module, f"{method} gets a repository of a hub {when_runs(scope)}", LIKELY)
        return
    takes_models = _SAYS_MODEL.search(method) is not None
    given = [one for one in call.args[:2] if takes_models or SAYS_HUB.search(_name_of(one))]
    given += [one.value for one in call.keywords if one.arg and SAYS_HUB.search(one.arg) or one.arg == "model"]
    for argument in given:
        for value in evaluation.values(argument, scope):
            if value.root == TEXT and value.is_whole and MODEL_NAME.match(value.text) and is_hub_name(value):
                rule = NETWORK if _HOSTED.match(value.text) else HUB
                message = f"{method or 'the call'} gets {quoted(value.text)} {when_runs(scope)}"
                yield places.finding(rule, call, scope.module, message, LIKELY)
                return


def _takes_key(name: str, call: ast.Call) -> bool:
    """Whether a function, and no class, of another module is given the key of a service."""
    owner, _, last = name.rpartition(".")
    keys = any(_KEY.search(one.arg or "") for one in call.keywords)
    return keys and bool(owner) and last[:1].islower() and "?" not in owner and not _CONFIGURES.search(last)


def _name_of(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _piped(func: ast.AST, scope: Scope, evaluation: Evaluation) -> Iterator[str]:
    """The full names of what a chain is made of, `prompt | model | parser`, whose method a call is."""
    program = evaluation.program
    owner = func.value if isinstance(func, ast.Attribute) else None
    bindings: list[Binding] = []
    if isinstance(owner, ast.Name):
        bindings = program.bindings_of(owner.id, scope, owner.lineno)
    elif isinstance(owner, ast.Attribute):
        bindings = program.attribute_bindings(owner, scope)
    for one in [(owner, scope), *((binding.node, binding.scope) for binding in bindings)]:
        node, of_node = one
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            yield program.name_of(node.right, of_node)
            node = node.left
            yield program.name_of(node, of_node)
        # A chain that is made by a function: RetrievalQA.from_chain_type(llm=ChatOpenAI()).
        for given in (*node.args[:4], *(one.value for one in node.keywords)) if isinstance(node, ast.Call) else ():
            name = program.name_of(given, of_node)
            if name.endswith("()"):
                yield name


def is_hub_name(value: Value) -> bool:
    """Return whether a text is a name of a hub, and not one of a folder or a file."""
    if value.text.partition("/")[0] in FOLDERS or value.text.count("/") > 1:
        return False
    if looks_like_data(value.text):
        # A file of its own: of Ultralytics alone one that is not there is downloaded.
        return value.text.startswith(("yolo", "rtdetr", "sam", "fastsam", "mobile_sam")) and "/" not in value.text
    return bool(_HUB_NAME.match(value.text)) if value.is_whole else "/" in value.text or "-" in value.text


def when_runs(scope: Scope) -> str:
    """Return when the code of a scope runs, for messages."""
    return "when the module is imported" if scope.kind != "function" else f"in {scope.name.rpartition('.')[2]}"
