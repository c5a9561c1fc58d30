"""A package as it lies in a registry."""

import json
from functools import cached_property
from typing import Any, Callable, Iterator, Mapping, Optional, Sequence

from modelkiln.canonical import canonical_json
from modelkiln.conventions import CODE_FOLDER, OLD_RECORD_PATH, RECORD_PATH, RECORD_TYPE
from modelkiln.descriptor import CONFIG, INDEX, MANIFEST, Descriptor
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.image.config import parse_config
from modelkiln.image.contents import Contents, Document
from modelkiln.image.record_layer import read_from_record_layer, titled
from modelkiln.package.outside import LARGEST_RECORD, check_digests, read_record
from modelkiln.package.record import PACKAGE_LABEL, index_record
from modelkiln.registry.blobs import blob_chunks
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.reference import Reference
from modelkiln.registry.referrers import find_records, find_referrers

__all__ = ["ChunkReader", "RemotePackage", "check_record"]

# Nobody nests indexes deeper, and a limit ends cycles.
_MAX_DEPTH = 4
_RECORD_PLACES = (f"{CODE_FOLDER}/{RECORD_PATH}", f"{CODE_FOLDER}/{OLD_RECORD_PATH}")


class ChunkReader:
    """Makes of pieces of bytes a stream to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, fewer only at the end."""
        parts = [self._rest]
        have = len(self._rest)
        while size < 0 or have < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            parts.append(chunk)
            have += len(chunk)
        data = b"".join(parts)
        self._rest = data[size:] if size >= 0 else b""
        return data[:size] if size >= 0 else data


