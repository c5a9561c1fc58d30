"""Exported images: whole, deterministic, and read by other people's programs."""

import json
import os
import tarfile

import pytest
from components import require
from readers import (
    crun_run,
    podman_clean,
    podman_env,
    podman_load_and_run,
    skopeo_copy,
    umoci_unpack,
)
from samples.random_image import blob_file, make_image

from modelkiln.digest import hex_of, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.image.blobs import Blobs, recorded_layers
from modelkiln.image.export import FORMATS, export
from modelkiln.image.layout import Layout
from modelkiln.image.name import ImageName
from modelkiln.layers import recipe
from modelkiln.recipe import FILES, Recipe
from modelkiln.store.store import Store
from modelkiln.validation.layout import validate_layout

NAME = ImageName("digits", "1.2.0")
COMMAND = ["/bin/busybox", "sh", "-c", "wc -c < /models/digits.bin; id -u; pwd"]
ANSWER = b"3000\n65532\n/app\n"


def write(made, output, format, store=None, layers=(), name=NAME):
    layout = Layout(made.path)
    return export(Blobs(layout, store, layers), layout.select(), output, format, name)


@pytest.mark.parametrize("format", ["oci-archive", "docker-archive"])
def test_equal_images_give_equal_archives(tmp_path, format):
    """An archive's bytes depend on image, format and name only, not on place, umask or file times."""
    archives = []
    for name, umask in (("one", 0o022), ("other", 0o077)):
        before = os.umask(umask)
        try:
            made = make_image(tmp_path / name / "digits.oci")
            path = write(made, tmp_path / f"{name}.tar", format)
        finally:
            os.umask(before)
        archives.append((path.read_bytes(), path.stat().st_mode))
    assert archives[0] == archives[1]
    assert archives[0][1] & 0o777 == 0o644


def test_an_oci_layout_is_completed(tmp_path):
    """Layers that were in the store alone, or links, become files of the exported layout."""
    store = Store(tmp_path / "store")
    made = make_image(tmp_path / "digits.oci", store=store)
    write(made, tmp_path / "whole.oci", "oci-layout", store, name=None)
    assert validate_layout(tmp_path / "whole.oci", complete=True) == []
    assert Layout(tmp_path / "whole.oci").manifest().descriptor == made.image.manifest_descriptor


def test_an_oci_archive_is_a_layout_in_a_tar(tmp_path):
    """Unpacked, an archive is a valid and complete layout."""
    made = make_image(tmp_path / "digits.oci")
    path = write(made, tmp_path / "digits.tar", "oci-archive")
    (tmp_path / "out").mkdir()
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path / "out")
    assert validate_layout(tmp_path / "out", complete=True) == []
    assert Layout(tmp_path / "out").manifest().name == "localhost/digits:1.2.0"


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
def test_a_docker_archive_holds_plain_layers(tmp_path, compression):
    """Docker's format knows no zstd: its layers are tars that are named by their diff IDs."""
    made = make_image(tmp_path / "digits.oci", compression=compression)
    path = write(made, tmp_path / "digits.tar", "docker-archive")
    with tarfile.open(path) as archive:
        content = {member.name: archive.extractfile(member).read() for member in archive}
    (manifest,) = json.loads(content["manifest.json"])
    assert manifest["RepoTags"] == ["digits:1.2.0"]
    assert content[manifest["Config"]] == made.image.config
    assert [sha256_bytes(content[name]) for name in manifest["Layers"]] == [
        layer.diff_id for layer in made.image.layers
    ]


def test_a_missing_blob_is_made_again_by_its_recipe(tmp_path, monkeypatch):
    """What neither layout nor store holds is built anew from the recipe in the record."""
    store = Store(tmp_path / "store")
    made = make_image(tmp_path / "digits.oci", store=store)
    weights = made.image.layers[1]
    data = store.path(weights.descriptor.digest).read_bytes()
    store.path(weights.descriptor.digest).unlink()
    with pytest.raises(ModelkilnError, match="neither in the layout nor in the store"):
        write(made, tmp_path / "x.tar", "oci-archive", store)
    record = tmp_path / "digits.package.json"
    record.write_text(json.dumps({"layers": [layer.to_json() for layer in made.image.layers]}))
    layers = recorded_layers(made.path)
    assert layers == made.image.layers

    def build(recipe, store, sources=None):
        assert Recipe.made_by(FILES, {}) == recipe
        store.add_bytes(data)
        return weights

    # The fixture's recipes name a packer only; those that build are tested with it.
    monkeypatch.setattr(recipe, "build", build)
    write(made, tmp_path / "x.oci", "oci-layout", store, layers)
    assert validate_layout(tmp_path / "x.oci", complete=True) == []


