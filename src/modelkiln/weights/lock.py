"""The lock of a model artifact: its source, every file's sha256, and the layers that they make."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Optional

from modelkiln.archives.tar import check_path
from modelkiln.canonical import canonical_json, readable_json
from modelkiln.checks.allowed import NOTHING, Allowed
from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.digest import check_digest, sha256_bytes
from modelkiln.document import SIZE, TEXT, Shape, mismatch, parse_object
from modelkiln.errors import ModelkilnError, reason
from modelkiln.pinned_file import EMPTY_SHA256, PinnedFile
from modelkiln.weights.chunks import check_chunks

__all__ = ["LockedFile", "LockedLayer", "WeightsLock", "load_weights_lock", "set_digest"]

SCHEMA = 1
_AGAIN = "Restore it, or write it again with `pants lock`."
_FILE: Shape = {
    "path!": TEXT, "sha256!": TEXT, "size!": SIZE, "version": TEXT, "locator": TEXT, "format": TEXT, "code": [TEXT],
}  # fmt: skip
_SHAPE: Shape = {
    "files!": [_FILE],
    "source!": {"uri!": TEXT, "revision": TEXT, "folder": TEXT, "include": [TEXT], "exclude": [TEXT]},
    "layers!": [{"digest!": TEXT, "size!": SIZE, "files!": [TEXT]}],
    "set_digest!": TEXT,
    "facts": {},
    "allow_pickle": [TEXT],
    "allow_code": [TEXT],
}


@dataclass(frozen=True)
class LockedFile(PinnedFile):
    """One file, and how its source knows it.

    version, locator: see `sources.source.SourceFile`. format: what its content is, such as
    "safetensors" (see `checks`), or "". chunks: see `chunks`, None for a small file, and in locks
    that were written before there were any. facts: what the file's header states of the model, None where
    that is nothing. code: entries of code in it (see `checks.code.names`).
    """

    version: str = ""
    locator: str = ""
    format: str = ""
    chunks: Optional[Mapping[str, Any]] = field(default=None, hash=False)
    facts: Optional[Mapping[str, Any]] = field(default=None, hash=False)
    code: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object without the fields that are empty."""
        found = {key: value for key, value in vars(self).items() if value not in ("", None, ())}
        return {**found, "code": list(self.code)} if self.code else found


@dataclass(frozen=True)
class LockedLayer:
    """One layer: digest and size (bytes) of its tar, and the paths of its files."""

    digest: str
    size: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class WeightsLock:
    """A weights lock.

    source: {"uri", "revision", "include", "exclude"}, and "folder" where its files lie in one. facts: what the source
    states about the model.
    allowed: what its target allowed when the files were checked.
    """

    source: Mapping[str, Any] = field(hash=False)
    files: tuple[LockedFile, ...]
    layers: tuple[LockedLayer, ...]
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    allowed: Allowed = NOTHING

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def set_digest(self) -> str:
        """Which files these are: see `set_digest`."""
        return set_digest((file.sha256, file.path) for file in self.files)

    def to_text(self) -> str:
        """Return the lock as it is committed: JSON for people to read, one text for one value."""
        content = {
            "schema": SCHEMA,
            "source": dict(self.source),
            "set_digest": self.set_digest,
            "files": [file.to_json() for file in self.files],
            "layers": [{"digest": one.digest, "size": one.size, "files": list(one.files)} for one in self.layers],
            "facts": dict(self.facts),
        }
        content.update(self.allowed.to_json())
        content["digest"] = _digest_of(content)
        return readable_json(content) + "\n"

    def layer_of(self, files: Iterable[LockedFile]) -> Optional[Descriptor]:
        """Return the layer of exactly these files, where the lock has it."""
        own = {file.path: file.sha256 for file in self.files}
        wanted = {file.path: file.sha256 for file in files}
        for layer in self.layers:
            if {path: own[path] for path in layer.files} == wanted:
                return Descriptor(LAYER, layer.digest, layer.size)
        return None

    def check_allowed(self, allowed: Allowed, where: str) -> None:
        """Raise ModelkilnError for a lock whose files were checked with more allowed than `allowed`, what the target
        says now."""
        code = sorted(set(self.allowed.code) - set(allowed.code))
        if code:
            raise ModelkilnError(
                f"{where}: its lock allows code ({', '.join(code[:10])}), which the field `allow_code` of the target "
                f"does not list any more. Lock it again, which checks its files: `pants lock {where}`."
            )
        if allowed.pickle is None:
            gone = [file.path for file in self.files if file.format == "pickle"] or list(self.allowed.pickle or ())
            is_wider = self.allowed.pickle is not None or bool(gone)
        else:
            gone = sorted(set(self.allowed.pickle or ()) - set(allowed.pickle))
            is_wider = bool(gone)
        if is_wider:
            listed = f" ({', '.join(gone[:10])})" if gone else ""
            raise ModelkilnError(
                f"{where}: its lock allows pickles{listed}, which the field `allow_pickle` of the target does not list "
                f"any more. Lock it again, which checks its files: `pants lock {where}`."
            )


