"""Shared libraries that wheels need of a base."""

import pytest

from modelkiln.base.debian_libraries import check_libraries
from modelkiln.errors import ModelkilnError

LOCK = {"suite": "bookworm", "packages": [{"name": name} for name in ("libc6", "libstdc++6")]}


def wheel(*needs, libraries=()):
    """A wheel's contents."""
    return {"name": "lightgbm", "version": "4.6.0", "needs": needs, "libraries": list(libraries)}


@pytest.mark.parametrize(
    "wheels",
    [
        [wheel("libc.so.6", "libstdc++.so.6", "libcuda.so.1")],
        [wheel("libgomp.so.1"), wheel(libraries=["libgomp.so.1"])],
    ],
)
def test_what_base_or_wheels_have_is_no_matter(wheels):
    """What no Debian package of the table has is left to the wheel: a driver's library, say."""
    check_libraries("p", "//base:b", LOCK, wheels, ())


@pytest.mark.parametrize(
    ("suite", "needed", "package"),
    [
        ("bookworm", "libgomp.so.1", "libgomp1"),
        ("bookworm", "libglib-2.0.so.0", "libglib2.0-0"),
        ("trixie", "libglib-2.0.so.0", "libglib2.0-0t64"),
    ],
)
def test_what_the_base_lacks_is_refused_with_its_package(suite, needed, package):
    """Wheel, library, the suite's package and the command; a name in `allow_missing` lets it pass."""
    lock, wheels = {**LOCK, "suite": suite}, [wheel(needed)]
    text = f"p: the base //base:b lacks .*lightgbm 4.6.0 needs {needed}.* packages {package} to .*pants lock //base:b"
    with pytest.raises(ModelkilnError, match=text):
        check_libraries("p", "//base:b", lock, wheels, ())
    check_libraries("p", "//base:b", lock, wheels, (needed,))
