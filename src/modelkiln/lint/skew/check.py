"""Whether the lock reads what the model's files are."""

from typing import Iterable, Iterator, Optional

from modelkiln.checks.traits.trait import RELEASES, Survey, Trait
from modelkiln.lint.catalogue.skew import DIFFERS, NEWER, NO_READER, REFUSES
from modelkiln.lint.finding import LIKELY, SURE, Finding
from modelkiln.lint.skew import row as rows
from modelkiln.lint.skew.readers import READERS, locked_release, reader_of
from modelkiln.lint.skew.releases.table import rows_by_reader
from modelkiln.lint.subject import ArtifactFile, Subject

__all__ = ["check"]

# Formats that a dozen lines read, or that lie in packages as documents of another reader's.
_PLAIN = frozenset(("safetensors", "sentencepiece", "tokenizer"))
# Its pickles are for the very release that wrote them (scikit-learn, "Model persistence").
_EITHER_WAY = "scikit-learn"


def check(subject: Subject) -> Iterable[Finding]:
    """Yield what the lock of a subject's variant cannot read as it was written."""
    if not subject.distributions:
        return
    versions = dict(subject.versions)
    surveyed = subject.surveys
    for file in subject.artifacts:
        survey = surveyed.get(file.path, Survey())
        known = list(_known(file, survey, versions))
        yield from known
        if not known:
            yield from _newer(file, survey, versions)
        yield from _unread(subject, file.path, survey.format, versions)


def _known(file: ArtifactFile, survey: Survey, versions: dict) -> Iterator[Finding]:
    """What the table says: of each reader and effect one finding."""
    for reader, listed in rows_by_reader().items():
        locked = locked_release(reader, versions)
        if locked is None:
            continue
        name, release = locked
        seen = set()
        for row in listed:
            trait = rows.matching_trait(row, survey)
            if trait is None or row.effect in seen or not rows.is_in(release, row.releases):
                continue
            seen.add(row.effect)
            rule = REFUSES if row.effect == rows.REFUSES else DIFFERS
            what = f"it has {_shown(trait)}, and {name} {release} {row.effect}: {row.says.format(value=trait.value)}"
            yield rule.finding(file.path, what)


def _newer(file: ArtifactFile, survey: Survey, versions: dict) -> Iterator[Finding]:
    for trait in sorted(survey.traits):
        locked = locked_release(trait.kind, versions) if trait.kind in RELEASES else None
        if locked is None:
            continue
        written, read = _minor(trait.value), _minor(locked[1])
        if written and read and (written > read or (trait.kind == _EITHER_WAY and written != read)):
            what = f"it was written by {trait.kind} {trait.value}, and the lock has {locked[0]} {locked[1]}"
            yield NEWER.finding(file.path, what, certainty=LIKELY)


def _unread(subject: Subject, path: str, format: str, versions: dict) -> Iterator[Finding]:
    # What the host provides is not in the lock.
    known = {*versions, *(one["name"] for one in subject.record.get("provided") or ())}
    if format not in READERS or known.intersection(READERS[format]):
        return
    is_sure = format not in _PLAIN and not subject.record.get("entrypoint")
    what = f"it is {format}, and the lock has none of {', '.join(READERS[format])}"
    certainty = SURE if is_sure else LIKELY
    remedy = f"Add {reader_of(format)} to the requirements, or leave the file out."
    yield NO_READER.finding(path, what, certainty=certainty, remedy=remedy)


def _shown(trait: Trait) -> str:
    if trait.kind in RELEASES:
        return f"{trait.kind} {trait.value} as its writer"
    return f"{trait.kind.replace('-', ' ', 1)} {trait.value}"


def _minor(release: str) -> Optional[tuple[int, ...]]:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(release).release[:2]
    except InvalidVersion:
        return None
