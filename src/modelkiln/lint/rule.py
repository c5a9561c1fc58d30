"""A rule: what it is called, why it is one, and an example of either side."""

import functools
from dataclasses import dataclass
from typing import Optional

from modelkiln.errors import ModelkilnError
from modelkiln.lint.finding import ERROR, LIKELY, SURE, WARNING, Finding

__all__ = ["CATEGORIES", "Rule", "package_rule"]

# By the first digit of an id, the name of the category.
CATEGORIES = {
    "0": "lint",
    "1": "paths",
    "2": "dynamic",
    "3": "unpinned",
    "4": "opaque",
    "5": "fat",
    "6": "secrets",
    "7": "hidden-code",
    "8": "skew",
}


@dataclass(frozen=True)
class Rule:
    """id: "MK101". name: "absolute-path". summary: one sentence, what is found. why: some sentences, what goes wrong
    with it. remedy: what to do instead. bad, good: an example that is found and one that is not, in `language`
    ("python": an inference script; "package": lines of what a package has, `models/FILE: TEXT` of its artifacts, `lock:
    NAME==RELEASE` of its closure, `requirements: LINE` of the lock's text, and `record.KEY: JSON`)."""

    id: str
    name: str
    severity: str
    summary: str
    why: str
    remedy: str
    bad: str
    good: str
    language: str = "python"

    @property
    def category(self) -> str:
        """The name of its category."""
        return CATEGORIES[self.id[2]]

    def finding(
        self,
        path: str,
        message: str,
        *,
        line: int = 0,
        column: int = 0,
        certainty: str = SURE,
        remedy: Optional[str] = None,
        text: str = "",
    ) -> Finding:
        """Return a finding of this rule. What is only likely never fails a run: it is a warning."""
        severity = WARNING if certainty == LIKELY else self.severity
        return Finding(path, line, column, self.id, message, remedy or self.remedy, severity, certainty, text)

    def check(self) -> None:
        """Raise ModelkilnError for a rule that is not written as all are."""
        plain = self.id[:2] == "MK" and self.id[2:].isdigit() and len(self.id) == 5 and self.id[2] in CATEGORIES
        if not plain or self.severity not in (ERROR, WARNING) or not all((self.summary, self.why, self.remedy)):
            raise ModelkilnError(f"lint rule {self.id}: lacks a category, a severity or a text.")


# A rule whose examples are lines of what a package has.
package_rule = functools.partial(Rule, language="package")
