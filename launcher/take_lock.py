"""Take the lock on descriptor 9, and say so where that has to wait."""

import fcntl
import sys

try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("pants: another command is installing Pants; waiting for it.", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)
