"""Repositories that several tests use; their daemons end with the tests."""

import pytest
from monorepo import Monorepo, copy_repository


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Return a copy of this repository."""
    repo = Monorepo(copy_repository(tmp_path_factory.mktemp("copy") / "repository"))
    yield repo
    repo.stop()
