"""Requests to a registry: where they go, who sees the login, how long one waits, what is believed."""

import base64
import email.utils
import json
import time

import pytest
import requests

from modelkiln.descriptor import MANIFEST, Descriptor
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.reference import parse_image, parse_repository

BASIC = f"Basic {base64.b64encode(b'u:p').decode()}"
ASKS_FOR_PASSWORD = (401, {"WWW-Authenticate": 'Basic realm="r"'}, b"{}")


def as_json(value):
    """The bytes of a JSON document."""
    return json.dumps(value).encode()


@pytest.mark.parametrize("reference", ["docker.io/python:3", "docker.io/library/python:3", "Index.Docker.io/python:3"])
def test_docker_io_is_asked_at_its_own_registry(serve, reference, tmp_path):
    """docker.io is a name: registry-1.docker.io serves it, its own images under library/."""
    proxy = serve(lambda *_: (403, {}, b""))
    client = RegistryClient(parse_image(reference), {"HTTPS_PROXY": proxy.url, "HOME": str(tmp_path)}, print)
    assert client.url("tags/list") == "https://registry-1.docker.io/v2/library/python/tags/list"
    with pytest.raises(ModelkilnError, match="403"):
        client.read_manifest("3")
    assert {one.path for one in proxy.seen} == {"registry-1.docker.io:443"}


def test_a_proxy_that_gives_no_connection_is_named(serve, client_of):
    """One that refuses its user, and one that is not there: with its address and its variable, not the registry's."""
    proxy = serve(lambda *_: (407, {}, b""))
    with pytest.raises(ModelkilnError, match=f"the proxy {proxy.url} gives no connection: .*407 .*correct HTTPS_PROXY"):
        client_of("a.example", HTTPS_PROXY=proxy.url, MODELKILN_INSECURE_REGISTRIES="").find_manifest("1")
    refusal = "the proxy http://127.0.0.1:9 gives no connection: Connection refused. Start it, or correct http_proxy"
    with pytest.raises(ModelkilnError, match=refusal):
        client_of("a.example", http_proxy="http://user:secret@127.0.0.1:9").find_manifest("1")


def test_a_repository_with_a_dot_is_no_registry():
    """Addresses are those of the reference, part by part."""
    client = RegistryClient(parse_repository("localhost/my.team/x"), {INSECURE_REGISTRIES: "localhost"})
    assert client.url("blobs/1") == "http://localhost/v2/my.team/x/blobs/1"


def test_the_login_of_the_longest_key_is_sent(serve, login, client_of):
    """`auths` may have a login for a part of a registry: the most specific key wins (containers-auth.json(5))."""
    stub = serve(lambda *_: ASKS_FOR_PASSWORD)
    env = login({stub.host: "all:1", f"{stub.host}/x": "u:p", f"{stub.host}/xy": "y:3"})
    with pytest.raises(ModelkilnError, match="status 401"):
        client_of(stub.host, "x/m", **env).read_manifest("1")
    assert stub.logins("/x/m/")[-1] == BASIC


@pytest.mark.parametrize("asked", ["60", "date"])
def test_a_busy_registry_is_waited_for_as_it_asks(serve, client_of, monkeypatch, asked):
    """429 with Retry-After, in seconds or as a date: one wait, with one line that says so (RFC 9110, 10.2.3)."""
    stub, until, lines, ends = serve(), int(time.time()) + 60, [], []
    stub.answer = lambda *_: (200, {}, b"{}") if ends else (429, {"Retry-After": text}, b"")
    text = email.utils.formatdate(until, usegmt=True) if asked == "date" else asked
    monkeypatch.setattr("modelkiln.network.http.time.sleep", lambda seconds: ends.append(time.time() + seconds))
    assert client_of(stub.host, report=lines.append).read_manifest("1") == b"{}"
    assert [one.path for one in stub.seen] == ["/v2/x/manifests/1"] * 2
    (end,), (line,) = ends, lines
    assert until <= end
    assert "it answers 429; trying again in" in line


