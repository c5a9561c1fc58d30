"""Images as a pure function of descriptors."""

import json
import re

import pytest
from components import require
from readers import run, schema_errors, skopeo_inspect, umoci_unpack
from samples.random_image import make_image, pack_layer

from modelkiln.archives.tar import bytes_entry
from modelkiln.canonical import document_json
from modelkiln.errors import ModelkilnError
from modelkiln.image.image import CREATED, Base, Settings, build_image, merge_env
from modelkiln.layer import Layer
from modelkiln.recipe import REGISTRY, Recipe

LAYER, _ = pack_layer("weights", "w", [bytes_entry("models/w", b"w")])
BASE = Base((LAYER,), "amd64", "linux", ("PATH=/bin", "LANG=C"))
SETTINGS = {
    "env": {"PATH": "/opt/venv/bin:/bin", "A": "1"},
    "entrypoint": ["/opt/venv/bin/python"],
    "cmd": [],
    "working_dir": "/app",
    "user": "65532:65532",
    "labels": {"b": "2", "a": "1"},
    "annotations": {"b": "2"},
}


def build(layers=(LAYER,), base=BASE, **settings):
    return build_image(base, layers, Settings(**{**SETTINGS, **settings}))


def test_config_holds_settings_and_diff_ids():
    """The config says how to run, and names each layer's tar in order."""
    config = json.loads(build().config)
    assert config == {
        "created": CREATED,
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": "65532:65532",
            "Env": ["PATH=/opt/venv/bin:/bin", "LANG=C", "A=1"],
            "Entrypoint": ["/opt/venv/bin/python"],
            "WorkingDir": "/app",
            "Labels": {"a": "1", "b": "2"},
        },
        "rootfs": {"type": "layers", "diff_ids": [LAYER.diff_id, LAYER.diff_id]},
        "history": [{"created": CREATED, "created_by": "modelkiln weights: w"}] * 2,
    }


def test_all_dates_are_one():
    """Readers want a date; another one than a fixed one would make equal inputs differ."""
    image = build()
    dates = re.findall(rb'"created":"([^"]*)"', image.config + image.manifest)
    assert [CREATED.encode()] * 3 == dates


def test_the_order_of_mappings_does_not_count():
    """Equal settings give equal bytes."""
    shuffled = dict(reversed(SETTINGS["labels"].items()))
    assert build(labels=shuffled) == build()


@pytest.mark.parametrize("change", [{"user": "1:1"}, {"cmd": ["x"]}, {"env": {}}, {"annotations": {}}, {"labels": {}}])
def test_every_setting_changes_the_digest(change):
    """Whatever is set is part of the manifest's digest."""
    assert build(**change).manifest_descriptor.digest != build().manifest_descriptor.digest


def test_documents_are_canonical():
    """Manifest and config are in the form of documents, and their descriptors are theirs."""
    image = build()
    assert image.manifest == document_json(json.loads(image.manifest))
    assert image.config == document_json(json.loads(image.config))
    assert json.loads(image.manifest)["config"] == image.config_descriptor.to_json()
    assert image.config_descriptor.size == len(image.config)


def test_a_recipes_packer_is_in_the_history():
    """A registry's layers can be distinguished from ours, which keep conventions."""
    foreign = Layer("base", "b", LAYER.descriptor, LAYER.diff_id, 0, Recipe.made_by(REGISTRY, {}))
    history = json.loads(build(layers=(foreign,)).config)["history"]
    assert history[-1] == {"created": CREATED, "created_by": "modelkiln base: b", "comment": "registry/1"}


def test_env_overlays_the_base():
    """Variables of the base keep their place; new ones follow, sorted."""
    assert merge_env(["B=1", "A=x=y"], {"D": "", "B": "2", "C": "3"}) == ["B=2", "A=x=y", "C=3", "D="]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user": "model"}, "user 'model' is not numeric"),
        ({"working_dir": "app"}, "'app' is not absolute"),
        ({"entrypoint": "python"}, "not one string"),
        ({"entrypoint": [""]}, "program is empty"),
        ({"cmd": ["a\0b"]}, "text without NUL"),
        ({"env": {"A=B": "c"}}, "environment variable 'A=B'"),
        ({"labels": {"a": 1}}, "label 'a': 1 is not a text"),
        ({"layers": (LAYER,) * 125}, "has 126 layers, container engines mount at most 125"),
        ({"base": Base((), "amd64", "linux"), "layers": ()}, "has no layers"),
        ({"base": Base((LAYER,), "", "linux")}, "is not complete"),
        ({"base": Base((LAYER,), "amd64", "linux", ("PATH",))}, "'PATH' is not NAME=value"),
    ],
)
def test_what_no_runtime_takes_is_refused(change, message):
    """Bad settings are refused with their value."""
    with pytest.raises(ModelkilnError, match=message):
        build(**change)


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
def test_json_agrees_with_the_schemas(tmp_path, compression):
    """The image-spec's own schemas accept what is written."""
    made = make_image(tmp_path / "digits.oci", compression=compression)
    index = json.loads((made.path / "index.json").read_bytes())
    layout = json.loads((made.path / "oci-layout").read_bytes())
    assert schema_errors(json.loads(made.image.manifest), "image-manifest-schema.json") == []
    assert schema_errors(json.loads(made.image.config), "config-schema.json") == []
    assert schema_errors(index, "image-index-schema.json") == []
    assert schema_errors(layout, "image-layout-schema.json") == []
    assert schema_errors({"schemaVersion": 1}, "image-manifest-schema.json") != []


def test_skopeo_reads_the_image(tmp_path):
    """skopeo gives back the manifest's bytes, and takes a config without dates."""
    made = make_image(tmp_path / "digits.oci")
    assert skopeo_inspect(made.path, "1.2.0") == made.image.manifest
    config = run([require("skopeo"), "inspect", "--config", "--raw", f"oci:{made.path}:1.2.0"])
    assert config == made.image.config


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_umoci_unpacks_the_image(tmp_path, compression):
    """umoci (0.4 knows no zstd) checks all digests and finds every file."""
    made = make_image(tmp_path / "digits.oci", compression=compression)
    root = umoci_unpack(made.path, "1.2.0", tmp_path / "bundle")
    assert json.loads((root / "app/.modelkiln/record.json").read_bytes()) == made.record
    assert (root / "opt/venv/bin/python").is_symlink()
    assert (root / ("usr/share/" + "é" * 80 + "/" + "long" * 20)).is_file()
