"""Versions and specifiers of PEP 440, as far as a package has to compare them without a library."""

import re

__all__ = ["allows", "version_key"]

_VERSION = re.compile(
    r"v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)"
    r"(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>[0-9]*))?"
    r"(?P<post>-(?P<post_only>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>[0-9]*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>[0-9]*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?"
)
_PHASES = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
_OPERATOR = re.compile(r"(===|==|!=|>=|<=|~=|>|<)\s*(\S+)")
_LOWEST, _HIGHEST = (-1,), (1,)


def _match(text):
    match = _VERSION.fullmatch(text.strip().lower())
    if not match:
        raise ValueError(f"{text!r} is not a version of PEP 440")
    return match


def _release(match):
    """Epoch and numbers without the zeros at their end, which do not count."""
    numbers = [int(part) for part in match["release"].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return (int(match["epoch"] or 0), tuple(numbers))


def version_key(text):
    """Return what versions are ordered by; raises ValueError for another text."""
    match = _match(text)
    pre, post, dev = match["pre"], match["post"], match["dev"]
    phase = (0, _PHASES.get(pre, pre), int(match["pre_number"] or 0)) if pre else None
    if phase is None:
        # 1.0.dev1 is before 1.0a1, and 1.0 after all of these.
        phase = _LOWEST if dev and not post else _HIGHEST
    number = int(match["post_only"] or match["post_number"] or 0)
    parts = re.split("[-_.]", match["local"]) if match["local"] else ()
    return (
        *_release(match),
        phase,
        (0, number) if post else _LOWEST,
        (0, int(match["dev_number"] or 0)) if dev else _HIGHEST,
        tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts),
    )


def allows(specifier, version):
    """Whether `version` is within `specifier` ("<11,>=10.3"); one that is a pre-release counts as any other.

    Raises ValueError for a version that PEP 440 does not know.
    """
    return all(_allows(*_OPERATOR.fullmatch(part.strip()).groups(), version) for part in specifier.split(",") if part)


def _allows(operator, wanted, version):
    if operator == "===":
        return version.lower() == wanted.lower()
    if operator in ("==", "!="):
        return _equals(wanted, version) is (operator == "==")
    if operator == "~=":
        return _allows(">=", wanted, version) and _equals(_prefix_of(wanted), version)
    have, want = version_key(version), version_key(wanted)
    if operator in ("<=", ">="):
        public = have[:-1]  # Local versions are not ordered with public ones.
        return public <= want[:-1] if operator == "<=" else public >= want[:-1]
    match, limit = _match(version), _match(wanted)
    same = _release(match) == _release(limit)
    if operator == "<":
        # <1.0 means nothing of 1.0, its pre-releases included, unless it is one itself.
        is_before = bool(match["pre"] or match["dev"])
        return have < want and not (same and is_before and not (limit["pre"] or limit["dev"]))
    # >1.0 means neither 1.0.post1 nor 1.0+local.
    is_after = bool(match["post"]) and not limit["post"]
    return have > want and not (same and (is_after or match["local"]))


def _equals(wanted, version):
    if wanted.endswith(".*"):
        prefix, match = _match(wanted[:-2]), _match(version)
        numbers = [int(part) for part in prefix["release"].split(".")]
        have = [int(part) for part in match["release"].split(".")]
        have += [0] * (len(numbers) - len(have))
        return int(prefix["epoch"] or 0) == int(match["epoch"] or 0) and have[: len(numbers)] == numbers
    have, want = version_key(version), version_key(wanted)
    return have == want if want[-1] else have[:-1] == want[:-1]


def _prefix_of(wanted):
    match = _match(wanted)
    epoch = f"{match['epoch']}!" if match["epoch"] else ""
    return f"{epoch}{match['release'].rpartition('.')[0]}.*"
