"""A package as it lies in a registry."""

import json
from typing import Any, Callable, Iterator, Mapping, Optional

from modelkiln.descriptor import INDEX, MANIFEST, Descriptor
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError, reason
from modelkiln.package.record import recorded_digest, variant_records
from modelkiln.publication.contents import Contents, Document
from modelkiln.registry.blobs import blob_chunks
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.reference import Reference
from modelkiln.registry.referrers import RECORD, find_records

__all__ = ["ChunkReader", "RemotePackage", "check_record"]

# Nobody nests indexes deeper, and a limit ends cycles.
_MAX_DEPTH = 4
# A record of the largest packages, with thousands of files, has a few MiB.
_LARGEST_RECORD = 64 << 20


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
        documents: dict[str, Document] = {}
        self._add(Document(Descriptor.of(*found), found[1]), documents, 0)
        blobs = {blob.digest: blob for one in documents.values() for blob in _blobs(one, str(reference))}
        self.contents = Contents(tuple(documents.values()), tuple(blobs.values()))

    def _add(self, document: Document, documents: dict[str, Document], depth: int) -> None:
        descriptor = document.descriptor
        if descriptor.media_type not in (INDEX, MANIFEST) or depth > _MAX_DEPTH:
            raise ModelkilnError(f"{self.reference}: {descriptor.digest} is a {descriptor.media_type!r}. Refused.")
        if descriptor.media_type == INDEX:
            for number, entry in enumerate(document.content.get("manifests") or ()):
                child = Descriptor.from_json(entry, f"{self.reference}: manifests[{number}]")
                found = self._client.find_manifest(child.digest)
                if found is None or len(found[1]) != child.size:
                    raise ModelkilnError(f"{self.reference}: manifest {child.digest} is missing or has another size.")
                self._add(Document(child, found[1]), documents, depth + 1)
        documents[descriptor.digest] = document

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
        if descriptor.size > _LARGEST_RECORD:
            raise ModelkilnError(f"{self.reference}: {descriptor.digest} has {descriptor.size} bytes. Refused.")
        return b"".join(self.chunks(descriptor))

    def record(self) -> Optional[bytes]:
        """Return the package's record, checked against its package digest; None when there is none.

        It is the latest artifact that refers to the package; without one, the record in the image.
        """
        for found in reversed(find_records(self._client, self.contents.root.descriptor.digest)):
            manifest = self._client.find_manifest(found.digest)
            if manifest is None:
                continue
            for layer in json.loads(manifest[1]).get("layers") or ():
                if layer.get("mediaType") == RECORD:
                    data = self.read(Descriptor.from_json(layer, str(self.reference)))
                    return check_record(data, str(self.reference))
        return self._own_record()

    def _own_record(self) -> Optional[bytes]:
        import io
        import tarfile

        for document in self.contents.manifests:
            for layer, title in self.layers(document):
                if not title.startswith("modelkiln record") or layer.size > _LARGEST_RECORD:
                    continue
                with tarfile.open(fileobj=io.BytesIO(self.read(layer)), mode="r:") as archive:
                    for member in archive:
                        stream = archive.extractfile(member) if member.name.endswith("package.json") else None
                        if stream is not None:
                            return check_record(stream.read(), str(self.reference))
        return None

    def layers(self, document: Document) -> list[tuple[Descriptor, str]]:
        """Return a manifest's layers, each with what its image's history says of it, or ""."""
        blobs = _blobs(document, str(self.reference))
        if not blobs:
            return []
        config, *layers = blobs
        history = []
        if config.media_type.endswith("image.config.v1+json"):
            listed = json.loads(self.read(config)).get("history") or []
            history = [str(one.get("created_by", "")) for one in listed if not one.get("empty_layer")]
        return [(layer, history[number] if number < len(history) else "") for number, layer in enumerate(layers)]


def check_record(data: bytes, where: str) -> bytes:
    """Return the record when its inputs have the package digest that it states."""
    try:
        content = dict(json.loads(data))
        records = list({id(one): one for one in (content, *variant_records(content))}.values())
        digests = [(recorded_digest(one), one["package_digest"]) for one in records]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelkilnError(f"{where}: its record is not one of a package ({reason(error)}).") from None
    for actual, stated in digests:
        if actual != stated:
            raise ModelkilnError(
                f"{where}: its record states package digest {stated}, want {actual} for what it lists."
            )
    return data


def _blobs(document: Document, where: str) -> list[Descriptor]:
    content: Mapping[str, Any] = document.content
    if document.descriptor.media_type != MANIFEST:
        return []
    return [Descriptor.from_json(one, where) for one in (content.get("config"), *(content.get("layers") or ()))]
