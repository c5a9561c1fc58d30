"""The one entry point: which format a file of a model artifact has, and whether it is sound.

Formats are found by content; an ending only says what a file must be, never what it is not.
"""

import io
import lzma
import posixpath
import zlib
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO, Callable, Iterable, Mapping, Optional

from modelkiln.checks import archives, lfs_pointer, numpy_files, pickles, safetensors
from modelkiln.checks.allowed import Allowed
from modelkiln.checks.code import files as code_files
from modelkiln.checks.code.names import AUTO_MAP, check_allowed_code, entry, refusal, refuse_code
from modelkiln.checks.code.transformers_files import template_entries
from modelkiln.checks.code.zip_models import zip_entries
from modelkiln.checks.content import Content
from modelkiln.checks.headers import formats as headers
from modelkiln.checks.onnx import model as onnx
from modelkiln.checks.pickle_globals import check_allowed
from modelkiln.errors import ModelkilnError

__all__ = ["UNKNOWN", "VERSION", "Finding", "Need", "Options", "check_file", "check_set"]

# Goes up with each change of what is found or refused: what an earlier one took for sound is looked at again.
VERSION = 6

UNKNOWN = "unknown"
# A pickle in a zip in a zip is odd; deeper nesting is made to tire a reader.
_MAX_DEPTH = 4
_HEAD = 512
_SMALL = 1 << 20
_INDEX_ENDING = ".safetensors.index.json"
# How files of the formats that `_check_format` knows start, and what safetensors have after a length.
_FIRST_BYTES = frozenset((*pickles.FIRST_BYTES, *archives.FIRST_BYTES, numpy_files.MAGIC[:1], onnx.FIRST_BYTE))
_HEADER_STARTS = frozenset((b"{", b" ", b"\t", b"\r", b"\n"))
_ENDINGS = (_INDEX_ENDING, ".safetensors", ".onnx")


@dataclass(frozen=True)
class Options:
    """where: the target, for messages. allow_pickle: full names that pickles may import, None where
    pickles are refused. allow_code: entries of other code that is allowed, see `code.names`. Raises
    ModelkilnError for a name that could do anything."""

    where: str
    allow_pickle: Optional[tuple] = None
    allow_code: tuple = ()

    @classmethod
    def of(cls, where: str, allowed: Allowed) -> "Options":
        """Return the options under which a target's files are checked."""
        return cls(where, allowed.pickle, allowed.code)

    def __post_init__(self) -> None:
        check_allowed(self.where, self.allow_pickle)
        check_allowed_code(self.where, self.allow_code)


@dataclass(frozen=True)
class Need:
    """Another file of the artifact that a file needs: its path, and the bytes and tensors that it must have."""

    path: str
    size: int = 0
    tensors: tuple = ()


