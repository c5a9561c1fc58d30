"""Checks of the files of a weights lock: each content once on a machine, and what they say of each other."""

import hashlib
import json
from typing import Any, BinaryIO, Callable, Iterable, Mapping, Optional, Sequence

from modelkiln.canonical import canonical_json
from modelkiln.checks.check import VERSION, Finding, Options, check_file, check_set
from modelkiln.store.file_batch import SMALL_BYTES
from modelkiln.store.file_index import FileIndex
from modelkiln.weights.lock import LockedFile

__all__ = ["check_formats"]

_UNKNOWN = "unknown"


def check_formats(
    files: Iterable[LockedFile],
    place: Callable[[LockedFile], Optional[Callable[[], BinaryIO]]],
    options: Options,
    index: FileIndex,
    found: Mapping[str, Finding] = {},
) -> dict[str, dict[str, Any]]:
    """Return by path what a lock states of the content of each file that has a known format, and nothing of the
    others: `format` and, where its header states some, `facts`.

    Raises ModelkilnError for a file that is broken or not allowed.

    place: what opens a file, None for one that the lock before knew and that is not
    here: it was checked then. found: what is known already, by path. What is found is kept in
    `index`: of large files, which may take long, and of all files together.
    """
    listed = list(files)
    key = _set_key(listed, options)
    result = index.get_result(key)
    if result is not None:
        return json.loads(result)
    findings, results = _findings(listed, place, options, index, found)
    check_set(findings, options)
    formats = {finding.path: _stated(finding) for finding in findings if finding.format not in ("", _UNKNOWN)}
    if all(place(file) is not None for file in listed if file.path not in found):
        results.append((key, canonical_json(formats).decode()))
    index.put_results(results)
    return formats


def _stated(finding: Finding) -> dict[str, Any]:
    return {"format": finding.format, **({"facts": dict(finding.facts)} if finding.facts else {})}


def _findings(
    files: Sequence[LockedFile],
    place: Callable[[LockedFile], Optional[Callable[[], BinaryIO]]],
    options: Options,
    index: FileIndex,
    found: Mapping[str, Finding],
) -> tuple[list[Finding], list[tuple[str, str]]]:
    known = index.get_results(_key(file, options) for file in files if file.size >= SMALL_BYTES)
    findings, results = [], []
    for file in files:
        finding = found.get(file.path)
        if finding is None and file.size >= SMALL_BYTES and _key(file, options) in known:
            finding = Finding.from_json(json.loads(known[_key(file, options)]))
        open_file = place(file) if finding is None else None
        if finding is None and open_file is None:
            finding = Finding(file.path, file.size, file.format, facts=file.facts or {})
        elif finding is None and open_file is not None:
            finding = check_file(file.path, open_file, file.size, options)
            if file.size >= SMALL_BYTES:
                results.append((_key(file, options), canonical_json(finding.to_json()).decode()))
        findings.append(finding)
    return findings, results


def _allowed(options: Options) -> Optional[list[str]]:
    return None if options.allow_pickle is None else sorted(options.allow_pickle)


def _key(file: LockedFile, options: Options) -> str:
    # The path counts: an ending says what a file must be.
    return "check " + canonical_json([VERSION, file.sha256, file.path, _allowed(options)]).decode()


def _set_key(files: Iterable[LockedFile], options: Options) -> str:
    listed = sorted([file.path, file.sha256] for file in files)
    text = canonical_json([VERSION, listed, _allowed(options)])
    return "checked " + hashlib.sha256(text).hexdigest()
