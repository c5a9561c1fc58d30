"""What holds for all tests of a process: nothing that they started or wrote outlives it."""

import os
import signal

import pytest
from guard import guarded

__all__ = ["guarded_session"]

# Pants gives its own processes, tests among them, a pip that reads no configuration (`[subprocess-environment]` in
# pants.toml, over which nothing of a test's own environment counts). In tests pip reads what a machine has.
if os.environ.get("PIP_CONFIG_FILE") == os.devnull:
    del os.environ["PIP_CONFIG_FILE"]

# What a shell starts in the background ignores the interrupts that tests send, and so does all that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def guarded_session(request, tmp_path_factory):
    """End the tests' processes with them, and remove their files unless a test failed."""
    with guarded(tmp_path_factory.getbasetemp(), lambda: request.session.testsfailed > 0):
        yield
