"""Weights of hubs, servers and buckets are read as their own tools read them."""

import email.utils
import hashlib
import io
import json
import time
import urllib.parse
from base64 import b64encode
from contextlib import ExitStack

import pytest
from loopback.answering import answering

from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import save_machine_env
from modelkiln.package.lazy_weights import _PLACES
from modelkiln.runtime.weights import places
from modelkiln.sources.mlflow.client import MlflowClient, s3_options
from modelkiln.sources.source import open_source
from modelkiln.store.store import Store
from modelkiln.weights.selection import WeightsSource, find_files

COMMIT = "c" * 40
DATA = b"hello"


@pytest.fixture
def serve():
    """Starts servers whose answers a test gives."""
    with ExitStack() as stack:
        yield lambda answer=None: stack.enter_context(answering(answer))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The machine's settings with an empty home, and without AWS's variables in this process."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    return {"HOME": str(tmp_path / "home")}


def read(source):
    """The bytes of a source's first file."""
    with source.open(source.list().files[0]) as stream:
        return stream.read()


def hub_answer(files, name="org/m"):
    """Answers of a hub for a repository with these files (path -> bytes)."""
    listed = [{"rfilename": path, "size": len(data), "blobId": "b" * 40} for path, data in files.items()]
    listing = json.dumps({"id": name, "sha": COMMIT, "siblings": listed}).encode()

    def answer(method, path, headers, body):
        if path.startswith(f"/api/models/{name}"):
            return 200, {"Content-Type": "application/json"}, listing
        return 200, {}, files[path.partition(f"/resolve/{COMMIT}/")[2]]

    return answer


