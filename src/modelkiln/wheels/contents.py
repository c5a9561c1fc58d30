"""What a wheel brings to an environment: modules, and shared libraries with what those need in turn."""

import posixpath
import re
from typing import Any, Iterable

from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.runtime.verification.byte_code import source_of
from modelkiln.runtime.verification.installed import OF_INSTALLERS
from modelkiln.wheels.elf import read_needs
from modelkiln.wheels.licenses import wheel_license
from modelkiln.wheels.venv import script_names
from modelkiln.wheels.wheel import Wheel

__all__ = ["files_digest", "read_contents"]

_LIBRARY = re.compile(r".*\.so(\.[0-9.]+)?")
# Larger libraries are those of CUDA and of frameworks, whose smaller ones need the same of the system; to read
# them takes seconds.
_LIBRARY_LIMIT = 64 << 20
_MODULE = re.compile(r"([^\W\d]\w*)(?:\.py|(?:\.[\w-]+)?\.so)", re.ASCII)


def read_contents(wheel: Wheel) -> dict[str, Any]:
    """Return "modules" (top-level ones, and of packages without `__init__.py` their parts), "libraries" (file
    names of shared libraries), "needs" (file names of those that its own need, DT_NEEDED) and "scripts" (names of
    programs in the environment's `bin`), all sorted, and "license" (see `wheels.licenses.wheel_license`)."""
    paths = [path for path in (_installed(wheel, file.path) for file in wheel.files) if path]
    needs: set[str] = set()
    for file in wheel.files:
        if _LIBRARY.fullmatch(file.path) and file.size <= _LIBRARY_LIMIT:
            with wheel.open(file.path) as stream:
                needs.update(_needs(stream.read(), file.path))
    libraries = {posixpath.basename(path) for path in paths if _LIBRARY.fullmatch(path)}
    return {
        "modules": _modules(paths),
        "libraries": sorted(libraries),
        "needs": sorted(needs),
        "scripts": script_names(wheel),
        "license": wheel_license(wheel.read_metadata("METADATA")),
    }


def files_digest(wheel: Wheel) -> str:
    """Return the sha256 (hex) of the sorted lines `<sha256>  <path>` of what a wheel puts into site-packages.

    Left out is what installers write anew: byte code, and names that are theirs. What is installed is compared with
    it in `runtime.verification.installed`.
    """
    lines = []
    for file in wheel.files:
        path = _place(wheel, file.path)
        is_theirs = path in {f"{wheel.dist_info}/{name}" for name in OF_INSTALLERS}
        if path and not is_theirs and source_of(path) is None:
            lines.append(f"{file.sha256}  {path}\n")
    return sha256_bytes("".join(sorted(lines)).encode("utf-8", "surrogateescape")).rpartition(":")[2]


def _needs(data: bytes, path: str) -> tuple[str, ...]:
    try:
        found = read_needs(data, path)
    except ModelkilnError:
        return ()  # Test data of a package, say; what loads it is the package's affair.
    return found.libraries if found else ()


def _place(wheel: Wheel, path: str) -> str:
    """Where a file lies below site-packages; "" for one that lies elsewhere."""
    top, _, rest = path.partition("/")
    if top == wheel.data:
        kind, _, rest = rest.partition("/")
        return rest if kind in ("purelib", "platlib") else ""
    return path


def _installed(wheel: Wheel, path: str) -> str:
    """As `_place`, without the wheel's metadata."""
    return "" if path.partition("/")[0] == wheel.dist_info else _place(wheel, path)


def _modules(paths: Iterable[str]) -> list[str]:
    packages: dict[str, set[str]] = {}
    modules = set()
    for path in paths:
        top, *rest = path.split("/")
        if rest:
            packages.setdefault(top, set()).add(rest[0])
        elif _MODULE.fullmatch(top):
            modules.add(_MODULE.fullmatch(top)[1])  # type: ignore[index]
    for name, inside in packages.items():
        if any(one.startswith("__init__.") for one in inside):
            modules.add(name)
            continue
        for one in inside:
            match = _MODULE.fullmatch(one)
            if match or "." not in one:
                modules.add(f"{name}.{match[1] if match else one}")
    return sorted(modules)
