"""Servers whose answers make no sense, and servers that are slow: an error in words, and the next place."""

import hashlib
import json
import threading
import time
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from loopback.file_servers import file_server
from loopback.registries import served

from modelkiln.runtime.weights import http, oci, pieces
from modelkiln.runtime.weights.fetch import fetch_files
from modelkiln.runtime.weights.http import Refused, retry_after
from modelkiln.runtime.weights.lock import LazyFile
from modelkiln.runtime.weights.progress import Progress
from modelkiln.runtime.weights.store import WeightsStore

DATA = b"weights" * 40_000
ODD_NUMBERS = ("abc", "-5", "280000x", "9" * 5000, "٣")
ODD_PLACES = (
    "http://[bad/x",
    "http://host:port/",
    "ftp://127.0.0.1/x",
    "file:///etc/passwd",
    "//[/",
    "http://" + "a" * 300 + "/",
)


def respond(handler, status, *headers, body=b""):
    """Answer with these headers as they are."""
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers), "", ""]
    handler.wfile.write("\r\n".join(lines).encode() + body)
    handler.close_connection = True


ODD = {
    **{f"length {text[:9]}": (200, ("Content-Length", text)) for text in ODD_NUMBERS},
    **{f"range {text[:9]}": (206, ("Content-Range", f"bytes {text}-{text}/{text}")) for text in ODD_NUMBERS},
    **{f"place {text[:20]}": (302, ("Location", text)) for text in ODD_PLACES},
    "no range": (206, ("Content-Length", "5")),
    "no status": (99, ("Content-Length", "5")),
    "no place": (302, ("X", "y")),
    "chunks": (200, ("Transfer-Encoding", "chunked")),
    "challenge": (401, ("WWW-Authenticate", 'Bearer realm="')),
}


@pytest.mark.parametrize("name", sorted(ODD))
def test_an_odd_answer_is_an_error_in_words(make_lazy_package, monkeypatch, name):
    """Nothing of it is used, and there is no traceback."""
    status, header = ODD[name]
    with served(lambda handler: respond(handler, status, header, body=b"zz\r\nnonsense")) as host:
        package = make_lazy_package({"large.bin": DATA}, lambda path: [{"url": f"http://{host}/{path}"}])
        said = package.run("fetch", check=1).stderr.decode()
    assert "large.bin" in said and "Traceback" not in said
    assert [] == list(package.store.glob("sha256/*/*"))


@pytest.mark.parametrize(
    "answer",
    [b"nonsense", b"[1]", b"5", b'{"token": 5}', b'{"token": "a\\r\\nX: y"}', b'{"token": "\xc3\xa9"}', b"[" * 9**5],
)
def test_an_odd_token_is_an_error_in_words(monkeypatch, answer):
    """What a registry's token server answers goes into a header only as a token."""

    def reply(handler):
        if handler.path.startswith("/token"):
            respond(handler, 200, ("Content-Length", len(answer)), body=answer)
        else:
            realm = f'Bearer realm="http://{handler.headers["Host"]}/token"'
            respond(handler, 401, ("WWW-Authenticate", realm), ("Content-Length", "0"))

    with served(reply) as host:
        monkeypatch.setattr(oci, "_plain", {host})
        with pytest.raises(Refused, match="gave none"):
            oci.open_blob(f"{host}/team/models@sha256:{'0' * 64}", 0, 10, 10)


@pytest.mark.parametrize("realm", ["http://tokens.example.com/token", "file:///etc/passwd", "/token"])
def test_a_token_is_asked_for_over_tls_or_on_this_machine(monkeypatch, realm):
    """A registry on this machine sends nobody's password over a network."""
    header = ("WWW-Authenticate", f'Bearer realm="{realm}"')
    with served(lambda handler: respond(handler, 401, header, ("Content-Length", "0"))) as host:
        monkeypatch.setattr(oci, "_plain", {host})
        with pytest.raises(Refused, match="which is not encrypted"):
            oci.open_blob(f"{host}/team/models@sha256:{'0' * 64}", 0, 10, 10)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/passwd", "x", "http://[", "http://h:p/", "data:,x"])
def test_an_address_that_is_none_is_refused(url):
    """A lock and a mirror may name anything."""
    with pytest.raises(Refused):
        http.open_url(url, {})


@pytest.mark.parametrize(
    "text", ["", "x", "9" * 5000, "-1", "Mon", ", , ,", "0 0 0 0:0", "1 Jan 99999 99:99:99", "٣", "\0"]
)
def test_an_odd_wait_is_none_or_two_minutes_at_most(text):
    """A server says how long to wait in a number or a date."""
    assert 0.0 <= retry_after({"Retry-After": text}) <= 120.0


