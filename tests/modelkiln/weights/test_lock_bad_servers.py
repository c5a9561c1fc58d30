"""A lock from a real server that fails: nothing half-written, and a second try goes on where the first ended."""

import random

import pytest
from locking import Locking
from loopback.registries import served
from loopback.webs import WebFile, web

from modelkiln.network import http_file
from modelkiln.store.cleaning import list_blobs

MIB = 1 << 20
CONTENT = random.Random(21).randbytes(6 * MIB)


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    """The waits between attempts are short."""
    monkeypatch.setattr(http_file, "_WAITS", (0.0,) * 4)
    monkeypatch.setattr("modelkiln.network.http.RETRY_WAITS", (0.0,) * 2)
    monkeypatch.setattr("modelkiln.sources.transfer.RETRY_WAITS", (0.0,) * 2)


@pytest.fixture
def lock(tmp_path):
    return Locking(tmp_path)


def source_at(address):
    return f"http://{address}/m/model.bin"


def fail(file, lock, capsys, address, message):
    """A first try that fails and leaves neither lock nor blob."""
    lock.refuse(capsys, source_at(address), message)
    assert [] == list(list_blobs(lock.store))
    file.statuses, file.cuts, file.redirect = [], [], ""
    del file.asked[:]


def test_a_server_that_fails_in_the_middle_is_gone_on_with(lock, capsys):
    """5xx after half of the file: the second try asks for the other half alone."""
    file, count = WebFile(CONTENT), []

    def answer(handler):
        # The listing and the first half come; what is asked for afterwards fails, until the second try.
        count.append(1)
        file.statuses = [(503, {})] if sum(count) > 2 else []
        file.answer(handler)

    with served(answer) as address:
        file.cuts = [1, 3 * MIB]
        fail(file, lock, capsys, address, "503")
        count.clear()
        count.append(-(10**6))
        assert 0 == lock(source_at(address))
    lock.check(**{"model.bin": CONTENT})
    assert any((headers.get("Range") or "").startswith(f"bytes={3 * MIB}-") for headers in file.asked)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda file, address: setattr(file, "redirect", f"http://{address}/m/model.bin"), "redirects lead nowhere"),
        (lambda file, address: file.statuses.extend([(503, {})] * 30), "503"),
        (lambda file, address: setattr(file, "headers", {"Content-Length": str(len(CONTENT) + 5)}), "model.bin"),
    ],
)
def test_a_second_try_works_when_the_server_does(lock, capsys, break_it, message):
    """A redirect loop, an outage, and fewer bytes than were declared, each with an error and no trace."""
    file = WebFile(CONTENT)
    with web(file) as address:
        break_it(file, address)
        fail(file, lock, capsys, address, message)
        file.headers = {}
        assert 0 == lock(source_at(address))
    lock.check(**{"model.bin": CONTENT})
