"""What a call reads or writes: by the tables of libraries, and by what it is called and given."""

import ast
import re
from dataclasses import dataclass, replace
from typing import Callable, Iterator, Optional, Sequence

from modelkiln.lint.code.flow.arguments import argument_of
from modelkiln.lint.code.libraries.downloads import hub_call, plain_name
from modelkiln.lint.code.libraries.openers import (
    DOWNLOADS,
    LOADING_METHODS,
    NAMED_TOO,
    READERS,
    WRITERS,
    WRITING_METHODS,
)
from modelkiln.lint.code.libraries.services import NETWORK_METHODS

__all__ = [
    "FOLDERS",
    "READ",
    "WRITE",
    "Use",
    "is_a_path",
    "is_named_path",
    "looks_like_a_file",
    "looks_like_data",
    "uses_of",
]

READ, WRITE = "read", "write"


@dataclass(frozen=True)
class Use:
    """An expression that is a path which a call reads or writes. is_sure: whether the function is known, and not only
    called like one that opens files. is_path: whether any text there is a path, and not only one that looks so.
    is_named: whether the expression is a name that says so, as `model_dir`. is_cache: whether what is downloaded is put
    there. is_hub: whether a name of a hub may stand there, which the call then downloads. is_database: whether it is
    one of SQLite, which is written to where the code has statements that write."""

    node: ast.AST
    kind: str
    is_sure: bool = True
    is_path: bool = False
    is_named: bool = False
    is_cache: bool = False
    is_hub: bool = False
    is_database: bool = False


