"""Distributions of a closure that nothing in the package uses."""

import re
from typing import Iterable, Iterator

from modelkiln.checks.traits.trait import IMPORT
from modelkiln.lint.catalogue import fat as rules
from modelkiln.lint.closure.known import FRAMEWORKS, MODULES, ON_FRAMEWORKS, PLUGINS, TOOLS, TRAINERS
from modelkiln.lint.finding import LIKELY, SURE, Finding
from modelkiln.lint.skew.readers import READERS
from modelkiln.lint.subject import Distribution, Subject

__all__ = ["check"]

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
# Of another language than the code's imports: libraries of CUDA, and what only has types.
_NO_MODULES = re.compile(r"(?:nvidia|cuda|intel|types|mkl|tbb|triton)(?:-.*)?|.*-(?:cu\d+|stubs|plugin|runtime)")


def check(subject: Subject) -> Iterable[Finding]:
    """Yield tools, trainers, and distributions that neither code nor pickles nor other distributions ask for."""
    distributions = subject.distributions or ()
    used = _imported(subject)
    requiring = _requiring(distributions)
    has_code = any(source.path.endswith(".py") for source in subject.sources)
    for one in distributions:
        if _modules(one) & used:
            continue
        by = sorted(requiring.get(one.name, ()))
        origin = f", which {', '.join(by[:3])} requires" if by else ""
        certainty = SURE if has_code and not by else LIKELY
        if one.name in TOOLS:
            what = f"the lock has {one.name} {one.version}{origin}, and the code does not import it"
            yield rules.TOOL.finding("", what, certainty=certainty)
        elif one.name in TRAINERS:
            what = f"the lock has {one.name} {one.version}{origin}, and the code does not import it"
            yield rules.TRAINER.finding("", what, certainty=LIKELY)
        elif not by and _may_be_unused(subject, one):
            yield rules.UNUSED.finding("", f"nothing uses {one.name} {one.version}", certainty=LIKELY)


def _may_be_unused(subject: Subject, one: Distribution) -> bool:
    """Whether its not being imported says anything."""
    # In an image of somebody else nothing says what was asked for.
    if (
        not subject.sources
        or not subject.record
        or any(other.requires is None for other in subject.distributions or ())
    ):
        return False
    formats = {survey.format for survey in subject.surveys.values()}
    is_reader = any(one.name in READERS.get(format, ()) for format in formats)
    loaded = is_reader or one.name in PLUGINS or _is_ground(subject, one)
    return not (loaded or one.modules == () or _NO_MODULES.fullmatch(one.name))


def _is_ground(subject: Subject, one: Distribution) -> bool:
    """Whether it is a framework that a library of the closure may run on, or whose half of one the code imports."""
    if one.name not in FRAMEWORKS:
        return False
    # As `safetensors.torch`, which requires nothing.
    halves = {part for source in subject.sources for name in _imports(source.content) for part in name.split(".")}
    has_library = any(other.name in ON_FRAMEWORKS for other in subject.distributions or ())
    return has_library or bool(_modules(one) & halves)


def _imported(subject: Subject) -> set[str]:
    """The top modules that code and pickles import."""
    found = {name for source in subject.sources for name in _imports(source.content)}
    for survey in subject.surveys.values():
        found |= {trait.value for trait in survey.traits if trait.kind == IMPORT}
    return {name.split(".")[0] for name in found}


# Statements as they begin their lines, also where a module may be missing, and what importlib is asked for.
_IMPORT = re.compile(rb"^\s*(?:from\s+([\w.]+)|import\s+([^#\n;]+))|import_module\(\s*[\"']([\w.]+)", re.MULTILINE)


def _imports(content: bytes) -> Iterator[str]:
    for module, listed, computed in _IMPORT.findall(content):
        for name in (module or listed or computed).split(b","):
            yield name.split()[0].decode("utf-8", "replace") if name.split() else ""


def _modules(one: Distribution) -> set[str]:
    known = MODULES.get(one.name, (one.name.replace("-", "_"),))
    return {name.split(".")[0] for name in one.modules or known}


def _requiring(distributions: Iterable[Distribution]) -> dict[str, set[str]]:
    """By name, the distributions that require it, whatever the marker."""
    found: dict[str, set[str]] = {}
    for one in distributions:
        for requirement in one.requires or ():
            name = _NAME.match(requirement)
            if name and "extra" not in requirement.partition(";")[2]:
                found.setdefault(re.sub(r"[-_.]+", "-", name[1]).lower(), set()).add(one.name)
    return found