@pytest.fixture
def fetch(tmp_path):
    """Fetch DATA from these addresses, and check that it is whole."""

    def run(*urls):
        sha256 = hashlib.sha256(DATA).hexdigest()
        file = LazyFile("large.bin", len(DATA), sha256, [{"url": url} for url in urls])
        store = WeightsStore(tmp_path / "store")
        fetch_files([file], store, Progress(file.size))
        assert DATA == store.blob(sha256).read_bytes()

    return run


@pytest.fixture
def serve(monkeypatch):
    """Start servers that have the file, or not. Time goes by while a slow one answers, and at no other moment; where
    it is to be left it gives no more until the test ends."""
    now, is_over = [0.0], threading.Event()
    monkeypatch.setattr(pieces, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=time.sleep))
    with ExitStack() as stack:

        def start(has=True, is_slow=False, is_left=False):
            server, given = stack.enter_context(file_server({"/large.bin": DATA} if has else {})), []

            def pause():
                given.append(1)
                if is_slow and len(given) > 1:
                    now[0] += pieces.WINDOW_SECONDS
                if is_left and len(given) > 2 and len(server.asked) == 1:
                    is_over.wait()

            server.pause = pause
            return server

        try:
            yield start
        finally:
            is_over.set()


def test_a_slow_place_is_left_for_the_next_one(fetch, serve):
    """What it has brought until then is kept."""
    slow, fast = serve(is_slow=True, is_left=True), serve()
    fetch(f"{slow.url}/large.bin", f"{fast.url}/large.bin")
    assert (1, 1) == (len(slow.asked), len(fast.asked))


def test_a_slow_place_is_better_than_none(fetch, serve):
    """The only place has all the time that it takes, and so has one when the others lack the file."""
    slow, empty = serve(is_slow=True, is_left=True), serve(has=False)
    fetch(f"{slow.url}/large.bin", f"{empty.url}/large.bin")
    assert (2, 1) == (len(slow.asked), len(empty.asked))


def test_the_only_place_may_be_slow(fetch, serve):
    """Nobody else could bring it."""
    slow = serve(is_slow=True)
    fetch(f"{slow.url}/large.bin")
    assert 1 == len(slow.asked)


def changed(**fields):
    """Change fields of the lock's file."""
    return lambda lock: lock["files"][0].update(fields)


BAD_LOCKS = {
    "path up": changed(path="../x"),
    "path that nothing is called": changed(path="\ud800"),
    "path absolute": changed(path="/x"),
    "path empty": changed(path="a//b"),
    "path backslash": changed(path="a\\b"),
    "path number": changed(path=5),
    "size negative": changed(size=-1),
    "size text": changed(size="1"),
    "size true": changed(size=True),
    "sha256 path": changed(sha256="../../../x"),
    "sha256 capital": changed(sha256="A" * 64),
    "offset": changed(places=[{"url": "http://127.0.0.1:1/x", "offset": -1}]),
    "url": changed(places=[{"url": 5}]),
    "places": changed(places="http://127.0.0.1:1/x"),
    "layer": changed(layer={"digest": "sha256:x", "offset": 0}),
    "layer offset": changed(layer={"digest": "sha256:" + "0" * 64, "offset": "0"}),
    "chunk size": changed(chunks={"size": 0, "sha256": []}),
    "chunks missing": changed(chunks={"size": 1 << 20, "sha256": []}),
    "chunk digest": changed(chunks={"size": 1 << 20, "sha256": ["x"]}),
    "on demand": changed(on_demand="yes"),
    "set digest": lambda lock: lock.update(set_digest="sha256:../../x"),
    "mirrors": lambda lock: lock.update(mirrors=[5]),
    "twice": lambda lock: lock["files"].append(lock["files"][0]),
    "folder": lambda lock: lock["files"].append({**lock["files"][0], "path": "large.bin/x"}),
    "other key": changed(more=1),
    "files": lambda lock: lock.update(files=5),
    "no files": lambda lock: lock.update(files=[]),
}


@pytest.mark.parametrize("name", sorted(BAD_LOCKS))
def test_a_lock_is_checked_where_its_record_agrees(make_lazy_package, name):
    """Somebody who changes a lock can change the record beside it."""
    package = make_lazy_package({"large.bin": b"x"}, lambda path: [{"url": f"http://127.0.0.1:1/{path}"}])
    path = package.root / ".modelkiln/weights.lock.json"
    lock = json.loads(path.read_text())
    BAD_LOCKS[name](lock)
    path.write_text(json.dumps(lock))
    files = lock["files"] if isinstance(lock["files"], list) else []
    listed = [{key: one.get(key) for key in ("path", "size", "sha256")} for one in files]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    record = {**package.record, "artifacts": listed, "weights_lock": digest}
    (package.root / ".modelkiln/record.json").write_text(json.dumps(record))
    for command in ("fetch", "verify"):
        said = package.run(command, check=1).stderr.decode()
        assert "weights.lock.json" in said and "The package is damaged" in said and "Traceback" not in said, said
