"""`modelkiln sign`: a package in a registry or in a layout."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from modelkiln.attestation.signing.signer import Signer
from modelkiln.cli.options import add_insecure, add_signer, add_store, machine_env, signer_of
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.image.blobs import find_record
from modelkiln.image.contents import layout_contents
from modelkiln.image.layout import Layout
from modelkiln.registry.reference import parse_image

if TYPE_CHECKING:
    from modelkiln.publication.signatures import Signed

HELP = "Sign a package in a registry or in a layout, and what others state of it there, as cosign 3 does."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln sign`."""
    parser.add_argument("package", metavar="REF|LAYOUT", help="registry.example.com/name:tag, or a layout's folder")
    parser.add_argument(
        "--image",
        metavar="NAME",
        help="which one, where a layout holds several: its tag, digest, platform or accelerator",
    )
    add_signer(parser)
    add_insecure(parser)
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Sign, and print the digest that was signed."""
    signer = signer_of(args)
    signed, name = (_layout if Path(args.package).is_dir() else _remote)(args, signer)
    for one in signed:
        print(f"{one.digest} {one.predicate_type}: {'signed' if one.is_new else 'was signed'}", file=sys.stderr)
    print(name)
    return 0


def _remote(args: argparse.Namespace, signer: Signer) -> "tuple[list[Signed], str]":
    # oras-py, below it, takes as long to import as other commands take to run.
    from modelkiln.publication.remote_package import RemotePackage
    from modelkiln.publication.signatures import sign_in_registry

    reference, env = parse_image(args.package), machine_env(args)
    package = RemotePackage(reference, env, lambda line: print(line, file=sys.stderr, flush=True))
    digest = package.contents.root.descriptor.digest
    record = package.attached_record
    signed = sign_in_registry(package.client, package.contents.signed, _package_digest(record), signer, os.environ)
    if reference.tag and not reference.digest:
        found = package.client.find_manifest(reference.tag)
        if found is None or digest != sha256_bytes(found[1]):
            raise ModelkilnError(f"{reference}: was {digest}, which is signed now, and means something else meanwhile.")
    return signed, f"{reference.image}@{digest}"


def _layout(args: argparse.Namespace, signer: Signer) -> "tuple[list[Signed], str]":
    from modelkiln.publication.signatures import sign_in_layout

    layout = Layout(args.package)
    contents = layout_contents(layout, args.image)
    record = find_record(layout.path)
    signed = sign_in_layout(layout, contents.signed, _package_digest(record), signer, os.environ)
    return signed, contents.root.descriptor.digest


def _package_digest(record: Optional[bytes]) -> str:
    return str(json.loads(record)["package_digest"]) if record else ""
