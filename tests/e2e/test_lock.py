"""`pants lock`: pinning what images are built on."""

import json

import pytest
from monorepo import small_monorepo

BASE = "3rdparty/debian:python311"
LOCK = "3rdparty/debian/python311.lock.json"


def test_a_lock_is_made_from_its_package_list(repository):
    """Without its lock a base is locked anew; versions may be those of a later point release."""
    committed = json.loads(repository.read(LOCK))
    (repository.root / LOCK).write_text("{}\n")
    differs = repository.pants("lock", "--check", BASE, code=1)
    assert f"{LOCK}: differs" in differs.out.decode()
    assert "{}\n" == repository.read(LOCK)
    assert f"{LOCK}: written" in repository.pants("lock", BASE).out.decode()
    written = json.loads(repository.read(LOCK))
    names = [package["name"] for package in committed["packages"]]
    assert names == [package["name"] for package in written["packages"]]
    assert f"{LOCK}: unchanged" in repository.pants("lock", "--check", BASE).out.decode()


@pytest.fixture
def repo(tmp_path):
    """Return a small monorepo with a locked resolve."""
    repo = small_monorepo(tmp_path)
    yield repo
    repo.stop()


def test_a_resolve_is_locked_from_its_requirements(repo):
    """Pins that fit stay; a check reports what would change and writes nothing; editable ones are refused."""
    before = repo.read("locks/python.txt")
    assert "locks/python.txt: unchanged" in repo.pants("lock", "--check", "locks").out.decode()
    repo.write("locks/python.in", "numpy\niniconfig==2.0.0\n")
    output = repo.pants("lock", "--check", "locks", code=1).out.decode()
    assert "locks/python.txt: differs\n  iniconfig (new) 2.0.0, 5.9 kB\n" in output
    assert before == repo.read("locks/python.txt")
    assert "locks/python.txt: written" in repo.pants("lock", "locks").out.decode()
    text = repo.read("locks/python.txt")
    assert "iniconfig==2.0.0 \\\n    --hash=sha256:" in text and "://" not in text
    assert {line for line in before.splitlines() if "==" in line} < set(text.splitlines())
    repo.write("locks/python.in", "numpy\n-e lib\n")
    assert "'-e lib' is editable" in repo.pants("lock", "locks", code=1).log
    assert text == repo.read("locks/python.txt")
