"""Checks of the files of a weights lock: each content once on a machine, and what they say of each other."""

import json
from functools import partial
from typing import Callable, Iterable, Optional

from modelkiln import __version__
from modelkiln.canonical import canonical_json
from modelkiln.checks import Finding, Options, check_file, check_set
from modelkiln.seen_files import SeenFiles
from modelkiln.weights_lock import LockedFile

__all__ = ["check_formats"]


def check_formats(
    files: Iterable[LockedFile], place: Callable[[LockedFile], Optional[str]], options: Options, seen: SeenFiles
) -> dict[str, str]:
    """Return path -> format of all files; raises ModelkilnError for one that is broken or not allowed.

    place: where the bytes of a file lie, None for one that the lock before knew and that is not
    here: it was checked then. What was found is noted in `seen`.
    """
    listed = list(files)
    known = seen.notes(_key(file, options) for file in listed)
    findings, notes = [], []
    for file in listed:
        key, lies_at = _key(file, options), place(file)
        if key in known:
            findings.append(Finding.from_json(json.loads(known[key])))
        elif lies_at is None:
            findings.append(Finding(file.path, file.size, file.format))
        else:
            findings.append(check_file(file.path, partial(open, lies_at, "rb"), file.size, options))
            notes.append((key, canonical_json(findings[-1].to_json()).decode()))
    check_set(findings, options)
    seen.keep_notes(notes)
    return {finding.path: finding.format for finding in findings}


def _key(file: LockedFile, options: Options) -> str:
    # The path counts: an ending says what a file must be.
    allowed = None if options.allow_pickle is None else sorted(options.allow_pickle)
    return "check " + canonical_json([__version__, file.sha256, file.path, allowed]).decode()
