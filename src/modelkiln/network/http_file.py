"""A file behind a URL as a stream that survives cuts and never mixes two versions."""

import hashlib
import http.client
import io
import re
import urllib.error
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional

from modelkiln.digest import CHUNK
from modelkiln.errors import ModelkilnError
from modelkiln.network.http import NETWORK_ERRORS, http_status, is_final, seconds_asked, wait_to_retry
from modelkiln.network.pace import LEAST_PROGRESS
from modelkiln.network.proxies import ProxyFailed

__all__ = ["HttpFile", "ServedFile", "network_error", "total_size", "version_of"]

# Seconds to wait after one, two, ... failures in a row that brought next to nothing. A server that restarts
# or sheds load (RFC 9110: 503; RFC 6585: 429) is back within them; a wrong address costs them once.
_WAITS = (0.3, 1.0, 2.0, 4.0)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")

Headers = Mapping[str, str]


def version_of(headers: Any) -> str:
    """Return what names the bytes of an answer: a strong ETag, else Last-Modified, else "".

    A weak ETag (`W/...`) names a meaning and not bytes (RFC 9110, section 8.8.1).
    """
    etag = headers.get("ETag", "").strip()
    return etag if etag.startswith('"') else headers.get("Last-Modified", "").strip()


def total_size(response: Any) -> Optional[int]:
    """Return the bytes of the whole file that `response` (200 or 206) declares, None when it does not."""
    if response.status == 206:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        return int(match.group(2)) if match and match.group(2) != "*" else None
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def network_error(where: str, error: BaseException, login: str) -> ModelkilnError:
    """Return the error to show to the user for a network's or a server's `error`; login: how to log in."""
    status = http_status(error)
    remedy = "Check the network, and the machine's proxy settings."
    if status in (401, 403):
        remedy = login
    elif status in (404, 410):
        remedy = "It was moved or deleted; correct the source, and run `pants lock`."
    elif status is not None and 300 <= status < 400:
        remedy = "The server's redirects lead nowhere; correct the source."
    elif status is not None and status >= 500:
        remedy = "The server fails; try again later. What was fetched is kept."
    text = str(error)
    if isinstance(error, ProxyFailed):
        remedy = error.proxy.remedy
    elif isinstance(error, urllib.error.URLError) and status is None:  # Its own text is "<urlopen error ...>".
        text = getattr(error.reason, "strerror", None) or str(error.reason)
    said = " ".join(text.split()).rstrip(".")  # urllib's text on redirect loops has several lines.
    return ModelkilnError(f"{where}: {said}. {remedy}")


@dataclass(frozen=True)
class ServedFile:
    """What is known of a file before it is read.

    login: how to log in where that is asked for. size: of the whole file, where it is known; another
    one is an error. version: see `version_of`; bytes of another one are refused. is_immutable: the
    address names these bytes for ever (a digest, a commit), or the caller compares their sha256 in the
    end; without that and without a version, a resumed read starts anew and compares what was passed on
    already. has_versions: whether the server's ETags mean anything.
    """

    login: str
    size: Optional[int] = None
    version: str = ""
    is_immutable: bool = False
    has_versions: bool = True


