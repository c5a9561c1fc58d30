"""The Python of a base image from a registry."""

import pytest

from modelkiln.base.image_python import python_release


@pytest.mark.parametrize(
    ("env", "path", "release"),
    [
        (["PATH=/bin", "PYTHON_VERSION=3.11.14"], "/usr/local/bin/python3.11", "3.11.14"),
        (["PYTHON_VERSION=3.11.14"], "/usr/bin/python3.11", ""),
        (["PYTHON_VERSION=3.12.1"], "/usr/local/bin/python3.11", ""),
        (["PYTHON_VERSION=3.11"], "/usr/local/bin/python3.11", ""),
        (["PYTHON_VERSION=3.11.0rc1"], "/usr/local/bin/python3.11", ""),
        ([], "/usr/local/bin/python3.11", ""),
    ],
)
def test_the_release_of_an_official_images_python_is_known(env, path, release):
    """It is stated of the interpreter that such images compile, and of no other."""
    assert release == python_release(env, "3.11", path)
