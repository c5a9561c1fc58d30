"""Memory of Pants' daemon."""

import os
import subprocess
import sys
from pathlib import Path

import pants_modelkiln

# Threads that all allocate at one time, each in a heap of its own where there is one left; prints how many heaps there
# are, which malloc_info(3) lists.
_PROGRAM = """
import ctypes, os, sys, threading
sys.path.insert(0, {rules!r})
from pants_modelkiln.compat.memory import limit_heaps, return_memory
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
limit_heaps()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
meet = threading.Barrier(6)
def allocate():
    meet.wait()
    libc.malloc(1000)
    meet.wait()
threads = [threading.Thread(target=allocate) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
return_memory()
libc.fopen.restype, libc.fopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_char_p]
stream = libc.fopen(b"/dev/stdout", b"w")
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.malloc_info(0, stream)
libc.fflush.argtypes = [ctypes.c_void_p]
libc.fflush(stream)
"""


def _heaps(**environ: str) -> int:
    program = _PROGRAM.format(rules=str(Path(pants_modelkiln.__file__).parent.parent))
    env = {key: value for key, value in os.environ.items() if key != "MALLOC_ARENA_MAX"}
    run = subprocess.run([sys.executable, "-c", program], env={**env, **environ}, capture_output=True, check=True)
    return run.stdout.count(b"<heap ")


def test_threads_share_two_heaps():
    """However many threads there are, on one processor they have two heaps."""
    assert 2 == _heaps()


def test_the_environment_says_how_many_heaps_there_are():
    """Who chose a number in the environment gets it."""
    assert 4 == _heaps(MALLOC_ARENA_MAX="4")
