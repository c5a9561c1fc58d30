"""Checks of the files of a weights lock: each content once on a machine, and what they say of each other.

A lock that somebody else wrote may lack them: files are checked when they are locked, when they are packaged,
and before anything is made of them.
"""

import hashlib
import json
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO, Callable, Iterable, Iterator, Mapping, NamedTuple, Optional, Sequence

from modelkiln.canonical import canonical_json
from modelkiln.checks.allowed import Allowed
from modelkiln.checks.check import VERSION, Finding, Options, check_file, check_set
from modelkiln.checks.onnx.checker import NoChecker
from modelkiln.conventions import MODELS_FOLDER
from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.sources.source import Source, SourceFile
from modelkiln.store.file_batch import SMALL_BYTES
from modelkiln.store.file_index import FileIndex
from modelkiln.store.files import StoredFile, find_stored
from modelkiln.store.store import Store
from modelkiln.weights.lock import LockedFile, WeightsLock

__all__ = ["Place", "are_checked", "check_formats", "check_held", "check_locked", "checked_opener", "source_place"]

_UNKNOWN = "unknown"
_ONNX = "onnx"
# Begins the key of a part of an artifact; one of a whole artifact has the formats as its result.
_HELD = "held"


class Place(NamedTuple):
    """Where a file can be read. open: a stream that can seek. is_pinned: whether its bytes are those that
    its sha256 names, as in the store, or what a source gives now."""

    open: Callable[[], BinaryIO]
    is_pinned: bool = True


def source_place(source: Source, file: SourceFile, size: int, where: str) -> Place:
    """Return the place of a file of `size` bytes at its source, of which little is read. where: the target."""
    # It brings the network, and most files are in the store.
    from modelkiln.sources.blocks import Blocks

    return Place(Blocks(partial(source.open, file), size, f"{where}: {file.path}").open, is_pinned=False)


def check_formats(
    files: Iterable[LockedFile],
    place: Callable[[str], Optional[Place]],
    options: Options,
    index: FileIndex,
    found: Mapping[str, Finding] = {},
) -> dict[str, dict[str, Any]]:
    """Return by path what a lock states of the content of each file that has a known format, and nothing of the
    others: `format` and, where its header states some, `facts`; and `code` of any that has some.

    Raises ModelkilnError for a file that is broken or not allowed.

    place: from a path to where the file is read, None for one that cannot be: its format is what the lock
    records, until it is here. found: what is known already, by path. What is found is kept in `index`: of large
    files, which may take long, and of all files together.
    """
    listed = [vars(file) for file in files]
    key = _set_key(listed, options)
    result = index.get_result(key)
    if result is not None:
        return json.loads(result)
    checks = _Checks(options, place)
    findings = list(checks.run(listed, index, found))
    check_set(findings, options)
    known = (finding for finding in findings if finding.code or finding.format not in ("", _UNKNOWN))
    formats = {finding.path: _stated(finding) for finding in known}
    if checks.is_complete:
        checks.results.append((key, canonical_json(formats).decode()))
    index.put_results(checks.results)
    return formats


def check_locked(
    lock: WeightsLock, store: Store, options: Options, elsewhere: Callable[[str], Optional[Place]] = lambda path: None
) -> None:
    """Check the files of a lock as `check_formats` does.

    elsewhere: where files can be read that `store` lacks. Raises ModelkilnError also for a file of another format
    than the lock states; one that an earlier release did not know has none.
    """
    files = {file.path: file for file in lock.files}
    found: dict[str, StoredFile] = {}
    for layer in lock.layers:
        listed = [vars(files[path]) for path in layer.files]
        found.update(find_stored(listed, store, MODELS_FOLDER, Descriptor(LAYER, layer.digest, layer.size)))

    def place(path: str) -> Optional[Place]:
        stored = found.get(files[path].sha256)
        return Place(stored.open) if stored else elsewhere(path)

    formats = check_formats(lock.files, place, options, FileIndex(store.root))
    for path, file in files.items():
        content = formats.get(path, {"format": _UNKNOWN})
        for key, said in (("format", file.format), ("facts", file.facts), ("code", list(file.code))):
            if said and said != content.get(key):
                raise ModelkilnError(
                    f"{options.where}: {path}: its lock states the {key} {said!r}, and it has {content.get(key)!r}. "
                    "The lock was made without these checks, or by another Modelkiln: write it again with "
                    f"`pants lock {options.where}`."
                )