def s3_answer(files, name="bucket"):
    """Answers of an S3 server with one bucket, without versions (key -> bytes)."""

    def row(tag, key, data):
        etag = hashlib.md5(data).hexdigest()
        version = "<VersionId>null</VersionId><IsLatest>true</IsLatest>" if tag == "Version" else ""
        return (
            f"<{tag}>{version}<Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{etag}&quot;</ETag><Size>{len(data)}</Size><StorageClass>STANDARD</StorageClass></{tag}>"
        )

    def answer(method, path, headers, body):
        place, _, query = path.partition("?")
        if place.strip("/") == name:
            prefix = urllib.parse.parse_qs(query).get("prefix", [""])[0]
            kind, tag = ("Versions", "Version") if "versions" in query else ("Bucket", "Contents")
            rows = [row(tag, key, data) for key, data in files.items() if key.startswith(prefix)]
            text = f"<Name>{name}</Name><IsTruncated>false</IsTruncated><KeyCount>{len(rows)}</KeyCount>{''.join(rows)}"
            return 200, {"Content-Type": "application/xml"}, f"<List{kind}Result>{text}</List{kind}Result>".encode()
        data = files.get(urllib.parse.unquote(place)[len(name) + 2 :])
        if data is None:
            return 404, {}, b""
        etag = hashlib.md5(data).hexdigest()
        return 200, {"ETag": f'"{etag}"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}, data

    return answer


def aws(endpoint=""):
    """A login for S3, and where it is."""
    found = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_EC2_METADATA_DISABLED": "true"}
    return {**found, "AWS_MAX_ATTEMPTS": "1", **({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})}


@pytest.mark.parametrize("uri", ["hf://org/old", "hf:org/old"])
def test_a_redirect_on_the_hub_s_host_keeps_the_token(serve, home, tmp_path, uri):
    """A renamed repository redirects on the hub's own address, and wants the login there; the address of the
    bytes, on another port, gets none."""
    stub, other = serve(), serve(lambda *_: (200, {}, DATA))
    listing = hub_answer({"f": DATA}, "org/old")

    def answer(method, path, headers, body):
        if path.startswith("/org/old/"):
            return 307, {"Location": path.replace("/old/", "/new/")}, b""
        if path.startswith("/org/new/"):
            is_in = headers.get("authorization") == "Bearer T"
            return (302, {"Location": f"{other.url}/bytes"}, b"") if is_in else (401, {}, b"")
        return listing(method, path, headers, body)

    stub.answer = answer
    assert DATA == read(open_source(uri, {**home, "HF_ENDPOINT": stub.url, "HF_TOKEN": "T"}, tmp_path))
    assert [""] == other.logins("/bytes")


@pytest.mark.parametrize("uri", ["hf://org/m", "hf:org/m", "hf:org/m@v1"])
def test_a_hub_s_name_is_one_place_for_lazy_weights(uri):
    """However it is written."""
    assert {"url": f"hf://org/m@{COMMIT}/f"} == _PLACES["hf"]({"uri": uri}, {"path": "f", "locator": COMMIT})


def test_a_login_of_netrc_survives_a_redirect_on_its_host(serve, home, tmp_path):
    """An https source whose address moved on its own server."""
    stub, other = serve(), serve(lambda *_: (200, {"ETag": '"1"'}, DATA))
    login = "Basic " + b64encode(b"u:p").decode()

    def answer(method, path, headers, body):
        if path.startswith("/old"):
            return 308, {"Location": f"{stub.url}/new/m.bin"}, b""
        is_in = headers.get("authorization") == login
        return (302, {"Location": f"{other.url}/bytes"}, b"") if is_in else (401, {}, b"")

    stub.answer = answer
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password p\n")
    env = {**home, "NETRC": str(tmp_path / "netrc")}
    assert DATA == read(open_source(f"{stub.url}/old/m.bin", env, tmp_path))
    assert {""} == set(other.logins("/bytes"))


def test_mlflow_keeps_its_login_on_a_redirect_of_its_host(serve, home):
    """A tracking server behind a proxy that adds a slash, or a prefix."""
    stub = serve()

    def answer(method, path, headers, body):
        if not path.startswith("/api/2.0/mlflow/runs/get/"):
            return 308, {"Location": path.replace("runs/get", "runs/get/")}, b""
        return (200, {}, b'{"run": {}}') if headers.get("authorization") == "Bearer M" else (401, {}, b"{}")

    stub.answer = answer
    env = {**home, "MLFLOW_TRACKING_URI": stub.url, "MLFLOW_TRACKING_TOKEN": "M"}
    assert {"run": {}} == MlflowClient(env, "source x").get("runs/get", run_id="1")


def test_a_busy_server_of_mlflow_is_waited_for_as_it_asks(serve, home):
    """429 with Retry-After is waited for while a model is looked up, too."""
    stub = serve()
    stub.answer = lambda *_: (200, {}, b"{}") if len(stub.seen) > 3 else (429, {"Retry-After": "1"}, b"")
    assert {} == MlflowClient({**home, "MLFLOW_TRACKING_URI": stub.url}, "source x").get("runs/get", run_id="1")


@pytest.mark.parametrize("is_listed_first", [True, False])
def test_a_busy_server_of_files_may_name_a_date(serve, home, tmp_path, monkeypatch, is_listed_first):
    """Retry-After as a date: the file is asked for when it has come, and not before."""
    stub, until, ends = serve(lambda *_: (200, {"ETag": '"1"'}, DATA)), int(time.time()) + 60, []
    monkeypatch.setattr("modelkiln.network.http.time.sleep", lambda seconds: ends.append(time.time() + seconds))

    def busy(*_):
        if not ends:
            return 503, {"Retry-After": email.utils.formatdate(until, usegmt=True)}, b""
        return 200, {"ETag": '"1"'}, DATA

    source = open_source(f"{stub.url}/m.bin", home, tmp_path)
    if is_listed_first:
        file = source.list().files[0]
        stub.answer = busy
        with source.open(file) as stream:
            assert DATA == stream.read()
    else:
        stub.answer = busy
        assert len(DATA) == source.list().files[0].size
    assert 2 == len(stub.seen) - is_listed_first
    (end,) = ends
    assert until <= end


def test_files_that_a_pattern_leaves_out_may_differ_in_case_alone(serve, home, tmp_path):
    """`exclude` and `include` choose first; what is left is then checked, as the error itself advises."""
    stub = serve(hub_answer({"README.md": b"a", "readme.md": b"b", "../x": b"d", "m.bin": b"c"}))
    save_machine_env(tmp_path / "store", {"HF_ENDPOINT": stub.url})
    store = Store(tmp_path / "store")

    def find(*exclude):
        found = find_files(WeightsSource("hf://org/m", tmp_path, "//:m", exclude=exclude), store)
        return [file.path for file in found.files]

    assert ["README.md", "m.bin"] == find("readme.md", "x")
    with pytest.raises(ModelkilnError, match="readme.md"):
        find("x")
    with pytest.raises(ModelkilnError, match="clean relative path"):
        find("readme.md")


def test_an_object_that_is_a_folder_s_name_and_is_left_out(serve, home, tmp_path):
    """A bucket may have `a` and `a/b.bin`; where `a` is not chosen the rest is fine."""
    stub = serve(s3_answer({"m/a": b"123", "m/a/b.bin": b"456"}))
    save_machine_env(tmp_path / "store", aws(stub.url))
    wanted = WeightsSource("s3://bucket/m", tmp_path, "//:m", include=("/a/b.bin",))
    assert ["a/b.bin"] == [file.path for file in find_files(wanted, Store(tmp_path / "store")).files]


def test_a_broken_link_that_is_left_out(tmp_path):
    """A folder may have what cannot be packaged, as long as nobody chooses it."""
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "m.bin").write_bytes(b"1")
    (tmp_path / "w" / "last").symlink_to("nowhere")
    store = Store(tmp_path / "store")
    found = find_files(WeightsSource("w", tmp_path, "//:m", exclude=("last",)), store)
    assert ["m.bin"] == [file.path for file in found.files]
    with pytest.raises(ModelkilnError, match="//:m: .*last: No such file or directory.*exclude"):
        find_files(WeightsSource("w", tmp_path, "//:m"), store)


