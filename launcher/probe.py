"""Say what this Python is and, in a second line, why Pants cannot run under it, or nothing.

The third line says whether it can fetch uv. Start-up files of a Python may print, too, so that the lines are marked.
Any Python may be asked, also one that knows no f-strings.
"""

# ruff: noqa: UP031
import os
import platform
import struct
import sys
import sysconfig

implementation = getattr(getattr(sys, "implementation", None), "name", "python")
problem = ""
if struct.calcsize("P") < 8:
    problem = "has 32 bit"
elif implementation != "cpython" or sys.version_info[:2] != (3, 9):
    problem = "is %s %s" % (implementation, platform.python_version())
else:
    lacks = []
    for name in ("ctypes", "distutils.command.install", "fcntl", "sqlite3", "ssl", "venv", "zlib"):
        try:
            __import__(name)
        except Exception:
            lacks.append(name.partition(".")[0])
    if lacks:
        problem = "lacks the modules " + ", ".join(lacks)
    elif sys.platform.startswith("linux"):
        try:
            libc = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()[1]
            if tuple(map(int, libc.split(".")[:2])) < (2, 17):
                problem = "runs on glibc %s, and Pants needs 2.17" % libc
        except (ValueError, IndexError):
            problem = "runs on another C library than glibc, which Pants needs"
print("\npants: %s %s %s" % (platform.python_version(), sysconfig.get_platform(), platform.machine()))
print("pants: " + problem)
print("pants: %d" % (implementation == "cpython" and sys.version_info >= (3, 8) and struct.calcsize("P") == 8))
