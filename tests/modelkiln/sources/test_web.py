"""Model artifacts at web addresses, from a server that fails in the ways that servers do."""

import base64
import hashlib
import random

import pytest
from loopback.registries import certificate, served
from loopback.webs import WebFile, web

from modelkiln.errors import ModelkilnError
from modelkiln.network import http_file
from modelkiln.sources.source import SourceFile, open_source

CONTENT = random.Random(5).randbytes(300_000)


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    """The waits between attempts are four, and short."""
    monkeypatch.setattr(http_file, "_WAITS", (0.0,) * 4)


@pytest.fixture
def file():
    """A file of 300 kB with an ETag."""
    return WebFile(CONTENT)


def source_of(address, name="model.onnx", env=None, tmp_path=None):
    """The source of a file at the server."""
    return open_source(f"http://{address}/models/{name}", env or {}, tmp_path)


def read(source, offset=0):
    """List a source and read the only file that it has."""
    (listed,) = source.list().files
    with source.open(listed, offset) as stream:
        return stream.readall()


def test_size_and_version_come_from_one_byte(file):
    """A listing holds name, size and version, and asks for a single byte."""
    with web(file) as address:
        listing = source_of(address, "my%20model.onnx").list()
    url = f"http://{address}/models/my%20model.onnx"
    assert (SourceFile("my model.onnx", len(CONTENT), None, '"one"', url),) == listing.files
    assert (url, "") == (listing.uri, listing.revision)
    assert ["bytes=0-0"] == [headers.get("Range") for headers in file.asked]


def test_a_read_may_begin_anywhere(file):
    """With ranges and without, the bytes from an offset on come back."""
    with web(file) as address:
        assert CONTENT[1000:] == read(source_of(address), 1000)
        file.ranges = False
        assert CONTENT[1000:] == read(source_of(address), 1000)


def test_a_cut_line_is_resumed_where_it_was(file):
    """After each cut the rest is asked for, of the same version."""
    file.cuts = [1, 100_000, 50_000]
    with web(file) as address:
        assert CONTENT == read(source_of(address))
    ranges = [(headers.get("Range"), headers.get("If-Range")) for headers in file.asked[1:]]
    assert [(None, None), ("bytes=100000-", '"one"'), ("bytes=150000-", '"one"')] == ranges


def test_without_ranges_a_cut_is_resumed_by_skipping(file):
    """A server that knows no ranges sends all again, and what was read is passed over."""
    file.ranges, file.cuts = False, [len(CONTENT), 100_000]
    with web(file) as address:
        assert CONTENT == read(source_of(address))


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_fails_in_the_middle_is_asked_again(file, status):
    """A 5xx or 429 at the start and in the middle of a body is not the end."""
    with web(file) as address:
        source = source_of(address)
        (listed,) = source.list().files
        file.statuses, file.cuts = [(status, {"Retry-After": "0"})], [50_000]
        with source.open(listed) as stream:
            data = stream.read(10_000)
            file.statuses = [(status, {}), (status, {})]
            assert CONTENT == data + stream.readall()


def test_a_server_that_keeps_failing_is_reported(file):
    """After some attempts that brought nothing, the error names status, address and remedy."""
    with web(file) as address:
        source = source_of(address)
        (listed,) = source.list().files
        file.statuses = [(503, {})] * 9
        with pytest.raises(ModelkilnError, match=rf"{address}/models/model.onnx: .*503.*try again later"):
            source.open(listed)


@pytest.mark.parametrize("validator", ["etag", "modified", "weak"])
def test_bytes_of_two_versions_are_never_mixed(validator):
    """When the file is replaced while it is read, the read fails."""
    file = WebFile(CONTENT, etag='"one"' if validator == "etag" else 'W/"one"', modified=86400)
    if validator == "modified":
        file.etag = ""
    with web(file) as address:
        source = source_of(address)
        (listed,) = source.list().files
        file.cuts = [50_000]
        stream = source.open(listed)
        data = stream.read(50_000)
        file.content = bytes(len(CONTENT))
        file.etag, file.modified = file.etag and '"two"', 2 * 86400
        with pytest.raises(ModelkilnError, match="has changed"):
            data += stream.readall()
    assert CONTENT[:50_000] == data


def test_a_file_without_any_version_is_read_again_and_compared():
    """Where nothing names the bytes, a resumed read goes on only when those before are the same."""
    file = WebFile(CONTENT, etag="")
    with web(file) as address:
        file.cuts = [1, 50_000]
        assert CONTENT == read(source_of(address))
        file.cuts = [1, 50_000]
        source = source_of(address)
        (listed,) = source.list().files
        stream = source.open(listed)
        stream.read(50_000)
        file.content = b"x" + CONTENT[1:]
        with pytest.raises(ModelkilnError, match="other bytes"):
            stream.readall()


