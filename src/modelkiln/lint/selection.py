"""Which rules count: by id ("MK101"), its start ("MK1"), name ("absolute-path") or category ("paths")."""

from dataclasses import dataclass
from functools import cache
from typing import Iterable

from modelkiln.errors import ModelkilnError
from modelkiln.lint.registry import all_rules
from modelkiln.lint.rule import CATEGORIES

__all__ = ["EVERYTHING", "Selection", "rules_of"]


@dataclass(frozen=True)
class Selection:
    """select: what is looked for; nothing stands for everything. ignore: what is left out of that."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def has(self, rule: str) -> bool:
        """Whether findings of the rule with this id count."""
        return (not self.select or _is_named(rule, self.select)) and not _is_named(rule, self.ignore)

    def without(self, names: Iterable[str]) -> "Selection":
        """Return this with more that is left out."""
        return Selection(self.select, (*self.ignore, *names))

    def checked(self, where: str) -> "Selection":
        """Return this; raises ModelkilnError for names that stand for no rule, with `where` they stand."""
        for name in (*self.select, *self.ignore):
            if not rules_of(name):
                raise ModelkilnError(
                    f"{where}: {name!r} is neither a rule of lint, nor the start of one such as 'MK1', nor a category "
                    f"({', '.join(CATEGORIES.values())}). `modelkiln lint --list` lists all rules."
                )
        return self


@cache
def rules_of(name: str) -> frozenset[str]:
    """Return the ids of the rules that a name stands for; none for one that stands for no rule."""
    return frozenset(
        id
        for id, rule in all_rules().items()
        if name in (rule.category, rule.name) or (name[:2] == "MK" and id.startswith(name))
    )


def _is_named(rule: str, names: Iterable[str]) -> bool:
    return any(rule in rules_of(name) for name in names)


EVERYTHING = Selection()
