"""Makes a Python on Linux lack what CPython lacks on macOS: run it with this folder on PYTHONPATH.

What CPython's documentation says is "not available on macOS", glibc's own functions, and /proc are gone, and the
system is called Darwin. The machine's programs, files and processor stay what they are.
"""

import builtins
import ctypes
import io
import os
import platform
import sys
import sysconfig

# What this Python was made with stays true of it.
os.environ.setdefault("_PYTHON_SYSCONFIGDATA_NAME", sysconfig._get_sysconfigdata_name())
sys.platform = "darwin"

# CPython's `os`, "Availability: Unix, not macOS" or "Linux".
_MISSING = (
    "copy_file_range", "eventfd", "fdatasync", "getrandom", "getresgid", "getresuid", "getxattr", "listxattr",
    "memfd_create", "pidfd_open", "pipe2", "posix_fadvise", "posix_fallocate", "removexattr", "sched_getaffinity",
    "sched_setaffinity", "setresgid", "setresuid", "setxattr", "splice", "O_DIRECT", "O_NOATIME", "O_PATH", "O_TMPFILE",
    "MFD_CLOEXEC", "process_cpu_count",
)  # fmt: skip
for _name in _MISSING:
    if hasattr(os, _name):
        delattr(os, _name)

_machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
_named = os.uname_result(("Darwin", "mac", "23.5.0", "Darwin Kernel Version 23.5.0", _machine))
os.uname = lambda: _named
platform._uname_cache = None
platform.mac_ver = lambda *values: ("14.5", ("", "", ""), _machine)


class _WithoutProc:
    """A function that finds nothing below /proc; not one in Python, which `pathlib` would take for a method."""

    def __init__(self, function):
        self._function = function

    def __call__(self, path, *arguments, **options):
        if not isinstance(path, int) and os.fsdecode(path).startswith("/proc/"):
            raise FileNotFoundError(2, "No such file or directory", path)
        return self._function(path, *arguments, **options)


builtins.open = io.open = _WithoutProc(io.open)
for _name in ("stat", "lstat", "open", "listdir", "readlink"):
    setattr(os, _name, _WithoutProc(getattr(os, _name)))

_find = ctypes.CDLL.__getattr__


def _of_macos(library, name):
    if name in ("syncfs", "malloc_trim"):
        raise AttributeError(name)
    return _find(library, name)


ctypes.CDLL.__getattr__ = _of_macos
