"""Repositories that several tests use; their daemons end with the tests."""

import shutil

import pytest
from monorepo import Monorepo, copy_repository, end_shared
from session import guarded_session  # noqa: F401


@pytest.fixture(scope="session", autouse=True)
def _daemon_of_small_monorepos(guarded_session):  # noqa: F811
    yield
    end_shared()


@pytest.fixture(scope="session")
def _copy(tmp_path_factory):
    repo = Monorepo(tmp_path_factory.mktemp("copy") / "repository")
    yield repo
    repo.end()


@pytest.fixture(scope="module")
def repository(_copy):
    """Return a copy of this repository as it is, with nothing in dist/."""
    copy_repository(_copy.root)
    shutil.rmtree(_copy.dist, ignore_errors=True)
    return _copy
