"""What holds for all tests of a process: nothing that they started or wrote outlives it."""

import pytest
from guard import guarded

__all__ = ["guarded_session"]


@pytest.fixture(scope="session", autouse=True)
def guarded_session(request, tmp_path_factory):
    """End the tests' processes with them, and remove their files unless a test failed."""
    with guarded(tmp_path_factory.getbasetemp(), lambda: request.session.testsfailed > 0):
        yield
