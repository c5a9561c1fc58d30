"""Whether byte code is what its source compiles to: Python runs it without comparing the two."""

import importlib.util
import marshal
import os
import re
import sys
import warnings

__all__ = ["differing", "source_of"]

# PEP 3147 and PEP 488: NAME.cpython-311.pyc, NAME.cpython-311.opt-2.pyc.
_NAME = re.compile(r"(?P<name>.+)\.(?P<tag>[a-z]+-[0-9]+)(?:\.opt-(?P<level>[12]))?\.pyc")
# PEP 552: in the header's second word; without the first bit time and size of the source follow.
_HASHED, _COMPARED = 1, 2


def source_of(path):
    """Return the path of the source that byte code in a `__pycache__` belongs to, else None."""
    folder, name = os.path.split(path)
    match = _NAME.fullmatch(name)
    if match is None or os.path.basename(folder) != "__pycache__":
        return None
    return os.path.join(os.path.dirname(folder), f"{match['name']}.py")


def differing(path, source):
    """Return a sentence when Python would run byte code at `path` that `source` does not compile to, else ""."""
    match = _NAME.fullmatch(os.path.basename(path))
    if match["tag"] != sys.implementation.cache_tag:
        return ""  # Another Python's.
    with open(path, "rb") as stream:
        data = stream.read()
    with open(source, "rb") as stream:
        text = stream.read()
    if data[:4] != importlib.util.MAGIC_NUMBER or _is_stale(data, text, source):
        return ""  # Python compiles the source again.
    try:
        code = marshal.loads(data[16:])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = compile(text, source, "exec", dont_inherit=True, optimize=int(match["level"] or 0))
    except (EOFError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return f"{path}: is not byte code of {os.path.basename(source)}."
    return "" if code == wanted else f"{path}: is not what {os.path.basename(source)} compiles to."


def _is_stale(data, text, source):
    """Whether Python would not use it, by what its header says of the source."""
    flags = int.from_bytes(data[4:8], "little")
    if flags & _HASHED:
        return bool(flags & _COMPARED) and data[8:16] != importlib.util.source_hash(text)
    found = os.stat(source)
    time, size = (int.from_bytes(data[start : start + 4], "little") for start in (8, 12))
    return (time, size) != (int(found.st_mtime) & 0xFFFFFFFF, found.st_size & 0xFFFFFFFF)
