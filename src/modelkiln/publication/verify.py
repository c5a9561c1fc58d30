"""Whether a package in a registry is what its digests say, and what it would run."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Mapping, Optional

from modelkiln.archives.decompression import damage_errors, decompressed
from modelkiln.descriptor import CONFIG, INDEX, LAYER_MEDIA_TYPES, Descriptor
from modelkiln.digest import iter_chunks
from modelkiln.errors import ModelkilnError
from modelkiln.package.record import variant_records
from modelkiln.publication.contents import Document
from modelkiln.publication.remote_package import ChunkReader, RemotePackage

__all__ = ["verify_remote"]

_THREADS = 4


def verify_remote(package: RemotePackage, progress: Callable[[int], None]) -> tuple[list[str], Optional[bytes]]:
    """Read every blob and return what is wrong, one sentence each, and the package's record.

    Checked are digests and sizes, the diff IDs that images' configs declare, and the record's package
    digest against the images' labels. Nothing is written to disk. progress: gets each number of
    bytes that were read.
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
    except ModelkilnError as error:
        problems.append(str(error))
    recorded = [one["package_digest"] for one in variant_records(json.loads(record))] if record else []
    for document in package.contents.manifests:
        label = (document.content.get("annotations") or {}).get("modelkiln.package.digest")
        if recorded and label and label not in recorded:
            where, wanted = f"manifest {document.descriptor.digest}", " or ".join(recorded)
            problems.append(f"{where}: is of package {label}, want {wanted} of the record.")
    return problems, record


def _diff_ids(package: RemotePackage, problems: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for document in package.contents.manifests:
        if document.descriptor.media_type == INDEX:
            continue
        config, *layers = (Descriptor.from_json(one) for one in (document.content["config"], *_layers(document)))
        if config.media_type != CONFIG:
            continue
        listed = (json.loads(package.read(config)).get("rootfs") or {}).get("diff_ids") or []
        if len(listed) != len(layers):
            problems.append(
                f"manifest {document.descriptor.digest}: {len(layers)} layers, want {len(listed)} diff IDs."
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
