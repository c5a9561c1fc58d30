"""Digests of chunks: made while a file is locked, kept in the lock, checked when a part is read."""

import hashlib
import json
import os
from dataclasses import replace

import numpy
import pytest
import safetensors.numpy
from loopback.file_servers import file_server

from modelkiln.errors import ModelkilnError
from modelkiln.layers.weights import locked_layers
from modelkiln.package.lazy_weights import lazy_document
from modelkiln.store.store import Store
from modelkiln.weights.chunks import CHUNK_BYTES, ChunkDigests, chunk_list
from modelkiln.weights.lock import load_weights_lock
from modelkiln.weights.locking import lock_weights
from modelkiln.weights.selection import WeightsSource

SCRIPT = """
import numpy
from modelkiln.runtime.safetensors_reader import open_safetensors

def predict(inputs, model):
    file = open_safetensors(model / "w.safetensors")
    return {"y": numpy.float32(file.tensor("small").sum()) + inputs["x"][:, 0]}
"""
REQUEST = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "builds")


def digests(data):
    parts = (data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES))
    return "".join(hashlib.sha256(part).hexdigest() for part in parts)


@pytest.mark.parametrize("size", [0, 5, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 77])
@pytest.mark.parametrize("piece", [1 << 20, 1_000_003, 40 << 20])
def test_chunks_do_not_depend_on_how_bytes_come(size, piece):
    """Pieces of any size give the digests of the same chunks; a single chunk has none."""
    data = os.urandom(size)
    found = ChunkDigests()
    for start in range(0, size, piece):
        found.update(data[start : start + piece])
    expected = {"size": CHUNK_BYTES, "sha256": digests(data)} if size > CHUNK_BYTES else None
    assert expected == found.to_json()


def test_a_lock_has_chunks_of_large_files(tmp_path, store):
    """They are made while the file is read, stay when it is known, and change no digest."""
    data = os.urandom(CHUNK_BYTES + 5)
    (tmp_path / "large").write_bytes(data)
    (tmp_path / "small").write_bytes(b"small")
    wanted = WeightsSource(".", tmp_path, "x:w", ("large", "small"))
    lock = lock_weights(wanted, store)
    assert [{"size": CHUNK_BYTES, "sha256": digests(data)}, None] == [file.chunks for file in lock.files]
    assert lock.to_text() == lock_weights(wanted, store).to_text() == lock_weights(wanted, store, lock).to_text()
    old = replace(lock, files=tuple(replace(file, chunks=None) for file in lock.files))
    assert old == load_weights_lock(old.to_text(), "x")
    assert (lock.set_digest, lock.layers) == (old.set_digest, old.layers)
    (store.root / "seen.sqlite").unlink()
    assert lock.to_text() == lock_weights(wanted, store).to_text()


@pytest.mark.parametrize(
    "chunks", [{}, {"size": 0, "sha256": ""}, {"size": CHUNK_BYTES, "sha256": "0" * 64}, {"size": 9, "sha256": 7}]
)
def test_chunks_that_do_not_fit_are_refused(tmp_path, store, chunks):
    """A lock whose chunks were edited is reported."""
    (tmp_path / "large").write_bytes(bytes(CHUNK_BYTES + 5))
    content = json.loads(lock_weights(WeightsSource("large", tmp_path, "x:w"), store).to_text())
    content["files"][0]["chunks"] = chunks
    with pytest.raises(ModelkilnError, match=r"x: large: its `chunks` are not the digests of a file of 16777221 bytes"):
        load_weights_lock(json.dumps(content), "x")


def test_a_small_file_is_a_chunk_of_its_own(tmp_path, store):
    """Where parts of it are read, its sha256 is that of its only chunk; else it has none."""
    with file_server({"/w.bin": b"small"}) as server:
        lock = lock_weights(WeightsSource(f"{server.url}/w.bin", tmp_path, "x:w"), store)
        layers = locked_layers(lock, "x:w")
        (plain,) = json.loads(lazy_document(layers, "x:w"))["files"]
        (read,) = json.loads(lazy_document(layers, "x:w", on_demand=["*.bin"]))["files"]
    assert {"size": 5, "sha256": [hashlib.sha256(b"small").hexdigest()]} == read["chunks"]
    assert "chunks" not in plain


def test_a_tensor_of_a_locked_file_is_read_and_verified(tmp_path, store, make_lazy_package):
    """What `lock` writes lets a package read one tensor by range, verified, and refuses other bytes."""
    tensors = {"large": numpy.zeros(10_000_000, "<f4"), "small": numpy.ones(2, "<f4")}
    data = safetensors.numpy.save(tensors)
    with file_server({"/w.safetensors": data}) as server:
        lock = lock_weights(WeightsSource(f"{server.url}/w.safetensors", tmp_path, "x:w"), store)
        document = json.loads(lazy_document(locked_layers(lock, "x:w"), "x:w", on_demand=["*.safetensors"]))
        (file,) = document["files"]
        assert file["chunks"] == chunk_list({"size": CHUNK_BYTES, "sha256": digests(data)})
        more = {"w.safetensors": {"on_demand": True, "chunks": file["chunks"]}}
        package = make_lazy_package({"w.safetensors": data}, lambda path: file["places"], more, SCRIPT)
        server.asked.clear()
        result = package.run("predict", request=REQUEST, check=0)
        assert [3.0] == json.loads(result.stdout)["outputs"][0]["data"]
        assert len(server.asked) < 3  # The first chunk has the header, the last one the tensor.
        server.files["/w.safetensors"] = data[:-1] + b"\x01"
        (package.store / "incoming").rename(tmp_path / "aside")
        assert b"has other bytes" in package.run("predict", request=REQUEST, check=1).stderr
