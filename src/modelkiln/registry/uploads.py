"""Blobs into a registry: what it has is left alone, the rest is mounted or streamed.

OCI distribution-spec 1.1, "Pushing Blobs". A blob is sent in one PUT. When the line is cut the
registry is asked how much it has, and the rest is sent (PATCH with a Content-Range); a registry
that has forgotten gets the blob from its beginning. docker-registry 2.8 forgets an upload whose
request was cut, others keep it.
"""

import hashlib
import re
import urllib.parse
from contextlib import suppress
from typing import Callable, Iterator, Sequence

from modelkiln.descriptor import Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.network.connections import Answer
from modelkiln.network.http import NETWORK_ERRORS
from modelkiln.registry.session import RegistrySession

__all__ = ["Chunks", "has_blob", "upload_blob"]

# Gives a blob's bytes from its beginning, each time it is called.
Chunks = Callable[[], Iterator[bytes]]

_OCTETS = {"Content-Type": "application/octet-stream"}


def has_blob(session: RegistrySession, descriptor: Descriptor) -> bool:
    """Whether the repository has the blob; raises ModelkilnError for an answer that cannot be true."""
    path = f"blobs/{descriptor.digest}"
    answer = session.request("HEAD", path, follow=True)
    if answer.status == 404:
        return False
    if answer.status != 200:
        raise session.error(path, answer)
    session.check_kind(path, answer)
    told = answer.headers.get("docker-content-digest", descriptor.digest)
    length = answer.headers.get("content-length")
    if told != descriptor.digest or (length is not None and length != str(descriptor.size)):
        raise ModelkilnError(
            f"{session.repository}: the registry says of blob {descriptor.digest} ({descriptor.size} bytes) that "
            f"it is {told} with {length} bytes. It, or a proxy before it, is broken or lies."
        )
    # Without a length the answer says nothing that only a registry with the blob could say.
    return length is not None


def upload_blob(
    session: RegistrySession,
    descriptor: Descriptor,
    chunks: Chunks,
    mount_from: Sequence[str] = (),
    tell: Callable[[int], None] = lambda position: None,
) -> str:
    """Put a blob into the repository; returns "mounted" or "uploaded".

    mount_from: repositories of the same registry that may have it. tell: is told how many bytes
    have been sent, of which a cut may take some back. Every byte is checked on its way: the last
    one leaves only when digest and size are those of the descriptor, else ModelkilnError.
    """
    for name in mount_from:
        if _mount(session, descriptor, name):
            return "mounted"
    upload = _Upload(session, descriptor, chunks, tell)
    try:
        upload.run()
    except BaseException:
        upload.cancel()
        raise
    return "uploaded"


def _mount(session: RegistrySession, descriptor: Descriptor, name: str) -> bool:
    query = urllib.parse.urlencode({"mount": descriptor.digest, "from": name})
    answer = session.request("POST", f"blobs/uploads/?{query}")
    if answer.status == 202:  # It would rather have the bytes; that upload is not used.
        with suppress(ModelkilnError, *NETWORK_ERRORS):
            session.once("DELETE", session.location(answer, "blobs/uploads/"), {})
    # Anything else, a repository that we may not read among it, is no reason to stop.
    return answer.status == 201


class _Upload:
    def __init__(
        self, session: RegistrySession, descriptor: Descriptor, chunks: Chunks, tell: Callable[[int], None]
    ) -> None:
        self._session, self._descriptor, self._chunks, self._tell = session, descriptor, chunks, tell
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
                self._session.wait(fruitless, self._path, error)
                self._ask()
            else:
                if self._is_done(answer):
                    return
                if answer.status == 401 and logins < 3:
                    logins += 1  # A new token was asked for; the blob is sent again.
                elif answer.status in (404, 416) or self._session.is_passing(answer):
                    self._session.wait(fruitless, self._path, answer)
                else:
                    raise self._session.error(self._path, answer)
                self._ask()
            fruitless = fruitless + 1 if self._start <= before else 0

    def _begin(self) -> None:
        path = "blobs/uploads/"
        answer = self._session.request("POST", path, {"Content-Length": "0"})
        if answer.status != 202:
            raise self._session.error(path, self._session.check_kind(path, answer))
        self._location, self._start = self._session.location(answer, path), 0

    def _send(self) -> Answer:
        """Send what the registry lacks; the answer to what came last."""
        size = self._descriptor.size
        length = {**_OCTETS, "Content-Length": str(size - self._start)}
        if not self._start:
            return self._session.once("PUT", self._finish_url(), length, self._pieces())
        if self._start < size:
            part = {**length, "Content-Range": f"{self._start}-{size - 1}"}
            answer = self._session.once("PATCH", self._location, part, self._pieces())
            if answer.status not in (202, 204):
                return answer
            self._location, self._start = self._session.location(answer, self._path), size
        return self._session.once("PUT", self._finish_url(), {"Content-Length": "0"})

    def _finish_url(self) -> str:
        joint = "&" if "?" in self._location else "?"
        return f"{self._location}{joint}{urllib.parse.urlencode({'digest': self._descriptor.digest})}"

    def _is_done(self, answer: Answer) -> bool:
        if answer.status != 201:
            self._session.check_kind(self._path, answer)
            return False
        told = answer.headers.get("docker-content-digest", self._descriptor.digest)
        if told != self._descriptor.digest:
            raise ModelkilnError(
                f"{self._session.repository}: {self._path}: the registry says it took {told}. It is broken or lies."
            )
        return True

    def _ask(self) -> None:
        """Ask how much the registry has; when it does not tell, begin anew."""
        location, self._location, self._start = self._location, "", 0
        with suppress(ModelkilnError, *NETWORK_ERRORS):
            answer = self._session.once("GET", location, {})
            found = re.fullmatch(r"(?:bytes=)?0-(\d+)", answer.headers.get("range", ""))
            if answer.status in (200, 202, 204) and found:
                # "0-0" is told for one byte, and by docker-registry for none.
                kept = int(found[1]) + 1 if found[1] != "0" else 0
                if kept <= self._descriptor.size:
                    if "location" in answer.headers:
                        location = self._session.location(answer, self._path)
                    self._location, self._start = location, kept

    def _pieces(self) -> Iterator[bytes]:
        """The bytes from `_start` on; all are hashed, and the last piece is held back until they match."""
        hasher, position, held = hashlib.sha256(), 0, b""
        size, start = self._descriptor.size, self._start
        for chunk in self._chunks():
            if held:
                yield held
                self._tell(position)
            hasher.update(chunk)
            held = chunk[max(0, start - position) :]
            position += len(chunk)
            if position > size:
                break
        actual = "sha256:" + hasher.hexdigest()
        if position != size or actual != self._descriptor.digest:
            more = "more than " if position > size else ""
            raise ModelkilnError(
                f"blob {self._descriptor.digest}: got {more}{min(position, size)} bytes with {actual}, want {size} "
                "bytes. It is damaged or was changed since it was packaged; package the target again."
            )
        if held:
            yield held
            self._tell(position)

    def cancel(self) -> None:
        """Tell the registry to forget what was sent; best effort."""
        if self._location:
            with suppress(ModelkilnError, *NETWORK_ERRORS):
                self._session.once("DELETE", self._location, {})