# What looks for names that are written as paths in folders of its own.
_SEARCHED = frozenset(("nltk.data.load", "nltk.data.find"))
_PATH_READS = frozenset(("read_text", "read_bytes", "iterdir", "glob", "rglob"))
_PATH_WRITES = frozenset(("write_text", "write_bytes", "mkdir", "touch"))
# Files of models and what goes with them: of a call that is named as if it read one, that is likely.
_ENDINGS = (
    ".pt", ".pth", ".onnx", ".pkl", ".pickle", ".joblib", ".h5", ".hdf5", ".keras", ".safetensors", ".bin", ".ckpt",
    ".pb", ".tflite", ".gguf", ".model", ".npy", ".npz", ".pdparams", ".caffemodel", ".pth.tar", ".weights",
    ".engine", ".trt",
)  # fmt: skip
# And of data.
_DATA_ENDINGS = (
    *_ENDINGS, ".nii", ".nii.gz", ".wav", ".mp3", ".mp4", ".mid", ".jpg", ".jpeg", ".png", ".csv", ".tsv", ".json",
    ".jsonl",
    ".yaml", ".yml", ".txt", ".mat", ".parquet", ".cfg", ".ini", ".toml", ".prototxt", ".names", ".vocab", ".db",
    ".sqlite",
    ".xml", ".log", ".zip", ".tar", ".gz", ".meta", ".config", ".flac", ".ogg", ".m4a", ".webm", ".mov", ".avi",
    ".webp", ".gif", ".bmp", ".tif", ".tiff", ".glb", ".gltf", ".obj", ".ply", ".stl",
)  # fmt: skip
_MEDIA = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".wav", ".mp3", ".flac", ".mp4", ".csv", ".pdf")
_MAX_EXAMPLES, _MAX_ARGUMENTS = 8, 8
# What takes texts that end as files do, and opens none.
_NO_FILES = frozenset((
    "print", "info", "debug", "warning", "error", "get", "post", "put", "route", "mount", "url_for", "join", "format",
    "append", "replace", "startswith", "endswith", "split", "exists", "isfile", "isdir", "is_file", "hf_hub_download",
    "path", "purepath", "add_argument", "remove", "unlink", "basename", "dirname", "splitext", "resource_filename",
    "option", "argument", "field", "form", "query", "text_input", "text_area", "define_string",
    "getattr", "getenv", "setdefault",
    "object", "get_object", "put_object", "head_object", "blob", "get_blob", "get_blob_client",
))  # fmt: skip
# Folders that relative paths of models begin with, rather than names of owners on a hub.
FOLDERS = frozenset((
    "app", "artifacts", "assets", "checkpoint", "checkpoints", "ckpt", "ckpts", "data", "model", "models", "output",
    "outputs", "pretrained", "pretrained_models", "results", "saved_model", "saved_models", "src", "tmp",
    "trained_models", "weights", "upload", "uploads", "static", "images", "configs", "logs", "temp",
))  # fmt: skip
_EXTENSION = re.compile(r"\.[A-Za-z]\w{0,9}\Z")
# Keywords whose values are paths, of any call; those of what is written.
_PATH_KEYWORD = re.compile(r"(\A|_)(path|dir|file|filename|folder|ckpt|checkpoint|weights|directory|filepath)\Z")
_WRITTEN_KEYWORD = re.compile(r"save|out|log|dump|dest|target|flagging|result")
# Names of variables and attributes that hold paths.
_PATH_NAME = re.compile(r"(\A|_)(path|dir|folder|directory|filepath|ckpt|checkpoint|weights)\Z|\w_file\Z", re.I)
# Keywords of downloads that name where to, and keywords whose texts are none of a file.
_TARGETS = frozenset(("local_dir", "folder", "path", "file", "filename"))
_CACHES = frozenset(("cache_dir", "cache_folder", "download_root", "savedir", "local_dir"))
_NO_PATH_KEYWORDS = frozenset((
    "default", "help", "description", "label", "title", "placeholder", "url", "endpoint", "route", "prefix", "caption",
    "media_type", "mime", "key", "example", "name", "arcname", "download_name", "message", "msg", "text", "prompt",
))  # fmt: skip
# Functions that take paths and open nothing, besides those of `_NO_FILES`.
_HEEDLESS = re.compile(
    r"(os|posixpath|ntpath|shutil|sys|logging|logger|log|re|json|ast|typing|time|builtins|st|streamlit|click|argparse|"
    r"modal)\."
    r"|(str|repr|len|isinstance|type|set|list|dict|tuple|bool|int|float|sorted|getattr|setattr|hasattr|id|hash|"
    r"format|Path|PurePath|partial|field|replace|echo|cprint|\w*(Error|Exception|Warning))\Z"
)
_WRITES = re.compile(r"([a-z]+_)*(im|mim)?(save|write|dump|export)(?![a-z])")
_READING_NAMES = (
    "load", "read", "restore", "from_file", "open", "session", "interpreter", "booster", "predictor", "yolo",
)  # fmt: skip


def looks_like_a_file(text: str) -> bool:
    """Whether a text ends as files of models do."""
    return text.lower().endswith(_ENDINGS)


def looks_like_data(text: str) -> bool:
    """Whether a text ends as files of models or of data do."""
    return text.lower().endswith(_DATA_ENDINGS)


def is_a_path(text: str) -> bool:
    """Whether a relative text is plainly a path: it says so, or ends as files do."""
    folder = text.partition("/")[0]
    named = "/" in text and (folder in FOLDERS or bool(_EXTENSION.search(text)))
    says_so = text.startswith(("./", "../")) or text.endswith("/*")
    return " " not in text and (says_so or named or looks_like_data(text))


