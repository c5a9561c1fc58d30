"""Model artifacts inside of wheels of a package index."""

import hashlib
import os

import pytest
from samples.wheelhouse import make_wheel

from modelkiln.errors import ModelkilnError
from modelkiln.sources.fetch import fetch_files
from modelkiln.sources.source import open_source
from modelkiln.store.store import Store

FILES = {
    "demo/model/weights.bin": bytes(range(256)) * 5000,
    "demo/model/pooling/config.json": b'{"mean": true}',
    "demo/cli.py": b"print(1)",
}


@pytest.fixture
def index(tmp_path):
    """A folder of wheels, and the settings of a machine that has no other index."""
    folder = tmp_path / "index"
    folder.mkdir()
    env = {"PIP_FIND_LINKS": str(folder), "PIP_NO_INDEX": "1", "PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def put(files=FILES, tag="py3-none-any", version="1.0"):
        data = make_wheel("demo", version, tag=tag, files=files)
        (folder / f"demo-{version}-{tag}.whl").write_bytes(data)
        return "sha256:" + hashlib.sha256(data).hexdigest()

    put.env = env
    return put


def test_files_of_a_wheel_are_listed_read_and_fetched(index, tmp_path):
    """Sizes and hashes are those of its RECORD, its own hash is the revision, and a cut transfer goes on."""
    revision, uri = index(), "pypi:Demo==1.0#demo/model"
    source = open_source(uri, index.env, tmp_path)
    listing = source.list()
    assert (uri, revision) == (listing.uri, listing.revision)
    expected = [(path[11:], len(data), hashlib.sha256(data).hexdigest()) for path, data in sorted(FILES.items())[1:]]
    assert expected == [(file.path, file.size, file.sha256) for file in listing.files]
    assert {revision} == {file.version for file in listing.files}
    weights = listing.files[-1]
    for offset in (0, 5, 1_000_000):
        with source.open(weights, offset) as stream:
            found = b""
            while data := stream.read(1 << 16):
                found += data
        assert FILES["demo/model/weights.bin"][offset:] == found
    store = Store(tmp_path / "store")
    fetch_files({"uri": uri}, [vars(file) for file in listing.files], store, "m:w", source)
    assert all(store.holds(f"sha256:{file.sha256}") for file in listing.files)


def test_one_file_and_a_whole_wheel_are_sources_too(index, tmp_path):
    """A file has its name; a wheel all that is in it."""
    index()
    (file,) = open_source("pypi:demo==1.0#demo/model/weights.bin", index.env, tmp_path).list().files
    assert ("weights.bin", "demo/model/weights.bin") == (file.path, file.locator)
    assert set(FILES) < {file.path for file in open_source("pypi:demo==1.0", index.env, tmp_path).list().files}


def test_another_file_of_the_same_name_is_refused(index, tmp_path):
    """An index that replaced a release is found out before a byte is taken."""
    index()
    (file,) = open_source("pypi:demo==1.0#demo/cli.py", index.env, tmp_path).list().files
    index({"demo/cli.py": b"print(2)"})
    with pytest.raises(
        ModelkilnError, match=r"cli.py: the package index has demo-1.0-py3-none-any.whl with sha256 .*want"
    ):
        open_source("pypi:demo==1.0#demo/cli.py", index.env, tmp_path).open(file)


@pytest.mark.parametrize(
    "uri",
    ["pypi:demo", "pypi:demo>=1", "pypi:demo==1.*", "pypi:demo==1.0#", "pypi:demo==1.0#../x", "pypi:demo==1.0#/x"],
)
def test_what_names_no_release_is_refused(tmp_path, uri):
    """A lock is of exact files."""
    with pytest.raises(ModelkilnError, match="want pypi:name==version"):
        open_source(uri, {}, tmp_path)


@pytest.mark.parametrize(
    ("uri", "tag", "message"),
    [
        ("pypi:demo==2.0", "py3-none-any", "no index of this machine has a pure wheel of it.*pip says: .*demo==2.0"),
        ("pypi:demo==1.0", "cp313-cp313-manylinux_2_17_x86_64", "no index of this machine has a pure wheel"),
        ("pypi:demo==1.0#demo/modle", "py3-none-any", "neither a file nor a folder 'demo/modle'.*demo/model"),
    ],
)
def test_what_is_not_there_is_reported(index, tmp_path, uri, tag, message):
    """The wheel, what it lacks and what it has."""
    index(tag=tag)
    with pytest.raises(ModelkilnError, match=f"(?s)source {uri}: .*{message}"):
        open_source(uri, index.env, tmp_path).list()
