"""`modelkiln build fetch-pointers`: what Git LFS pointers stand for, as files."""

import argparse
from pathlib import Path

from modelkiln.store.files import link_file
from modelkiln.store.store import Store
from modelkiln.weights.pointers import fetch_pointers, load_pointers

HELP = "Fetch the files that Git LFS pointers stand for."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build fetch-pointers`."""
    parser.add_argument("--pointers", type=Path, required=True, help="a JSON list, see modelkiln.weights.pointers")
    parser.add_argument("--where", required=True, help="what messages call the artifact")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--output", type=Path, required=True, help="the folder that gets the files")


def run(args: argparse.Namespace) -> int:
    """Put each file at its path below the output."""
    store, pointers = Store(args.store), load_pointers(args.pointers)
    fetch_pointers(pointers, store, args.where)
    for one in pointers:
        target = args.output / one["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        link_file(store.path(f"sha256:{one['sha256']}"), target)
    return 0