@pytest.mark.parametrize("lines", [1, 2])
def test_two_challenges(serve, client_of, lines):
    """One WWW-Authenticate header or two may hold challenges, each with a realm of its own (RFC 9110, 11.6.1)."""
    stub = serve()

    def answer(method, path, headers, body):
        if path.startswith("/token"):
            return 200, {}, as_json({"token": "T"})
        if headers.get("authorization") == "Bearer T":
            return 200, {}, b"{}"
        asked = [f'Bearer realm="{stub.url}/token",service="r"', 'Basic realm="Nexus"']
        asked = asked if lines == 2 else [", ".join(asked)]
        return 401, [("WWW-Authenticate", one) for one in asked], b"{}"

    stub.answer = answer
    assert client_of(stub.host).read_manifest("1") == b"{}"


def test_an_identity_token_is_exchanged(serve, client_of, tmp_path):
    """A login that is an identity token is sent to the token server as a refresh token."""
    stub = serve()

    def answer(method, path, headers, body):
        if path == "/token":
            assert method == "POST" and b"grant_type=refresh_token" in body and b"refresh_token=idt" in body
            return 200, {}, as_json({"access_token": "T"})
        if headers.get("authorization") == "Bearer T":
            return 200, {}, b"{}"
        return 401, {"WWW-Authenticate": f'Bearer realm="{stub.url}/token",service="r"'}, b"{}"

    stub.answer = answer
    (tmp_path / "config.json").write_text(json.dumps({"auths": {stub.host: {"identitytoken": "idt"}}}))
    assert client_of(stub.host, DOCKER_CONFIG=str(tmp_path)).read_manifest("1") == b"{}"


def test_a_token_server_that_is_busy_is_waited_for(serve, client_of):
    """A token server's 503 is not an answer to who we are."""
    stub, busy = serve(), [503, 503]

    def answer(method, path, headers, body):
        if path.startswith("/token"):
            return (busy.pop(), {}, b"") if busy else (200, {}, as_json({"token": "T"}))
        if headers.get("authorization") == "Bearer T":
            return 200, {}, b"{}"
        return 401, {"WWW-Authenticate": f'Bearer realm="{stub.url}/token"'}, b"{}"

    stub.answer = answer
    assert client_of(stub.host).read_manifest("1") == b"{}"


@pytest.mark.parametrize("token", [b"[]", b"{}", b'{"token": 5}', b"no"])
def test_a_token_server_that_gives_no_token(serve, client_of, token):
    """Anything else than a token is an error of the registry, and no crash."""
    stub = serve()
    stub.answer = lambda method, path, headers, body: (
        (200, {}, token)
        if path.startswith("/token")
        else (401, {"WWW-Authenticate": f'Bearer realm="{stub.url}/token"'}, b"{}")
    )
    with pytest.raises(ModelkilnError, match="manifests/1"):
        client_of(stub.host).read_manifest("1")


def test_no_secret_is_sent_to_a_token_server_in_the_clear(serve, tmp_path):
    """A registry with TLS that names a realm without is refused."""
    client = RegistryClient(parse_image("registry.example.com/x:1"), {"HOME": str(tmp_path)})
    asked = requests.Response()
    asked.request = requests.Request("GET", "https://registry.example.com/").prepare()
    asked.headers["WWW-Authenticate"] = 'Bearer realm="http://tokens.example.com/"'
    with pytest.raises(ModelkilnError, match="not encrypted"):
        client.auth.authenticate_request(asked, {})


def test_a_redirect_on_the_registry_s_host_keeps_the_login(serve, login, client_of):
    """A registry may send a reader to another path of its own, which wants the same login; another host gets none."""
    stub, other = serve(), serve(lambda *_: (200, {}, b"{}"))

    def answer(method, path, headers, body):
        if headers.get("authorization") != BASIC:
            return ASKS_FOR_PASSWORD
        if "/x/" in path:
            return 307, {"Location": path.replace("/x/", "/real/")}, b""
        return 307, {"Location": f"{other.url}/bucket"}, b""

    stub.answer = answer
    assert client_of(stub.host, **login({stub.host: "u:p", other.host: "o:2"})).read_manifest("1") == b"{}"
    assert stub.logins("/real/") == [BASIC]
    assert other.logins("/bucket") == [""]