def uses_of(name: str, call: ast.Call, listed: Callable[[ast.AST], Sequence[ast.AST]]) -> Iterator[Use]:
    """Return the paths that a call, of a function with a full name, opens. listed: gives the elements of a list."""
    plain = plain_name(name)
    method = plain.rpartition(".")[2]
    if plain in _SEARCHED:
        return
    if plain in ("open", "io.open", "builtins.open", "wave.open"):
        yield from _opened(call, 0)
    elif plain in READERS:
        place, keywords = READERS[plain]
        found = _named(call, READ, place, keywords, is_path=plain not in NAMED_TOO)
        yield from (replace(one, is_database=plain == "sqlite3.connect") for one in found)
    elif plain in WRITERS:
        yield from _named(call, WRITE, *WRITERS[plain])
    elif isinstance(call.func, ast.Attribute) and method in _PATH_READS | _PATH_WRITES:
        yield Use(call.func.value, READ if method in _PATH_READS else WRITE)
    elif isinstance(call.func, ast.Attribute) and method == "open" and not call.args[1:]:
        yield Use(call.func.value, WRITE if _is_writing(argument_of(call, 0, "mode")) else READ)
    elif isinstance(call.func, ast.Attribute) and method in WRITING_METHODS:
        yield from _named(call, WRITE, 0, (WRITING_METHODS[method],))
    elif isinstance(call.func, ast.Attribute) and method in LOADING_METHODS:
        yield from (replace(one, is_path=True) for one in _named(call, READ, 0, ("filepath", "path")))
    elif isinstance(call.func, ast.Attribute) and method in NETWORK_METHODS:
        yield from _downloaded(method, call)
    else:
        yield from _likely(plain, method.lower(), call)
        yield from _of_keywords(plain, method, call)
        if plain.startswith("gradio."):
            yield from _shown(plain, call, listed)


def _shown(name: str, call: ast.Call, listed: Callable[[ast.AST], Sequence[ast.AST]]) -> Iterator[Use]:
    """Files that a page of gradio offers as examples or shows, which it opens when it is made; its style."""
    style = argument_of(call, None, "css", "js", "head")
    if isinstance(style, ast.Constant) and str(style.value).endswith((".css", ".js", ".html")):
        yield Use(style, READ, False, is_path=True)
    given = argument_of(call, 0 if name == "gradio.Examples" else None, "examples")
    for row in listed(given)[:_MAX_EXAMPLES] if given is not None else ():
        for number, one in enumerate(row.elts if isinstance(row, ast.List) else [row]):
            if _is_media(one) or (number == 0 and not isinstance(one, ast.Constant)):
                yield Use(one, READ, False)
    shown = argument_of(call, None, "value")
    if shown is not None and _is_media(shown):
        yield Use(shown, READ, False)


def _downloaded(method: str, call: ast.Call) -> Iterator[Use]:
    """Where a client of an object store writes: what it names before that are buckets and keys."""
    place, *keywords = DOWNLOADS.get(method, (None,))
    if method == "download_file" and (len(call.args) < 3 and argument_of(call, None, "Bucket", "Key") is None):
        # A bucket's, and not a client's.
        place = 1
    yield from _named(call, WRITE, place, tuple(keywords))


def _of_keywords(name: str, method: str, call: ast.Call) -> Iterator[Use]:
    """Paths that go by their keyword to a call of any name, and files by any keyword."""
    if name.startswith("modal."):
        return
    is_no_file = method in _NO_FILES
    is_writing = _WRITES.match(method) is not None
    for one in call.keywords:
        if is_no_file and one.arg not in _CACHES:
            continue
        says_path = one.arg and (one.arg in _CACHES or _PATH_KEYWORD.search(one.arg))
        if one.arg == "value" and name.startswith("gradio."):
            continue
        if not one.arg or not (says_path or (one.arg not in _NO_PATH_KEYWORDS and _names_a_file(one.value))):
            continue
        is_target = "download" in method.lower() and one.arg in _TARGETS
        is_written = is_writing or is_target or _WRITTEN_KEYWORD.search(one.arg)
        is_folder = isinstance(one.value, ast.Constant) and one.value.value in FOLDERS
        is_path = is_folder or one.arg in _CACHES or _is_joined(one.value)
        kind = WRITE if is_written else READ
        yield Use(one.value, kind, False, is_path=is_path, is_named=True, is_cache=one.arg in _CACHES)


