"""docs/lint is made of the rules."""

import pytest
from documents import ROOT
from lint_pages import pages

from modelkiln.lint.rule import CATEGORIES

DOCS = ROOT / "docs"


@pytest.mark.parametrize("name", pages())
def test_a_page_is_its_rules(name):
    """An edited rule is an edited page; `./pants run tests/docs/lint_pages.py` writes it."""
    assert pages()[name] == (DOCS / name).read_text("utf-8")


def test_no_page_of_a_removed_category_stays():
    """The folder has the pages of categories with rules alone."""
    written = {path.relative_to(DOCS).as_posix() for path in DOCS.glob("lint/*.md")}
    assert written & {f"lint/{one}.md" for one in CATEGORIES.values()} == set(pages())
