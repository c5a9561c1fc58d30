"""Weights next to a package: somebody else's readers understand artifact and image."""

import hashlib
import json
import urllib.request
from pathlib import Path

import jsonschema
import pytest
import readers
from loopback.registries import push, registry
from samples.random_image import blob_file

from modelkiln.cli.main import main
from modelkiln.conventions import ARTIFACT_TYPE
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.formats.model_pack import ARTIFACT_CONFIG, build_artifact, build_tar_artifact, build_weights_image
from modelkiln.image.entries import REF_NAME
from modelkiln.image.layout import layout_files, write_layout
from modelkiln.layers import files as files_layer
from modelkiln.pinned_file import PinnedFile
from modelkiln.store.store import Store
from modelkiln.validation.layout import validate_layout

FILES = {"model.onnx": b"weights", "sub/config.json": b"{}", "README.md": b"# Read me"}
SCHEMA = Path(__file__).with_name("model_spec_config.json")


def _entry(path):
    return {"path": path, "sha256": hashlib.sha256(FILES[path]).hexdigest(), "size": len(FILES[path])}


RECORD = {
    "name": "digits",
    "version": "1.2.0",
    "variant": {"accelerator": "cpu", "platform": "linux/amd64"},
    "package_digest": "sha256:" + "0" * 64,
    "artifacts": [{**_entry("model.onnx"), "format": "onnx"}, _entry("sub/config.json"), _entry("README.md")],
    "metadata": {
        "authors": "Ada Example",
        "license": "Apache-2.0",
        "documentation": "https://example.com",
        "family": 3,
    },
}
DIGEST = (
    "sha256:"
    + hashlib.sha256(
        "".join(sorted(f"{one['sha256']}  {one['path']}\n" for one in RECORD["artifacts"])).encode()
    ).hexdigest()
)


@pytest.fixture
def layers(tmp_path):
    """A store with three layers, of one file each, at `layers.store`."""
    store, sources = Store(tmp_path / "store"), tmp_path / "sources"
    for path, data in FILES.items():
        (sources / path).parent.mkdir(parents=True, exist_ok=True)
        (sources / path).write_bytes(data)
    recipes = [files_layer.recipe("weights", path, "none", [PinnedFile.from_json(_entry(path))]) for path in FILES]
    return _Layers(store, [files_layer.build(recipe, store, sources) for recipe in recipes])


class _Layers(list):
    def __init__(self, store, layers):
        super().__init__(layers)
        self.store = store


def _write(folder, made, layers):
    blobs = {made.manifest_descriptor.digest: made.manifest, made.config_descriptor.digest: made.config}
    blobs.update({one.descriptor.digest: layers.store.path(one.descriptor.digest).read_bytes() for one in layers})
    return write_layout(folder, layout_files(made.manifest_descriptor, blobs, {REF_NAME: "1.2.0"}))


def _write_raw(folder, made):
    blobs = {made.manifest_descriptor.digest: made.manifest, made.config_descriptor.digest: made.config}
    blobs.update({sha256_bytes(data): data for data in FILES.values()})
    return write_layout(folder, layout_files(made.manifest_descriptor, blobs, {REF_NAME: "1.2.0"}))


def _check_document(made):
    """Check what both kinds of layers share, and return the manifest and the config."""
    manifest, config = json.loads(made.manifest), json.loads(made.config)
    jsonschema.validate(config, json.loads(SCHEMA.read_text()))
    assert [] == readers.schema_errors(manifest, "image-manifest-schema.json")
    assert (ARTIFACT_TYPE, ARTIFACT_CONFIG) == (manifest["artifactType"], manifest["config"]["mediaType"])
    return manifest, config


