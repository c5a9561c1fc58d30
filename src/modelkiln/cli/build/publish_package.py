"""`modelkiln build publish-package`: all layouts of a package into all of its repositories."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from modelkiln.cli.options import (
    add_attestation_manifests,
    add_builder,
    add_insecure,
    add_signer,
    add_statements,
    add_store,
    machine_env,
    signer_of,
    store_of,
)
from modelkiln.cli.publish import publication_of, report_published
from modelkiln.image.blobs import Blobs, find_record, layers_in
from modelkiln.image.contents import layout_contents
from modelkiln.image.layout import Layout
from modelkiln.progress import Progress
from modelkiln.publication.attachments import read_statement
from modelkiln.publication.attestation_manifests import with_attestation_manifests
from modelkiln.publication.blob_source import BlobSource
from modelkiln.publication.holding import hold_to_record
from modelkiln.publication.publish import publish_all
from modelkiln.registry.reference import parse_repository
from modelkiln.wording import report_line

HELP = "Put a package into registries as a whole: no tag before all of it is there and all tags are free."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the step."""
    parser.add_argument(
        "plan",
        type=Path,
        metavar="PLAN",
        help="JSON: a list of objects with layout (a path), repository, tags, moving, and record (a path or null)",
    )
    add_signer(parser)
    parser.add_argument("--no-record", action="store_true", help="don't add records and what follows from them")
    add_builder(parser)
    add_attestation_manifests(parser)
    add_statements(parser)
    add_insecure(parser)
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Publish, and print the references that pin what was published."""
    store, env, publications = store_of(args), machine_env(args), []
    signer = signer_of(args, is_required=False)
    statements = tuple(read_statement(path) for path in args.statement)
    for push in json.loads(args.plan.read_text("utf-8")):
        layout, record = Layout(Path(push["layout"])), push["record"] and Path(push["record"])
        found = find_record(layout.path, record or None)
        blobs = Blobs(layout, store, layers_in(found, layout.path, record or None))
        hold_to_record(blobs, found)
        source = BlobSource(blobs, env)
        tags, attached = (*push["tags"], *push["moving"]), None if args.no_record else found
        publication = publication_of(layout_contents(layout), source, tags, push["moving"], attached)
        publication = replace(publication, builder=args.builder_id, statements=statements, signer=signer)
        if args.attestation_manifests:
            publication = with_attestation_manifests(publication, str(layout.path))
        publications.append((publication, parse_repository(push["repository"])))
    with Progress("publish") as progress:
        done = publish_all(publications, env, store.root if store.root.is_dir() else None, report_line, progress.of)
    for (_, repository), one in zip(publications, done):
        report_published(repository, one)
    return 0
