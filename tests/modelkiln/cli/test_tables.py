"""What people read: tables in a terminal, which is a real one here, and lines of plain text elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from samples.packages.described import Described
from samples.random_image import make_image

from modelkiln.cli.tables import Column, Table, print_parts
from modelkiln.store.store import Store

_SRC = Path(__file__).parents[3] / "src"
_RULE = "─"


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    """An image with its store next to it."""
    folder = tmp_path_factory.mktemp("tables")
    return make_image(folder / "digits.oci", store=Store(folder / "store")).path


def _run(*arguments, terminal=True, **variables):
    """What a command writes to standard output: a terminal of 120 columns, or a pipe."""
    env = {"PYTHONPATH": str(_SRC), "PATH": "", "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "COLUMNS": "120"}
    env = {name: value for name, value in {**env, **variables}.items() if value is not None}
    command = [sys.executable, "-m", "modelkiln", *map(str, arguments)]
    if not terminal:
        return subprocess.run(command, env=env, capture_output=True, check=True).stdout.decode()
    reader, writer = os.openpty()
    with subprocess.Popen(command, env=env, stdin=writer, stdout=writer, stderr=subprocess.DEVNULL) as process:
        os.close(writer)
        found = b""
        while True:
            try:
                data = os.read(reader, 1 << 16)
            except OSError:  # Linux says so that nobody has the other end any more.
                break
            found += data
            if not data:
                break
        os.close(reader)
    assert 0 == process.returncode
    return found.decode().replace("\r\n", "\n")


def test_a_terminal_gets_a_table(layout):
    """With a rule below its titles, and titles in bold letters."""
    shown = _run("inspect", layout, "--store", layout.parent / "store")
    assert _RULE in shown and "\x1b[1m" in shown and "wheels: numpy 2.4.6" in shown


def test_a_pipe_gets_plain_text(layout):
    """No rules and no escapes, whatever the environment says of a terminal."""
    shown = _run("inspect", layout, "--store", layout.parent / "store", terminal=False, FORCE_COLOR="1")
    assert _RULE not in shown and "\x1b" not in shown and "wheels: numpy 2.4.6" in shown


@pytest.mark.parametrize("term", ["dumb", None])
def test_a_terminal_that_shows_lines_alone_gets_what_a_pipe_gets(layout, term):
    """Those of editors, of which `TERM` says so or nothing."""
    arguments = "inspect", layout, "--store", layout.parent / "store"
    assert _run(*arguments, terminal=False) == _run(*arguments, TERM=term)


@pytest.mark.parametrize("columns", ["50", "70", "200"])
def test_nothing_is_cut_off_in_a_narrow_terminal(layout, columns):
    """Texts go on in the next line; where there is no room for columns at all, lines are those of a pipe."""
    shown = re.sub(r"\x1b\[[0-9;]*m", "", _run("inspect", layout, "--store", layout.parent / "store", COLUMNS=columns))
    plain = _run("inspect", layout, "--store", layout.parent / "store", terminal=False)
    assert "…" not in shown
    # Columns stand where plain text has the `=` of labels.
    characters = (sorted(re.sub(rf"[\s={_RULE}]", "", text)) for text in (plain, shown))
    assert next(characters) == next(characters)


def test_colours_can_be_turned_off(tmp_path):
    """`NO_COLOR`: what came is green and what went is red, unless somebody does not want colours."""
    before = Described(tmp_path / "a")
    after = Described(tmp_path / "b", versions={"fastmath": "1.0"})
    arguments = "diff", before.layout, after.layout, "--store", before.store.root
    colours = re.compile(r"\x1b\[(?:\d+;)*3\d")
    assert colours.search(_run(*arguments)) and not colours.search(_run(*arguments, NO_COLOR="1"))


def test_a_value_cannot_steer_the_terminal(capsys):
    """Escapes and line breaks of a package are shown as what they are."""
    print_parts([Table((Column("a"), Column("b")), [("x\x1b[2J", "y\nz")])])
    assert "a         b\nx\\x1b[2J  y\\nz\n" == capsys.readouterr().out


@pytest.mark.parametrize("terminal", [True, False])
def test_a_store_is_listed(layout, terminal):
    """Each blob with its bytes and its last use."""
    shown = _run("store", "list", "--store", layout.parent / "store", terminal=terminal)
    assert ("last used" in shown, _RULE in shown) == (terminal, terminal)
    (blob,) = re.findall(r"sha256:[0-9a-f]{64}  +(\d+)  ", shown)
    assert f"1 blob, {blob} bytes" in shown
