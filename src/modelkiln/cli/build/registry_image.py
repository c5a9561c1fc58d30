"""`modelkiln build registry-image`: what a base image in a registry is made of."""

import argparse
from pathlib import Path

from modelkiln.canonical import canonical_json
from modelkiln.layers.registry import read_image
from modelkiln.machine.settings import load_machine_env

HELP = "Read the manifest and the config of a pinned image in a registry, without its layers."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build registry-image`."""
    parser.add_argument("--reference", required=True, help="registry/name@sha256:...")
    parser.add_argument("--platform", required=True, help="the platform, like linux/amd64")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--output", type=Path, required=True, help="where the JSON goes")


def run(args: argparse.Namespace) -> int:
    """Write what `read_image` returns."""
    env = load_machine_env(args.store)
    args.output.write_bytes(canonical_json(read_image(args.reference, args.platform, env)))
    return 0
