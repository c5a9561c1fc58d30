"""Artifacts of raw layers: published without sending what another tool has pushed, pulled with and without a record."""

import hashlib
import json

import pytest
from other_tools import Tools

from modelkiln.cli.main import main
from modelkiln.formats.model_pack import build_artifact, raw_type
from modelkiln.image.blobs import Blobs
from modelkiln.image.contents import layout_contents
from modelkiln.image.entries import REF_NAME
from modelkiln.image.layout import Layout, layout_files, write_layout
from modelkiln.layers.recipe import is_available_locally, open_layer
from modelkiln.layers.weights import file_layer
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.publication.blob_source import BlobSource
from modelkiln.publication.publish import Publication, publish_all
from modelkiln.recipe import Recipe
from modelkiln.registry.reference import parse_repository
from modelkiln.store.store import Store

FILES = {"model.bin": b"weights" * 100_000, "sub/config.json": b"{}", "README.md": b"# Read me"}
KIND = "application/vnd.cncf.model"


def _entry(path, data):
    return {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


RECORD = {
    "name": "digits",
    "version": "1.2.0",
    "artifacts": [_entry(path, data) for path, data in FILES.items()],
    "metadata": {},
}


class Artifact:
    """A layout that names its files without holding them, and the layers of a lock that know where they are."""

    def __init__(self, folder, uri="file:///nowhere", locators=False):
        self.store = Store(folder / "store")
        self.store.root.mkdir(parents=True)
        made = build_artifact(RECORD["artifacts"], RECORD)
        blobs = {made.manifest_descriptor.digest: made.manifest, made.config_descriptor.digest: made.config}
        files = layout_files(made.manifest_descriptor, blobs, {REF_NAME: "1.2.0"})
        self.layout = write_layout(folder / "digits.artifact", files)
        self.digest = made.manifest_descriptor.digest
        entries = [{**one, "locator": f"sha256:{one['sha256']}"} if locators else one for one in RECORD["artifacts"]]
        recipe = Recipe.of({"source": {"uri": uri, "revision": ""}})
        self.layers = [file_layer(one["path"], one, raw_type(one["path"]), recipe) for one in entries]

    def publish(self, host, name, record=None):
        """Publish as `name`:1.2.0."""
        env = {INSECURE_REGISTRIES: host}
        layout = Layout(self.layout)
        source = BlobSource(Blobs(layout, self.store, self.layers), env)
        publication = Publication(layout_contents(layout), source, ("1.2.0",), record=record)
        return publish_all([(publication, parse_repository(f"{host}/{name}"))], env, self.store.root)[0]


@pytest.fixture
def pushed(host, tmp_path):
    """The files as oras pushes them, as raw layers, to team/weights:1."""
    tools, folder = Tools(host, tmp_path), tmp_path / "files"
    for path, data in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    listed = [f"{path}:{KIND}.weight.v1.raw" for path in FILES]
    tools.oras("push", f"{host}/team/weights:1", *listed, cwd=folder)
    return tools


def test_what_another_tool_has_pushed_is_not_sent(host, pushed, tmp_path):
    """Into the repository of its raw layers, or another one of that registry for a lock from there: no byte of them."""
    artifact = Artifact(tmp_path / "a", f"oci://{host}/team/weights:1", locators=True)
    assert (1, 0, 3) == _summary(artifact.publish(host, "elsewhere/weights"))
    assert (0, 3, 1) == _summary(artifact.publish(host, "team/weights"))
    assert [] == list(artifact.store.root.glob("sha256/*/*"))


def _summary(done):
    """Blobs that were sent (the config alone), that were there, and that were mounted."""
    return done.sent, done.present, done.mounted


@pytest.mark.parametrize("name", ["oras", "modelkiln"])
def test_files_are_pulled_by_their_names(host, pushed, tmp_path, name):
    """`oras pull` and `modelkiln pull --only weights` give the files at their paths, without a record, too."""
    Artifact(tmp_path / "a", f"oci://{host}/team/weights:1", locators=True).publish(host, f"files/{name}")
    reference, folder = f"{host}/files/{name}:1.2.0", tmp_path / "pulled"
    if name == "oras":
        pushed.oras("pull", reference, "-o", folder)
    else:
        assert 0 == main(["pull", reference, "-o", str(folder), "--only=weights", f"--insecure={host}"])
        assert 0 == main(["verify", reference, f"--insecure={host}"])
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert FILES == found


def test_layers_are_files_of_the_store(tmp_path):
    """What the store holds as a blob, or among others in a tar, is a layer without a copy."""
    artifact = Artifact(tmp_path)
    assert not any(is_available_locally(layer, artifact.store) for layer in artifact.layers)
    for layer, data in zip(artifact.layers, FILES.values()):
        artifact.store.add_bytes(data)
        assert is_available_locally(layer, artifact.store)
        with open_layer(layer, artifact.store) as stream:
            assert data == stream.read()


def test_export_and_validate_complete_an_artifact(tmp_path, capsys):
    """The files come from the store, by the record's recipes, and each is its layer's diff ID."""
    artifact = Artifact(tmp_path)
    for data in FILES.values():
        artifact.store.add_bytes(data)
    record = tmp_path / "digits.package.json"
    record.write_text(json.dumps({**RECORD, "layers": [layer.to_json() for layer in artifact.layers]}))
    options = ["--store", str(artifact.store.root)]
    assert 0 == main(["validate", str(artifact.layout), *options])
    assert ", 0 notes" in capsys.readouterr().out
    whole = tmp_path / "whole.artifact"
    assert 0 == main(["export", str(artifact.layout), str(whole), "--format=oci-layout", *options])
    assert 0 == main(["validate", "--complete", str(whole)])
