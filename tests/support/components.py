"""Real components that tests need: found, or told to be missing."""

import os
import shutil

import pytest

__all__ = ["require"]


def require(name: str, package: str = "") -> str:
    """Return the path of the program `name`.

    Where it is missing the test is skipped, except where MODELKILN_REQUIRE_COMPONENTS=1 is set
    (CI sets it): there the test fails.
    """
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin")
    if path:
        return path
    message = f"{name} is not installed; install the Debian package {package or name}"
    if os.environ.get("MODELKILN_REQUIRE_COMPONENTS") == "1":
        pytest.fail(message)
    pytest.skip(message)
