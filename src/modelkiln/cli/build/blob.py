"""`modelkiln build blob`: bytes of layers that live in the store."""

import argparse
import json
import shutil
from pathlib import Path

from modelkiln.digest import CHUNK, hex_of, sha256_stream
from modelkiln.layer import Layer
from modelkiln.layers.recipe import open_layer
from modelkiln.store.store import Store

HELP = "Copy the blob of a layer out of the store; it is fetched or rebuilt when it is missing."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build blob`."""
    parser.add_argument("--layer", type=Path, required=True, help="the layer, a JSON file")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--output", type=Path, required=True, help="folder for the blob")


def run(args: argparse.Namespace) -> int:
    """Copy the blob to `<output>/<hex>`; a damaged one is quarantined and made again."""
    layer = Layer.from_json(json.loads(args.layer.read_text("utf-8")))
    store = Store(args.store)
    digest = layer.descriptor.digest
    args.output.mkdir(parents=True, exist_ok=True)
    target = args.output / hex_of(digest)
    for _ in range(2):
        with open_layer(layer, store) as stream, target.open("wb") as out:
            shutil.copyfileobj(stream, out, CHUNK)
        with target.open("rb") as stream:
            if sha256_stream(stream)[0] == digest:
                return 0
        store.quarantine(digest)
    return 1
