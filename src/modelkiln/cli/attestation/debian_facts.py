"""`modelkiln build debian-facts`: what locked Debian packages say of themselves, for bills of materials."""

import argparse
import json
from pathlib import Path

from modelkiln.attestation.sbom.debian_facts import debian_facts
from modelkiln.base.debian_lock import check_packages
from modelkiln.canonical import canonical_json
from modelkiln.store.store import Store

HELP = "Read sources, needs and licences of locked Debian packages."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build debian-facts`."""
    parser.add_argument("--packages", type=Path, required=True, help="packages as locks have them, as JSON")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--output", type=Path, required=True, help="where the facts' JSON goes")


def run(args: argparse.Namespace) -> int:
    """Write the facts, by package."""
    packages = check_packages(json.loads(args.packages.read_text("utf-8")), str(args.packages))
    args.output.write_bytes(canonical_json(debian_facts(packages, Store(args.store))))
    return 0
