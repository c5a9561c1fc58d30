"""A login stays on the server that it is for; a redirect there does not lose it, and one elsewhere takes nothing."""

import json
from contextlib import ExitStack

import pytest
from loopback.answering import answering

from modelkiln.network import http as engine
from modelkiln.runtime.weights import http as runtime
from modelkiln.runtime.weights.http import origin


@pytest.fixture(params=["engine", "runtime"])
def open_url(request):
    """Both ways to open an address: open_url(url, headers, authorization)."""
    if request.param == "engine":
        return lambda url, headers, login: engine.open_url(url, {}, headers, login)
    return runtime.open_url


@pytest.fixture
def serve():
    """Starts servers whose answers a test gives."""
    with ExitStack() as stack:
        yield lambda answer=None: stack.enter_context(answering(answer))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_login_goes_along_on_its_server_alone(serve, open_url, status):
    """To another path it goes; to another port neither it does nor any header that may hold one."""
    first, other = serve(), serve(lambda *_: (200, {}, b"hello"))
    steps = {"/old": "/new", "/new": f"{other.url}/bytes"}
    first.answer = lambda method, path, headers, body: (status, {"Location": steps[path]}, b"")
    with open_url(f"{first.url}/old", {"Private-Token": "secret", "Range": "bytes=0-"}, "Bearer T") as response:
        assert b"hello" == response.read()
    assert ["Bearer T", "Bearer T"] == [one.headers["authorization"] for one in first.seen]
    assert ["secret", "secret"] == [one.headers["private-token"] for one in first.seen]
    (asked,) = other.seen
    assert {"authorization", "private-token"}.isdisjoint(asked.headers)
    assert ("bytes=0-", other.host) == (asked.headers["range"], asked.headers["host"])


def test_a_login_does_not_come_back(serve, open_url):
    """What another server redirects to the first one is asked for without the login."""
    first, other = serve(), serve()
    other.answer = lambda *_: (302, {"Location": f"{first.url}/back"}, b"")

    def answer(method, path, headers, body):
        return (200, {}, b"") if path == "/back" else (302, {"Location": f"{other.url}/there"}, b"")

    first.answer = answer
    with open_url(f"{first.url}/old", {}, "Bearer T"):
        assert [""] == first.logins("/back")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_what_is_posted_is_posted_again(serve, status):
    """With its body and its type, as git-lfs does for a repository that was renamed."""
    stub = serve()

    def answer(method, path, headers, body):
        if path == "/old":
            return status, {"Location": "/new"}, b""
        return 200, {}, json.dumps([method, body.decode(), headers["content-type"]]).encode()

    stub.answer = answer
    with engine.open_url(f"{stub.url}/old", {}, {"Content-Type": "application/x"}, "", b"question") as response:
        assert ["POST", "question", "application/x"] == json.loads(response.read())


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "http://127.0.0.1:port/x"])
def test_a_redirect_to_no_address_is_an_error_of_the_server(serve, open_url, location):
    """One of another protocol, and one that cannot be read."""
    stub = serve(lambda *_: (302, {"Location": location}, b""))
    with pytest.raises(engine.urllib.error.HTTPError):
        open_url(f"{stub.url}/x", {}, "Bearer T")


@pytest.mark.parametrize(
    "one, other",
    [
        ("https://example.com/a", "https://EXAMPLE.com:443/b"),
        ("http://example.com", "HTTP://example.com:80/"),
        ("https://user@example.com/a", "https://example.com"),
        ("http://[::1]:80/", "http://[::1]"),
    ],
)
def test_one_server_is_written_in_several_ways(one, other):
    """Letters, the scheme's own port and a user's name make no other server."""
    assert origin(one) == origin(other)


@pytest.mark.parametrize("other", ["http://example.com", "https://example.com:444", "https://www.example.com"])
def test_another_scheme_port_or_host_is_another_server(other):
    """RFC 6454."""
    assert origin("https://example.com") != origin(other)


def test_a_server_that_names_a_wait_is_asked_more_often(serve, capsys):
    """Three refusals with Retry-After, and a line for each that says why it takes time."""
    stub = serve()
    stub.answer = lambda *_: (200, {}, b"{}") if len(stub.seen) > 3 else (429, {"Retry-After": "1"}, b"")
    assert 200 == engine.with_retries(lambda: engine.open_url(f"{stub.url}/x?token=t", {})).status
    line, *more = capsys.readouterr().err.splitlines()
    assert f"{stub.host}: HTTP Error 429: Too Many Requests; trying again in 1 s" == line
    assert [line, line] == more


def test_a_server_that_stays_busy_is_given_up(serve, monkeypatch):
    """Five attempts, and not for ever."""
    monkeypatch.setattr(engine.time, "sleep", lambda seconds: None)
    stub = serve(lambda *_: (503, {"Retry-After": "1"}, b""))
    with pytest.raises(engine.urllib.error.HTTPError, match="503"):
        engine.with_retries(lambda: engine.open_url(stub.url, {}))
    assert 5 == len(stub.seen)
