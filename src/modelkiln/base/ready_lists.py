"""Package lists of bases that are ready to be locked, by name: Python and what inference needs, and no more."""

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
# Names after `-` are left out, of which releases of Debian have the one or the other: see 3rdparty/debian.
_LIST = """\
base-files
ca-certificates
libgcc-s1
libgomp1
libstdc++6
netbase
python{python}-minimal
libpython{python}-stdlib
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


def ready_list(name: str, where: str) -> str:
    """Return the package list called `name`, "modelkiln:python3.11"; raises ModelkilnError that names `where`."""
    match = _NAME.fullmatch(name[len(READY) :])
    if not match:
        raise ModelkilnError(
            f"{where}: there is no package list {name!r}. Write `{READY}python3.11`, with the Python of the suite "
            "(that of bookworm is 3.11, that of trixie 3.13), or the name of a file with a Debian package a line."
        )
    return _LIST.format(python=match[1])


def find_suite(suite: Optional[str], packages: Optional[str], where: str) -> str:
    """Return the release of Debian that a target takes packages from: the one that it names as `suite`, else the one
    that has the Python of the list `packages`.

    packages: the name of a file or of a ready list. Raises ModelkilnError that names `where` for a Python that no
    release of Debian has.
    """
    match = re.fullmatch(re.escape(READY) + _NAME.pattern, packages or "")
    if suite or not match:
        return suite or _SUITE
    if match[1] not in _SUITES:
        known = ", ".join(f"{name} {python}" for python, name in _SUITES.items())
        raise ModelkilnError(
            f"{where}: no release of Debian has Python {match[1]} ({known}). Name one that will in the field `suite`, "
            'such as "forky", or another Python.'
        )
    return _SUITES[match[1]]
