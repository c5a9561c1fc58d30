"""Servers that drip are left; those that are slow to begin, and readers that are slow, are not held against anybody."""

import io
import time

import pytest
from loopback.answering import dripping

from modelkiln.errors import ModelkilnError
from modelkiln.network import http, http_file, pace
from modelkiln.network.http import open_url, with_retries
from modelkiln.network.http_file import HttpFile, ServedFile
from modelkiln.network.pace import LEAST_PROGRESS, TooSlow

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
SMALL, LARGE = 1_000, 200_000


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """Nobody waits long for a server that is made to drip."""
    monkeypatch.setattr(pace, "WINDOW_SECONDS", 0.05)
    monkeypatch.setattr(http, "RETRY_WAITS", (0.0, 0.0))
    monkeypatch.setattr(http_file, "_WAITS", (0.0,) * 4)


def in_the_body(server, connection, number):
    connection.sendall(ANSWER % LARGE)
    server.drip(connection)


def in_chunks(server, connection, number):
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    server.drip(connection, b"1\r\nx\r\n")


def in_the_status_line(server, connection, number):
    connection.sendall(b"HTTP/1.1 200 ")
    server.drip(connection)


def in_the_headers(server, connection, number):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    server.drip(connection)


def before_the_answer(server, connection, number):
    server.drip(connection, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


@pytest.mark.parametrize(
    "answer",
    [in_the_body, in_chunks, in_the_status_line, in_the_headers, before_the_answer],
    ids=lambda one: one.__name__,
)
def test_an_answer_that_drips_is_given_up(answer):
    """Wherever in its answer a server begins to drip, every attempt ends, and the last one is an error."""
    with dripping(answer) as server, pytest.raises(TooSlow, match="less than 1000 bytes a second"):
        with_retries(lambda: read(server))
    assert len(server.asked) == 3


def read(server):
    with open_url(f"http://{server.host}/x", {}) as response:
        return response.read()


def test_who_is_slow_to_begin_has_time():
    """A server may work on its answer for longer than a window: its first byte is waited for by the time-out."""

    def begin_late(server, connection, number):
        server.ended.wait(4 * pace.WINDOW_SECONDS)
        connection.sendall(ANSWER % SMALL + bytes(SMALL))

    with dripping(begin_late) as server:
        assert read(server) == bytes(SMALL)


def test_the_time_of_a_slow_reader_is_his_own():
    """Bytes that wait for a reader who is busy with others do not make their server a slow one."""

    def answer(server, connection, number):
        connection.sendall(ANSWER % LARGE + bytes(LARGE))

    with dripping(answer) as server, open_url(f"http://{server.host}/x", {}) as response:
        parts = []
        for _ in range(4):
            parts.append(response.read(LARGE // 4))
            time.sleep(2 * pace.WINDOW_SECONDS)
    assert b"".join(parts) == bytes(LARGE)


@pytest.mark.parametrize("answer", [in_the_body, "a byte, and cut"], ids=["drips", "is cut"])
def test_a_file_that_drips_is_given_up(answer):
    """Neither a drip nor a byte with each connection counts as progress: else a file is resumed for ever."""

    def a_byte(server, connection, number):
        part = f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {number}-{LARGE - 1}/{LARGE}\r\n"
        head = part.encode() if number else b"HTTP/1.1 200 OK\r\n"
        connection.sendall(head + b"Content-Length: %d\r\n\r\nx" % (LARGE - number))

    def request(headers):
        return open_url(f"http://{server.host}/x", {}, headers)

    drips = a_byte if isinstance(answer, str) else answer
    with dripping(drips) as server, pytest.raises(ModelkilnError, match="^big.bin: "):
        io.BufferedReader(HttpFile(request, "big.bin", ServedFile("", LARGE, is_immutable=True))).read()
    assert len(server.asked) == 5


def test_a_file_that_is_cut_after_much_is_taken_up_again():
    """As often as it has to, where each connection brings enough."""
    content = bytes(range(256)) * (8 * LEAST_PROGRESS // 256)

    def much(server, connection, number):
        start = number * LEAST_PROGRESS
        part = f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{len(content) - 1}/{len(content)}\r\n"
        head = part.encode() if number else b"HTTP/1.1 200 OK\r\n"
        head += b"Content-Length: %d\r\n\r\n" % (len(content) - start)
        connection.sendall(head + content[start : start + LEAST_PROGRESS])

    def request(headers):
        return open_url(f"http://{server.host}/x", {}, headers)

    with dripping(much) as server:
        file = HttpFile(request, "big.bin", ServedFile("", len(content), is_immutable=True))
        assert io.BufferedReader(file).read() == content
    assert len(server.asked) == 8
