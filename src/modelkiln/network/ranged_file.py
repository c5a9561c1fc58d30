"""A file behind a URL of which only some parts are read, such as the directory of a zip file."""

import io
import urllib.parse
import urllib.request
from typing import Any, Mapping

from modelkiln.network.http import open_url
from modelkiln.network.http_file import total_size

__all__ = ["open_ranged"]

# Bytes that are asked for at once: the directories of most zip files, at once.
_PIECE = 1 << 16


def open_ranged(url: str, env: Mapping[str, str]) -> io.BufferedReader:
    """Open `url` (http, https or file) as a stream that can seek, and reads what it is asked for.

    Raises OSError or one of NETWORK_ERRORS, also for a server that gives files as a whole alone.
    """
    if urllib.parse.urlsplit(url).scheme == "file":
        return open(urllib.request.url2pathname(urllib.parse.urlsplit(url).path), "rb")  # noqa: SIM115
    return io.BufferedReader(_RangedFile(url, env), _PIECE)


class _RangedFile(io.RawIOBase):
    def __init__(self, url: str, env: Mapping[str, str]) -> None:
        super().__init__()
        self._url, self._env = url, env
        self._position = 0
        with self._ask("bytes=0-0") as response:
            size = total_size(response) if response.status == 206 else None
        if size is None:
            raise OSError(f"{url}: its server gives no parts of it")
        self._size = size

    def _ask(self, span: str) -> Any:
        return open_url(self._url, self._env, {"Range": span})

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it can seek: yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is asked for."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` from the server; 0 at the end."""
        view = memoryview(buffer).cast("B")
        end = min(self._position + len(view), self._size)
        if end <= self._position:
            return 0
        with self._ask(f"bytes={self._position}-{end - 1}") as response:
            data = response.read(end - self._position) if response.status == 206 else b""
        if len(data) != end - self._position:
            raise OSError(f"{self._url}: its server gave {len(data)} bytes of {end - self._position}")
        view[: len(data)] = data
        self._position = end
        return len(data)
