"""What other processes of tests import from."""

import os
import sys

__all__ = ["python_path"]


def python_path() -> str:
    """Return this process' search path as a PYTHONPATH, without the packages that Pex vendors.

    Once it is imported they come first, in older releases than those that are locked.
    """
    return os.pathsep.join(path for path in sys.path if f"pex{os.sep}vendor" not in path)