def test_a_damaged_blob_is_refused_and_nothing_is_left(tmp_path):
    """Every blob is checked on its way; neither output nor temporary files stay behind."""
    made = make_image(tmp_path / "digits.oci")
    blob = blob_file(made.path, made.image.layers[1].descriptor.digest)
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    out = tmp_path / "out"
    out.mkdir()
    for format in FORMATS:
        with pytest.raises(ModelkilnError, match="sha256"):
            write(made, out / "x", format)
        assert list(out.iterdir()) == []


def test_layers_that_are_not_their_diff_id_are_refused(tmp_path):
    """A docker-archive is never made of a tar that the config does not name."""
    made = make_image(tmp_path / "digits.oci")
    layout = Layout(made.path)
    config = json.loads(made.image.config)
    config["rootfs"]["diff_ids"].reverse()
    read = layout.read_json
    layout.read_json = lambda one: config if one == made.image.config_descriptor else read(one)
    with pytest.raises(ModelkilnError, match="got diff ID"):
        export(Blobs(layout), layout.select(), tmp_path / "x.tar", "docker-archive", NAME)
    assert not (tmp_path / "x.tar").exists()


def test_an_existing_folder_is_not_overwritten(tmp_path):
    """A layout is exported to a new folder only; an archive replaces a file, never a folder."""
    made = make_image(tmp_path / "digits.oci")
    (tmp_path / "out" / "mine").mkdir(parents=True)
    for format in FORMATS:
        with pytest.raises(ModelkilnError, match="Name a file|exists"):
            write(made, tmp_path / "out", format)


@pytest.mark.parametrize(
    ("text", "short", "full"),
    [
        ("digits", "digits:latest", "localhost/digits:latest"),
        ("team/digits:1", "team/digits:1", "localhost/team/digits:1"),
        ("reg.example:5000/a/b:1", "reg.example:5000/a/b:1", "reg.example:5000/a/b:1"),
    ],
)
def test_names_follow_the_common_grammar(text, short, full):
    """A name without a host is local, as container engines have it."""
    name = ImageName.parse(text)
    assert (name.short, name.full) == (short, full)


@pytest.mark.parametrize("text", ["Digits:1", "digits:1.0+local", "digits:", "", "a b", "digits@accelerator=cpu"])
def test_names_that_no_engine_takes_are_refused(text):
    """A bad name is reported with the option that fixes it."""
    with pytest.raises(ModelkilnError, match="--name NAME:TAG"):
        ImageName.parse(text)


@pytest.mark.parametrize(
    ("name", "version", "title", "short"),
    [
        ("digits", "1.2.0", "Handwritten digits", "digits:1.2.0"),
        ("", "", "Handwritten digits", "handwritten-digits:3"),
        ("Fraud_Model", "1.0+cu12", "", "fraud-model:1.0-cu12"),
        ("", "", "", "digits:3"),
    ],
)
def test_a_package_is_called_by_its_targets_name(name, version, title, short):
    """The record's name and version, else what annotations say, in letters that engines take."""
    annotations = {"org.opencontainers.image.title": title, "org.opencontainers.image.version": "3"}
    found = ImageName.of_package(name, version, annotations, "digits@accelerator=cpu.oci")
    assert short == found.short
    assert found == ImageName.parse(found.short)


def test_skopeo_reads_both_archives(tmp_path):
    """skopeo copies both formats, checking digests; the OCI archive keeps the manifest."""
    made = make_image(tmp_path / "digits.oci", compression="gzip")
    oci = write(made, tmp_path / "oci.tar", "oci-archive")
    skopeo_copy(f"oci-archive:{oci}", f"dir:{tmp_path / 'oci'}")
    assert (tmp_path / "oci" / "manifest.json").read_bytes() == made.image.manifest
    docker = write(made, tmp_path / "docker.tar", "docker-archive")
    skopeo_copy(f"docker-archive:{docker}", f"dir:{tmp_path / 'docker'}")
    config = tmp_path / "docker" / hex_of(made.image.config_descriptor.digest)
    assert config.read_bytes() == made.image.config


def test_crun_runs_an_unpacked_image(tmp_path):
    """An image unpacked by umoci runs under crun as the user of its config."""
    require("busybox")
    made = make_image(tmp_path / "digits.oci", compression="gzip", busybox=True, entrypoint=COMMAND)
    bundle = tmp_path / "bundle"
    umoci_unpack(made.path, "1.2.0", bundle)
    assert crun_run(bundle, f"modelkiln-{os.getpid()}") == ANSWER


@pytest.mark.parametrize("format", ["oci-archive", "docker-archive"])
def test_podman_loads_and_runs_an_archive(tmp_path, format):
    """podman takes both archives of a zstd image and runs it."""
    require("busybox")
    made = make_image(tmp_path / "digits.oci", busybox=True, entrypoint=COMMAND)
    archive = write(made, tmp_path / "digits.tar", format)
    env = podman_env(tmp_path / "podman")
    try:
        assert podman_load_and_run(archive, NAME.full, env) == ANSWER
    finally:
        podman_clean(env)
