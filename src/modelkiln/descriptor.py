"""Descriptors and media types of the OCI image-spec 1.1."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Mapping

from modelkiln.digest import check_digest, sha256_bytes
from modelkiln.errors import ModelkilnError

__all__ = [
    "COMPRESSED_LAYER",
    "CONFIG",
    "EMPTY",
    "EMPTY_CONFIG",
    "EMPTY_TYPE",
    "INDEX",
    "LARGEST_MANIFEST",
    "LAYER",
    "LAYER_MEDIA_TYPES",
    "MANIFEST",
    "Descriptor",
]

# OCI image-spec 1.1, media-types.md.
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
COMPRESSED_LAYER = MappingProxyType({"none": LAYER, "gzip": LAYER + "+gzip", "zstd": LAYER + "+zstd"})
LAYER_MEDIA_TYPES = frozenset(COMPRESSED_LAYER.values())
# Bytes; registries refuse larger ones (distribution-spec 1.1, "Pushing Manifests").
LARGEST_MANIFEST = 4 << 20


@dataclass(frozen=True)
class Descriptor:
    """Media type, digest and size (bytes) of a blob: OCI image-spec 1.1, descriptor.md."""

    media_type: str
    digest: str
    size: int

    @classmethod
    def of(cls, media_type: str, data: bytes) -> "Descriptor":
        """Return the descriptor of `data`."""
        return cls(media_type, sha256_bytes(data), len(data))

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: str = "descriptor") -> "Descriptor":
        """Read a descriptor object; raises ModelkilnError that names `where` and the bad value."""
        if not isinstance(value, Mapping):
            raise ModelkilnError(f"{where}: {value!r} is not a descriptor object.")
        media_type, size = value.get("mediaType"), value.get("size")
        if not isinstance(media_type, str) or "/" not in media_type:
            raise ModelkilnError(f"{where}: mediaType {media_type!r} is not a media type.")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ModelkilnError(f"{where}: size {size!r} is not a number of bytes.")
        return cls(media_type, check_digest(value.get("digest"), where), size)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that manifests and indexes hold."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


# OCI image-spec 1.1, manifest.md, "Guidance for an Empty Descriptor": the config of what is not an image.
EMPTY = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY_CONFIG = Descriptor.of(EMPTY_TYPE, EMPTY)