def set_digest(files: Iterable[tuple[str, str]]) -> str:
    """Return the digest of files as (sha256 in hex, path), which does not depend on their packing.

    It is the sha256 of their sorted `<hex>  <path>` lines.
    """
    lines = sorted(f"{sha256}  {path}\n" for sha256, path in files)
    return "sha256:" + hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()


def load_weights_lock(text: str, where: str, target: str = "") -> WeightsLock:
    """Read a lock; raises ModelkilnError that names `where` for one that is broken or was edited.

    target: the address that it is of, for the remedy.
    """
    try:
        content = parse_object(text)
        if content["schema"] != SCHEMA:
            raise ModelkilnError(f"{where}: schema {content['schema']!r}, this Modelkiln reads {SCHEMA}. Upgrade it.")
        if problem := mismatch(content, _SHAPE):
            raise ValueError(problem)
        files = tuple(LockedFile(**{**file, "code": tuple(file.get("code", ()))}) for file in content["files"])
        layers = tuple(LockedLayer(one["digest"], one["size"], tuple(one["files"])) for one in content["layers"])
        lock = WeightsLock(content["source"], files, layers, content.get("facts") or {}, Allowed.from_json(content))
        recorded = content["set_digest"]
        stated = content.pop("digest", None)
        digest = _digest_of(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelkilnError(f"{where}: is not a weights lock ({reason(error)}). Write it with `pants lock`.") from None
    _check(lock, recorded, where)
    if stated is None:
        raise ModelkilnError(
            f"{where}: lacks its own digest, without which anybody may have edited it. Write it again with "
            f"`pants lock {target}`, which checks the files.".replace(" `,", "`,")
        )
    if digest != stated:
        raise ModelkilnError(f"{where}: was edited: it has digest {digest}, it says {stated}. {_AGAIN}")
    return lock


def _digest_of(content: Mapping[str, Any]) -> str:
    """The digest of a lock's value, however its text is laid out."""
    return sha256_bytes(canonical_json(content))


def _check(lock: WeightsLock, recorded: str, where: str) -> None:
    for file in lock.files:
        check_path(file.path, where)
        check_digest(f"sha256:{file.sha256}", f"{where}: {file.path}")
        if file.size < (0 if file.sha256 == EMPTY_SHA256 else 1):
            raise ModelkilnError(f"{where}: {file.path}: size {file.size!r} is not a number of bytes. {_AGAIN}")
        if file.chunks is not None:
            check_chunks(file.chunks, file.size, f"{where}: {file.path}")
        facts = {} if file.facts is None else file.facts
        if not isinstance(facts, dict) or not all(isinstance(value, (str, int)) for value in facts.values()):
            raise ModelkilnError(f"{where}: {file.path}: facts {facts!r} are not texts and numbers by name. {_AGAIN}")
    for layer in lock.layers:
        check_digest(layer.digest, where)
    if lock.set_digest != recorded:
        raise ModelkilnError(
            f"{where}: was edited: its files have set digest {lock.set_digest}, it says {recorded}. {_AGAIN}"
        )
    paths = sorted(path for layer in lock.layers for path in layer.files)
    if not lock.files or paths != sorted({file.path for file in lock.files}):
        raise ModelkilnError(f"{where}: its layers and its files do not list the same paths, each once. {_AGAIN}")
