"""What tests of sources share."""

import os

import pytest


@pytest.fixture(autouse=True)
def environment():
    """Put this process's environment back: other people's clients get a machine's settings through it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
