"""`modelkiln sbom`: what is in a package."""

import argparse
import json
import sys
from pathlib import Path

from modelkiln.attestation.sbom.bom import bom_bytes, older_bom
from modelkiln.attestation.sbom.bom_file import file_bom
from modelkiln.canonical import canonical_json
from modelkiln.cli.attestation.package import add_package, is_registry, layout_of, reader_of, remote_of
from modelkiln.errors import ModelkilnError, reason
from modelkiln.image.blobs import find_record
from modelkiln.progress import Progress

HELP = "Print the bill of materials of a package: model, files, wheels, Debian packages, code."
EXAMPLES = (
    "sbom dist/models.digits/digits.oci",
    "sbom registry.example.com/models/digits:1.2.0 --format spdx",
)
_NEWEST, _OLDER, _SPDX = "cyclonedx", "cyclonedx-1.6", "spdx"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln sbom`."""
    add_package(parser, "registry.example.com/name:tag, a layout's folder, a PEX, or a model's wheel")
    parser.add_argument(
        "--format",
        choices=(_NEWEST, _OLDER, _SPDX),
        default=_NEWEST,
        help="CycloneDX 1.7 as it is in the package (the default), 1.6, or SPDX 2.3, each as JSON",
    )


def run(args: argparse.Namespace) -> int:
    """Print the document."""
    with Progress(f"sbom {args.package}"):
        bom = _find(args)
    if args.format != _NEWEST:
        try:
            content = json.loads(bom)
            bom = bom_bytes(older_bom(content)) if args.format == _OLDER else _as_spdx(content)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelkilnError(
                f"{args.package}: its bill of materials is not one of Modelkiln's ({reason(error)}), "
                "and is printed as it is only: leave out --format."
            ) from None
    sys.stdout.buffer.write(bom + b"\n")
    sys.stdout.buffer.flush()
    return 0


def _find(args: argparse.Namespace) -> bytes:
    from modelkiln.publication.attested import layout_bom, remote_bom

    if is_registry(args.package):
        return remote_bom(remote_of(args), args.image)
    if Path(args.package).is_dir():
        layout = layout_of(args)
        return layout_bom(layout, args.image, reader_of(args, layout), find_record(layout.path, args.record))
    return file_bom(Path(args.package))


def _as_spdx(bom: dict) -> bytes:
    from modelkiln.attestation.sbom.spdx import spdx_document

    return canonical_json(spdx_document(bom))
