"""`modelkiln build model-wheel`: code and artifacts of a package in a wheel."""

import argparse
import json
from pathlib import Path

from modelkiln.formats.model_wheel import build_model_wheel

HELP = "Build the wheel of a model from a folder of sources, and weights in the store."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build model-wheel`."""
    parser.add_argument("--record", type=Path, required=True, help="the package's record")
    parser.add_argument("--weights", type=Path, required=True, help="JSON list of the recipes of layers of weights")
    parser.add_argument("--sources", type=Path, required=True, help="folder of the wheel's files")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--output", type=Path, required=True, help="where the wheel goes")


def run(args: argparse.Namespace) -> int:
    """Build the wheel."""
    record, recipes = (json.loads(path.read_text("utf-8")) for path in (args.record, args.weights))
    build_model_wheel(record, recipes, args.sources, args.store, args.output)
    return 0
