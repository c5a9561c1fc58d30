"""A server of files on loopback that knows ranges, and misbehaves on request."""

import re
import time
from contextlib import contextmanager

from loopback.registries import served

__all__ = ["FileServer", "file_server"]


class FileServer:
    """files: bytes by path ("/x"). asked: (path, Range header or None) of every request.

    ranges: whether it knows them. cuts: after how many bytes of the body the next answers break.
    statuses: the next answers' status codes instead of the file. loop: whether every answer is a
    redirect to itself. delay: seconds before each 64 KiB. pause: called there, instead. headers: of the last request.
    """

    def __init__(self, files):
        self.files, self.asked, self.url, self.headers = files, [], "", {}
        self.ranges, self.cuts, self.statuses, self.loop, self.delay = True, [], [], False, 0.0
        self.pause = lambda: time.sleep(self.delay)

    def answer(self, handler):
        """Answer one GET."""
        path, asked = handler.path.partition("?")[0], handler.headers.get("Range")
        self.asked.append((path, asked))
        self.headers = dict(handler.headers)
        if self.statuses or self.loop or path not in self.files:
            status = 302 if self.loop else self.statuses.pop(0) if self.statuses else 404
            handler.send_response(status)
            handler.send_header("Location", handler.path)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        data = self.files[path]
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked or "") if self.ranges else None
        start, end = (int(match[1]), min(int(match[2] or len(data)) + 1, len(data))) if match else (0, len(data))
        handler.send_response(206 if match else 200)
        if match:
            handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        handler.send_header("Content-Length", str(end - start))
        handler.end_headers()
        self._send(handler, data[start:end])

    def _send(self, handler, body):
        cut = self.cuts.pop(0) if self.cuts else len(body)
        handler.close_connection = True
        try:
            for position in range(0, min(cut, len(body)), 1 << 16):
                self.pause()
                handler.wfile.write(body[position : min(position + (1 << 16), cut)])
        except OSError:
            pass  # The client has left.


@contextmanager
def file_server(files):
    """Serve `files` (bytes by path); yields the FileServer, whose `url` is its address."""
    server = FileServer(files)
    with served(server.answer) as address:
        server.url = f"http://{address}"
        yield server
