"""A registry that drips keeps nobody for ever: neither with a document, nor with a blob."""

import re
import socket
import struct
import threading

import pytest
from loopback.answering import dripping

from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.digest import CHUNK
from modelkiln.errors import ModelkilnError
from modelkiln.network import pace
from modelkiln.registry.blobs import blob_chunks

DIGEST = "sha256:" + "0" * 64


@pytest.fixture(autouse=True)
def _short_window(monkeypatch):
    """Nobody waits long for a server that is made to drip."""
    monkeypatch.setattr(pace, "WINDOW_SECONDS", 0.05)


def drip(server, connection, number):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    server.drip(connection)


def drip_headers(server, connection, number):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    server.drip(connection)


@pytest.mark.parametrize("answer", [drip, drip_headers])
def test_a_manifest_that_drips_is_given_up(client_of, answer):
    """After as many attempts as any failure gets, with what was wrong."""
    lines = []
    with dripping(answer) as server:
        client = client_of(server.host, report=lines.append)
        with pytest.raises(ModelkilnError, match="less than 1000 bytes a second"):
            client.find_manifest("1")
    assert len(server.asked) == 5


def test_a_blob_that_drips_is_given_up(client_of):
    """A few bytes with each connection are no progress."""
    with dripping(drip) as server:
        client = client_of(server.host)
        with pytest.raises(ModelkilnError, match="less than 1000 bytes a second"):
            list(blob_chunks(client, Descriptor(LAYER, DIGEST, 100_000)))
    assert len(server.asked) == 4


def test_a_blob_whose_line_is_reset_is_taken_up_again(client_of):
    """A connection that is reset in the middle of a blob is as good as one that is cut."""
    content = bytes(range(256)) * (4 * CHUNK // 256)

    def reset(server, connection, number):
        found = re.search(rb"Range: bytes=(\d+)-", server.asked[number])
        start = int(found[1]) if found else 0
        connection.sendall(
            b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n" % (206 if start else 200, len(content) - start)
        )
        connection.sendall(content[start:] if number else content[: 2 * CHUNK])
        if not number:
            server.received.wait()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with dripping(reset) as server:
        server.received = threading.Event()
        found = b""
        for chunk in blob_chunks(client_of(server.host), Descriptor(LAYER, DIGEST, len(content))):
            found += chunk
            server.received.set()
    assert found == content
    assert len(server.asked) == 2
