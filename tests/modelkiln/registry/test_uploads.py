"""Uploads get along with what registries answer."""

import threading

import pytest

from modelkiln.descriptor import Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.reference import parse_repository
from modelkiln.registry.uploads import upload_blob

DATA = b"0123456789"
BLOB = Descriptor.of("application/octet-stream", DATA)


def upload(client, mount_from=()):
    """Upload DATA."""
    return upload_blob(client, BLOB, lambda: iter([DATA[:4], DATA[4:]]), mount_from)


@pytest.mark.parametrize("named, at", [("", ":80"), (":80", ""), (":80", ":80"), ("", "")])
def test_a_port_that_is_the_scheme_s_own_is_no_other_host(serve, login, tmp_path, named, at):
    """`registry:80` over http and a location at `registry` are one server: the login goes there; not to :81."""
    proxy, registry = serve(), "registry.example.com"

    def answer(method, path, headers, body):
        if not headers.get("authorization"):
            return 401, {"WWW-Authenticate": 'Basic realm="r"'}, b"{}"
        if method == "POST":
            return 202, {"Location": f"http://{registry}{at}/v2/x/blobs/uploads/1"}, b""
        return 201, {"Docker-Content-Digest": BLOB.digest}, b""

    proxy.answer = answer
    env = {"HTTP_PROXY": proxy.url, **login({f"{registry}{named}": "u:p"}), INSECURE_REGISTRIES: f"{registry}{named}"}
    client = RegistryClient(parse_repository(f"{registry}{named}/x"), env)
    assert upload(client) == "uploaded"
    client.once("GET", f"http://{registry}:81/elsewhere")
    assert proxy.logins("/elsewhere") == [""]


@pytest.mark.parametrize("status", [201, 202, 204])
def test_an_upload_that_goes_on_is_closed(serve, client_of, status):
    """Some registries (ECR) answer 201 to PATCH; the PUT with the digest is what makes the blob."""
    stub, kept = serve(), {"bytes": b"", "done": False}

    def answer(method, path, headers, body):
        if method == "POST":
            return 202, {"Location": "/v2/x/blobs/uploads/1?state=a%2Fb&empty="}, b""
        assert path.startswith("/v2/x/blobs/uploads/1?state=a%2Fb&empty=")
        if method == "PUT" and body == DATA:
            kept["bytes"] = DATA[:4]
            return 503, {}, b""
        if method == "GET":
            return 204, {"Range": "0-3"}, b""
        kept["bytes"] += body
        kept["done"] = method == "PUT" and kept["bytes"] == DATA and "&digest=" in path
        return (201 if method == "PUT" else status), {}, b""

    stub.answer = answer
    upload(client_of(stub.host))
    assert kept["done"]


def test_no_right_to_mount_is_no_reason_to_stop(serve, client_of):
    """A token for the other repository may be refused; the blob is uploaded then."""
    stub = serve()

    def answer(method, path, headers, body):
        if path.startswith("/token"):
            return (403, {}, b"{}") if "secret" in path else (200, {}, b'{"token": "T"}')
        if "from=" in path or headers.get("authorization") != "Bearer T":
            scope = "repository:x:pull,push" + (" repository:secret:pull" if "from=" in path else "")
            return 401, {"WWW-Authenticate": f'Bearer realm="{stub.url}/token",service="r",scope="{scope}"'}, b"{}"
        return (202, {"Location": "/v2/x/blobs/uploads/1"}, b"") if method == "POST" else (201, {}, b"")

    stub.answer = answer
    assert upload(client_of(stub.host), ["secret"]) == "uploaded"


def test_an_empty_blob_is_uploaded(serve, client_of):
    """Nothing is sent as nothing, with its length."""
    stub = serve()

    def answer(method, path, headers, body):
        if method == "POST":
            return 202, {"Location": "/v2/x/blobs/uploads/1"}, b""
        assert (headers.get("content-length"), headers.get("transfer-encoding")) == ("0", None)
        return 201, {}, b""

    stub.answer = answer
    assert upload_blob(client_of(stub.host), Descriptor.of("x/y", b""), lambda: iter([])) == "uploaded"
    with pytest.raises(ModelkilnError, match="damaged or was changed"):
        upload_blob(client_of(stub.host), Descriptor.of("x/y", b""), lambda: iter([b"more"]))


@pytest.mark.parametrize("pieces", [[b"0123", b"45678X"], [b"0123", b"45678X", b""], [b"012345678X", b"more"]])
def test_all_of_a_damaged_blob_never_leaves(serve, client_of, pieces):
    """A registry that would not look gets less than it waits for, whatever follows the last announced byte."""
    stub, got, is_over = serve(), [], threading.Event()

    def answer(method, path, headers, body):
        if method == "PUT":
            got.append(body)
            is_over.set()
        return (202, {"Location": "/v2/x/blobs/uploads/1"}, b"") if method == "POST" else (201, {}, b"")

    stub.answer = answer
    with pytest.raises(ModelkilnError, match="It is damaged or was changed"):
        upload_blob(client_of(stub.host), BLOB, lambda: iter(pieces))
    assert is_over.wait(60)
    assert [True] == [DATA[:-1].startswith(body) for body in got]


def test_empty_pieces_are_none(serve, client_of):
    """They change nothing about what is sent."""
    stub, got = serve(), []

    def answer(method, path, headers, body):
        got.append(body)
        return (202, {"Location": "/v2/x/blobs/uploads/1"}, b"") if method == "POST" else (201, {}, b"")

    stub.answer = answer
    pieces = [b"", DATA[:4], b"", DATA[4:], b""]
    assert "uploaded" == upload_blob(client_of(stub.host), BLOB, lambda: iter(pieces))
    assert [b"", DATA] == got


def test_a_location_without_tls_is_refused(serve, tmp_path):
    """A registry with TLS that sends an upload elsewhere in the clear is refused."""
    client = RegistryClient(parse_repository("registry.example.com/x"), {"HOME": str(tmp_path)})
    stub = serve(lambda *_: (202, {"Location": "http://registry.example.com/upload"}, b""))
    answer = RegistryClient(parse_repository(f"{stub.host}/x"), {INSECURE_REGISTRIES: stub.host}).request("POST", "")
    with pytest.raises(ModelkilnError, match="not encrypted"):
        client.location(answer)
