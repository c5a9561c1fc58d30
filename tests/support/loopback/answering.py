"""A server on loopback whose every answer a test gives as a function."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

__all__ = ["Answering", "answering"]


class Answering:
    """answer(method, path, headers, body) -> (status, headers, bytes), with header names in lower case
    when asked; a list of pairs sends a header twice. seen: the requests, in order."""

    def __init__(self, answer=None):
        self.answer, self.seen, self.host = answer, [], ""

    @property
    def url(self):
        """The server's address."""
        return f"http://{self.host}"

    def logins(self, part):
        """The Authorization headers ("" for none) of the requests whose path holds `part`."""
        return [one.headers.get("authorization", "") for one in self.seen if part in one.path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        stub = self.server.answering
        stub.seen.append(SimpleNamespace(method=self.command, path=self.path, headers=headers, body=body))
        status, more, data = stub.answer(self.command, self.path, headers, body)
        pairs = list(more.items()) if isinstance(more, dict) else list(more)
        if not any(name == "Content-Length" for name, _ in pairs):
            pairs.append(("Content-Length", str(len(data))))
        self.send_response(status)
        for name, value in pairs:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = serve


@contextmanager
def answering(answer=None):
    """Run one; yields the Answering, whose `answer` may be set later."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.answering = Answering(answer)
    server.answering.host = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.answering
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
