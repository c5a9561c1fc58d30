"""Blobs out of a registry: whether it has one, small ones whole, large ones in pieces.

oras-py believes any 200 to a HEAD, knows no ranges, and reads a blob from its beginning after a cut.
"""

import http.client
import urllib.error
from typing import Any, Iterator, Mapping

import urllib3

from modelkiln.descriptor import Descriptor
from modelkiln.digest import CHUNK, check_digest
from modelkiln.errors import ModelkilnError
from modelkiln.network.http import NETWORK_ERRORS
from modelkiln.network.pace import LEAST_PROGRESS
from modelkiln.registry.auth import BUSY
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.libraries import requests
from modelkiln.registry.refusal import check_kind, refused
from modelkiln.registry.session import root_cause

__all__ = ["blob_chunks", "has_blob", "open_blob", "read_blob"]


def has_blob(client: RegistryClient, descriptor: Descriptor) -> bool:
    """Whether the repository has the blob; raises ModelkilnError for an answer that cannot be true."""
    answer = client.request("HEAD", f"blobs/{descriptor.digest}")
    if answer.status_code == 404:
        return False
    if answer.status_code != 200:
        raise refused(client, answer)
    check_kind(client, answer)
    stated = answer.headers.get("Docker-Content-Digest", descriptor.digest)
    length = answer.headers.get("Content-Length")
    if stated != descriptor.digest or (length is not None and length != str(descriptor.size)):
        raise ModelkilnError(
            f"{client.repository}: the registry says of blob {descriptor.digest} ({descriptor.size} bytes) that "
            f"it is {stated} with {length} bytes. It, or a proxy before it, is broken or lies."
        )
    # Without a length the answer says nothing that only a registry with the blob could say.
    return length is not None


def read_blob(client: RegistryClient, digest: str) -> bytes:
    """Return a small blob, checked against its digest."""
    answer = client.request("GET", f"blobs/{digest}")
    if answer.status_code != 200:
        raise refused(client, answer)
    client.check_bytes(f"blobs/{digest}", answer.content, check_digest(digest, str(client.repository)))
    return answer.content


def open_blob(client: RegistryClient, digest: str, headers: Mapping[str, str] = {}) -> "_Stream":
    """Open a blob, or the part that a Range header names; raises one of NETWORK_ERRORS.

    One attempt alone: for `HttpFile`, which goes on after a cut by itself.
    """
    try:
        answer = _ask(client, digest, headers)
    except requests.RequestException as error:
        raise urllib.error.URLError(root_cause(error)) from error  # type: ignore[arg-type]
    if answer.status_code not in (200, 206):
        reason = http.client.responses.get(answer.status_code, "")
        raise urllib.error.HTTPError(answer.url, answer.status_code, reason, answer.headers, None)  # type: ignore
    return _Stream(answer)


def blob_chunks(client: RegistryClient, descriptor: Descriptor) -> Iterator[bytes]:
    """Yield the blob's bytes; after a cut, go on from where it was.

    The bytes are for the caller to verify. Raises ModelkilnError when the registry has no
    such blob, sends more than its size, or is cut off again and again.
    """
    path, done, fruitless = f"blobs/{descriptor.digest}", 0, 0
    while done < descriptor.size:
        before = done
        why: Any = None
        try:
            answer = _ask(client, descriptor.digest, {"Range": f"bytes={done}-"} if done else {})
            if answer.status_code in BUSY:
                why = answer
            elif answer.status_code not in (200, 206):
                raise refused(client, answer)
            else:
                for chunk in _from(client, answer, done, descriptor):
                    done += len(chunk)
                    yield chunk
        except NETWORK_ERRORS as error:
            why = error
        if done < descriptor.size:
            fruitless = 0 if done - before >= LEAST_PROGRESS else fruitless + 1
            why = why or ConnectionError(f"cut off after {done} of {descriptor.size} bytes")
            client.wait(fruitless, path, why)


def _ask(client: RegistryClient, digest: str, headers: Mapping[str, str]) -> requests.Response:
    return client.once("GET", client.url(f"blobs/{digest}"), headers, stream=True)


def _from(client: RegistryClient, answer: requests.Response, start: int, descriptor: Descriptor) -> Iterator[bytes]:
    """The bytes from `start` on, of an answer to a request for them."""
    # A server that knows no ranges answers 200 and starts anew.
    position = start if answer.status_code == 206 else 0
    with _Stream(answer) as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            fresh = chunk[max(0, start - position) :]
            position += len(chunk)
            if position > descriptor.size:
                raise ModelkilnError(
                    f"{client.repository}: blob {descriptor.digest} is larger than the {descriptor.size} bytes its "
                    "manifest states. Refused."
                )
            if fresh:
                yield fresh


class _Stream:
    """An answer's bytes as a file that is read once; raises one of NETWORK_ERRORS."""

    def __init__(self, answer: requests.Response) -> None:
        self._answer = answer
        self.status, self.headers = answer.status_code, answer.headers

    def __enter__(self) -> "_Stream":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; b"" at the end, or where the line was cut."""
        try:
            return self._answer.raw.read(size if size >= 0 else None, decode_content=False)
        except urllib3.exceptions.HTTPError as error:
            cause = root_cause(error)
            raise (cause if isinstance(cause, OSError) else ConnectionError(str(cause))) from None

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` as far as there are bytes; 0 at the end."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Hang up."""
        self._answer.close()