def test_another_version_than_the_listed_one_is_refused(file):
    """What was replaced after it was listed does not open."""
    with web(file) as address:
        source = source_of(address)
        (listed,) = source.list().files
        file.etag = '"two"'
        with pytest.raises(ModelkilnError, match=r'has changed: the server has "two", want "one"'):
            source.open(listed)


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x"])
@pytest.mark.parametrize("length", [True, False])
def test_fewer_or_more_bytes_are_an_error(file, content, length):
    """A server that has another number of bytes is reported, also when it does not say how many."""
    with web(file) as address:
        source = source_of(address)
        (listed,) = source.list().files
        file.content, file.length = content, length
        with pytest.raises(ModelkilnError, match=rf"want {len(CONTENT)}"):
            source.open(listed).readall()


def test_a_web_page_is_not_a_model(file):
    """A login page with status 200 is refused."""
    file.headers = {"Content-Type": "text/html; charset=utf-8"}
    with web(file) as address, pytest.raises(ModelkilnError, match="web page"):
        source_of(address).list()


def test_encoded_bytes_are_refused(file):
    """A server that compresses although nobody asked does not send the file."""
    with web(file) as address:
        source = source_of(address)
        (listed,) = source.list().files
        file.headers = {"Content-Encoding": "gzip"}
        with pytest.raises(ModelkilnError, match="encoded"):
            source.open(listed)


def test_redirects_are_followed_without_the_login(file, tmp_path):
    """The login for a host goes to that host, and not to where it redirects to."""
    with web(file) as target:
        door = WebFile(b"")
        door.redirect = f"http://localhost:{target.rpartition(':')[2]}/there"
        with web(door) as address:
            (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
            assert CONTENT == read(source_of(address, env={"HOME": str(tmp_path)}))
    login = "Basic " + base64.b64encode(b"me:secret").decode()
    assert [login, login] == [headers.get("Authorization") for headers in door.asked]
    assert [None, None] == [headers.get("Authorization") for headers in file.asked]


def test_a_redirect_loop_is_reported(file):
    """A loop ends, with an error that says so."""
    with web(file) as address:
        file.redirect = f"http://{address}/models/model.onnx"
        with pytest.raises(ModelkilnError, match="loop.*redirects lead nowhere"):
            source_of(address).list()
    assert 15 > len(file.asked)


def test_a_redirect_that_gives_up_encryption_is_refused(file, tmp_path):
    """From https no redirect leads to http."""
    import ssl
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Door(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", f"http://{target}/x")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    cert, key = certificate(tmp_path, "web")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = HTTPServer(("127.0.0.1", 0), Door)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        with web(file) as target:
            source = open_source(
                f"https://127.0.0.1:{server.server_address[1]}/m.onnx", {"SSL_CERT_FILE": str(cert)}, tmp_path
            )
            with pytest.raises(ModelkilnError, match="from https to http"):
                source.list()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert [] == file.asked


def test_a_file_that_is_gone_is_reported():
    """A 404 names the address and what to do."""
    missing, refused = served(lambda handler: handler.send_error(404)), pytest.raises(
        ModelkilnError, match="404.*deleted"
    )
    with missing as address, refused:
        source_of(address).list()


def test_a_login_that_is_asked_for_is_reported_how_to_give():
    """A 401 names .netrc."""
    closed, refused = served(lambda handler: handler.send_error(401)), pytest.raises(
        ModelkilnError, match=r"401.*\.netrc"
    )
    with closed as address, refused:
        source_of(address).list()


@pytest.mark.parametrize(
    "uri", ["https://me:hunter2@example.com/m.onnx", "https://example.com/m?X-Amz-Signature=hunter2"]
)
def test_credentials_in_an_address_are_refused_and_not_shown(uri, tmp_path):
    """Passwords and signed addresses would get into the lock."""
    with pytest.raises(ModelkilnError, match="must not get into a lock") as caught:
        open_source(uri, {}, tmp_path)
    assert "hunter2" not in str(caught.value)


def test_an_address_pins_a_file_by_hash(file, tmp_path):
    """#sha256= is passed on as what the source states."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    with web(file) as address:
        (listed,) = open_source(f"http://{address}/a/m.onnx#sha256={digest}", {}, tmp_path).list().files
    assert digest == listed.sha256
    with pytest.raises(ModelkilnError, match="64 lower-case hex"):
        open_source(f"http://{address}/a/m.onnx#md5=1", {}, tmp_path)


@pytest.mark.parametrize("name", ["", "..", "%2e%2e", "a%2f..%2fb", "%00"])
def test_a_name_that_is_no_files_is_refused(file, name):
    """A path that would leave the package's folder is not taken from an address."""
    with web(file) as address, pytest.raises(ModelkilnError):
        source_of(address, name).list()
