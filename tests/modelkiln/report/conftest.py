"""What tests of reports share."""

import pytest


@pytest.fixture(autouse=True)
def _own_store(tmp_path, monkeypatch):
    """Keep the store of the person who runs the tests out of them."""
    monkeypatch.setenv("MODELKILN_STORE", str(tmp_path / "store"))
