"""`portable_python`: the interpreter that a package of the format `scie` embeds."""

import json

import pytest
from monorepo import small_monorepo
from pex.scie import science

from modelkiln.base.portable_python_lock import python_path, scie_jump_path, science_path

_BUILD = """
portable_python(name="py", python_version="{python}", pbs_release="20251120", lock="py.lock.json")
"""


@pytest.fixture
def repo(tmp_path):
    """Return a small monorepo whose package is to be a program, and a mirror with files of no use."""
    for python in ("3.11.14", "3.12.9"):
        for path in (
            science_path(science.MIN_SCIENCE_VERSION.raw, "amd64"),
            scie_jump_path(science.SCIE_JUMP_VERSION, "amd64"),
            python_path(python, "20251120", "amd64"),
        ):
            target = tmp_path / "mirror" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path)
    mirror = (tmp_path / "mirror").as_uri()
    repo = small_monorepo(tmp_path / "repo", options={"scie_mirror": mirror})
    repo.replace("rain/BUILD", 'version="0.1.0"', 'version="0.1.0", formats=["scie"]')
    yield repo
    repo.stop()


def test_an_interpreter_is_locked_and_must_fit(repo):
    """Each thing that is missing is reported with its remedy; a lock holds hashes and no address."""
    assert 'the format "scie" needs an interpreter' in repo.pants("package", "rain:rain", code=1).log
    repo.replace("rain/BUILD", 'formats=["scie"]', 'formats=["scie"], interpreter="python:py"')
    repo.write("python/BUILD", _BUILD.format(python="3.11.14"))
    assert "Write it with `pants lock python:py`" in repo.pants("package", "rain:rain", code=1).log
    assert "py.lock.json: written, CPython 3.11.14, 3 files" in repo.pants("lock", "python:py").out.decode()
    text = repo.read("python/py.lock.json")
    assert "3.11.14" == json.loads(text)["python"] and "://" not in text
    assert "py.lock.json: unchanged" in repo.pants("lock", "--check", "python:py").out.decode()
    log = repo.pants("package", "rain:rain", code=1).log
    assert "rain: Pex cannot embed CPython 3.11.14" in log
    assert not list(repo.dist.glob("**/*.scie"))
    repo.write("python/BUILD", _BUILD.format(python="3.12.9"))
    assert "its lock is for CPython 3.11.14" in repo.pants("package", "rain:rain", code=1).log
    repo.pants("lock", "python:py")
    assert "chosen for Python 3.11, and python:py is CPython 3.12.9" in repo.pants("package", "rain:rain", code=1).log
