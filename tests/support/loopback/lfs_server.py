"""A Git LFS server on loopback: the batch API (docs/api/batch.md of Git LFS) over a dict of objects."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["LfsServer", "lfs_server"]


class LfsServer:
    """objects: sha256 -> bytes. login: "user:password" that it wants, or "". asked: method, path,
    Range and Authorization of each request. cuts: bytes after which downloads break off, in turn."""

    def __init__(self):
        self.objects, self.login, self.asked, self.cuts, self.address = {}, "", [], [], ""

    def add(self, data):
        """Keep an object and return its sha256."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.objects[sha256] = data
        return sha256

    def answer(self, handler):
        """Answer any request."""
        login = handler.headers.get("Authorization")
        self.asked.append((handler.command, handler.path, handler.headers.get("Range"), login))
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if self.login and login != "Basic " + base64.b64encode(self.login.encode()).decode():
            return _send(handler, 401, b"{}", {"LFS-Authenticate": 'Basic realm="Git LFS"'})
        sha256 = handler.path.rpartition("/")[2]
        if handler.command == "PUT":
            self.objects[sha256] = body
            return _send(handler, 200, b"", {})
        if handler.command == "GET":
            data = self.objects[sha256]
            first = int((handler.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
            headers = {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"} if first else {}
            cut = self.cuts.pop(0) if self.cuts else None
            return _send(handler, 206 if first else 200, data[first:], headers, cut)
        if not handler.path.endswith("/objects/batch"):
            return _send(handler, 404, b"{}", {})
        question = json.loads(body)
        answers = [self._object(one, question["operation"]) for one in question["objects"]]
        text = json.dumps({"transfer": "basic", "objects": answers, "hash_algo": "sha256"}).encode()
        _send(handler, 200, text, {"Content-Type": "application/vnd.git-lfs+json"})

    def _object(self, one, operation):
        action = {operation: {"href": f"http://{self.address}/storage/{one['oid']}"}}
        if operation == "download" and one["oid"] not in self.objects:
            return {**one, "error": {"code": 404, "message": "Object does not exist"}}
        return {**one, "actions": action} if operation == "download" or one["oid"] not in self.objects else one


def _send(handler, status, body, headers, cut=None):
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body[:cut])
    handler.close_connection = True


@contextmanager
def lfs_server():
    """Run a server; yields it, with `address` (host and port)."""
    found = LfsServer()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def _answer(self):
            found.answer(self)

        do_GET = do_POST = do_PUT = _answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    found.address = f"127.0.0.1:{server.server_address[1]}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
