"""Files behind servers of which only some parts are read, such as the directory of a zip file."""

import io
import urllib.parse
import urllib.request
from typing import BinaryIO, Callable, Mapping

from modelkiln.network.http import open_url
from modelkiln.network.http_file import total_size

__all__ = ["RangeReader", "open_ranged"]

# Bytes that are asked for at once: the directories of most zip files, at once.
_PIECE = 1 << 16


def open_ranged(url: str, env: Mapping[str, str]) -> io.BufferedReader:
    """Open `url` (http, https or file) as a stream that can seek, and reads what it is asked for.

    Raises OSError or one of NETWORK_ERRORS, also for a server that gives files as a whole alone.
    """
    if urllib.parse.urlsplit(url).scheme == "file":
        return open(urllib.request.url2pathname(urllib.parse.urlsplit(url).path), "rb")  # noqa: SIM115

    def open_range(start: int, stop: int) -> BinaryIO:
        with open_url(url, env, {"Range": f"bytes={start}-{stop - 1}"}) as response:
            data = response.read(stop - start) if response.status == 206 else b""
        if len(data) != stop - start:
            raise OSError(f"{url}: its server gave {len(data)} bytes of {stop - start}")
        return io.BytesIO(data)

    with open_url(url, env, {"Range": "bytes=0-0"}) as response:
        size = total_size(response) if response.status == 206 else None
    if size is None:
        raise OSError(f"{url}: its server gives no parts of it")
    return io.BufferedReader(RangeReader(open_range, size), _PIECE)


class RangeReader(io.RawIOBase):
    """A seekable stream over what `open_range(start, stop)` opens, of `size` bytes."""

    def __init__(self, open_range: Callable[[int, int], BinaryIO], size: int) -> None:
        super().__init__()
        self._open_range, self._size, self._position = open_range, size, 0

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it can seek: yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, as files do, and return the new position."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer) -> int:
        """Fill `buffer` with one range; 0 at the end."""
        stop = min(self._position + len(buffer), self._size)
        if stop <= self._position:
            return 0
        with self._open_range(self._position, stop) as stream:
            data = stream.read()
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
