"""Blobs on their way into a repository: asked for first, then mounted or streamed, several at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Callable, Iterator, Optional, Sequence

from modelkiln.descriptor import Descriptor
from modelkiln.publication.blob_source import BlobSource
from modelkiln.registry.blobs import has_blob
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.endpoint import endpoint_of
from modelkiln.registry.known_blobs import KnownBlobs
from modelkiln.registry.limits import upload_warning
from modelkiln.registry.uploads import upload_blob

__all__ = ["Sent", "Transfer"]

# Two streams fill most lines; more hide the waits of a far registry for many small blobs.
_THREADS = 4
_MOUNTS = 2


@dataclass(frozen=True)
class Sent:
    """What was done with blobs: how many were sent, of how many bytes, mounted, and there already."""

    number: int
    size: int
    mounted: int
    present: int


class _Stopped(Exception):
    """Another blob has failed, so this one need not go on."""


class Transfer:
    """Blobs into one repository, several at a time."""

    def __init__(
        self,
        client: RegistryClient,
        source: BlobSource,
        known: KnownBlobs,
        progress: Callable[[int, int], None],
    ) -> None:
        self._client, self._source, self._known = client, source, known
        self._progress = progress
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._positions: dict[str, int] = {}
        self._total = 0

    def run(self, blobs: Sequence[Descriptor], report: Callable[[str], None]) -> Sent:
        """Bring all blobs there; raises the first error, after all others have stopped."""
        with ThreadPoolExecutor(_THREADS) as pool:
            there = list(pool.map(lambda blob: has_blob(self._client, blob), blobs))
            missing = [blob for blob, is_there in zip(blobs, there) if not is_there]
            self._total = sum(blob.size for blob in missing)
            warning = upload_warning(self._client.repository.registry, missing)
            if warning:
                report(f"{self._client.repository}: {warning}")
            # The largest first: small ones fill what is left at the end.
            tasks = [pool.submit(self._bring, blob) for blob in sorted(missing, key=lambda blob: -blob.size)]
            results = []
            try:
                for task in as_completed(tasks):
                    results.append(task.result())
            except BaseException:
                self._stop.set()
                for task in tasks:
                    task.cancel()
                raise
        sent = [size for size in results if size is not None]
        return Sent(len(sent), sum(sent), len(results) - len(sent), len(blobs) - len(missing))

    def _bring(self, blob: Descriptor) -> Optional[int]:
        """The bytes that were sent; None when the blob was mounted."""
        if self._stop.is_set():
            raise _Stopped
        origin = self._source.repository_of(blob)
        names = self._known.repositories(blob.digest)
        if origin is not None and endpoint_of(origin.registry, self._client.env) == self._client.endpoint:
            names.insert(0, origin.name)
        names = [name for name in dict.fromkeys(names) if name != self._client.repository.name]
        way = upload_blob(
            self._client,
            blob,
            lambda: self._chunks(blob),
            names[:_MOUNTS],
            lambda position: self._report(blob.digest, position),
        )
        self._report(blob.digest, blob.size)
        return blob.size if way == "uploaded" else None

    def _chunks(self, blob: Descriptor) -> Iterator[bytes]:
        for chunk in self._source.chunks(blob):
            if self._stop.is_set():
                raise _Stopped
            yield chunk

    def _report(self, digest: str, position: int) -> None:
        with self._lock:
            self._positions[digest] = position
            self._progress(sum(self._positions.values()), self._total)
