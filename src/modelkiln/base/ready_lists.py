"""Package lists of bases that are ready to be locked, by name: Python and what inference needs, and no more."""

import re

from modelkiln.errors import ModelkilnError

__all__ = ["READY", "ready_list"]

# How a target names one in place of a file.
READY = "modelkiln:"

_NAME = re.compile(r"python(3\.[0-9]+)")
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
