"""Documents of a registry with values of other kinds, under digests that fit: refused in a sentence, if at all."""

import json

import pytest
from loopback.hostile_registry import hostile_registry
from samples.indexed import IndexedPackage

from modelkiln.cli.main import main
from modelkiln.descriptor import Descriptor
from modelkiln.registry import client as client_module

# A few of each: the readers of all are the same.
OTHERS = (None, 1 << 70, [[]], {"x": {}})
# And what lies deeper: layers and diff IDs.
INNER = {
    "index": [{"manifests": [7]}],
    "image": [{"layers": [7]}, {"layers": None}, {"layers": [{"digest": "x"}]}],
    "config": [{"rootfs": {"type": "layers", "diff_ids": [[], {}]}}, {"history": [None]}, {"config": {"Labels": [1]}}],
}
DEEP = b'{"manifests": ' + b"[" * 30_000


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """Nobody waits for bytes that never come."""
    monkeypatch.setattr(client_module, "_WAITS", (0.01,))


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry with an index of two images, and what refers to them, as team/digits:1.2.0."""
    with hostile_registry(referrers=True) as made:
        IndexedPackage(tmp_path_factory.mktemp("indexed")).publish(made.address)
        yield made


@pytest.fixture(params=["index", "image", "config"])
def replace(request, registry):
    """Puts a document in place of one of the package's, and what names it after it."""
    name, before = "team/digits", (dict(registry.manifests), dict(registry.blobs), dict(registry.tags))
    index = registry.manifests[name, registry.tags[name, "1.2.0"]]
    image = registry.manifests[name, json.loads(index[1])["manifests"][0]["digest"]]
    described = json.loads(image[1])["config"]
    kinds = {"index": index[1], "image": image[1], "config": registry.blobs[described["digest"]]}

    def put(data):
        manifest = data
        if request.param == "config":
            digest = Descriptor.of("", data).digest
            registry.blobs[digest] = data
            manifest = json.dumps(
                {**json.loads(image[1]), "config": {**described, "digest": digest, "size": len(data)}}
            )
            manifest = manifest.encode()
        digest = Descriptor.of("", manifest).digest
        registry.manifests[name, digest] = (index[0] if request.param == "index" else image[0], manifest)
        registry.tags[name, "1.2.0"] = digest

    put.document, put.inner = json.loads(kinds[request.param]), INNER[request.param]
    yield put
    for kept, values in zip((registry.manifests, registry.blobs, registry.tags), before):
        kept.clear()
        kept.update(values)


def test_a_document_with_another_kind_of_value_is_refused_or_taken(registry, replace, capsysbinary):
    """No command ends in a traceback."""
    reference, insecure = f"{registry.address}/team/digits:1.2.0", f"--insecure={registry.address}"
    changes = [{key: other} for key in replace.document for other in OTHERS]
    for changed in [*OTHERS, *({**replace.document, **change} for change in [*changes, *replace.inner])]:
        replace(json.dumps(changed).encode())
        assert main(["verify", reference, insecure]) in (0, 1, 3)
        capsysbinary.readouterr()


def test_a_document_without_end_is_refused(registry, replace, capsys):
    """One that is nested deeper than a parser can follow."""
    replace(DEEP)
    assert 1 == main(["verify", f"{registry.address}/team/digits:1.2.0", f"--insecure={registry.address}"])
    assert "nested too deeply" in capsys.readouterr().err
