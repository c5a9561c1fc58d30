"""Where a wheel runs that was compiled here: its platform tag, read from what its files need.

PEP 600: `manylinux_2_X` promises that nothing newer than glibc 2.X is needed, and no library but
those that every Linux has. Of the latter, bases have the C library's and the compiler's own.
"""

import posixpath
import re
from typing import Iterable, Optional

from modelkiln.errors import ModelkilnError
from modelkiln.wheels.elf import ElfNeeds, read_needs
from modelkiln.wheels.platforms import ARCHITECTURES
from modelkiln.wheels.wheel import Wheel
from modelkiln.wheels.writing import read_file

__all__ = ["compiled_name"]

# glibc's libraries, and the loaders of x86-64 and aarch64.
_SYSTEM = re.compile(
    r"(libc|libm|libmvec|libdl|libpthread|librt|libutil|libresolv|libanl|ld-linux-x86-64|ld-linux-aarch64)\.so\.[0-9]+"
    r"|libgcc_s\.so\.1|libstdc\+\+\.so\.6"
)
# Minor of glibc 2 -> the newest versions in the compiler's libraries of systems that have it, as auditwheel's
# manylinux-policy.json lists them.
_COMPILER = {
    5: {"GLIBCXX": (3, 4, 8), "CXXABI": (1, 3, 1), "GCC": (4, 2, 0)},
    12: {"GLIBCXX": (3, 4, 13), "CXXABI": (1, 3, 3), "GCC": (4, 3, 0)},
    17: {"GLIBCXX": (3, 4, 19), "CXXABI": (1, 3, 7), "GCC": (4, 8, 0)},
    24: {"GLIBCXX": (3, 4, 22), "CXXABI": (1, 3, 10), "GCC": (4, 8, 0)},
    27: {"GLIBCXX": (3, 4, 24), "CXXABI": (1, 3, 11), "GCC": (7, 0, 0)},
    31: {"GLIBCXX": (3, 4, 28), "CXXABI": (1, 3, 12), "GCC": (7, 0, 0)},
    34: {"GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (7, 0, 0)},
    35: {"GLIBCXX": (3, 4, 30), "CXXABI": (1, 3, 13), "GCC": (12, 0, 0)},
    39: {"GLIBCXX": (3, 4, 33), "CXXABI": (1, 3, 15), "GCC": (14, 0, 0)},
}
# Versions that are not numbers, after the same and after glibc's NEWS.
_NAMED = {"CXXABI_FLOAT128": 24, "CXXABI_TM_1": 24, "GLIBC_ABI_DT_RELR": 36}
_VERSION = re.compile(r"([A-Z]+)_([0-9]+(?:\.[0-9]+)*)")


def compiled_name(wheel: Wheel, machine: str, title: str) -> str:
    """Return the file name of `wheel` with the platform tag that states what its files need.

    machine: what its compiler makes code for, "x86_64". title: what it was built from, for messages. Raises
    ModelkilnError for a tag of another platform, code for another machine, and shared libraries or
    versions that are neither in the wheel nor on every Linux.
    """
    from packaging.utils import parse_wheel_filename

    wrong = sorted(
        tag.platform
        for tag in parse_wheel_filename(wheel.title)[3]
        if tag.platform != "any" and not re.fullmatch(rf"(many)?linux[0-9_]*_{machine}", tag.platform)
    )
    if wrong:
        raise ModelkilnError(f"{title}: gives {wheel.title}, which is for {', '.join(wrong)}, want linux_{machine}.")
    own = {posixpath.basename(file.path) for file in wheel.files}
    minor, issues = _oldest(machine), []
    for file in wheel.files:
        needs = read_needs(read_file(wheel, file.path, file.sha256), f"{wheel.title}: {file.path}")
        if needs is not None:
            issues += [f"{file.path} {issue}" for issue in _issues(needs, machine, own)]
            minor = max([minor, *_minors(needs)])
    if issues:
        raise ModelkilnError(
            f"{title}: cannot be used in another place than where it was built: {'; '.join(issues[:5])}. Lock a "
            "version that has a wheel, which brings its libraries along."
        )
    return f"{wheel.title.rpartition('-')[0]}-manylinux_2_{minor}_{machine}.whl"


def _oldest(machine: str) -> int:
    return next(oldest for name, oldest in ARCHITECTURES.values() if name == machine)


def _issues(needs: ElfNeeds, machine: str, own: set) -> Iterable[str]:
    if needs.machine != machine:
        yield f"is compiled for {needs.machine}, want {machine}"
    for library in needs.libraries:
        if library not in own and not _SYSTEM.fullmatch(library):
            yield f"needs {library}, which is neither in the wheel nor one of the C library's"
    for library, version in needs.versions:
        if _SYSTEM.fullmatch(library) and library not in own and _minor(version) is None:
            yield f"needs {version} of {library}, which no release of Linux promises"


def _minors(needs: ElfNeeds) -> Iterable[int]:
    found = (_minor(version) for library, version in needs.versions if _SYSTEM.fullmatch(library))
    return [minor for minor in found if minor is not None]


def _minor(version: str) -> Optional[int]:
    """The minor of the oldest glibc 2 whose systems have a version of symbols; None where none is known."""
    match = _VERSION.fullmatch(version)
    if not match:
        return _NAMED.get(version)
    number = tuple(int(part) for part in match[2].split("."))
    if match[1] == "GLIBC":
        return number[1] if number[0] == 2 and len(number) > 1 else None
    return next((minor for minor, newest in _COMPILER.items() if number <= newest.get(match[1], ())), None)
