"""The pages of docs/lint: the rules, a page a category.

`./pants run tests/docs/lint_pages.py`, in the root of the repository, writes them.
"""

import ast
from pathlib import Path

from modelkiln.lint.registry import all_rules
from modelkiln.lint.rule import CATEGORIES, Rule

__all__ = ["pages"]

_WRITTEN = "<!-- Written by `./pants run tests/docs/lint_pages.py` from the rules. Edit those. -->\n"


def pages() -> dict[str, str]:
    """Return the pages by their paths relative to docs/."""
    found: dict[str, list[Rule]] = {}
    for rule in all_rules().values():
        found.setdefault(rule.category, []).append(rule)
    names = [category for category in CATEGORIES.values() if category in found]
    return {f"lint/{category}.md": _page(category, found[category]) for category in names}


def _page(category: str, rules: list[Rule]) -> str:
    text = f"{_WRITTEN}# Lint: {category}\n\nRules of [lint](../lint.md), each with an example that it finds and one "
    return text + "that it does not.\n" + "".join(map(_section, rules))


def _section(rule: Rule) -> str:
    bad, good = _example(rule.bad, rule.language), _example(rule.good, rule.language)
    return (
        f"\n## {rule.id} {rule.name}\n\n*{rule.severity.capitalize()}.* {rule.summary}\n\n{rule.why}\n\n"
        f"**Instead:** {rule.remedy}\n\nFound:\n\n{bad}\n\nNot found:\n\n{good}\n"
    )


def _example(text: str, language: str) -> str:
    if language == "python":
        try:
            ast.parse(text)
        except SyntaxError:
            language = ""
    name = language if language in ("python", "json") else ""
    return f"```{name}\n{text.rstrip()}\n```"


def main() -> None:
    """Write the pages below docs/ of the current folder."""
    for name, text in pages().items():
        path = Path("docs", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
