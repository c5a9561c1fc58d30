"""What a package in a registry consists of, and what refers to it, for `modelkiln inspect`."""

import argparse
from typing import Any, Iterator

from modelkiln.cli.attestation.package import remote_of
from modelkiln.cli.tables import Column, Part, Table, print_all, word_table
from modelkiln.conventions import PREDICATE_ANNOTATIONS
from modelkiln.descriptor import INDEX
from modelkiln.package.record import PACKAGE_LABEL
from modelkiln.progress import Progress
from modelkiln.runtime.weights.progress import readable_size

__all__ = ["inspect_remote"]

_COLUMNS = (Column("referrer", 12), Column("size", 10, is_number=True), Column("type", is_text=True))


def inspect_remote(args: argparse.Namespace) -> int:
    """Print of each manifest what it is, and what refers to it: record, bills of materials, statements, signatures."""
    with Progress(f"inspect {args.package}"):
        package = remote_of(args)
        referring = {subject.digest: documents for subject, documents in package.referrers()}
    described = []
    for document in reversed(package.contents.manifests):
        config, digest = package.config(document), document.descriptor.digest
        described.append(
            {
                "digest": digest,
                "kind": _kind(document.content, document.descriptor.media_type),
                "platform": f"{config['os']}/{config['architecture']}" if config.get("os") else "",
                "package_digest": package.labels(document).get(PACKAGE_LABEL, ""),
                "referrers": [
                    _referrer(one.content, one.descriptor.digest, package.blobs(one))
                    for one in referring.get(digest, ())
                ],
            }
        )
    print_all(described, _parts, args.json)
    return 0


def _kind(content: Any, media_type: str) -> str:
    return "index" if media_type == INDEX else str(content.get("artifactType") or "image")


def _referrer(content: Any, digest: str, blobs: list) -> dict[str, Any]:
    annotations = content.get("annotations") or {}
    predicates = (annotations[key] for key in PREDICATE_ANNOTATIONS if key in annotations)
    return {
        "digest": digest,
        "artifact_type": str(content.get("artifactType") or ""),
        "predicate_type": next(predicates, ""),
        "size": sum(blob.size for blob in blobs[1:]),
    }


def _parts(manifest: dict[str, Any]) -> Iterator[Part]:
    head = ("digest", "kind", "package", "platform")
    values = (manifest["digest"], manifest["kind"], manifest["package_digest"], manifest["platform"])
    yield word_table(zip(head, values), 9)
    rows = [
        (
            one["digest"][7:19],
            readable_size(one["size"]),
            " ".join(filter(None, (one["artifact_type"], one["predicate_type"]))),
        )
        for one in manifest["referrers"]
    ]
    if rows:
        yield ""
        yield Table(_COLUMNS, rows)
