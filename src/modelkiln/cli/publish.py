"""`modelkiln publish`: a layout into a registry."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable, Optional, Sequence

from modelkiln.cli.options import (
    add_attestation_manifests,
    add_builder,
    add_insecure,
    add_layout,
    add_record,
    add_signer,
    add_statements,
    add_store,
    machine_env,
    signer_of,
    store_of,
)
from modelkiln.image.blobs import Blobs, find_record, layers_in
from modelkiln.image.contents import Contents, layout_contents
from modelkiln.image.layout import Layout
from modelkiln.progress import Progress
from modelkiln.registry.reference import Reference, check_tag, parse_repository
from modelkiln.wording import report_line

if TYPE_CHECKING:
    from modelkiln.publication.blob_source import BlobSource
    from modelkiln.publication.publish import Publication, Published

HELP = "Put a package into a registry: only the bytes that it lacks, and tags last."
EXAMPLES = ("publish digits.oci registry.example.com/models/digits --tag 1.2.0",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln publish`."""
    add_layout(parser)
    parser.add_argument("repository", metavar="REPOSITORY", help="registry.example.com/name")
    parser.add_argument("--tag", action="append", default=[], help="a tag that never changes its meaning; repeatable")
    parser.add_argument("--moving-tag", action="append", default=[], metavar="TAG", help="a tag that may, as `latest`")
    parser.add_argument(
        "--no-record", action="store_true", help="don't add the record, bill of materials and provenance as artifacts"
    )
    add_builder(parser)
    add_attestation_manifests(parser)
    add_statements(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to write, as JSON, what is where")
    add_signer(parser)
    add_insecure(parser)
    add_store(parser)
    add_record(parser)


def run(args: argparse.Namespace) -> int:
    """Publish, and print the reference that pins what was published."""
    # oras-py, below it, takes as long to import as other commands take to run.
    from modelkiln.publication.attachments import read_statement
    from modelkiln.publication.attestation_manifests import with_attestation_manifests
    from modelkiln.publication.blob_source import BlobSource
    from modelkiln.publication.holding import hold_to_record
    from modelkiln.publication.publish import publish_all
    from modelkiln.publication.signatures import bundles_in_layout

    layout, store = Layout(args.layout), store_of(args)
    repository = parse_repository(args.repository)
    tags = tuple(dict.fromkeys(check_tag(tag, args.repository) for tag in [*args.tag, *args.moving_tag]))
    found = find_record(layout.path, args.record)
    blobs = Blobs(layout, store, layers_in(found, layout.path, args.record))
    hold_to_record(blobs, found)
    source = BlobSource(blobs, machine_env(args))
    record = None if args.no_record else found
    contents = layout_contents(layout, args.image)
    publication = publication_of(contents, source, tags, args.moving_tag, record)
    signed = ((one, bundles_in_layout(layout, one.digest)) for one in contents.signed)
    bundles = tuple((subject, bundle.data) for subject, found in signed for bundle in found)
    signer = signer_of(args, is_required=False)
    statements = tuple(read_statement(path) for path in args.statement)
    publication = replace(publication, builder=args.builder_id, statements=statements, signer=signer, bundles=bundles)
    if args.attestation_manifests:
        publication = with_attestation_manifests(publication, str(layout.path))
    with Progress(str(repository), 0) as progress:
        root = store.root if store.root.is_dir() else None
        (done,) = publish_all([(publication, repository)], machine_env(args), root, report_line, progress.of)
    report_published(repository, done)
    if args.output:
        args.output.write_text(json.dumps(_summary(done, repository, tags), indent=2, sort_keys=True) + "\n")
    return 0


def report_published(repository: Reference, done: "Published") -> None:
    """Print what was done, and the reference that pins it."""
    report_line(f"{repository}: {done}")
    print(f"{repository}@{done.digest}", flush=True)


def publication_of(
    contents: Contents, source: "BlobSource", tags: Sequence[str], moving: Iterable[str], record: Optional[bytes]
) -> "Publication":
    """Return the Publication of a layout's contents. tags: all, also those of `moving`. record: the package's."""
    from modelkiln.publication.publish import Publication

    return Publication(contents, source, tuple(tags), frozenset(moving), record)


def _summary(done: "Published", repository: Reference, tags: tuple[str, ...]) -> dict[str, Any]:
    return {
        "repository": str(repository),
        "digest": done.digest,
        "reference": f"{repository}@{done.digest}",
        "tags": list(tags),
        "sent_blobs": done.sent,
        "sent_bytes": done.sent_size,
        "mounted_blobs": done.mounted,
    }
