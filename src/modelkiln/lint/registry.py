"""All rules by id, and all checks: functions from a Subject to findings."""

import importlib
from functools import cache
from typing import Callable, Iterable, Mapping

from modelkiln.errors import ModelkilnError
from modelkiln.lint.finding import Finding
from modelkiln.lint.rule import Rule
from modelkiln.lint.subject import Subject

__all__ = ["Check", "all_rules", "checks", "rule_of"]

Check = Callable[[Subject], Iterable[Finding]]

# Modules with RULES, a tuple of Rule; one a category.
_CATALOGUE = (
    "general", "paths", "dynamic", "unpinned", "locks", "opaque", "fat", "secrets", "hidden_code", "skew",
)  # fmt: skip
# Modules with `check(subject)`, an iterable of findings of any rules.
_CHECKS: tuple[str, ...] = (
    "code.check", "code.shell", "closure.locks", "record.opaque", "closure.fat", "artifacts.fat", "artifacts.variants",
    "secrets.check", "artifacts.hidden_code", "skew.check",
)  # fmt: skip


@cache
def all_rules() -> Mapping[str, Rule]:
    """Return every rule by its id, in their order."""
    modules = (importlib.import_module(f"modelkiln.lint.catalogue.{name}") for name in _CATALOGUE)
    found: dict[str, Rule] = {}
    for rule in sorted((rule for module in modules for rule in module.RULES), key=lambda rule: rule.id):
        rule.check()
        if rule.id in found:
            raise ModelkilnError(f"lint rule {rule.id}: is there twice, {found[rule.id].name} and {rule.name}.")
        found[rule.id] = rule
    return found


def rule_of(id: str) -> Rule:
    """Return a rule; raises ModelkilnError for an id that there is not."""
    rules = all_rules()
    if id not in rules:
        raise ModelkilnError(f"lint rule {id!r}: does not exist. `modelkiln lint --list` lists all.")
    return rules[id]


@cache
def checks() -> tuple[Check, ...]:
    """Return all checks."""
    return tuple(importlib.import_module(f"modelkiln.lint.{name}").check for name in _CHECKS)
