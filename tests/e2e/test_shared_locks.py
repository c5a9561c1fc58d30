"""Locks in the form that tools share, in place of a list with hashes."""

import re

import pytest
from monorepo import small_monorepo


@pytest.fixture
def repo(tmp_path):
    """Return a small monorepo."""
    repo = small_monorepo(tmp_path / "repo")
    yield repo
    repo.stop()


def test_a_lock_that_tools_share_gives_the_same_package(repo):
    """A pylock.toml with the files of the list in its place: one digest. `pants lock` leaves it to its tool."""
    repo.pants("package", "rain:rain")
    digest, listed = repo.record("rain/rain")["package_digest"], repo.read("locks/python.txt")
    version = re.search(r"^numpy==(\S+)", listed, re.MULTILINE)[1]
    at = f"https://nowhere.invalid/numpy-{version}"
    wheels = "".join(
        f'  {{ url = "{at}-{index}-py3-none-any.whl", hashes = {{ sha256 = "{value}" }} }},\n'
        for index, value in enumerate(re.findall(r"sha256:(\w+)", listed))
    )
    head = 'lock-version = "1.0"\ncreated-by = "pip"\n\n[[packages]]\nname = "numpy"\n'
    repo.write("locks/python.txt", f'{head}version = "{version}"\nwheels = [\n{wheels}]\n')
    repo.pants("package", "rain:rain")
    assert digest == repo.record("rain/rain")["package_digest"]
    out = repo.pants("lock", "locks:locks").out.decode()
    assert "locks/python.txt: unchanged\n  `pip lock` makes it" in out
    repo.write("locks/python.in", "numpy\ndocopt\n")
    assert "docopt is not in it. Lock it again: pip lock." in repo.pants("package", "rain:rain", code=1).log
