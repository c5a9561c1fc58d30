"""Package lists of bases that are ready to be locked, by name: what inference needs, and no more.

With a Python of Debian, or without one for a base that takes a portable Python.
"""

import re
from typing import Optional

from modelkiln.errors import ModelkilnError

__all__ = ["READY", "find_suite", "ready_list"]

# How a target names one in place of a file.
READY = "modelkiln:"

_NAME = re.compile(r"python(3\.[0-9]+)")
# The release of Debian that has a release of Python; of its own, each has one.
_SUITES = {"3.9": "bullseye", "3.11": "bookworm", "3.13": "trixie"}
_SUITE = "bookworm"
# Without a Python; of the newest release of Debian.
_LIBRARIES, _LIBRARIES_SUITE = "libraries", "trixie"
# Names after `-` are left out, of which releases of Debian have the one or the other: see 3rdparty/debian.
_LIST = """\
base-files
ca-certificates
libgcc-s1
libgomp1
libstdc++6
netbase
-awk
-debconf
-openssl
-libdb5.3
-libdb5.3t64
-libncursesw6
-libtinfo6
-libreadline8
-libreadline8t64
-libnsl2
-libtirpc3
-libtirpc3t64
"""
# What Debian's Pythons need, and wheels leave to the system as well (manylinux).
_WITHOUT_PYTHON = """\
libexpat1
zlib1g
"""
_PYTHON = """\
python{python}-minimal
libpython{python}-stdlib
"""


def ready_list(name: str, where: str) -> str:
    """Return the package list called `name`, "modelkiln:python3.11"; raises ModelkilnError that names `where`."""
    if name == READY + _LIBRARIES:
        return _WITHOUT_PYTHON + _LIST
    match = _NAME.fullmatch(name[len(READY) :])
    if not match:
        raise ModelkilnError(
            f"{where}: there is no package list {name!r}. Write `{READY}python3.11`, with the Python of the suite "
            f"(that of bookworm is 3.11, that of trixie 3.13), `{READY}{_LIBRARIES}` without one, or the name of a "
            "file with a Debian package a line."
        )
    return _PYTHON.format(python=match[1]) + _LIST


def find_suite(suite: Optional[str], packages: Optional[str], where: str) -> str:
    """Return the release of Debian that a target takes packages from: the one that it names as `suite`, else the one
    that has the Python of the list `packages`.

    packages: the name of a file or of a ready list. Raises ModelkilnError that names `where` for a Python that no
    release of Debian has.
    """
    match = re.fullmatch(re.escape(READY) + _NAME.pattern, packages or "")
    if suite or not match:
        return suite or (_LIBRARIES_SUITE if packages == READY + _LIBRARIES else _SUITE)
    if match[1] not in _SUITES:
        known = ", ".join(f"{name} {python}" for python, name in _SUITES.items())
        raise ModelkilnError(
            f"{where}: no release of Debian has Python {match[1]} ({known}). Name one that will in the field `suite`, "
            f'such as "forky", or take packages="{READY}{_LIBRARIES}" and name a `portable_python` in `interpreter`.'
        )
    return _SUITES[match[1]]
