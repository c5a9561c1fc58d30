"""Pages of the documentation: links, sizes, snippets and commands."""

import ast
import importlib
import json
import re
from argparse import ArgumentParser

import pytest
import tomllib
from documents import ROOT, blocks, commands, is_written, pages

from modelkiln.cli.main import COMMANDS
from modelkiln.manifest.pip_settings import FETCHING, LOCKING

NAMES = [page.relative_to(ROOT).as_posix() for page in pages()]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_BLOCKS = [one for page in pages() for one in blocks(page) if one.language]


def _links(page):
    targets = _LINK.findall(page.read_text("utf-8"))
    return [target for target in targets if "://" not in target]


def _anchors(page):
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    """Links between pages name a file that exists, and in it a title."""
    page = ROOT / name
    for target in _links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file), target


def test_every_page_can_be_reached():
    """From the README, over links, to each page."""
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            waiting += [(page.parent / target.partition("#")[0]).resolve() for target in _links(page)]
    assert set(pages()) == reached


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_short(name):
    """A page is read in one go; the reference is not read but looked up."""
    assert is_written(ROOT / name) or (ROOT / name).stat().st_size <= 6000


@pytest.mark.parametrize("block", _BLOCKS, ids=str)
def test_a_snippet_is_of_its_language(block):
    """What is called Python, JSON or TOML can be read as that."""
    {"python": ast.parse, "json": json.loads, "toml": tomllib.loads, "console": str}[block.language](block.text)


def _command_line(words):
    """The arguments for the command line of Modelkiln in a command, or None."""
    if words[0] == "modelkiln":
        return words[1:]
    return words[words.index("--") + 1 :] if "src/modelkiln:cli" in words else None


_CALLS = [(page, line) for page in pages() for line in map(_command_line, commands(page)) if line]


@pytest.mark.parametrize(("page", "line"), _CALLS, ids=[" ".join(line) for _, line in _CALLS])
def test_a_command_can_be_called(page, line):
    """The command line takes what pages show."""
    module = importlib.import_module(f"modelkiln.cli.{COMMANDS[line[0]]}")
    parser = ArgumentParser(exit_on_error=False)
    module.add_arguments(parser)
    parser.parse_args(line[1:])


def test_the_pages_show_all_commands():
    """No command of the command line is missing from the documentation."""
    assert set(COMMANDS) == {line[0] for _, line in _CALLS}


def test_every_room_of_the_engine_is_described():
    """docs/rooms.md names all packages of the engine, and no other."""
    folders = [path.parent.name for path in (ROOT / "src/modelkiln").glob("*/__init__.py")]
    text = (ROOT / "docs/rooms.md").read_text("utf-8")
    engine = text[text.index("## The engine") : text.index("## The backend")]
    assert sorted(folders) == sorted(set(re.findall(r"`(\w+)/`", engine)))


def test_the_settings_of_pip_that_count_are_listed():
    """docs/pip-and-proxies.md has those that the engine lets in, and what for."""
    text = (ROOT / "docs/pip-and-proxies.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.*) \| (locking and )?fetching\b", text, re.MULTILINE)
    found = [(name, bool(locking)) for names, locking in rows for name in re.findall(r"`([\w-]+)", names)]
    assert sorted(found) == sorted((name, name in LOCKING) for name in FETCHING)
