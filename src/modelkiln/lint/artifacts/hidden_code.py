"""Code in the files of model artifacts, as their checks name it for the record."""

from typing import Iterable, Iterator

from modelkiln.checks.code.names import KINDS
from modelkiln.checks.traits.trait import IMPORT, Survey
from modelkiln.lint.catalogue import hidden_code as rules
from modelkiln.lint.finding import Finding
from modelkiln.lint.subject import ArtifactFile, Subject

__all__ = ["check"]

_SHOWN = 3


def check(subject: Subject) -> Iterable[Finding]:
    """Yield a finding for each kind of code in a file."""
    surveyed = subject.surveys
    for file in subject.artifacts:
        yield from _entries(file.path, surveyed[file.path].code)
        if file.path.endswith((".py", ".pyi")):
            yield rules.PYTHON.finding(file.path, "it is Python, and lies among the weights")
        yield from _pickle(file, surveyed[file.path])


def _entries(path: str, code: Iterable[str]) -> Iterator[Finding]:
    by_kind: dict[str, list[str]] = {}
    for entry in code:
        kind, _, name = entry.partition(":")
        by_kind.setdefault(kind, []).append(name)
    for kind, names in sorted(by_kind.items()):
        if kind in rules.OF_KIND:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            yield rules.OF_KIND[kind].finding(path, f"it has {KINDS[kind]}: {', '.join(sorted(names)[:_SHOWN])}{more}")


def _pickle(file: ArtifactFile, survey: Survey) -> Iterator[Finding]:
    imports = sorted(trait.value for trait in survey.traits if trait.kind == IMPORT)
    if imports:
        more = f" and {len(imports) - _SHOWN} more" if len(imports) > _SHOWN else ""
        yield rules.PICKLE.finding(file.path, f"it imports {', '.join(imports[:_SHOWN])}{more}")
    elif survey.format == "pickle":
        yield rules.PICKLE.finding(file.path, "it is a pickle")