def test_a_redirect_that_gives_up_tls_is_refused(tmp_path):
    """From https nobody is led to http."""
    client = RegistryClient(parse_image("registry.example.com/x:1"), {"HOME": str(tmp_path)})
    answer = requests.Response()
    answer.status_code, answer.url = 302, "https://registry.example.com/v2/"
    answer.headers["Location"] = "http://registry.example.com/v2/"
    answer.request = requests.Request("GET", answer.url).prepare()
    with pytest.raises(requests.exceptions.InvalidSchema, match="https to http, which is refused"):
        client.session.get_redirect_target(answer)


@pytest.mark.parametrize("status, followed", [(307, True), (308, True), (301, False), (302, False)])
def test_a_put_is_sent_on_as_it_is_or_not_at_all(serve, client_of, status, followed):
    """A redirected PUT keeps its method and its body; where a redirect would change it, it ends there."""
    stub, data = serve(), b'{"schemaVersion": 2}'

    def answer(method, path, headers, body):
        if "/x/" in path:
            return status, {"Location": path.replace("/x/", "/real/")}, b""
        return (201, {}, b"") if (method, body) == ("PUT", data) else (400, {}, b"")

    stub.answer = answer
    client, descriptor = client_of(stub.host), Descriptor.of(MANIFEST, data)
    if followed:
        client.put_manifest("1", descriptor, data)
    else:
        with pytest.raises(ModelkilnError, match=f"status {status}"):
            client.put_manifest("1", descriptor, data)
    assert len(stub.seen) == 1 + followed


def test_redirects_end(serve, client_of):
    """A loop of redirects is an error at once."""
    stub = serve(lambda method, path, headers, body: (302, {"Location": path}, b""))
    with pytest.raises(ModelkilnError, match="redirects"):
        client_of(stub.host).read_manifest("1")
    assert len(stub.seen) < 10


def test_a_document_without_end_is_refused(serve, client_of):
    """An answer above the limit of documents is not read into memory."""
    stub = serve(lambda *_: (200, {"Content-Length": str(1 << 40)}, bytes(9 << 20)))
    with pytest.raises(ModelkilnError, match="is larger than 8388608 bytes"):
        client_of(stub.host).read_manifest("1")


def test_a_manifest_that_is_not_its_digest_is_refused(serve, client_of):
    """What is read by digest is compared with it; by tag, with what the registry states."""
    digest = sha256_bytes(b"other")
    stub = serve(lambda *_: (200, {"Docker-Content-Digest": digest}, b"{}"))
    for reference in (digest, "1"):
        with pytest.raises(ModelkilnError, match=f"sent {sha256_bytes(b'{}')}, want {digest}"):
            client_of(stub.host).read_manifest(reference)


def test_a_registry_without_tls_is_never_spoken_to_by_itself(serve, login, tmp_path):
    """Not named as insecure, a registry of this machine is refused, and sees no login."""
    stub = serve(lambda *_: (200, {}, b"{}"))
    env = {"HOME": str(tmp_path), **login({stub.host: "u:p"})}
    with pytest.raises(ModelkilnError, match=r"speaks no TLS.*insecure_registries"):
        RegistryClient(parse_image(f"{stub.host}/x:1"), env).read_manifest("1")
    assert stub.seen == []


def test_the_machine_s_settings_alone_count(serve, client_of, monkeypatch):
    """Proxies and authorities of the process's own environment are not asked."""
    stub = serve(lambda *_: (200, {}, b"{}"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert client_of(stub.host).read_manifest("1") == b"{}"