def _likely(name: str, method: str, call: ast.Call) -> Iterator[Use]:
    """Paths of a call that is named as if it opened files."""
    if "load" in method and ("download" in method or "upload" in method):
        return
    if _WRITES.match(name.rpartition(".")[2]) and not name.endswith("open().write"):
        yield from (Use(one, WRITE, False) for one in call.args[:2])
    elif any(word in method for word in _READING_NAMES):
        found = argument_of(call, 0, "model_path", "path", "filename", "model_file", "model")
        if found is not None:
            is_named, is_hub = is_named_path(found), hub_call(name, name.rpartition(".")[2]) is not None
            # What is called a path and is loaded is one, but for names of models on hubs.
            is_path = _is_joined(found) or (is_named and not is_hub)
            yield Use(found, READ, False, is_path=is_path, is_named=is_named, is_hub=is_hub)
        for one in call.args[1:_MAX_ARGUMENTS]:
            if _names_a_file(one) or is_named_path(one):
                yield Use(one, READ, False, is_named=True)
    elif method not in _NO_FILES:
        is_heedless = _HEEDLESS.match(name) or _HEEDLESS.match(method)
        for given in map(_as_text, call.args[:_MAX_ARGUMENTS]):
            if _names_a_file(given) or (method in _SHOWING and _is_media(given)):
                yield Use(given, READ, False)
            elif is_named_path(given) and not is_heedless:
                kind = WRITE if _WRITTEN_KEYWORD.search(_name_of(given).lower()) else READ
                yield Use(given, kind, False, is_named=True)
            elif _is_joined(given) and not is_heedless:
                yield Use(given, READ, False, is_path=True)
            elif _is_option(given) and not is_heedless:
                yield Use(given, READ, False)


_OPTIONS = frozenset(("args", "opt", "opts", "FLAGS"))
# Methods of pages that open a picture or a sound.
_SHOWING = frozenset(("image", "audio", "video", "logo"))


def _is_media(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower().endswith(_MEDIA)


def _as_text(node: ast.AST) -> ast.AST:
    """What an expression makes a text of, `str(path)`; itself where it makes none."""
    is_text = isinstance(node, ast.Call) and len(node.args) == 1 and getattr(node.func, "id", "") == "str"
    return node.args[0] if is_text else node  # type: ignore[attr-defined]


def _is_option(node: ast.AST) -> bool:
    """Whether an expression is an option of the command line, which may be a path by its default."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in _OPTIONS


def _is_joined(node: ast.AST) -> bool:
    """Whether an expression is a path because it is made as one."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return isinstance(node.right, ast.JoinedStr) or isinstance(getattr(node.right, "value", None), str)
    func = node.func if isinstance(node, ast.Call) and node.args else None
    if not isinstance(func, ast.Attribute) or func.attr not in ("join", "dirname", "abspath", "realpath"):
        return False
    return isinstance(func.value, ast.Attribute) and func.value.attr == "path"


def is_named_path(node: ast.AST) -> bool:
    """Return whether an expression is a variable or an attribute whose name says that it is a path."""
    return _PATH_NAME.search(_name_of(node)) is not None


def _name_of(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _names_a_file(node: ast.AST) -> bool:
    """Whether an argument is plainly a path with a folder, whatever it is handed to."""
    text = node.value if isinstance(node, ast.Constant) else None
    if not isinstance(text, str) or "/" not in text or "://" in text or not is_a_path(text):
        return False
    is_in_folder = text.partition("/")[0] in FOLDERS and bool(_EXTENSION.search(text))
    return is_in_folder or text.lower().endswith((*_ENDINGS, ".json", ".yaml", ".yml", ".csv", ".dat"))


def _named(
    call: ast.Call, kind: str, place: Optional[int], keywords: tuple[str, ...], is_path: bool = False
) -> Iterator[Use]:
    found = argument_of(call, place, *keywords)
    if found is not None and not isinstance(getattr(found, "value", None), (int, float)):
        yield Use(found, kind, is_path=is_path)


def _opened(call: ast.Call, place: int) -> Iterator[Use]:
    path = argument_of(call, place, "file")
    if path is not None and not isinstance(getattr(path, "value", None), int):
        kind = WRITE if _is_writing(argument_of(call, place + 1, "mode")) else READ
        yield Use(path, kind, is_path=True)


def _is_writing(mode: Optional[ast.AST]) -> bool:
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and bool(set(mode.value) & set("wax+"))