class RemotePackage:
    """What a reference with a tag or a digest names; documents are read and checked at once.

    env: the machine's settings, see `load_machine_env`. Raises ModelkilnError for what is not
    there, is not what its digest says, or is neither an image, an artifact nor an index.
    """

    def __init__(self, reference: Reference, env: Mapping[str, str], report: Callable[[str], None]) -> None:
        self.reference = reference
        self._client = RegistryClient(reference, env, report)
        found = self._client.find_manifest(reference.digest or reference.tag)
        if found is None:
            raise ModelkilnError(f"{reference}: the registry has no such tag or digest. Check the reference.")
        if reference.digest and sha256_bytes(found[1]) != reference.digest:
            raise ModelkilnError(f"{reference}: the registry sent {sha256_bytes(found[1])}.")
        self._configs: dict[str, Mapping[str, Any]] = {}
        documents: dict[str, Document] = {}
        self._add(Document.read(Descriptor.of(*found), found[1], str(reference)), documents, 0)
        blobs = {blob.digest: blob for one in documents.values() for blob in _blobs(one, str(reference))}
        self.contents = Contents(tuple(documents.values()), tuple(blobs.values()))

    @property
    def client(self) -> RegistryClient:
        """Speaks for the repository."""
        return self._client

    def _add(self, document: Document, documents: dict[str, Document], depth: int) -> None:
        descriptor = document.descriptor
        if depth > _MAX_DEPTH:
            raise ModelkilnError(f"{self.reference}: indexes are nested more than {_MAX_DEPTH} deep. Refused.")
        if descriptor.media_type not in (INDEX, MANIFEST):
            raise ModelkilnError(f"{self.reference}: {descriptor.digest} {_not_oci(descriptor.media_type)}")
        if descriptor.media_type == INDEX:
            for number, entry in enumerate(document.content.get("manifests") or ()):
                child = Descriptor.from_json(entry, f"{self.reference}: manifests[{number}]")
                found = self._client.find_manifest(child.digest)
                if found is None or len(found[1]) != child.size:
                    raise ModelkilnError(f"{self.reference}: manifest {child.digest} is missing or has another size.")
                self._add(Document.read(child, found[1], str(self.reference)), documents, depth + 1)
        documents[descriptor.digest] = document

    def stream(self, descriptor: Descriptor) -> Iterator[bytes]:
        """Yield a blob's bytes, which are for the caller to verify."""
        return blob_chunks(self._client, descriptor)

    def chunks(self, descriptor: Descriptor) -> Iterator[bytes]:
        """Yield a blob's bytes; what is not the descriptor's raises ModelkilnError at the end."""
        import hashlib

        hasher, size = hashlib.sha256(), 0
        for chunk in blob_chunks(self._client, descriptor):
            hasher.update(chunk)
            size += len(chunk)
            yield chunk
        if "sha256:" + hasher.hexdigest() != descriptor.digest or size != descriptor.size:
            raise ModelkilnError(
                f"{self.reference}: blob {descriptor.digest}: got {size} bytes with sha256:{hasher.hexdigest()}, "
                f"want {descriptor.size}. The registry, or a proxy before it, is broken or lies."
            )

    def read(self, descriptor: Descriptor) -> bytes:
        """Return a small blob, checked."""
        if descriptor.size > LARGEST_RECORD:
            raise ModelkilnError(f"{self.reference}: {descriptor.digest} has {descriptor.size} bytes. Refused.")
        return b"".join(self.chunks(descriptor))

    def referrers(self) -> list[tuple[Descriptor, list[Document]]]:
        """Return each manifest that others refer to, with these: its record, signatures and the like."""
        found = []
        for subject in (one.descriptor for one in self.contents.manifests):
            documents = []
            for descriptor in find_referrers(self._client, subject.digest):
                manifest = self._client.find_manifest(descriptor.digest)
                # One that is listed and gone is none; an index that refers to something is not copied.
                if manifest is not None and descriptor.media_type == MANIFEST and len(manifest[1]) == descriptor.size:
                    documents.append(Document.read(descriptor, manifest[1], str(self.reference)))
            found += [(subject, documents)] if documents else []
        return found

    def referring(self, subject: Descriptor, artifact_type: str) -> list[Document]:
        """Return the manifests of a type that refer to `subject`, the latest last."""
        found = []
        for descriptor in find_referrers(self._client, subject.digest, artifact_type):
            manifest = self._client.find_manifest(descriptor.digest)
            if manifest is not None and sha256_bytes(manifest[1]) == descriptor.digest:
                found.append(Document.read(descriptor, manifest[1], str(self.reference)))
        return found

    def blobs(self, document: Document) -> list[Descriptor]:
        """Return the descriptors of a manifest's config and layers."""
        return _blobs(document, str(self.reference))

    def record(self) -> Optional[bytes]:
        """Return the package's record, checked against its package digest; None when there is none.

        It is the latest artifact that refers to the package; without one, as copies of the package alone are, what
        the images have in them, of an index with several made of all of theirs.
        """
        return self.attached_record or self._images_record()

    @cached_property
    def attached_record(self) -> Optional[bytes]:
        """The record that refers to the package in the registry, checked; None when there is none."""
        for found in reversed(find_records(self._client, self.contents.root.descriptor.digest)):
            manifest = self._client.find_manifest(found.digest)
            if manifest is None:
                continue
            for layer in Document.read(found, manifest[1], str(self.reference)).content.get("layers") or ():
                if layer.get("mediaType") == RECORD_TYPE:
                    data = self.read(Descriptor.from_json(layer, str(self.reference)))
                    return check_record(data, str(self.reference))
        return None

    def _images_record(self) -> Optional[bytes]:
        own = [self.own_record(one) for one in self.contents.manifests if PACKAGE_LABEL in self.labels(one)]
        records = [one for one in own if one is not None]
        if len(records) < len(own) or not own:
            return None
        if len(records) == 1:
            return records[0]
        variants = [json.loads(one) for one in records]
        return canonical_json({**index_record(variants), "variants": variants})

    def own_record(self, document: Document) -> Optional[bytes]:
        """Return the record that an image has in it, checked against its package digest; None without one."""
        data = self.read_own(document, _RECORD_PLACES)
        return check_record(data, str(self.reference)) if data is not None else None

    def read_own(self, document: Document, places: Sequence[str]) -> Optional[bytes]:
        """Return the file at one of `places` of an image's record layer; None where there is none."""
        return read_from_record_layer(self.layers(document), self.read, places, str(self.reference))

    def config(self, document: Document) -> Mapping[str, Any]:
        """Return an image's config; empty for what is not an image."""
        described = document.content.get("config") or {}
        if document.descriptor.media_type != MANIFEST or described.get("mediaType") != CONFIG:
            return {}
        descriptor = Descriptor.from_json(described, str(self.reference))
        if descriptor.digest not in self._configs:
            self._configs[descriptor.digest] = parse_config(self.read(descriptor), f"{self.reference}: config")
        return self._configs[descriptor.digest]

    def labels(self, document: Document) -> Mapping[str, str]:
        """Return an image's labels, or an artifact's annotations."""
        labels = (self.config(document).get("config") or {}).get("Labels")
        return labels or document.content.get("annotations") or {}

    def layers(self, document: Document) -> list[tuple[Descriptor, str]]:
        """Return a manifest's layers, each with what its image's history says of it, or ""."""
        return titled(_blobs(document, str(self.reference))[1:], self.config(document))


def _not_oci(media_type: str) -> str:
    if not media_type.startswith("application/vnd.docker."):
        return f"is a {media_type!r}, want an image, an artifact or an index of OCI. Check the reference."
    return (
        f"is a {media_type!r}: a tool has written the package anew in Docker's format, and its digest is another. "
        "Copy it as it is: `skopeo copy --all --preserve-digests`, `crane copy`, `oras copy -r`, or publish it again."
    )


def check_record(data: bytes, where: str) -> bytes:
    """Return the record when its inputs have the package digest that it states."""
    check_digests(read_record(data, f"{where}: its record", "Publish the package again."), where)
    return data


def _blobs(document: Document, where: str) -> list[Descriptor]:
    content: Mapping[str, Any] = document.content
    if document.descriptor.media_type != MANIFEST:
        return []
    return [Descriptor.from_json(one, where) for one in (content.get("config"), *(content.get("layers") or ()))]