def test_an_artifact_has_a_layer_for_each_file():
    """Each is the file as it is, typed by what it is and named by both annotations; the config follows the schema."""
    made = build_artifact(RECORD["artifacts"], RECORD)
    manifest, config = _check_document(made)
    listed = [
        (one["mediaType"], one["annotations"]["org.cncf.model.filepath"], one["digest"], one["size"])
        for one in manifest["layers"]
    ]
    kinds = {"README.md": "doc", "model.onnx": "weight", "sub/config.json": "weight.config"}
    assert [
        (f"application/vnd.cncf.model.{kind}.v1.raw", path, sha256_bytes(FILES[path]), len(FILES[path]))
        for path, kind in kinds.items()
    ] == listed
    assert list(kinds) == [one["annotations"]["org.opencontainers.image.title"] for one in manifest["layers"]]
    metadata = json.loads(manifest["layers"][1]["annotations"]["org.cncf.model.file.metadata+json"])
    assert ("model.onnx", 7, 0o644, "1970-01-01T00:00:00Z") == (
        metadata["name"],
        metadata["size"],
        metadata["mode"],
        metadata["mtime"],
    )
    assert {
        "name": "digits", "version": "1.2.0", "title": "digits", "authors": ["Ada Example"], "licenses": ["Apache-2.0"],
        "docURL": "https://example.com",
    } == config["descriptor"]  # fmt: skip
    assert {"format": "onnx"} == config["config"]
    assert [one["digest"] for one in manifest["layers"]] == config["modelfs"]["diffIds"]


def test_what_a_header_states_is_in_the_config():
    """The format and quantisation of the weights, whatever tokenizers lie next to them; metadata come first."""
    weights = {**_entry("model.onnx"), "format": "gguf", "facts": {"quantization": "Q4_0", "parameters": 3}}
    tokenizer = {**_entry("sub/config.json"), "format": "tokenizer", "facts": {"vocabulary": 3}}
    record = {**RECORD, "artifacts": [weights, tokenizer]}
    _, config = _check_document(build_artifact(record["artifacts"], record))
    assert {"format": "gguf", "quantization": "Q4_0"} == config["config"]
    named = {**record, "metadata": {"quantization": "int4"}}
    assert "int4" == json.loads(build_artifact(record["artifacts"], named).config)["config"]["quantization"]
    several = {**record, "artifacts": [weights, {**weights, "facts": {"quantization": "F16"}}]}
    assert "quantization" not in json.loads(build_artifact(record["artifacts"], several).config)["config"]


def test_an_artifact_of_tars_is_of_the_model_spec(layers):
    """Layers are typed by what is in them."""
    manifest, config = _check_document(build_tar_artifact(layers, RECORD))
    assert [
        ("application/vnd.cncf.model.weight.v1.tar", "models/model.onnx"),
        ("application/vnd.cncf.model.weight.config.v1.tar", "models/sub/config.json"),
        ("application/vnd.cncf.model.doc.v1.tar", "models/README.md"),
    ] == [(one["mediaType"], one["annotations"]["org.cncf.model.filepath"]) for one in manifest["layers"]]
    assert [one.diff_id for one in layers] == config["modelfs"]["diffIds"]


def test_too_many_files_are_refused_with_the_option():
    """A manifest that no registry takes is not written."""
    files = [{"path": f"{'d' * 200}/{number}", "sha256": "0" * 64, "size": 1} for number in range(6000)]
    with pytest.raises(ModelkilnError, match="artifact_layers"):
        build_artifact(files, RECORD)


def test_documents_are_written_as_gos_tools_write_them(layers):
    """Fields stand in the order of image-spec and model-spec, and maps are sorted."""
    made = build_artifact(RECORD["artifacts"], {**RECORD, "metadata": {"authors": "Ada <ada@example.com>"}})
    order = ["schemaVersion", "mediaType", "artifactType", "config", "layers", "annotations"]
    manifest = json.loads(made.manifest)
    assert order == list(manifest)
    assert ["mediaType", "digest", "size", "annotations"] == list(manifest["layers"][0])
    assert ["descriptor", "modelfs", "config"] == list(json.loads(made.config))
    assert b'"Ada \\u003cada@example.com\\u003e"' in made.manifest
    image = json.loads(build_weights_image(layers, RECORD, DIGEST).config)
    assert ["created", "architecture", "os", "config", "rootfs", "history"] == list(image)
    assert "1970-01-01T00:00:00Z" == image["created"] == image["history"][0]["created"]


