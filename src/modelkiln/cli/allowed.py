"""Options of build steps: what the target of a model artifact allows in its files."""

import argparse

from modelkiln.checks.allowed import Allowed

__all__ = ["add_allowed", "allowed_of"]


def add_allowed(parser: argparse.ArgumentParser) -> None:
    """Declare the options of a step that checks files: what their target allows, see `allowed_of`."""
    parser.add_argument("--pickles", action="store_true", help="allow pickles that import nothing, or what follows")
    parser.add_argument("--allow-pickle", action="append", default=[], help="a name that pickles may import")
    parser.add_argument("--allow-code", action="append", default=[], help="an entry of other code that files may have")


def allowed_of(args: argparse.Namespace) -> Allowed:
    """Return what `add_allowed`'s options say."""
    return Allowed(tuple(args.allow_pickle) if args.pickles else None, tuple(args.allow_code))
