"""`modelkiln provenance`: how a package was made."""

import argparse
import sys
from pathlib import Path

from modelkiln.attestation.provenance import products, provenance
from modelkiln.attestation.statement import Statement
from modelkiln.cli.attestation.package import add_package, is_registry, layout_of, remote_of
from modelkiln.cli.options import add_builder
from modelkiln.errors import ModelkilnError, reason
from modelkiln.image.blobs import find_record
from modelkiln.package.outside import load_record
from modelkiln.progress import Progress

HELP = "Print how a package was made, as an in-toto statement with SLSA's predicate."
EXAMPLES = (
    "provenance registry.example.com/models/digits:1.2.0",
    "provenance dist/models.digits/digits.oci --builder-id https://ci.example.com/runners/release",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln provenance`."""
    add_package(parser, "registry.example.com/name:tag, a layout's folder, or a record, NAME.package.json")
    add_builder(parser)


def run(args: argparse.Namespace) -> int:
    """Print the statement."""
    with Progress(f"provenance {args.package}"):
        found = _find(args)
    sys.stdout.buffer.write(found.to_bytes() + b"\n")
    sys.stdout.buffer.flush()
    return 0


def _find(args: argparse.Namespace) -> Statement:
    from modelkiln.publication.attested import layout_provenance, remote_provenance

    if is_registry(args.package):
        if args.builder_id:
            raise ModelkilnError("--builder-id: names who built a package that lies here; in a registry it is stated.")
        return remote_provenance(remote_of(args))
    path = Path(args.package)
    if path.is_dir():
        return layout_provenance(layout_of(args), args.image, find_record(path, args.record), args.builder_id)
    remedy = "Name a layout's folder, or NAME.package.json."
    try:
        record = load_record(path, remedy)
        return provenance(record, products(record), args.builder_id)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelkilnError(f"{path}: is not the record of a package: {reason(error)}. {remedy}") from None
