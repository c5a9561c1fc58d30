"""Whether a package in a registry is what its digests say, and what it would run."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Mapping, Optional

from modelkiln.archives.decompression import damage_errors, decompressed
from modelkiln.descriptor import CONFIG, INDEX, LAYER_MEDIA_TYPES, Descriptor
from modelkiln.digest import iter_chunks
from modelkiln.errors import ModelkilnError
from modelkiln.image.contents import Document, is_recompressed
from modelkiln.package.record import PACKAGE_LABEL, variant_records
from modelkiln.publication.remote_package import ChunkReader, RemotePackage
from modelkiln.wording import counted

__all__ = ["RECOMPRESSED", "Verified", "verify_remote"]

_THREADS = 4
RECOMPRESSED = (
    "its layers were compressed again on the way: package digest and contents are those that were published, "
    "blobs and image digest are others. `skopeo copy --all --preserve-digests` keeps them."
)


@dataclass(frozen=True)
class Verified:
    """problems: what is wrong, one sentence each. notes: what is missing, or is another than when the package was
    published, though nothing is wrong. record: the package's, or None."""

    problems: list[str]
    notes: list[str]
    record: Optional[bytes]


def verify_remote(package: RemotePackage, progress: Callable[[int], None]) -> Verified:
    """Read every blob and return what is wrong.

    Checked are digests and sizes, the diff IDs that images' configs declare, and each image's package digest against
    its own record and against the one that refers to the package. Nothing is written to disk. progress: gets each
    number of bytes that were read.
    """
    problems: list[str] = []
    diff_ids = _diff_ids(package, problems)

    def check(blob: Descriptor) -> Optional[str]:
        try:
            return _check(package, blob, diff_ids.get(blob.digest), progress)
        except ModelkilnError as error:
            return str(error)

    with ThreadPoolExecutor(_THREADS) as pool:
        problems += [problem for problem in pool.map(check, package.contents.blobs) if problem]
    record = None
    try:
        record = package.record()
        problems += _record_problems(package)
    except ModelkilnError as error:
        problems.append(str(error))
    return Verified(problems, [] if problems else _notes(package, record), record)


def _record_problems(package: RemotePackage) -> Iterator[str]:
    """Each image is held to the record in it, and to the one that refers to the package."""
    attached = package.attached_record
    recorded = [one["package_digest"] for one in variant_records(json.loads(attached))] if attached else []
    for document in package.contents.manifests:
        label = package.labels(document).get(PACKAGE_LABEL)
        if label is None:
            continue
        own = package.own_record(document)
        wanted = [json.loads(own)["package_digest"]] if own else recorded
        for digests in (wanted, recorded):
            if digests and label not in digests:
                where = f"manifest {document.descriptor.digest}"
                yield f"{where}: is of package {label}, want {' or '.join(digests)} of the record."
                break


def _notes(package: RemotePackage, record: Optional[bytes]) -> list[str]:
    notes, images = [], [one for one in package.contents.manifests if PACKAGE_LABEL in package.labels(one)]
    if record is None:
        notes.append("it has no record; digests alone were checked.")
    elif package.attached_record is None:
        # As copies that leave out what refers to the package are.
        notes.append("no record refers to it; checked was the record in each image.")
    if any(is_recompressed(one.content, package.config(one)) for one in images):
        notes.append(RECOMPRESSED)
    return notes


def _diff_ids(package: RemotePackage, problems: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for document in package.contents.manifests:
        if document.descriptor.media_type == INDEX:
            continue
        config, *layers = (Descriptor.from_json(one) for one in (document.content["config"], *_layers(document)))
        if config.media_type != CONFIG:
            continue
        listed = (package.config(document).get("rootfs") or {}).get("diff_ids") or []
        if len(listed) != len(layers):
            problems.append(
                f"manifest {document.descriptor.digest}: {counted(len(layers), 'layer')}, "
                f"want one for each of {counted(len(listed), 'diff ID')}."
            )
        found.update((layer.digest, diff_id) for layer, diff_id in zip(layers, listed))
    return found


def _layers(document: Document) -> list[Mapping[str, Any]]:
    return document.content.get("layers") or []


def _check(
    package: RemotePackage, blob: Descriptor, diff_id: Optional[str], report: Callable[[int], None]
) -> Optional[str]:
    chunks = package.chunks(blob)
    if diff_id is None or blob.media_type not in LAYER_MEDIA_TYPES:
        for chunk in chunks:
            report(len(chunk))
        return None
    hasher = hashlib.sha256()
    try:
        for piece in iter_chunks(decompressed(ChunkReader(chunks), blob.media_type, f"blob {blob.digest}")):
            hasher.update(piece)
        for _ in chunks:  # To the end, where the digest is compared.
            pass
    except damage_errors() as error:
        return f"blob {blob.digest}: is damaged ({error})."
    report(blob.size)
    actual = "sha256:" + hasher.hexdigest()
    return None if actual == diff_id else f"blob {blob.digest}: diff ID: got {actual}, want {diff_id}."
