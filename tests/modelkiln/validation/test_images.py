"""Layers are read several at a time, and none is begun once one could not be read."""

import io
import json
from concurrent.futures import Future
from threading import Event

import pytest

from modelkiln.digest import sha256_bytes
from modelkiln.validation.images import Manifests

_LAYERS = 40


def _described(data, media_type):
    return {"mediaType": media_type, "digest": sha256_bytes(data), "size": len(data)}


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_what_has_not_begun_is_left_out_after_an_error(monkeypatch, error):
    """An interrupt would wait for all of them, which may have gigabytes."""
    layers = [bytes([number]) * (2 if number else 3) for number in range(_LAYERS)]
    config = b"{}"
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/vnd.cncf.model.manifest.v1+json",
            "config": _described(config, "application/vnd.cncf.model.config.v1+json"),
            "layers": [_described(data, "application/vnd.cncf.model.weight.v1.raw") for data in layers],
        }
    ).encode()
    blobs = {sha256_bytes(data): data for data in (config, manifest, *layers)}
    opened, cancelled, all_cancelled = [], [], Event()

    def cancel(future):
        cancelled.append(future)
        if len(cancelled) == _LAYERS:
            all_cancelled.set()
        return original(future)

    original = Future.cancel
    monkeypatch.setattr(Future, "cancel", cancel)

    def open_blob(descriptor):
        def opening():
            if blobs[descriptor["digest"]] == layers[0]:
                raise error
            if blobs[descriptor["digest"]] in layers:
                opened.append(descriptor)
                all_cancelled.wait(20)
            return io.BytesIO(blobs[descriptor["digest"]])

        return opening

    checked = Manifests(open_blob, readers=4)
    with pytest.raises(error):
        checked.check_entry(_described(manifest, "application/vnd.oci.image.manifest.v1+json"), "index")
    assert len(opened) <= 8  # As many as are read at a time.
