"""`modelkiln build run-pex`: run a PEX file that has no weights in it, with those of the store."""

import argparse
import json
import os
import subprocess
from pathlib import Path

from modelkiln.layer import Layer
from modelkiln.layers.weights_files import models_folder
from modelkiln.machine.sandbox import with_mounts
from modelkiln.store.store import Store

HELP = "Run a PEX file with the model artifacts that its package has in the store."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build run-pex`."""
    parser.add_argument("--pex", type=Path, required=True, help="the PEX file")
    parser.add_argument("--python", type=Path, required=True, help="the interpreter for it")
    parser.add_argument("--layers", type=Path, required=True, help="JSON list of the layers of weights")
    parser.add_argument("--models", type=Path, help="folder of more files of model artifacts")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("arguments", nargs="*", help="arguments for the PEX, after --")


def run(args: argparse.Namespace) -> int:
    """Run it on our standard streams; returns its exit code (128 + n for signal n).

    MODELKILN_FOLDER is the folder that it runs in, by default the current one.
    """
    store = Store(args.store)
    layers = [Layer.from_json(value) for value in json.loads(args.layers.read_text("utf-8"))]
    with models_folder(layers, store, args.models) as models:
        env = {**os.environ, "MODELKILN_MODELS": str(models.path)}
        folder = env.pop("MODELKILN_FOLDER", None)
        argv = [str(args.python), os.path.abspath(args.pex), *args.arguments]
        mounts = {models.path / path: source for path, source in models.mounts.items()}
        code = subprocess.call(with_mounts(argv, mounts), env=env, cwd=folder)
    return code if code >= 0 else 128 - code
