"""A web server on loopback for one file, that misbehaves as it is set to."""

import email.utils
from contextlib import contextmanager

from loopback.registries import served

__all__ = ["WebFile", "web"]


class WebFile:
    """What the server serves, and how; tests change its fields between requests.

    content: the bytes. etag, modified: sent where not empty; modified is in seconds. cuts: after
    how many bytes of a body each answer breaks off, in turn. statuses: what the next requests are
    answered with instead. ranges: whether it knows them. headers: more to send. asked: the
    headers of each request so far.
    """

    def __init__(self, content, etag='"one"', modified=0):
        self.content, self.etag, self.modified = content, etag, modified
        self.cuts, self.statuses, self.asked, self.headers = [], [], [], {}
        self.ranges, self.length, self.redirect = True, True, ""

    def answer(self, handler):
        """Answer one GET."""
        self.asked.append(dict(handler.headers.items()))
        handler.close_connection = True
        if self.statuses:
            status, headers = self.statuses.pop(0)
            return self._send(handler, status, headers, b"")
        if self.redirect:
            return self._send(handler, 302, {"Location": self.redirect}, b"")
        headers = {"Content-Type": "application/octet-stream", **self.headers}
        if self.etag:
            headers["ETag"] = self.etag
        if self.modified:
            headers["Last-Modified"] = email.utils.formatdate(self.modified, usegmt=True)
        status, body = 200, self.content
        wanted = handler.headers.get("Range", "")
        if (
            self.ranges
            and wanted
            and handler.headers.get("If-Range", self.etag) in (self.etag, headers.get("Last-Modified"))
        ):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            last = min(int(last) + 1 if last else len(body), len(body))
            headers["Content-Range"] = f"bytes {first}-{last - 1}/{len(body)}"
            status, body = 206, body[int(first) : last]
        if self.length:
            headers.setdefault("Content-Length", str(len(body)))
        cut = self.cuts.pop(0) if self.cuts else len(body)
        self._send(handler, status, headers, body[:cut])

    def _send(self, handler, status, headers, body):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def web(file):
    """Serve a WebFile below any path; yields the server's host and port."""
    with served(file.answer) as address:
        yield address
