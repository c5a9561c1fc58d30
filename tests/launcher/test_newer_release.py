"""`.pants.bootstrap`, which the official launcher runs before a Pants that pants.toml does not name."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_SHOWN = 'set -eu; . "$1"; echo "${PANTS_CONFIG_FILES-}"'


def shown(folder, **env):
    """Return PANTS_CONFIG_FILES as it is after a run of the file in `folder`."""
    command = ["bash", "-c", _SHOWN, "bash", str(folder / ".pants.bootstrap")]
    own = {"PATH": os.environ["PATH"], **env}
    return subprocess.run(command, env=own, cwd="/", stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


@pytest.fixture
def folder(tmp_path):
    """Return a folder with the file and this repository's settings."""
    for name in (".pants.bootstrap", "pants.toml", "pants.newer.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_pants_of_this_repository_needs_no_more(folder):
    """Nor does the one of the same release that a variable names."""
    assert ["", "", ""] == [shown(folder), shown(folder, PANTS_VERSION=""), shown(folder, PANTS_VERSION="2.17.1")]


def test_a_newer_one_reads_what_differs(folder):
    """Whether a variable names it or pants.toml does, and wherever the launcher was started."""
    assert str(folder / "pants.newer.toml") == shown(folder, PANTS_VERSION="2.33.0")
    settings = folder / "pants.toml"
    settings.write_text(settings.read_text().replace('pants_version = "2.17.1"', "pants_version = '2.31.0'"))
    assert str(folder / "pants.newer.toml") == shown(folder)


def test_the_user_s_own_choice_stays(folder):
    """Who names configuration files has named all of them."""
    assert "own.toml" == shown(folder, PANTS_VERSION="2.33.0", PANTS_CONFIG_FILES="own.toml")
