"""Digests as OCI writes them, `sha256:<64 hex>`, and streams that are hashed on their way."""

import hashlib
import re
from typing import BinaryIO, Iterator

from modelkiln.errors import ModelkilnError

__all__ = [
    "CHUNK",
    "check_digest",
    "hex_of",
    "iter_chunks",
    "read_up_to",
    "referrers_tag",
    "sha256_bytes",
    "sha256_stream",
]

# Bytes moved at once. Large enough that Python's overhead vanishes compared with SHA-256, small enough
# that a layer process with several streams stays far below its memory limit.
CHUNK = 1 << 20

# OCI image-spec, descriptor.md, "Registered algorithms": sha256 digests are lower-case hex. The
# JSON schema of the specification does not check this, so we do.
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


def check_digest(digest: object, where: str) -> str:
    """Return `digest` when it is a well-formed sha256 digest, else raise ModelkilnError."""
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise ModelkilnError(f"{where}: {digest!r} is not a digest; expected sha256: and 64 lower-case hex digits.")
    return digest


def hex_of(digest: str) -> str:
    """Return the 64 hex digits of `digest`."""
    return check_digest(digest, "digest")[len("sha256:") :]


def referrers_tag(digest: str) -> str:
    """Return the tag of the index that lists what refers to `digest`, where nothing else does
    (distribution-spec 1.1, "Referrers Tag Schema")."""
    return f"sha256-{hex_of(digest)}"


def sha256_bytes(data: bytes) -> str:
    """Return the digest of `data`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def iter_chunks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what is left of `stream` in pieces of at most CHUNK bytes."""
    while True:
        chunk = stream.read(CHUNK)
        if not chunk:
            return
        yield chunk


def read_up_to(stream: BinaryIO, size: int) -> bytes:
    """Return the next `size` bytes of a stream that may give fewer at once, or all that are left."""
    data = b""
    while len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            break
        data += more
    return data


def sha256_stream(stream: BinaryIO) -> tuple[str, int]:
    """Read `stream` to its end and return its digest and its size in bytes."""
    hasher, size = hashlib.sha256(), 0
    for chunk in iter_chunks(stream):
        hasher.update(chunk)
        size += len(chunk)
    return "sha256:" + hasher.hexdigest(), size
