"""Blobs into a registry: what it has is left alone, the rest is mounted or streamed.

OCI distribution-spec 1.1, "Pushing Blobs". A blob is sent in one PUT. When the line is cut the
registry is asked how much it has, and the rest is sent (PATCH with a Content-Range); a registry
that has forgotten gets the blob from its beginning. docker-registry 2.8 forgets an upload whose
request was cut, others keep it.

oras-py reads a blob into memory to send it, or sends it in chunks that it cannot send again; it
never mounts a blob from another repository, and drops what a location has in its query besides values.
"""

import re
import urllib.parse
from contextlib import suppress
from typing import Callable, Iterator, Sequence, Union

from modelkiln.descriptor import Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.hashing import ParallelHashes
from modelkiln.network.http import NETWORK_ERRORS
from modelkiln.registry.auth import BUSY
from modelkiln.registry.blobs import has_blob
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.libraries import requests
from modelkiln.registry.refusal import check_kind, refused

__all__ = ["Chunks", "upload_blob", "upload_bytes"]

# Gives a blob's bytes from its beginning, each time it is called.
Chunks = Callable[[], Iterator[bytes]]

_OCTETS = {"Content-Type": "application/octet-stream"}


def upload_blob(
    client: RegistryClient,
    descriptor: Descriptor,
    chunks: Chunks,
    mount_from: Sequence[str] = (),
    progress: Callable[[int], None] = lambda position: None,
) -> str:
    """Put a blob into the repository; returns "mounted" or "uploaded".

    mount_from: repositories of the same registry that may have it. progress: is called with how many bytes
    have been sent, of which a cut may take some back. Every byte is checked on its way: the last
    one leaves only when digest and size are those of the descriptor, else ModelkilnError.
    """
    for name in mount_from:
        if _mount(client, descriptor, name):
            return "mounted"
    upload = _Upload(client, descriptor, chunks, progress)
    try:
        upload.run()
    except BaseException:
        upload.cancel()
        raise
    return "uploaded"


def upload_bytes(client: RegistryClient, data: bytes) -> None:
    """Bring a small blob that is in memory, unless it is there."""
    descriptor = Descriptor.of("application/octet-stream", data)
    if not has_blob(client, descriptor):
        upload_blob(client, descriptor, lambda: iter((data,)))


def _mount(client: RegistryClient, descriptor: Descriptor, name: str) -> bool:
    query = urllib.parse.urlencode({"mount": descriptor.digest, "from": name})
    # A repository that we may not read, or a token server that says so, is not a reason to stop.
    with suppress(ModelkilnError):
        answer = client.request("POST", f"blobs/uploads/?{query}")
        if answer.status_code == 202:  # It would rather have the bytes; that upload is not used.
            with suppress(*NETWORK_ERRORS):
                client.once("DELETE", client.location(answer))
        return answer.status_code == 201
    return False


class _Rest:
    """The bytes of a blob that are still to be sent, and how many they are."""

    def __init__(self, size: int, pieces: Callable[[], Iterator[bytes]]) -> None:
        self._size, self._pieces = size, pieces

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces()


class _Upload:
    def __init__(
        self, client: RegistryClient, descriptor: Descriptor, chunks: Chunks, progress: Callable[[int], None]
    ) -> None:
        self._client, self._descriptor, self._chunks, self._progress = client, descriptor, chunks, progress
        self._path = f"blobs/{descriptor.digest}"
        self._location = ""
        self._start = 0  # Bytes that the registry has.

    def run(self) -> None:
        fruitless, logins = 0, 0
        while True:
            before = self._start
            if not self._location:
                self._begin()
            try:
                answer = self._send()
            except NETWORK_ERRORS as error:
                self._client.wait(fruitless, self._path, error)
                self._ask()
            else:
                if self._is_done(answer):
                    return
                if answer.status_code == 401 and logins < 3:
                    logins += 1  # A new token was asked for; the blob is sent again.
                elif answer.status_code in (404, 416, *BUSY):
                    self._client.wait(fruitless, self._path, answer)
                else:
                    raise refused(self._client, answer)
                self._ask()
            fruitless = fruitless + 1 if self._start <= before else 0

    def _begin(self) -> None:
        answer = self._client.request("POST", "blobs/uploads/", {"Content-Length": "0"})
        if answer.status_code != 202:
            raise refused(self._client, check_kind(self._client, answer))
        self._location, self._start = self._client.location(answer), 0

    def _send(self) -> requests.Response:
        """Send what the registry lacks; the answer to what came last."""
        size = self._descriptor.size
        if not self._start:
            return self._client.once("PUT", self._finish_url(), _OCTETS, self._rest())
        if self._start < size:
            part = {**_OCTETS, "Content-Range": f"{self._start}-{size - 1}"}
            answer = self._client.once("PATCH", self._location, part, self._rest())
            # 202 by the specification; only the PUT that follows makes a blob of it.
            if answer.status_code not in (201, 202, 204):
                return answer
            if "Location" in answer.headers:
                self._location = self._client.location(answer)
            self._start = size
        return self._client.once("PUT", self._finish_url())

    def _rest(self) -> Union[bytes, _Rest]:
        size = self._descriptor.size - self._start
        # Nothing is sent as nothing, after it was compared.
        return _Rest(size, self._pieces) if size else b"".join(self._pieces())

    def _finish_url(self) -> str:
        joint = "&" if "?" in self._location else "?"
        return f"{self._location}{joint}{urllib.parse.urlencode({'digest': self._descriptor.digest})}"

    def _is_done(self, answer: requests.Response) -> bool:
        if answer.status_code != 201:
            check_kind(self._client, answer)
            return False
        self._client.check_taken(answer, self._descriptor)
        return True

    def _ask(self) -> None:
        """Ask how much the registry has; when it does not say, begin anew."""
        location, self._location, self._start = self._location, "", 0
        with suppress(ModelkilnError, *NETWORK_ERRORS):
            answer = self._client.once("GET", location)
            found = re.fullmatch(r"(?:bytes=)?0-(\d+)", answer.headers.get("Range", ""))
            if answer.status_code in (200, 202, 204) and found:
                # "0-0" is said of one byte, and by docker-registry for none.
                kept = int(found[1]) + 1 if found[1] != "0" else 0
                if kept <= self._descriptor.size:
                    if "Location" in answer.headers:
                        location = self._client.location(answer)
                    self._location, self._start = location, kept

    def _pieces(self) -> Iterator[bytes]:
        """The bytes from `_start` on; all are hashed, and the last piece is held back until they match.

        The last piece of as many bytes as were announced: what comes after them, or nothing, does not let it go.
        """
        position, held = 0, b""
        size, start = self._descriptor.size, self._start
        with ParallelHashes() as hashes:  # While they are sent.
            for chunk in self._chunks():
                hashes.update(chunk)
                before, position = position, position + len(chunk)
                if position > size:
                    break
                piece = chunk[max(0, start - before) :]
                if held and piece:
                    yield held
                    self._progress(before)
                held = piece or held
            actual = "sha256:" + hashes.sha256()
        if position != size or actual != self._descriptor.digest:
            more = "more than " if position > size else ""
            raise ModelkilnError(
                f"blob {self._descriptor.digest}: got {more}{min(position, size)} bytes with {actual}, want {size} "
                "bytes. It is damaged or was changed since it was packaged; package the target again."
            )
        if held:
            yield held
            self._progress(position)

    def cancel(self) -> None:
        """Let the registry forget what was sent; best effort."""
        if self._location:
            with suppress(ModelkilnError, *NETWORK_ERRORS):
                self._client.once("DELETE", self._location)