@dataclass(frozen=True)
class Finding:
    """What a file is: its path in the artifact, size in bytes, format ("safetensors", "onnx", "gguf",
    "pickle", "npy", "zip", ..., "unknown"), names that its pickles import, files that it needs, names of
    its tensors, None where they are not known, what its header states of the model (see
    `headers.header.facts_of`), and entries of other code in it (see `code.names`)."""

    path: str
    size: int
    format: str
    imports: tuple = ()
    needs: tuple = ()
    tensors: Optional[tuple] = None
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    code: tuple = ()

    def to_json(self) -> dict:
        """Return a JSON object that holds all fields."""
        needs = [{"path": one.path, "size": one.size, "tensors": list(one.tensors)} for one in self.needs]
        tensors = None if self.tensors is None else list(self.tensors)
        return {
            "path": self.path, "size": self.size, "format": self.format, "imports": list(self.imports), "needs": needs,
            "tensors": tensors, "facts": dict(self.facts), "code": list(self.code),
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Finding":
        """Read what `to_json` returns."""
        needs = tuple(Need(need["path"], need["size"], tuple(need["tensors"])) for need in value["needs"])
        tensors = None if value["tensors"] is None else tuple(value["tensors"])
        imports, code = tuple(value["imports"]), tuple(value["code"])
        return cls(value["path"], value["size"], value["format"], imports, needs, tensors, value["facts"], code)


def check_file(path: str, open_seekable: Callable[[], BinaryIO], size: int, options: Options) -> Finding:
    """Check one file and say what it is.

    path: in the artifact. open_seekable: gives a new binary stream at the first byte, which can seek.
    size: bytes. Weights are not read where headers suffice; memory does not grow with the file.
    Raises ModelkilnError that names the file, what is wrong, and the remedy.
    """
    data = None
    if size <= _SMALL:
        # Opened once and not once for each format: of small files there may be many.
        with open_seekable() as stream:
            data = stream.read()
        lfs_pointer.check(data, path, options.where)
        if _has_no_sign(path, data):
            return Finding(path, size, UNKNOWN)
        open_seekable = partial(io.BytesIO, data)
    content = Content(options.where, path, open_seekable, size, data=data)
    if path.endswith(_INDEX_ENDING):
        folder = posixpath.dirname(path)
        shards = safetensors.index_shards(content).items()
        needs = tuple(Need(_inside(content, folder, file), 0, tensors) for file, tensors in shards)
        return Finding(path, size, safetensors.INDEX_FORMAT, needs=needs)
    found = _Findings(options)
    format = _check(content, path, found)
    refuse_code(content, found.code, found.allowed_code)
    needs, code = tuple(sorted(found.needs, key=_by_path)), tuple(sorted(found.code))
    return Finding(path, size, format, tuple(sorted(found.imports)), needs, found.tensors, found.facts, code)


def _has_no_sign(path: str, data: bytes) -> bool:
    """Whether `_check` would find no format in the file, without its detours: there may be ten thousand."""
    return not (
        data[:1] in _FIRST_BYTES
        or data[8:9] in _HEADER_STARTS
        or path.endswith(_ENDINGS)
        or headers.find_format(path, data[:_HEAD])
        or code_files.has_sign(path, data)
        or archives.is_tar(data[:_HEAD])
        or archives.may_end_as_zip(data)
    )


def check_set(findings: Iterable[Finding], options: Options) -> None:
    """Check what the files of an artifact say of each other: shards with their tensors, and external data, are there,
    and classes in files next to a configuration that imports them are allowed.

    Raises ModelkilnError.
    """
    files = {finding.path: finding for finding in findings}
    for finding in files.values():
        _check_auto_map(finding, files, options)
        for need in finding.needs:
            where = f"{options.where}: {finding.path}"
            if need.path not in files:
                raise ModelkilnError(
                    f"{where}: needs the file {need.path!r}, which is not in the artifact. Add it to the field "
                    f"`source`, or include it where a lock's patterns leave it out.{_way_out(finding)}"
                )
            if files[need.path].size < need.size:
                raise ModelkilnError(
                    f"{where}: needs {need.size} bytes of {need.path!r}, which has {files[need.path].size}; the "
                    "file is truncated. Fetch it again."
                )
            is_shard = finding.format == safetensors.INDEX_FORMAT
            if is_shard and files[need.path].format != safetensors.FORMAT:
                raise ModelkilnError(f"{where}: its shard {need.path!r} is not a safetensors file. Fetch it again.")
            _check_tensors(need, files[need.path], where)


def _check_tensors(need: Need, shard: Finding, where: str) -> None:
    """Refuse a shard without a tensor of the index: loaders leave that tensor as it was initialised, at random.

    What a shard has beyond them is loaded by transformers, which reads whole shards (`load_pretrained_model`).
    """
    missing = sorted(set(need.tensors) - set(shard.tensors)) if shard.tensors is not None else []
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise ModelkilnError(
            f"{where}: names the tensor {missing[0]!r}{more} in the shard {need.path!r}, which lacks it. Index and "
            "shards are of two versions: fetch them again together, or save the model again."
        )


def _check_auto_map(finding: Finding, files: Mapping[str, Finding], options: Options) -> None:
    bad = []
    for one in finding.code:
        kind, _, name = one.partition(":")
        # transformers/dynamic_module_utils.py: `repository--module.Class` is fetched from another repository.
        module = posixpath.join(posixpath.dirname(finding.path), f"{name.rpartition('.')[0]}.py")
        if kind == AUTO_MAP and one not in options.allow_code and ("--" in name or module in files):
            bad.append(one)
    if bad:
        raise refusal(Content(options.where, finding.path, io.BytesIO, finding.size), bad)


def _way_out(finding: Finding) -> str:
    """What to do with an index of shards that nobody loads any more, which others have left in their folder."""
    if finding.format != safetensors.INDEX_FORMAT:
        return ""
    return (
        " Where the index is left over from shards that were merged, leave it out: with "
        f'exclude=["{finding.path}"] and a lock, or without a lock with source=[..., "!{finding.path}"].'
    )


def _by_path(need: Need) -> str:
    return need.path


def _inside(content: Content, folder: str, file: str) -> str:
    path = posixpath.normpath(posixpath.join(folder, file))
    if "\\" in file or file.startswith("/") or path.startswith("../") or posixpath.relpath(path, folder or ".") != file:
        raise content.refuse(f"names the file {file!r}, which is not a clean path inside the folder", "Write it again")
    return path


class _Findings:
    """What is collected over a file and the members in it."""

    def __init__(self, options: Options) -> None:
        self.allowed = check_allowed(options.where, options.allow_pickle)
        self.allowed_code = check_allowed_code(options.where, options.allow_code)
        self.code: set = set()
        self.imports: set = set()
        self.needs: set = set()
        self.tensors: Optional[tuple] = None
        self.facts: dict = {}


def _check(content: Content, path: str, found: _Findings) -> str:
    """Check a content and what lies in it; returns its format."""
    if content.depth > _MAX_DEPTH:
        raise content.refuse(f"lies in more than {_MAX_DEPTH} archives", "Unpack them and give the files")
    try:
        return _check_format(content, path, found)
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        what = f"cannot be read: {error or 'it ends too early'}"
        raise content.refuse(what, "Save it again uncompressed, or fetch it again") from None


def _check_format(content: Content, path: str, found: _Findings) -> str:
    head = content.head(_HEAD)
    found.code |= code_files.file_entries(content, path or content.name)
    # An archive is found by its end: what comes before it may be something else too.
    is_zip = _check_zip(content, head, found)
    if archives.starts_as_zip(head):
        return "zip"
    # So is a pickle: a file can be safetensors and a pickle, depending on the loader.
    is_pickle = pickles.looks_like(content)
    if is_pickle:
        found.imports |= pickles.check(content, found.allowed, in_archive=_is_torch_member(content))
    if path.endswith(".safetensors") or safetensors.looks_like(head[:32], content.size or 0):
        tensors = safetensors.check(content)
        found.tensors = tensors if content.depth == 0 else None
        return safetensors.FORMAT
    if numpy_files.looks_like(head):
        found.imports |= numpy_files.check(content, found.allowed)
        return numpy_files.FORMAT
    compression = archives.compression_of(content)
    if compression:
        _check(archives.decompressed(content, compression), "", found)
        return compression.name
    if path.endswith(".onnx") or onnx.looks_like(content):
        _check_onnx(content, path, found)
        return onnx.FORMAT
    header_format = headers.find_format(path, head)
    if header_format:
        _check_header(content, path, header_format, found)
        return header_format
    if is_pickle:
        return pickles.FORMAT
    if archives.is_tar(head):
        with content.on_disk() as seekable:
            for member in archives.tar_members(seekable):
                _check(member, "", found)
        return "tar"
    return "zip" if is_zip else UNKNOWN


def _check_onnx(content: Content, path: str, found: _Findings) -> None:
    model = onnx.read(content, path)
    found.needs |= {Need(data.path, data.end) for data in model.external}
    found.code |= {entry("onnx-domain", domain) for domain in model.domains}
    # Before the checker, which not every step of a build has.
    refuse_code(content, found.code, found.allowed_code)
    onnx.check(content, model)


def _check_header(content: Content, path: str, format: str, found: _Findings) -> None:
    header = headers.check(content, path, format)
    for name, template in header.templates:
        found.code |= template_entries(template, name)
    # Of a file in an archive nobody asks which files it is one of.
    if content.depth == 0:
        found.facts = dict(header.facts)
        found.needs |= {Need(needed) for needed in header.needs}


def _check_zip(content: Content, head: bytes, found: _Findings) -> bool:
    if not content.seekable and not archives.starts_as_zip(head):
        return False
    with content.on_disk() as seekable:
        members = archives.zip_members(seekable)
        found.code |= zip_entries(seekable, members or ())
        refused = [one for one in (_refused(member, found) for member in members or ()) if one]
    if refused:
        # In one message: a model of torch has several pickles.
        raise pickles.PickleRefused(refused[0].content, {name for one in refused for name in one.imports})
    return members is not None


def _refused(member: Content, found: _Findings) -> Optional[pickles.PickleRefused]:
    """Check a member; what is wrong with a pickle where none is allowed is returned."""
    try:
        _check(member, "", found)
    except pickles.PickleRefused as refused:
        return refused
    return None


def _is_torch_member(content: Content) -> bool:
    return content.depth > 0 and content.name.endswith(".pkl")
