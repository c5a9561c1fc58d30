"""Locks that pin too little, bases by tag, and sources without a revision.

What Modelkiln builds itself is refused before it comes to this: the rules are for packages of others.
"""

import re
from functools import lru_cache
from typing import Any, Iterable, Iterator, Mapping

from modelkiln.lint.catalogue import locks as rules
from modelkiln.lint.finding import LIKELY, Finding
from modelkiln.lint.subject import RequirementFile, Subject

__all__ = ["check"]

_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?\s*(.*)")
_INDEX = re.compile(r"(?:-i|-f|--index-url|--extra-index-url|--find-links)(?:[\s=]|$)")
_URL = re.compile(r"(?:[\w.-]+(?:\[[^\]]*\])?\s*@\s*)?((?:(?:git|hg|svn|bzr)\+)?[a-z+]+://\S+)", re.IGNORECASE)
_COMMIT = re.compile(r"@[0-9a-f]{40}(?:$|[#?;])")
_TABLES = ("[[package]]", "[[packages]]", "lock-version", '{"', "{\n", "//")
_BRANCHES = frozenset(("", "dev", "develop", "head", "latest", "main", "master", "production", "staging", "trunk"))


def check(subject: Subject) -> Iterable[Finding]:
    """Yield what is not pinned."""
    for file in subject.requirement_files:
        if file.is_lock:
            yield from _of_lock(file)
    base = subject.record.get("base")
    image = base.get("image") if isinstance(base, Mapping) else None
    if isinstance(image, str) and "sha256:" not in image:
        yield rules.BASE.finding("", f"its base is {_without_password(image)}")
    for source in subject.record.get("sources") or ():
        yield from _source(source)


def _source(source: Mapping[str, Any]) -> Iterator[Finding]:
    place = source.get("source") or {}
    uri, revision = str(place.get("uri", "")), str(place.get("revision") or "")
    # A path has no scheme: what lies in the repository has the revision of that, and so has Git LFS.
    if ":" in uri and revision.lower() in _BRANCHES and not uri.startswith(("file:", "oci:", "lfs:")):
        what = f"{_without_password(uri)} has " + (f"the revision {revision!r}" if revision else "no revision")
        yield rules.SOURCE.finding(str(source.get("target", "")), what, certainty=LIKELY)


@lru_cache(maxsize=16)
def _of_lock(file: RequirementFile) -> tuple[Finding, ...]:
    """What is found in a lock, which many packages share."""
    return tuple(_lines(file))


def _lines(file: RequirementFile) -> Iterator[Finding]:
    text = file.content.decode("utf-8-sig", "replace")
    # Of uv, Pex and PEP 751, which hold hashes by their form.
    if text.lstrip().startswith(_TABLES) or "[[package" in text:
        return
    hashed = "--hash=" in text
    for number, line in _logical(text):
        place: dict[str, Any] = {"line": number, "column": 1, "text": line.split(" --hash")[0][:200]}
        url = _URL.match(line)
        if _INDEX.match(line):
            place["text"] = _without_password(line)
            yield rules.INDEX.finding(file.path, f"it names an index: {_without_password(line)}", **place)
        elif line.startswith("-"):
            continue
        elif url:
            if not (_COMMIT.search(url[1]) or "--hash=" in line or "#sha256=" in line):
                place["text"] = _without_password(str(place["text"]))
                yield rules.URL.finding(file.path, f"{_without_password(url[1])} may change", **place)
        else:
            yield from _requirement(file, line, place, hashed)


def _requirement(file: RequirementFile, line: str, place: Mapping[str, Any], hashed: bool) -> Iterator[Finding]:
    requirement = line.partition(";")[0].partition(" --hash")[0].strip()
    match = _REQUIREMENT.fullmatch(requirement)
    if match is None:
        return
    if not re.fullmatch(r"===?\s*[^\s,*]+", match[1]):
        yield rules.VERSION.finding(file.path, f"{requirement} is not one version", **place)
    elif "--hash=" not in line:
        what = f"{requirement} has no hash" + (", and others have" if hashed else "")
        yield rules.HASHES.finding(file.path, what, **place)


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines with what continues them, without comments, with the number of the first."""
    parts: list[str] = []
    first = 1
    for number, line in enumerate(text.splitlines(), 1):
        first = first if parts else number
        line = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        parts.append(line.rstrip("\\").strip())
        if not line.endswith("\\"):
            whole = " ".join(filter(None, parts))
            parts = []
            if whole:
                yield first, whole


def _without_password(text: str) -> str:
    return re.sub(r"(://)[^/@\s]+@", r"\1...@", text)
