"""A server on loopback that a test lets write to its connections byte by byte."""

import socket
import threading
from contextlib import contextmanager, suppress

__all__ = ["Dripping", "dripping"]


class Dripping:
    """host: with its port. asked: the head of each request (bytes), in order. ended: set when the test is over."""

    def __init__(self, host):
        self.host, self.asked, self.ended = host, [], threading.Event()

    def drip(self, connection, data=b"x", every=0.005):
        """Send `data` again and again, until the client has left or the test is over."""
        while not self.ended.wait(every):
            connection.sendall(data)


@contextmanager
def dripping(answer):
    """Run one; answer(server, connection, number): writes the answer to the request of that number, from 0.

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
        for one in (listener, *connections):  # Whoever waits for a client goes on.
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        listener.close()
        for one in (thread, *threads):
            one.join()
