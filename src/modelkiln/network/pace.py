"""How slow a server may be: a connection that stands is cut by its time-out, one that drips by a least rate.

For every answer that the engine reads, through urllib or through requests: both have it from `http.client`.
"""

import functools
import http.client
import io
import time
from typing import Any

__all__ = ["LEAST_PROGRESS", "LEAST_RATE", "PacedHandler", "PacedResponse", "TooSlow", "paced"]

# Bytes a second. Several connections may share a line: one of 56 kbit/s brings this to each of six.
LEAST_RATE = 1000
# Of waiting for a server that has begun to answer: until then it may work on the answer, as long as its time-out is.
WINDOW_SECONDS = 60.0
# An attempt that brings less is as good as none: else a server that is cut off again and again is asked for ever.
LEAST_PROGRESS = int(LEAST_RATE * WINDOW_SECONDS)


class TooSlow(ConnectionError):
    """A server has brought less than the least rate for a while."""


class PacedResponse(http.client.HTTPResponse):
    """An answer that raises TooSlow, from its status line to its last byte, when a server drips."""

    def __init__(self, sock: Any, *arguments: Any, **settings: Any) -> None:
        super().__init__(sock, *arguments, **settings)
        stream: Any = self.fp
        self._pace = _Paced(stream.detach())
        self.fp = io.BufferedReader(self._pace)

    def begin(self) -> None:
        """Read the head, which has to be here within the time of one window."""
        super().begin()
        self._pace.is_head = False


class _Paced(io.RawIOBase):
    """What arrives at a socket. Counted is the time that is spent here, not that of a reader who is slow himself."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream, self.is_head = stream, True
        self._size, self._waited, self._has_begun = 0, 0.0, False

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def readinto(self, buffer: Any) -> int:
        started = time.monotonic()
        count = self._stream.readinto(buffer) or 0
        if self._has_begun:
            self._count(count, time.monotonic() - started)
        self._has_begun = True
        return count

    def _count(self, size: int, seconds: float) -> None:
        self._size += size
        self._waited += seconds
        if self._waited < WINDOW_SECONDS:
            return
        if self.is_head or self._size < LEAST_RATE * self._waited:
            raise TooSlow(f"the server sends less than {LEAST_RATE} bytes a second, which is not waited for")
        self._size, self._waited = 0, 0.0

    def close(self) -> None:
        self._stream.close()
        super().close()


@functools.cache
def paced(connection: type) -> Any:
    """Return a subclass of a class of `http.client`'s connections whose answers are paced."""
    return type(connection.__name__, (connection,), {"response_class": PacedResponse})


class PacedHandler:
    """For one of urllib's handlers of http: its connections give paced answers."""

    def do_open(self, http_class: Any, req: Any, **settings: Any) -> Any:
        """As `urllib.request.AbstractHTTPHandler`."""
        handler: Any = super()
        return handler.do_open(paced(http_class), req, **settings)
