"""`modelkiln sign`: a package in a registry or in a layout, or the files of a weights lock."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from modelkiln.attestation.oms import SignedModel, model_statement
from modelkiln.attestation.signing.signer import Signer
from modelkiln.cli.options import add_insecure, add_signer, add_store, machine_env, signer_of, store_of
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.image.blobs import find_record
from modelkiln.image.contents import layout_contents, layout_size
from modelkiln.image.layout import Layout
from modelkiln.machine.outputs import write_file
from modelkiln.progress import Progress
from modelkiln.registry.reference import parse_image
from modelkiln.weights.lock import load_weights_lock
from modelkiln.wording import report_line

if TYPE_CHECKING:
    from modelkiln.publication.signatures import Signed

HELP = "Sign a package in a registry or a layout as cosign 3 does, or the files of a weights lock in OpenSSF's format."
EXAMPLES = (
    "sign registry.example.com/models/digits:1.2.0 --key release.key",
    "sign models/llm/llm.lock.json --key release.key",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln sign`."""
    parser.add_argument(
        "package",
        metavar="REF|LAYOUT|LOCK",
        help="registry.example.com/name:tag, a layout's folder, or the file that `pants lock` wrote for weights",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="of a lock: where the signature goes (default: model.sig, next to it)",
    )
    parser.add_argument(
        "--image",
        metavar="NAME",
        help="which one, where a layout holds several: its tag, digest, platform or accelerator",
    )
    parser.add_argument(
        "--statements",
        action="store_true",
        help="sign what refers to the package in its repository as well: its bill of materials, provenance and other "
        "in-toto statements. Read them first: others may have put them there",
    )
    add_signer(parser)
    add_insecure(parser)
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Sign, and print the digest that was signed."""
    signer = signer_of(args)
    assert signer is not None
    if Path(args.package).is_file():
        return _lock(args, signer)
    if args.output:
        raise ModelkilnError("--output: is for the signature of a lock; one of a package goes to where that is.")
    signed, name = (_layout if Path(args.package).is_dir() else _remote)(args, signer)
    for one in signed:
        report_line(f"{one.digest} {one.predicate_type}: {'signed' if one.is_new else 'was signed'}")
    print(name)
    return 0


def _remote(args: argparse.Namespace, signer: Signer) -> "tuple[list[Signed], str]":
    # oras-py, below it, takes as long to import as other commands take to run.
    from modelkiln.publication.remote_package import RemotePackage
    from modelkiln.publication.signatures import (
        Unsigned,
        package_digest,
        sign_in_registries,
        statements_in_registry,
    )

    reference, env = parse_image(args.package), machine_env(args)
    package = RemotePackage(reference, env, report_line)
    digest = package.contents.root.descriptor.digest
    subjects = package.contents.signed
    stated = statements_in_registry(package.client, subjects) if args.statements else ()
    place = Unsigned(package.client, subjects, package_digest(package.record()), stated)
    signed = sign_in_registries([place], signer, os.environ)
    if reference.tag and not reference.digest:
        found = package.client.find_manifest(reference.tag)
        if found is None or digest != sha256_bytes(found[1]):
            raise ModelkilnError(f"{reference}: was {digest}, which is signed now, and means something else meanwhile.")
    return signed, f"{reference.image}@{digest}"


def _layout(args: argparse.Namespace, signer: Signer) -> "tuple[list[Signed], str]":
    from modelkiln.publication.signatures import package_digest, sign_in_layout
    from modelkiln.publication.verify import shown, verify_layout

    layout = Layout(args.package)
    contents = layout_contents(layout, args.image)
    record = find_record(layout.path)
    with Progress(f"verify {layout.path}", layout_size(layout.path)) as progress:
        held = verify_layout(layout.path, store_of(args), record, progress=progress.add)
    if held.problems:
        raise ModelkilnError(
            f"{layout.path}: is not what its record says, and is not signed: {shown(held.problems)} Package it again."
        )
    if record is None and len(layout.own) == 1:  # A copy has lost it; an image has its own in it.
        record = held.record
    signed = sign_in_layout(layout, contents.signed, package_digest(record), signer, os.environ)
    return signed, contents.root.descriptor.digest


def _lock(args: argparse.Namespace, signer: Signer) -> int:
    """Sign what a lock lists; none of its files is read."""
    path = Path(args.package)
    lock = load_weights_lock(path.read_text("utf-8"), str(path))
    output = args.output or path.with_name("model.sig")
    name = path.name.partition(".")[0] or "model"
    model = SignedModel(name, {file.path: file.sha256 for file in lock.files}, (output.name,))
    if output.name in model.files:
        raise ModelkilnError(f"{path}: lists {output.name} itself. Give the signature another name with --output.")
    _, (bundle,) = signer.sign([model_statement(model).to_bytes()], os.environ, is_model=True)
    # Who verifies reads JSON of one line; a committed file ends with one.
    write_file(output, signer.stamped(bundle, os.environ).to_bytes(is_chain=True) + b"\n")
    print(output)
    return 0
