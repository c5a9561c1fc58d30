"""Model artifacts in a real S3 server, through the client that users' builds have."""

import random

import pytest
from loopback.moto_server import Bucket, moto_server
from loopback.registries import cut_line

from modelkiln.errors import ModelkilnError
from modelkiln.sources import filesystem
from modelkiln.sources.addresses import check_files
from modelkiln.sources.source import open_source

CONTENT = random.Random(9).randbytes(5_000_000)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """The server's host and port."""
    with moto_server(tmp_path_factory.mktemp("moto")) as address:
        yield address


@pytest.fixture
def bucket(host, request):
    """A bucket of its own for each test."""
    return Bucket(host, f"b{abs(hash(request.node.name))}")


def source_of(bucket, key, folder, **env):
    """The source of an object or a folder."""
    return open_source(f"s3://{bucket.name}/{key}", {**bucket.env, "HOME": str(folder), **env}, folder)


def read(source, file, offset=0):
    """All bytes of a file from `offset` on."""
    with source.open(file, offset) as stream:
        return stream.readall()


def test_a_folder_is_listed_and_read(bucket, tmp_path):
    """Objects below a path come with sizes and versions, and are read from anywhere."""
    objects = {"config.json": b"{}", "parts/one.bin": CONTENT, "parts/two.bin": b"2"}
    for name, data in objects.items():
        bucket.put(f"models/llm/{name}", data)
    bucket.put("models/llm/parts/", b"")
    bucket.put("models/llm2/other", b"x")
    source = source_of(bucket, "models/llm/", tmp_path)
    listing = source.list()
    assert objects == {file.path: read(source, file) for file in listing.files}
    assert [2, len(CONTENT), 1] == [file.size for file in listing.files]
    assert all(file.version.startswith("ETag:") for file in listing.files)
    again = source_of(bucket, "models/llm", tmp_path)
    assert CONTENT[4_500_000:] == read(again, listing.files[1], 4_500_000)
    assert again.list().files == listing.files


def test_an_object_is_a_source(bucket, tmp_path):
    """A single object comes under its own name."""
    bucket.put("models/model.onnx", CONTENT)
    source = source_of(bucket, "models/model.onnx", tmp_path)
    (file,) = source.list().files
    assert ("model.onnx", CONTENT) == (file.path, read(source, file))


def test_a_replaced_object_is_refused(bucket, tmp_path):
    """Where the bucket keeps no versions, another ETag is another file."""
    bucket.put("m.bin", CONTENT)
    source = source_of(bucket, "m.bin", tmp_path)
    (file,) = source.list().files
    bucket.put("m.bin", bytes(len(CONTENT)))
    with pytest.raises(ModelkilnError, match="has changed"):
        source_of(bucket, "m.bin", tmp_path).open(file)


def test_an_object_that_is_replaced_while_it_is_read_is_refused(bucket, tmp_path):
    """Bytes of two versions are never mixed."""
    bucket.put("m.bin", CONTENT * 3)
    source = source_of(bucket, "m.bin", tmp_path)
    (file,) = source.list().files
    stream = source.open(file)
    assert CONTENT[:1000] == stream.read(1000)
    bucket.put("m.bin", bytes(3 * len(CONTENT)))
    with pytest.raises(ModelkilnError):
        stream.readall()


def test_a_version_that_a_bucket_keeps_is_read(bucket, tmp_path):
    """In a bucket with versions, a lock goes on to mean the object that was locked."""
    bucket.keep_versions()
    bucket.put("m.bin", CONTENT)
    (file,) = source_of(bucket, "m.bin", tmp_path).list().files
    assert file.version.startswith("VersionId:")
    bucket.put("m.bin", b"new")
    source = source_of(bucket, "m.bin", tmp_path)
    assert CONTENT == read(source, file)
    assert b"new" == read(source, *source.list().files)


def test_a_cut_line_is_survived(bucket, tmp_path, monkeypatch):
    """Answers that break off are asked for again."""
    monkeypatch.setattr(filesystem, "_WAITS", (0.0,) * 4)
    bucket.put("m.bin", CONTENT)
    (file,) = source_of(bucket, "m.bin", tmp_path).list().files
    with cut_line(bucket.address, [None, None, None, 100_000, 50_000]) as (address, asked):
        source = source_of(bucket, "m.bin", tmp_path, AWS_ENDPOINT_URL=f"http://{address}")
        assert CONTENT == read(source, file)
    assert any(asked)


@pytest.mark.parametrize("key", ["nothing/here", "nothing"])
def test_what_is_not_there_is_reported(bucket, tmp_path, key):
    """Neither object nor folder."""
    with pytest.raises(ModelkilnError, match=f"{key}.*nothing there|{key}.*moved or deleted"):
        source_of(bucket, key, tmp_path).list()


def test_a_bucket_that_is_not_there_is_reported(host, tmp_path, bucket):
    """The error names the URI and what to check."""
    with pytest.raises(ModelkilnError, match="s3://no-such-bucket/x"):
        open_source("s3://no-such-bucket/x", {**bucket.env, "HOME": str(tmp_path)}, tmp_path).list()


@pytest.mark.parametrize("key", ["a/../../etc/passwd", "a//b", "./a"])
def test_hostile_keys_are_refused(bucket, tmp_path, key):
    """Any text can be an object's key, but not a path of a package."""
    import urllib.parse

    bucket.put(f"models/{urllib.parse.quote(key, safe='').replace('.', '%2E')}", b"x")
    with pytest.raises(ModelkilnError, match="not a clean relative path"):
        check_files(source_of(bucket, "models/", tmp_path).list().files, "x")


def test_a_login_in_a_uri_is_refused(tmp_path):
    """Secrets do not get into locks."""
    with pytest.raises(ModelkilnError, match="must not get into a lock") as caught:
        open_source("s3://key:hunter2@bucket/x", {}, tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_missing_client_is_reported(tmp_path):
    """The error names the package and the option."""
    with pytest.raises(ModelkilnError, match=r"gcsfs.*source_clients_lock"):
        open_source("gs://bucket/x", {}, tmp_path)


def test_other_stores_of_fsspec_are_read(tmp_path):
    """What has no ETags is distinguished by what it has."""
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe_file("/models/a.bin", CONTENT)
    source = open_source("memory://models", {}, tmp_path)
    (file,) = source.list().files
    assert ("a.bin", CONTENT[7:]) == (file.path, read(source, file, 7))
    memory.pipe_file("/models/a.bin", b"other")
    with pytest.raises(ModelkilnError, match="has changed"):
        source.open(file)