def test_mlflow_s3_endpoint_url_is_where_mlflow_s_buckets_are(serve, home, tmp_path):
    """MLflow's own variable names the server of its artifacts, and of no other source in S3."""
    mine, other = serve(s3_answer({"1/model/MLmodel": b"flavors: {}\n"})), serve(s3_answer({"x/own.bin": b"1"}))
    server = serve()

    def answer(method, path, headers, body):
        found = {"artifact_uri": "s3://bucket/1/model"} if "download-uri" in path else {}
        if path.startswith("/api/2.0/mlflow/model-versions/get?"):
            found = {"model_version": {"name": "m", "version": "1", "status": "READY"}}
        return 200, {}, json.dumps(found).encode()

    server.answer = answer
    env = {**home, **aws(other.url), "MLFLOW_TRACKING_URI": server.url, "MLFLOW_S3_ENDPOINT_URL": mine.url}
    assert ["MLmodel"] == [file.path for file in open_source("models:/m/1", env, tmp_path).list().files]
    assert mine.seen and not other.seen
    assert ["own.bin"] == [file.path for file in open_source("s3://bucket/x", env, tmp_path).list().files]


@pytest.mark.parametrize("text, options", [("", {}), ("false", {}), ("True", {"client_kwargs": {"verify": False}})])
def test_mlflow_s3_ignore_tls(text, options):
    """MLflow's own switch, for its artifacts."""
    assert options == s3_options({"MLFLOW_S3_IGNORE_TLS": text})


@pytest.mark.parametrize(
    "bucket, region, address",
    [
        ("models", "", "https://models.s3.amazonaws.com/f.bin"),
        ("my.models.org", "", "https://s3.amazonaws.com/my.models.org/f.bin"),
        ("my.models.org", "eu-west-1", "https://s3.eu-west-1.amazonaws.com/my.models.org/f.bin"),
    ],
)
def test_a_bucket_with_dots_is_asked_where_the_certificate_fits(home, monkeypatch, bucket, region, address):
    """The certificate for *.s3.amazonaws.com covers one label: a name with dots goes into the path (lazy weights)."""
    asked = []
    if region:
        monkeypatch.setenv("AWS_REGION", region)
    monkeypatch.setattr(
        places, "open_part", lambda url, *rest: asked.append(url) or places.Stream(io.BytesIO(), 0, True)
    )
    places.Place(f"s3://{bucket}/f.bin", 0, 5).open(0, 5)
    assert [address] == asked
