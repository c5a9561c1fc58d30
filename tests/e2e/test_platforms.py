"""One package for two platforms, built on this machine alone."""

import json
import shutil
import subprocess

import pytest
from components import require
from loopback.registries import registry
from monorepo import named_caches
from readers import run, schema_errors

from modelkiln.cli.main import main
from modelkiln.digest import hex_of
from modelkiln.image.blobs import recorded_layers
from modelkiln.image.layout import Layout
from modelkiln.smoke.runnable_image import open_image, unpacked
from modelkiln.store.store import Store
from modelkiln.validation.layout import validate_layout

PLATFORMS = ["linux/amd64", "linux/arm64"]
PACKAGE = "src.models.diabetes/diabetes"


@pytest.fixture(scope="module")
def packaged(repository):
    """Return the repository with the package in dist/."""
    formats = '    formats=["pex", "oci"],\n'
    repository.replace("src/models/diabetes/BUILD", formats, f"{formats}    platforms={PLATFORMS},\n")
    repository.pants("package", "src/models/diabetes:diabetes")
    return repository


@pytest.fixture(scope="module")
def layout(packaged):
    """Return the package's image layout."""
    return Layout(packaged.dist / f"{PACKAGE}.oci")


def test_an_index_names_an_image_for_each_platform(layout):
    """The tag means an index, and platforms are named by it and by the images' own configs."""
    found = layout.manifests()
    assert PLATFORMS == [one.platform for one in found]
    configs = [layout.read_json(one.blobs[0]) for one in found]
    assert PLATFORMS == [f"{config['os']}/{config['architecture']}" for config in configs]
    (entry,) = layout.index["manifests"]
    index = json.loads((layout.path / "blobs/sha256" / hex_of(entry["digest"])).read_text())
    assert [] == schema_errors(index, "image-index-schema.json")
    # Their layers of wheels are compressed with zstd.
    assert ["true"] * 2 == [one["annotations"]["io.github.containers.compression.zstd"] for one in index["manifests"]]


def test_what_no_platform_decides_is_one_blob(layout):
    """Weights, venv, code and wheels for any platform are shared; base, compiled wheels and record are not."""
    amd64, arm64 = ({blob.digest for blob in one.blobs} for one in layout.manifests())
    titles = {layer.descriptor.digest: layer.kind for layer in recorded_layers(layout.path)}
    assert {"code", "venv", "weights"} <= {titles[digest] for digest in amd64 & arm64}
    assert {"base", "record", "wheels"} == {titles[digest] for digest in amd64 - arm64 if digest in titles}


def test_the_validator_finds_nothing(packaged, layout):
    """Every program and library is of its image's machine; each image holds its own record."""
    store, record = Store(named_caches(packaged.env) / "modelkiln"), packaged.record(PACKAGE)
    assert [] == [str(issue) for issue in validate_layout(layout.path, store, record)]
    assert PLATFORMS == [one["variant"]["platform"] for one in record["variants"]]


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_skopeo_chooses_by_platform(layout, architecture):
    """skopeo follows the index to the image of the architecture that it is given."""
    source = f"oci:{layout.path}:0.3.0"
    command = [require("skopeo"), f"--override-arch={architecture}", "inspect", "--config", source]
    assert architecture == json.loads(run(command))["architecture"]


def test_a_registry_gives_back_all_platforms(packaged, layout, tmp_path, capsys):
    """What was published verifies, each image against its own record, and its record can be pulled."""
    store = f"--store={named_caches(packaged.env) / 'modelkiln'}"
    with registry(tmp_path / "registry") as host:
        options, name = [f"--insecure={host}", store], f"{host}/team/diabetes:0.3.0"
        assert 0 == main(["publish", str(layout.path), name[:-6], "--tag=0.3.0", *options])
        assert 0 == main(["verify", name, *options]), capsys.readouterr().err
        assert [f"platform    {one}" for one in PLATFORMS] == [
            line for line in capsys.readouterr().out.splitlines() if line.startswith("platform")
        ]
        assert 0 == main(["pull", name, "--only=record", "-o", str(tmp_path / "record"), *options])
    assert packaged.record(PACKAGE) == json.loads((tmp_path / "record/package.json").read_text())


def test_the_arm64_image_answers_under_emulation(packaged, layout):
    """Its interpreter starts, its wheels load, and the response is the expected one."""
    require("bwrap")
    emulator = require("qemu-aarch64-static")
    store = Store(named_caches(packaged.env) / "modelkiln")
    image = open_image(layout.path, recorded_layers(layout.path), store, name="linux/arm64")
    request = (packaged.root / "src/models/diabetes/request.json").read_bytes()
    with unpacked(image, store) as made:
        shutil.copy(emulator, made.root / "emulator")
        argv = ["/emulator", *image.entrypoint, "predict", "-"]
        done = subprocess.run(
            image.command(made.root, argv, made.mounts), env={}, input=request, capture_output=True, timeout=300
        )
    assert 0 == done.returncode, done.stderr.decode()
    response = json.loads(done.stdout)
    expected = json.loads(packaged.read("src/models/diabetes/response.json"))
    for want, got in zip(expected["outputs"], response["outputs"]):
        assert want["data"] == pytest.approx(got["data"], rel=1e-6)
