"""Findings as a log of SARIF 2.1.0 (OASIS), which code hosts and editors read."""

import hashlib
from typing import Any, Mapping, Sequence
from urllib.parse import quote

from modelkiln import __version__
from modelkiln.lint.finding import ERROR, Finding
from modelkiln.lint.registry import all_rules
from modelkiln.lint.rule import Rule
from modelkiln.wording import counted

__all__ = ["MAX_RESULTS", "sarif_log"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# What GitHub's code scanning takes: it refuses a run of more than 25,000 results and shows 5,000 of them, and of a
# text 1,024 characters at most.
MAX_RESULTS = 5000
_MAX_TEXT = 1000


def sarif_log(found: Mapping[str, Sequence[Finding]]) -> dict[str, Any]:
    """Return the log of one run: `found` has the findings of each subject by its name.

    Errors come first where there are more than a consumer takes; what is left out is said in a notification.
    """
    results = [(name, one) for name, findings in found.items() for one in findings]
    results.sort(key=lambda pair: pair[1].severity != ERROR)
    kept, left_out = results[:MAX_RESULTS], results[MAX_RESULTS:]
    rules = [all_rules()[id] for id in sorted({one.rule for _, one in kept})]
    places = {rule.id: number for number, rule in enumerate(rules)}
    seen: dict[str, int] = {}
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "modelkiln lint", "version": __version__, "rules": [_rule(one) for one in rules]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(name, one, places[one.rule], seen) for name, one in kept],
    }
    if left_out:
        text = f"{counted(len(left_out), 'result')} left out: at most {MAX_RESULTS} are listed, errors first."
        notification = {"level": "warning", "message": {"text": text}}
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": [notification]}]
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": _cut(rule.summary)},
        "fullDescription": {"text": _cut(rule.why)},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": rule.severity},
        "properties": {"tags": [rule.category]},
    }


def _result(name: str, one: Finding, rule: int, seen: dict[str, int]) -> dict[str, Any]:
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": name, "kind": "module"}]}
    if one.path:
        location["physicalLocation"] = {"artifactLocation": {"uri": quote(one.path)}, **_region(one)}
    result: dict[str, Any] = {
        "ruleId": one.rule,
        "ruleIndex": rule,
        "level": one.severity,
        "message": {"text": _cut(f"{one.message}. {one.remedy}")},
        "locations": [location],
        "partialFingerprints": {"modelkiln/v1": _fingerprint(name, one, seen)},
        "properties": {"certainty": one.certainty},
    }
    if one.edits:
        result["fixes"] = [_fix(one)]
    return result


def _fix(one: Finding) -> dict[str, Any]:
    replacements = [
        {
            "deletedRegion": {"charOffset": edit.start, "charLength": edit.end - edit.start},
            "insertedContent": {"text": edit.replacement},
        }
        for edit in one.edits
    ]
    return {
        "description": {"text": _cut(one.remedy)},
        "artifactChanges": [{"artifactLocation": {"uri": quote(one.path)}, "replacements": replacements}],
    }


def _region(one: Finding) -> dict[str, Any]:
    if not one.line:
        return {}
    column = {"startColumn": one.column} if one.column else {}
    snippet = {"snippet": {"text": _cut(one.text)}} if one.text else {}
    return {"region": {"startLine": one.line, **column, **snippet}}


def _fingerprint(name: str, one: Finding, seen: dict[str, int]) -> str:
    """What stays the same where lines above the finding come and go."""
    key = "\0".join((one.path or name, one.rule, one.text.strip() or one.message))
    seen[key] = seen.get(key, 0) + 1
    return hashlib.sha256(f"{key}\0{seen[key]}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 3] + "..."
