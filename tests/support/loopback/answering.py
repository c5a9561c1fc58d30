"""Servers on loopback whose every answer a test gives as a function, whole or byte by byte."""

import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

__all__ = ["Answering", "Dripping", "answering", "dripping"]


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


class Dripping:
    """host: with its port. asked: the head of each request (bytes), in order. ended: set when the test is over."""

    def __init__(self, host):
        self.host, self.asked, self.ended = host, [], threading.Event()

    def drip(self, connection, data=b"x", every=0.02):
        """Send `data` again and again, until the client has left or the test is over."""
        while not self.ended.wait(every):
            connection.sendall(data)


@contextmanager
def dripping(answer):
    """Run a Dripping; answer(server, connection, number): writes the answer to the request of that number, from 0.

    Each connection is closed after its first answer.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    server = Dripping(f"127.0.0.1:{listener.getsockname()[1]}")
    threads, connections = [], []

    def serve(connection):
        with connection, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(1 << 16)
                if not piece:
                    return
                head += piece
            server.asked.append(head)
            answer(server, connection, len(server.asked) - 1)

    def accept():
        with suppress(OSError):  # The listener is closed in the end.
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        for one in (listener, *connections):  # So that no thread waits for a client.
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        listener.close()
        for one in (thread, *threads):
            one.join()