class HttpFile(io.RawIOBase):
    """The bytes of a file from `offset` up to `stop`; after a cut it goes on where it was.

    request: opens the file with the headers it is given. Errors are ModelkilnErrors that begin with `where`.
    """

    def __init__(
        self,
        request: Callable[[Headers], Any],
        where: str,
        file: ServedFile,
        offset: int = 0,
        stop: Optional[int] = None,
    ) -> None:
        super().__init__()
        self._request, self._where, self._login = request, where, file.login
        self._start = self._position = offset
        self._size, self._stop = file.size, file.size if stop is None else stop
        self._version, self._is_immutable = file.version, file.is_immutable
        self._is_free_of_version = not file.version and (file.is_immutable or not file.has_versions)
        self._passed = hashlib.sha256()
        self._failures = self._progress = 0
        self._response: Any = None
        self._total: Optional[int] = None
        if self._stop is None or self._position < self._stop:
            self._attempt(self._connect)

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def readinto(self, buffer) -> int:
        """Fill `buffer`; 0 at the end."""
        view = memoryview(buffer).cast("B")
        if self._stop is not None:
            view = view[: max(0, self._stop - self._position)]
        if not len(view):
            self._check_end()
            return 0
        return self._attempt(lambda: self._read(view))

    def close(self) -> None:
        """Close the connection."""
        self._drop()
        super().close()

    def _attempt(self, action: Callable[[], Any]) -> Any:
        """`action()`, again and again while the network fails and there is hope."""
        while True:
            try:
                return action()
            except NETWORK_ERRORS as error:
                self._drop()
                self._progress = 0
                if is_final(error) or self._failures == len(_WAITS):
                    raise self._to_error(error) from error
                wait = max(_WAITS[self._failures], seconds_asked(error))
                wait_to_retry(wait, self._where, " ".join(str(error).split()))
                self._failures += 1

    def _read(self, view: memoryview) -> int:
        if self._response is None:
            self._connect()
        count = self._response.readinto(view)
        if count:
            self._position += count
            self._progress += count
            if self._progress >= LEAST_PROGRESS:
                self._failures = 0
            if not self._is_immutable:
                self._passed.update(view[:count])
            return count
        end = self._stop if self._stop is not None else self._total
        if end is not None and self._position < end:
            if self._total is None:
                raise self._wrong_size(self._position)
            raise ConnectionError(f"cut off after {self._position} of {end} bytes")
        return 0

    def _check_end(self) -> None:
        """A server that sends no length may have more than the file's size: that is another file."""
        if self._response is None or self._total is not None or self._stop != self._size:
            return
        if self._attempt(lambda: self._response.read(1) if self._response is not None else b""):
            raise self._wrong_size(self._position + 1)

    def _connect(self) -> None:
        again = self._position > self._start
        # Without anything that names the bytes, they are read once more and compared.
        compare = again and not self._version and not self._is_immutable
        begin = self._start if compare else self._position
        headers = {}
        if begin or self._stop != self._size:
            last = "" if self._stop is None or self._stop == self._size else str(self._stop - 1)
            headers["Range"] = f"bytes={begin}-{last}"
            if self._version:
                headers["If-Range"] = self._version
        self._response = self._request(headers)
        self._check_answer(begin)
        skip = 0 if self._response.status == 206 else begin
        _discard(self._response, skip)
        if compare:
            hasher = hashlib.sha256()
            _discard(self._response, self._position - begin, hasher.update)
            if hasher.digest() != self._passed.digest():
                raise self._changed("other bytes")

    def _check_answer(self, begin: int) -> None:
        response = self._response
        found = version_of(response.headers)
        if self._version and found != self._version:
            raise self._changed(found or "no version")
        if not self._version and not self._is_free_of_version:
            self._version = found
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise ModelkilnError(
                f"{self._where}: the server sends it encoded ({response.headers['Content-Encoding']}), which is "
                "not the file. Have it served as it is."
            )
        if response.status == 206:
            match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if not match or int(match.group(1)) != begin:
                raise ModelkilnError(
                    f"{self._where}: the server was asked for bytes from {begin} on and sends "
                    f"{response.headers.get('Content-Range')!r}. It is broken; use another one."
                )
        self._total = total_size(response)
        if self._total is not None and self._size not in (None, self._total):
            raise self._wrong_size(self._total)

    def _changed(self, found: str) -> ModelkilnError:
        return ModelkilnError(
            f"{self._where}: has changed: the server has {found}, want {self._version or 'what was read before'}. "
            "Run `pants lock` to take the new one."
        )

    def _wrong_size(self, found: int) -> ModelkilnError:
        return ModelkilnError(
            f"{self._where}: the server has {found} bytes or more, want {self._size}. It changed, or is "
            "served in part; run `pants lock` to take it as it is."
        )

    def _to_error(self, error: BaseException) -> ModelkilnError:
        if http_status(error) == 412:
            return self._changed("another version")
        return network_error(self._where, error, self._login)

    def _drop(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None


def _discard(response: Any, count: int, see: Callable[[bytes], Any] = lambda data: None) -> None:
    while count:
        data = response.read(min(count, CHUNK))
        if not data:
            raise http.client.IncompleteRead(b"", count)
        see(data)
        count -= len(data)
