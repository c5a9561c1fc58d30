"""safetensors files read tensor by tensor, here and by range."""

import hashlib
import json
import struct
import subprocess
import sys

import numpy
import pytest
import safetensors.numpy
from loopback.file_servers import file_server

from modelkiln.runtime.errors import PackageError
from modelkiln.runtime.safetensors_reader import open_safetensors

CHUNK = 1 << 16
TENSORS = {
    "first": numpy.arange(100_000, dtype="<f4").reshape(100, 1000),
    "second": numpy.arange(60_000, dtype="<i8"),
    "third": numpy.array([[True, False]]),
}
DATA = safetensors.numpy.save(TENSORS, {"made": "by a test"})
SCRIPT = """
import numpy
from modelkiln.runtime.safetensors_reader import open_safetensors

def predict(inputs, model):
    file = open_safetensors(model / "w.safetensors", allow_unverified={allow})
    return {{"y": numpy.float32(file.tensor("third").sum()) + inputs["x"][:, 0]}}
"""
REQUEST = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}


def chunks(data):
    """The digests of a file's chunks as a lock has them."""
    parts = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    return {"size": CHUNK, "sha256": [hashlib.sha256(part).hexdigest() for part in parts]}


@pytest.fixture
def server():
    """A server that holds the file."""
    with file_server({"/w.safetensors": DATA}) as found:
        yield found


@pytest.fixture
def make(make_lazy_package, server):
    """Return a function that makes a package whose script reads one tensor of the file."""

    def make(allow=False, **more):
        more = {"w.safetensors": {"on_demand": True, **more}}
        places = [{"url": f"{server.url}/w.safetensors"}]
        return make_lazy_package({"w.safetensors": DATA}, lambda path: places, more, SCRIPT.format(allow=allow))

    return make


def asked_bytes(server):
    """How many bytes the server was asked for."""
    ranges = [asked[6:].split("-") for _, asked in server.asked]
    return sum(int(end) + 1 - int(start) for start, end in ranges)


def test_a_file_that_is_here_is_mapped(tmp_path):
    """All tensors are those that the reference reader sees."""
    (tmp_path / "w.safetensors").write_bytes(DATA)
    file = open_safetensors(tmp_path / "w.safetensors")
    assert set(TENSORS) == set(file.names)
    assert {"made": "by a test"} == file.metadata
    assert ("F32", (100, 1000)) == file.describe("first")
    for name, array in safetensors.numpy.load(DATA).items():
        assert numpy.array_equal(array, file.tensor(name))


def test_a_dtype_that_numpy_lacks_comes_as_bytes(tmp_path):
    """BF16 is handed out as it is."""
    header = json.dumps({"b": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "b").write_bytes(struct.pack("<Q", len(header)) + header + b"abcd")
    assert b"abcd" == bytes(open_safetensors(tmp_path / "b").tensor("b"))


def test_one_tensor_costs_its_own_chunks(make, server):
    """The rest is not fetched; a second start reads what is there."""
    package = make(chunks=chunks(DATA))
    result = package.run("predict", request=REQUEST, check=0)
    assert [2.0] == json.loads(result.stdout)["outputs"][0]["data"]
    assert asked_bytes(server) <= 2 * CHUNK < len(DATA) / 4
    server.asked.clear()
    package.run("predict", request=REQUEST, check=0)
    assert [] == server.asked


def test_a_later_fetch_goes_on_with_the_chunks_that_are_there(make, server):
    """Tensors that were read are part of the whole."""
    package = make(chunks=chunks(DATA))
    package.run("predict", request=REQUEST, check=0)
    package.run("fetch", check=0)
    assert len(DATA) == asked_bytes(server)
    (blob,) = package.store.glob("sha256/*/*")
    assert DATA == blob.read_bytes()
    assert [2.0] == json.loads(package.run("predict", request=REQUEST, check=0).stdout)["outputs"][0]["data"]


def test_a_chunk_with_other_bytes_is_refused(make, server):
    """A part of a file is verified before it is used."""
    server.files["/w.safetensors"] = DATA[:100] + b"x" + DATA[101:]
    result = make(chunks=chunks(DATA)).run("predict", request=REQUEST, check=1)
    assert b"has other bytes: those from 0 to 65536" in result.stderr


def test_without_digests_of_chunks_a_part_is_not_read(make, server):
    """What cannot be verified must be allowed by name."""
    result = make().run("predict", request=REQUEST, check=1)
    assert b"allow_unverified=True" in result.stderr
    assert [] == server.asked


def test_an_unverified_part_is_read_when_it_is_allowed(make, server):
    """Exactly the header and the tensor are read, and nothing is kept."""
    package = make(allow=True)
    result = package.run("predict", request=REQUEST, check=0)
    assert [2.0] == json.loads(result.stdout)["outputs"][0]["data"]
    header = 8 + int.from_bytes(DATA[:8], "little")
    assert header + 2 == asked_bytes(server)
    assert not (package.store / "incoming").exists()


def test_a_server_without_ranges_is_refused(make, server):
    """The whole file is not read for the sake of a part."""
    server.ranges = False
    for package in (make(chunks=chunks(DATA)), make(allow=True)):
        assert b"knows no ranges" in package.run("predict", request=REQUEST, check=1).stderr


def test_a_file_that_the_lock_does_not_know_is_refused(make):
    """A name that leads nowhere is reported."""
    package = make(chunks=chunks(DATA))
    code = "from modelkiln.runtime.safetensors_reader import open_safetensors as o; o('/models/none')"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=package.root, env=package.environment(), capture_output=True, check=False)
    assert b"/models/none: is not here, and is not a file of the package's weights lock" in result.stderr


@pytest.mark.parametrize(
    ("header", "size", "message"),
    [
        (b"", 0, "its header has"),
        (b"x" * 4, 0, "its header cannot be read"),
        (b"[]", 0, "its header cannot be read"),
        (b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}', 3, 'tensor "a"'),
        (b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', 4, 'tensor "a"'),
        (b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}}', 4, 'tensor "a"'),
        (b'{"a":{"dtype":"U8","shape":"4","data_offsets":[0,4]}}', 4, "is not a safetensors file"),
    ],
)
def test_a_broken_file_is_refused(tmp_path, header, size, message):
    """A header that does not fit its file is reported, not read past."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(size))
    with pytest.raises(PackageError, match=message):
        open_safetensors(path)
