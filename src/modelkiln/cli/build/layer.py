"""`modelkiln build layer`: one recipe becomes one layer."""

import argparse
import json
import shutil
from pathlib import Path

from modelkiln.canonical import canonical_json
from modelkiln.layers.recipe import build
from modelkiln.recipe import Recipe
from modelkiln.store.store import Store

HELP = "Make the layer of a recipe in the store and describe it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build layer`."""
    parser.add_argument("--recipe", type=Path, required=True, help="the recipe, a JSON file")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--sources", type=Path, help="folder with the files of a recipe")
    parser.add_argument("--output", type=Path, required=True, help="where the layer's JSON goes")
    parser.add_argument("--blob", type=Path, help="where a copy of the blob goes")


def run(args: argparse.Namespace) -> int:
    """Build the layer; with --blob, hand out its bytes too."""
    store = Store(args.store)
    layer = build(Recipe.of(json.loads(args.recipe.read_text("utf-8"))), store, args.sources)
    args.output.write_bytes(canonical_json(layer.to_json()))
    if args.blob:
        shutil.copyfile(store.path(layer.descriptor.digest), args.blob)
    return 0
