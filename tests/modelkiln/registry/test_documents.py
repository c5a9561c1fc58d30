"""Indexes are followed to the image, independent of their writer."""

import json

import pytest

from modelkiln.descriptor import CONFIG, INDEX, LAYER, MANIFEST, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.layers.registry import read_image
from modelkiln.machine.settings import INSECURE_REGISTRIES

DOCKER = "application/vnd.docker"
AMD64 = {"os": "linux", "architecture": "amd64"}
DIFF_ID = "sha256:" + "0" * 64


class Documents:
    """Documents of a registry, answered by digest."""

    def __init__(self, serve):
        self.held = {}
        self.host = serve(self.answer).host

    def answer(self, method, path, headers, body):
        """Answer a GET."""
        media_type, data = self.held.get(path.rpartition("/")[2], ("", None))
        return (404, {}, b"{}") if data is None else (200, {"Content-Type": media_type}, data)

    def put(self, media_type, content):
        """Hold a document; returns its descriptor as JSON."""
        data = json.dumps(content).encode()
        descriptor = Descriptor.of(media_type, data)
        self.held[descriptor.digest] = (media_type, data)
        return descriptor.to_json()

    def image(self, *layers, kind=MANIFEST, config=CONFIG):
        """Hold an image with these layers."""
        described = self.put(config, {**AMD64, "rootfs": {"diff_ids": [DIFF_ID] * len(layers)}})
        content = {"schemaVersion": 2, "mediaType": kind, "config": described, "layers": layers}
        return self.put(kind, content)

    def index(self, *entries):
        """Hold an index."""
        return self.put(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})

    def read(self, entry):
        """The layers' descriptors of what `entry` leads to."""
        env = {INSECURE_REGISTRIES: self.host}
        found = read_image(f"{self.host}/x@{entry['digest']}", "linux/amd64", env)
        return [layer["descriptor"] for layer in found["layers"]]


@pytest.fixture
def documents(serve):
    """A registry of documents."""
    return Documents(serve)


def test_layers_with_docker_s_names(documents):
    """BuildKit writes zstd layers into docker's manifests; the bytes are those of OCI's types."""
    endings = {"gzip": "+gzip", "zstd": "+zstd"}
    layers = [Descriptor.of(f"{DOCKER}.image.rootfs.diff.tar.{name}", name.encode()).to_json() for name in endings]
    kind, config = f"{DOCKER}.distribution.manifest.v2+json", f"{DOCKER}.container.image.v1+json"
    found = documents.read(documents.image(*layers, kind=kind, config=config))
    assert found == [Descriptor.of(LAYER + ending, name.encode()).to_json() for name, ending in endings.items()]


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_an_index_in_an_index(documents, depth):
    """An index may hold, for a platform, an index of the image and its attestation (image-spec, image-index.md)."""
    layer = Descriptor.of(LAYER, b"layer").to_json()
    attestation = documents.image(Descriptor.of("application/vnd.in-toto+json", b"{}").to_json())
    mark = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    entry = documents.image(layer)
    for _ in range(depth):
        other = {**attestation, **mark, "platform": {"os": "unknown", "architecture": "unknown"}}
        entry = documents.index(other, {**entry, "platform": AMD64})
    assert documents.read(entry) == [layer]


def test_an_attestation_is_never_the_image(documents):
    """Not even where it says that it is for the platform."""
    mark = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}, "platform": AMD64}
    entry = documents.index({**documents.image(), **mark})
    with pytest.raises(ModelkilnError, match="no image for linux/amd64"):
        documents.read(entry)


def test_indexes_are_not_followed_for_ever(documents):
    """What is nested deeper than anybody nests is refused."""
    entry = documents.image()
    for _ in range(6):
        entry = documents.index({**entry, "platform": AMD64})
    with pytest.raises(ModelkilnError, match="nested more than 4 deep"):
        documents.read(entry)
