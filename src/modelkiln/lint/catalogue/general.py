"""MK0xx: findings about linting itself."""

from modelkiln.lint.finding import ERROR, WARNING
from modelkiln.lint.rule import Rule

__all__ = ["IGNORES_NOTHING", "NO_REASON", "RULES", "UNREADABLE"]

UNREADABLE = Rule(
    "MK001",
    "unreadable-code",
    WARNING,
    "A file of code could not be read, so that no rule looked at it.",
    "A file that does not parse fails when it is imported, or belongs to another release of Python than the one that "
    "lints. A notebook is not a module: its cells depend on the order in which they were run.",
    "Correct the file, or leave it out of the package's dependencies. Of a notebook, move the code into a module.",
    bad="def predict(inputs, model:\n    return inputs\n",
    good="def predict(inputs, model):\n    return inputs\n",
)
NO_REASON = Rule(
    "MK002",
    "ignore-without-reason",
    ERROR,
    "A comment ignores a rule and does not say why.",
    "The next reader has to know whether the exception still holds.",
    "Write the reason after the brackets: # modelkiln: ignore[MK101] the file is mounted by the platform.",
    bad='def predict(inputs, model):\n    open("/etc/site.conf")  # modelkiln: ignore[MK101]\n    return inputs\n',
    good="def predict(inputs, model):\n"
    '    open("/etc/site.conf")  # modelkiln: ignore[MK101] the platform mounts it\n'
    "    return inputs\n",
)
IGNORES_NOTHING = Rule(
    "MK003",
    "unused-ignore",
    WARNING,
    "A comment ignores a rule that finds nothing there.",
    "It would hide the next finding of the rule on that line.",
    "Delete the comment.",
    bad="def predict(inputs, model):\n    return inputs  # modelkiln: ignore[MK101] was a path once\n",
    good="def predict(inputs, model):\n    return inputs\n",
)
RULES = (UNREADABLE, NO_REASON, IGNORES_NOTHING)
