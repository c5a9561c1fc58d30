"""A package that fetches its weights waits as a server asks, and keeps its login to itself."""

import pytest
from loopback.answering import answering

from modelkiln.runtime.weights import oci
from modelkiln.runtime.weights.http import open_url
from modelkiln.runtime.weights.pieces import retried


def test_a_busy_server_is_waited_for_as_it_asks(capsys):
    """With a line that says so, without what stands in the URL."""
    with answering() as server:
        server.answer = lambda *_: (200, {}, b"x") if len(server.seen) > 1 else (429, {"Retry-After": "1"}, b"")
        with retried(lambda: open_url(f"{server.url}/x?token=t", {}), lambda: 0) as response:
            assert b"x" == response.read()
    assert "HTTP 429 Too Many Requests; trying again in 1 s\n" == capsys.readouterr().err


def test_another_server_cannot_ask_for_a_registry_s_login(monkeypatch):
    """A registry redirects to a place that answers 401 with a challenge of its own: no login is sent there."""
    with answering() as registry, answering() as other:
        challenge = {"WWW-Authenticate": f'Bearer realm="{other.url}/token"'}
        other.answer = lambda *_: (401, challenge, b"")
        registry.answer = lambda *_: (307, {"Location": f"{other.url}/bytes"}, b"")
        monkeypatch.setattr(oci, "_plain", {registry.host})
        with pytest.raises(oci.urllib.error.HTTPError, match="401"):
            oci.open_blob(f"{registry.host}/x@sha256:{'0' * 64}", 0, 1, 1)
        assert ["/bytes"] == [one.path for one in other.seen]