def test_code_changes_neither(layers):
    """Another package digest gives the same artifact and the same image."""
    other = {**RECORD, "package_digest": "sha256:" + "1" * 64}
    assert build_tar_artifact(layers, RECORD) == build_tar_artifact(layers, other)
    assert build_artifact(RECORD["artifacts"], RECORD) == build_artifact(RECORD["artifacts"], other)
    assert build_weights_image(layers, RECORD, DIGEST) == build_weights_image(layers, other, DIGEST)


def test_package_without_weights_has_neither():
    """The error names the fields."""
    with pytest.raises(ModelkilnError, match="has no model artifact"):
        build_artifact([], RECORD)
    with pytest.raises(ModelkilnError, match="has no model artifact"):
        build_weights_image([], RECORD, DIGEST)


def test_skopeo_and_umoci_read_the_image(tmp_path, layers):
    """The files lie under /models."""
    layout = _write(tmp_path / "digits.weights.oci", build_weights_image(layers, RECORD, DIGEST), layers)
    assert [] == validate_layout(layout, complete=True)
    readers.skopeo_copy(f"oci:{layout}:1.2.0", f"dir:{tmp_path / 'copied'}")
    root = readers.umoci_unpack(layout, "1.2.0", tmp_path / "bundle")
    assert FILES == {path: (root / "models" / path).read_bytes() for path in FILES}


def test_registry_takes_and_gives_the_artifact(tmp_path, layers):
    """What is pushed is what is pulled, and each layer is a blob of its digest."""
    made = build_tar_artifact(layers, RECORD)
    layout = _write(tmp_path / "digits.artifact", made, layers)
    assert [] == validate_layout(layout, complete=True)
    with registry(tmp_path / "registry") as host:
        push(layout, f"{host}/digits:1.2.0", name="1.2.0")
        request = urllib.request.Request(
            f"http://{host}/v2/digits/manifests/1.2.0", headers={"Accept": "application/vnd.oci.image.manifest.v1+json"}
        )
        with urllib.request.urlopen(request) as answer:
            assert made.manifest == answer.read()
        for layer in layers:
            with urllib.request.urlopen(f"http://{host}/v2/digits/blobs/{layer.descriptor.digest}") as answer:
                assert layer.descriptor.digest == "sha256:" + hashlib.sha256(answer.read()).hexdigest()


def test_commands_understand_both(tmp_path, layers, capsys):
    """`inspect`, `validate` and `export` take an artifact and a weights image like any layout."""
    raw = build_artifact(RECORD["artifacts"], RECORD)
    for name, made in (
        ("a.artifact", raw),
        ("a.tars.artifact", build_tar_artifact(layers, RECORD)),
        ("a.weights.oci", build_weights_image(layers, RECORD, DIGEST)),
    ):
        layout = str(_write_raw(tmp_path / name, made) if made == raw else _write(tmp_path / name, made, layers))
        assert 0 == main(["inspect", layout])
        assert "model.onnx" in capsys.readouterr().out
        assert 0 == main(["validate", layout])
        assert 0 == main(["export", layout, str(tmp_path / f"{name}.tar")])
        capsys.readouterr()


def test_validator_finds_other_files(tmp_path, layers):
    """A weights image whose files are not those of its label is reported."""
    layout = _write(tmp_path / "a.oci", build_weights_image(layers, RECORD, "sha256:" + "2" * 64), layers)
    assert ["modelkiln.weights.digest"] == [issue.text.split()[1][:-1] for issue in validate_layout(layout)]


def test_validator_counts_diff_ids(tmp_path, layers):
    """An artifact's config has one diff ID for each layer."""
    made = build_tar_artifact(layers, RECORD)
    layout = _write(tmp_path / "a.artifact", made, layers)
    config = {**json.loads(made.config), "modelfs": {"type": "layers", "diffIds": []}}
    blob_file(layout, made.config_descriptor.digest).write_text(json.dumps(config))
    assert any("modelfs.diffIds: got 0" in issue.text for issue in validate_layout(layout))
