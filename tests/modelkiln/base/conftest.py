"""A signed archive of Debian packages for each test that names it."""

import subprocess

import pytest
from components import require
from samples.debian.archive import Archive


@pytest.fixture
def archive(tmp_path):
    """A fresh archive."""
    require("gpgv")
    made = Archive(tmp_path)
    yield made
    subprocess.run([require("gpgconf"), "--homedir", str(made.home), "--kill", "all"])
