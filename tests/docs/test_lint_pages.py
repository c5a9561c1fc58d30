"""docs/lint is made of the rules."""

import csv
from pathlib import Path

import pytest
from documents import ROOT
from lint_pages import pages

from modelkiln.lint.rule import CATEGORIES

DOCS = ROOT / "docs"
MEASURED = Path(__file__).with_name("lint_measured.csv")
# The last draw of those that the page sums up.
_EARLIER = 15
_COUNTS = ("anti_patterns", "found_first", "extra_first", "found_now", "extra_now")


@pytest.mark.parametrize("name", pages())
def test_a_page_is_its_rules(name):
    """An edited rule is an edited page; `./pants run tests/docs/lint_pages.py` writes it."""
    assert pages()[name] == (DOCS / name).read_text("utf-8")


def test_no_page_of_a_removed_category_stays():
    """The folder has the pages of categories with rules alone."""
    written = {path.relative_to(DOCS).as_posix() for path in DOCS.glob("lint/*.md")}
    assert written & {f"lint/{one}.md" for one in CATEGORIES.values()} == set(pages())


def test_the_measurements_are_those_of_the_list():
    """docs/lint.md has the sums of lint_measured.csv, of the earlier draws together and of each later one."""
    rows = list(csv.DictReader(MEASURED.read_text("utf-8").splitlines()))
    text = (DOCS / "lint.md").read_text("utf-8")
    numbers = {int(row["draw"]) for row in rows}
    later = sorted(one for one in numbers if one > _EARLIER)
    groups = [(f"1 to {_EARLIER}", numbers.difference(later)), *((str(one), {one}) for one in later), ("all", numbers)]
    for name, draws in groups:
        of_draw = [row for row in rows if int(row["draw"]) in draws]
        there, first, more, now, more_now = (sum(int(row[key]) for row in of_draw) for key in _COUNTS)
        rates = (first / there, first / (first + more), now / there, now / (now + more_now))
        line = f"| {name} | {len(of_draw)} | {there} | {' | '.join(f'{rate:.2f}' for rate in rates)} |"
        assert line in text