def _stated(finding: Finding) -> dict[str, Any]:
    facts = {"facts": dict(finding.facts)} if finding.facts else {}
    return {"format": finding.format, **facts, **({"code": list(finding.code)} if finding.code else {})}


def are_checked(files: Sequence[Mapping[str, Any]], options: Options, index: FileIndex) -> bool:
    """Return whether `check_held` or `check_formats` has found nothing wrong with these very contents."""
    if index.get_results([_set_key(files, options), _set_key(files, options, _HELD)]):
        return True
    known = index.get_results(_key(file, options) for file in files)
    return all(_key(file, options) in known for file in files)


def check_held(
    files: Sequence[Mapping[str, Any]], found: Mapping[str, StoredFile], options: Options, index: FileIndex
) -> None:
    """Check files that are in the store, of which more than these may make an artifact; raises ModelkilnError.

    files: objects with path, sha256 (hex) and size. found: where they are, by sha256. ONNX models are left to
    steps that have the package onnx, whose checker looks at what they compute.
    """
    if are_checked(files, options, index):
        return
    places = {file["path"]: Place(found[file["sha256"]].open) for file in files}
    checks = _Checks(options, places.get, may_lack_onnx=True)
    for _ in checks.run(files, index, {}):
        pass
    if checks.is_complete:
        checks.results.append((_set_key(files, options, _HELD), ""))
    index.put_results(checks.results)


def checked_opener(
    file: Mapping[str, Any], open_at: Callable[[int], BinaryIO], options: Options, index: FileIndex
) -> Callable[[], BinaryIO]:
    """Return what opens a file at its source from its beginning, once it was checked there.

    open_at: opens it from a byte on. What was looked at must pass unchanged in the stream that is opened then.
    Raises ModelkilnError for a file that is broken or not allowed.
    """
    if are_checked([file], options, index):
        return partial(open_at, 0)
    from modelkiln.sources.blocks import Blocks

    blocks = Blocks(open_at, file["size"], f"{options.where}: {file['path']}")
    checks = _Checks(options, {file["path"]: Place(blocks.open, is_pinned=False)}.get, may_lack_onnx=True)
    list(checks.run([file], index, {}))
    blocks.close()
    return lambda: blocks.hold(open_at(0))


@dataclass
class _Checks:
    """results: of large files, to be kept. is_complete: whether every file was checked as it is pinned."""

    options: Options
    place: Callable[[str], Optional[Place]]
    may_lack_onnx: bool = False
    results: list[tuple[str, str]] = field(default_factory=list)
    is_complete: bool = True

    def run(
        self, files: Sequence[Mapping[str, Any]], index: FileIndex, found: Mapping[str, Finding]
    ) -> Iterator[Finding]:
        """Yield what each file is."""
        known = index.get_results(_key(file, self.options) for file in files if file["size"] >= SMALL_BYTES)
        for file in files:
            key = _key(file, self.options)
            if file["path"] in found:
                yield found[file["path"]]
            elif key in known:
                yield Finding.from_json(json.loads(known[key]))
            else:
                yield self._check(file, key)

    def _check(self, file: Mapping[str, Any], key: str) -> Finding:
        place = self.place(file["path"])
        self.is_complete = self.is_complete and place is not None and place.is_pinned
        if place is None:
            facts, code = file.get("facts") or {}, tuple(file.get("code") or ())
            return Finding(file["path"], file["size"], file.get("format", ""), facts=facts, code=code)
        try:
            finding = check_file(file["path"], place.open, file["size"], self.options)
        except NoChecker:
            if not self.may_lack_onnx:
                raise
            self.is_complete = False
            return Finding(file["path"], file["size"], _ONNX)
        if file["size"] >= SMALL_BYTES and place.is_pinned:
            self.results.append((key, canonical_json(finding.to_json()).decode()))
        return finding


def _allowed(options: Options) -> dict[str, list[str]]:
    return Allowed(options.allow_pickle, options.allow_code).to_json()


def _key(file: Mapping[str, Any], options: Options) -> str:
    # The path counts: an ending says what a file must be.
    return "check " + canonical_json([VERSION, file["sha256"], file["path"], _allowed(options)]).decode()


def _set_key(files: Iterable[Mapping[str, Any]], options: Options, kind: str = "checked") -> str:
    listed = sorted([file["path"], file["sha256"]] for file in files)
    text = canonical_json([VERSION, listed, _allowed(options)])
    return f"{kind} " + hashlib.sha256(text).hexdigest()
