"""Weights locks and the layers that they record."""

import hashlib
import json

import pytest

from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.digest import sha256_stream
from modelkiln.errors import ModelkilnError
from modelkiln.layers import weights
from modelkiln.layers.recipe import build, is_available_locally, open_layer
from modelkiln.layers.weights import locked_layers
from modelkiln.store.store import Store
from modelkiln.weights.lock import LockedFile, LockedLayer, WeightsLock, load_weights_lock

SOURCE = {"uri": "weights", "revision": ""}


def locked(store, **contents) -> WeightsLock:
    files = []
    for path, data in contents.items():
        store.add_bytes(data)
        files.append(LockedFile(path, hashlib.sha256(data).hexdigest(), len(data)))
    layer = build(weights.recipe("w", "models", [file.to_json() for file in files], SOURCE), store)
    layers = (LockedLayer(layer.descriptor.digest, layer.descriptor.size, tuple(file.path for file in files)),)
    return WeightsLock(SOURCE, tuple(files), layers)


def test_a_layer_streams_its_files(tmp_path):
    """The bytes that are read have the digest that the lock says, and lie nowhere as a tar."""
    store = Store(tmp_path)
    lock = locked(store, a=b"1" * 5000, b=b"2")
    (layer,) = locked_layers(lock, "w")
    with open_layer(layer, store) as stream:
        assert (layer.descriptor.digest, layer.descriptor.size) == sha256_stream(stream)
    assert is_available_locally(layer, store)
    assert not store.has(layer.descriptor.digest)
    assert Descriptor(LAYER, layer.diff_id, layer.unpacked_size) == layer.descriptor


def test_a_lock_is_read_as_it_was_written(tmp_path):
    """Text and value are the same thing."""
    lock = locked(Store(tmp_path), a=b"1")
    assert lock == load_weights_lock(lock.to_text(), "w.lock.json")


@pytest.mark.parametrize(
    "edit, message",
    [
        (lambda lock: lock["files"][0].update(sha256="0" * 64), "was edited"),
        (lambda lock: lock["files"][0].update(path="../a"), "clean relative path"),
        (lambda lock: lock["layers"][0].update(files=[]), "same paths"),
        (lambda lock: lock["layers"][0].update(digest="sha256:zz"), "not a digest"),
        (lambda lock: lock["files"][0].update(size=-1), "size -1"),
        (lambda lock: lock.pop("source"), "not a weights lock"),
        (lambda lock: lock["source"].update(uri="elsewhere"), "was edited: it has digest"),
        (lambda lock: lock["files"][0].update(size=2), "was edited: it has digest"),
        (lambda lock: lock["layers"][0].update(digest="sha256:" + "0" * 64), "was edited: it has digest"),
        (lambda lock: lock["facts"].update(license="MIT"), "was edited: it has digest"),
        (lambda lock: lock.update(digest="sha256:" + "0" * 64), "was edited: it has digest"),
        (lambda lock: lock.pop("digest"), "lacks its own digest"),
        (lambda lock: lock.update(schema=99), "schema 99"),
    ],
)
def test_an_edited_lock_is_refused(tmp_path, edit, message):
    """What was changed by hand is found, with the remedy in the message."""
    content = json.loads(locked(Store(tmp_path), a=b"1").to_text())
    edit(content)
    with pytest.raises(ModelkilnError, match=message):
        load_weights_lock(json.dumps(content), "w.lock.json")


@pytest.mark.parametrize(
    "text, lacks", [("{}", "it lacks 'schema'"), ('{"schema": 1}', "it lacks 'files'"), ("[]", "a JSON list")]
)
def test_what_is_no_lock_is_refused_in_a_sentence(text, lacks):
    """The file is named, what it lacks, and the command that writes one."""
    with pytest.raises(
        ModelkilnError, match=f"^w.lock.json: is not a weights lock .*{lacks}.*Write it with `pants lock`"
    ):
        load_weights_lock(text, "w.lock.json")
