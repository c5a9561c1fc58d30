"""`python -m` of what applications import, and its console script: predict, info, verify and fetch."""

# In a wheel this is the `__main__.py`.

import sys

from ._importer import importer_of

__all__ = ["main"]


def main():
    """Run one command; returns the exit code."""
    return importer_of(__package__, __file__).module("modelkiln.library.commands").main()


if __name__ == "__main__":
    sys.exit(main())
