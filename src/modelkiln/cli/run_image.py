"""`modelkiln build run-image`: run an image's entrypoint without a container daemon."""

import argparse
import json
import subprocess
from pathlib import Path

from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.runnable import open_image, unpacked
from modelkiln.sandbox import can_run
from modelkiln.store import Store

HELP = "Unpack an image and run its entrypoint with a read-only root and no network."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build run-image`."""
    parser.add_argument("--image", type=Path, required=True, help="the OCI layout")
    parser.add_argument("--layers", type=Path, required=True, help="JSON list of the image's layers")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("arguments", nargs="*", help="arguments for the entrypoint, after --")


def run(args: argparse.Namespace) -> int:
    """Run the entrypoint on our standard streams; returns its exit code (128 + n for signal n)."""
    reason = can_run()
    if reason:
        raise ModelkilnError(f"{args.image}: {reason}")
    store = Store(args.store)
    layers = [Layer.from_json(value) for value in json.loads(args.layers.read_text("utf-8"))]
    image = open_image(args.image, layers, store)
    argv = [*image.entrypoint, *(args.arguments or image.cmd)]
    if not argv:
        raise ModelkilnError(f"{args.image}: the image has no entrypoint. Give a command after --.")
    with unpacked(image, store) as root:
        code = subprocess.call(image.command(root, argv, terminal=True), env={})
    return code if code >= 0 else 128 - code
