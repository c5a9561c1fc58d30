"""docs/targets and docs/options.md are the help texts of target types, fields and options."""

import re
from pathlib import Path

import pytest
from reference import pages

import pants_modelkiln

DOCS = Path("docs")


@pytest.mark.parametrize("name", pages())
def test_a_page_is_the_help_texts(name):
    """An edited help text is an edited page; `./pants run tests/docs/reference.py` writes it."""
    assert pages()[name] == (DOCS / name).read_text("utf-8")


def test_no_page_of_a_removed_target_stays():
    """The folder has the pages of the existing target types alone."""
    assert sorted(path.relative_to(DOCS).as_posix() for path in DOCS.glob("targets/*")) == [
        name for name in sorted(pages()) if name.startswith("targets/")
    ]


def test_every_room_of_the_backend_is_described():
    """docs/rooms.md names all packages of the backend, and no other."""
    folders = [path.parent.name for root in pants_modelkiln.__path__ for path in Path(root).glob("*/__init__.py")]
    text = (DOCS / "rooms.md").read_text("utf-8")
    backend = text[text.index("## The backend") :]
    assert sorted(folders) == sorted(set(re.findall(r"`(\w+)/`", backend)))
