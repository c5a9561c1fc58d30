"""Files of a repository with the edits of what is found in the packages that have them."""

import posixpath
from collections import defaultdict
from dataclasses import replace
from typing import Iterator, Mapping, Sequence

from modelkiln.lint.catalogue.fat import CACHE, TRAINING_STATE
from modelkiln.lint.edit import Edit
from modelkiln.lint.edits.build_file import exclusion_edit, name_in_build_file
from modelkiln.lint.edits.text import apply_edits
from modelkiln.lint.finding import SURE, Finding
from modelkiln.lint.linter import lint
from modelkiln.lint.selection import Selection
from modelkiln.lint.subject import Subject

__all__ = ["fixed"]

_EXCLUDED = frozenset((CACHE.id, TRAINING_STATE.id))
_BY_NAME = "by its name"
# One of scikit-learn's is called as one of a trainer.
_OF_OTHERS = "scaler."
# An edit may bring out another one: of a comment that ignores nothing any more.
_MAX_ROUNDS = 4

_Listed = Sequence[tuple[Subject, Selection]]


def fixed(listed: _Listed, contents: Mapping[str, bytes], build_files: Sequence[str]) -> dict[str, bytes]:
    """Return the files of `contents`, by their paths in the repository, that edits change.

    listed: subjects with the rules that count in each; an edit of a file that several of them have is applied where
    all of them ask for it. build_files: which of the files are BUILD files.
    """
    now = dict(contents)
    for _ in range(_MAX_ROUNDS):
        found = [(subject, lint(subject, selection)) for subject, selection in listed]
        edited = {path: apply_edits(now[path], edits) for path, edits in _agreed(found, now).items()}
        for path in build_files:
            edited[path] = _without_excluded(path, now[path], found)
        changed = {path: content for path, content in edited.items() if content != now[path]}
        if not changed:
            break
        now.update(changed)
        listed = [(_with(subject, changed), selection) for subject, selection in listed]
    return {path: content for path, content in now.items() if content != contents[path]}


_Found = Sequence[tuple[Subject, Sequence[Finding]]]


def _agreed(found: _Found, contents: Mapping[str, bytes]) -> dict[str, set[Edit]]:
    """The edits of each file that all subjects with that file ask for."""
    asked: dict[str, list[set[Edit]]] = defaultdict(list)
    for subject, findings in found:
        for path in {source.shown for source in subject.sources} & contents.keys():
            asked[path].append({edit for one in findings if one.path == path for edit in one.edits})
    agreed = {path: set.intersection(*several) for path, several in asked.items()}
    return {path: edits for path, edits in agreed.items() if edits}


def _with(subject: Subject, changed: Mapping[str, bytes]) -> Subject:
    sources = (replace(one, content=changed.get(one.shown, one.content)) for one in subject.sources)
    return replace(subject, sources=tuple(sources))


def _without_excluded(build_file: str, content: bytes, found: _Found) -> bytes:
    """A BUILD file whose artifacts leave out what no package needs that has them."""
    folder = posixpath.dirname(build_file)
    for subject, findings in found:
        for target in subject.artifact_targets:
            of_target, name = name_in_build_file(target.address)
            if not name or of_target != folder:
                continue
            for path in sorted(_excluded(findings, target.paths)):
                if _is_needed(path, target.paths, [one for one, _ in found if target in one.artifact_targets]):
                    continue
                is_folder = path not in target.paths
                edit = exclusion_edit(content, build_file, name, path, is_folder, target.is_locked)
                content = apply_edits(content, [edit] if edit else ())
    return content


def _excluded(findings: Sequence[Finding], paths: Sequence[str]) -> Iterator[str]:
    """Files and folders of a target that rules are sure to be of no use: of a checkpoint that has the state of
    training next to weights nothing can be left out."""
    for one in findings:
        is_state = one.message.endswith(_BY_NAME) and not posixpath.basename(one.path).startswith(_OF_OTHERS)
        is_whole = one.rule == CACHE.id or is_state
        if one.rule not in _EXCLUDED or one.certainty != SURE or not is_whole:
            continue
        if any(path == one.path or path.startswith(one.path + "/") for path in paths):
            yield one.path


def _is_needed(path: str, paths: Sequence[str], subjects: Sequence[Subject]) -> bool:
    """Whether code of a package names a file, or whether nothing would be left."""
    name = posixpath.basename(path).encode()
    is_named = any(name in source.content for subject in subjects for source in subject.sources)
    return is_named or all(one == path or one.startswith(path + "/") for one in paths)
