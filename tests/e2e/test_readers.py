"""The images of this repository's packages, read by other people's programs and by our validator."""

import json
import re
import zipfile

import pytest
from attested.readers import read_by_syft, read_cyclonedx
from components import require
from monorepo import Monorepo, named_caches
from readers import run, schema_errors, skopeo_copy, skopeo_inspect, umoci_unpack

from modelkiln.digest import hex_of
from modelkiln.image.blobs import Blobs
from modelkiln.image.export import export
from modelkiln.image.layout import Layout
from modelkiln.image.name import ImageName
from modelkiln.recipe import Recipe
from modelkiln.store.store import Store
from modelkiln.validation.layout import validate_layout

PACKAGES = {"digits": "1.2.0", "diabetes": "0.3.0"}


class PackagedImage:
    """The image of a package in dist/."""

    def __init__(self, repo: Monorepo, name: str) -> None:
        self.name, self.version = name, PACKAGES[name]
        self.path = repo.dist / f"src.models.{name}/{name}.oci"
        self.sources = repo.root / "src/models" / name
        self.record = repo.record(f"src.models.{name}/{name}")
        self.found = Layout(self.path).manifest()
        self.config = json.loads(self.blob(self.found.content["config"]["digest"]))

    def blob(self, digest: str) -> bytes:
        """Return the bytes of a blob in the layout."""
        return (self.path / "blobs/sha256" / hex_of(digest)).read_bytes()


@pytest.fixture(scope="module")
def packaged(repository):
    """Return the repository with all images in dist/."""
    repository.pants("package", *(f"src/models/{name}:{name}" for name in PACKAGES))
    return repository


@pytest.fixture(scope="module", params=sorted(PACKAGES))
def image(packaged, request):
    """Return one image."""
    return PackagedImage(packaged, request.param)


@pytest.fixture(scope="module")
def bundle(image, tmp_path_factory):
    """Return the image as umoci unpacks it, having gone through skopeo as a Docker archive.

    umoci before 0.4.8 reads no zstd. skopeo compresses the archive's plain layers with gzip; their
    diff IDs stay the same.
    """
    require("umoci")
    folder = tmp_path_factory.mktemp("bundle")
    blobs = Blobs(Layout(image.path))
    export(blobs, blobs.layout.select(), folder / "image.tar", "docker-archive", ImageName(image.name, image.version))
    source, target = f"docker-archive:{folder}/image.tar", f"oci:{folder}/gzip:{image.version}"
    run([require("skopeo"), "--insecure-policy", "copy", source, target])
    copied = Layout(folder / "gzip")
    config = json.loads(copied.read_blob(copied.manifest().blobs[0]))
    assert image.config["rootfs"]["diff_ids"] == config["rootfs"]["diff_ids"]
    umoci_unpack(folder / "gzip", image.version, folder / "bundle")
    return folder / "bundle"


def run_bundle(runtime, bundle, arguments, request, name):
    """Run the image's own command with `arguments` under runc or crun; return its standard output."""
    path = bundle / "config.json"
    config = json.loads(path.read_text())
    process = config["process"]
    process["terminal"] = False
    process["args"] = [*process["args"][:3], *arguments]
    mounts = [mount for mount in config["mounts"] if mount["destination"] != "/run/request.json"]
    mount = {"destination": "/run/request.json", "type": "bind", "source": str(request), "options": ["bind", "ro"]}
    config["mounts"] = [*mounts, mount]
    path.write_text(json.dumps(config))
    options = ["--cgroup-manager=disabled"] if runtime == "crun" else []
    # crun stops at the mixed cgroup mount of some kernels.
    script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'
    command = [require(runtime), *options, "run", "-b", bundle, f"modelkiln-{runtime}-{name}"]
    return run([require("unshare"), "-m", "sh", "-c", script, "sh", *command])


def test_skopeo_reads_the_manifest(image):
    """skopeo finds the image by its version, and reads the very bytes of the manifest."""
    assert image.blob(image.found.descriptor.digest) == skopeo_inspect(image.path, image.version)


def test_skopeo_copies_the_image_with_all_digests_kept(image, tmp_path):
    """Config and layers arrive under the digests that the manifest names; skopeo checks them."""
    skopeo_copy(f"oci:{image.path}:{image.version}", f"dir:{tmp_path}/copy")
    copied = {path.name for path in (tmp_path / "copy").iterdir()}
    assert {hex_of(blob.digest) for blob in image.found.blobs} <= copied


@pytest.mark.parametrize("file", ["layout", "index", "manifest", "config"])
def test_the_json_is_that_of_the_schemas(image, file):
    """The image-spec's schemas find nothing wrong."""
    documents = {
        "layout": ("image-layout", (image.path / "oci-layout").read_bytes()),
        "index": ("image-index", (image.path / "index.json").read_bytes()),
        "manifest": ("image-manifest", image.blob(image.found.descriptor.digest)),
        "config": ("config", json.dumps(image.config).encode()),
    }
    name, text = documents[file]
    assert [] == schema_errors(json.loads(text), f"{name}-schema.json")


def test_our_validator_finds_nothing(packaged, image):
    """Every digest, size, diff ID and reference is right, and no blob is missing."""
    store = Store(named_caches(packaged.env) / "modelkiln")
    assert [] == [str(issue) for issue in validate_layout(image.path, store, image.record)]


def test_its_bill_of_materials_names_all_that_is_in_it(image, bundle, tmp_path):
    """In /usr/share/sbom, as CycloneDX's own tools take it: every file, wheel and Debian package, by its hash."""
    data = (bundle / "rootfs/usr/share/sbom/modelkiln.cdx.json").read_bytes()
    (read,) = read_cyclonedx(tmp_path, data)
    assert ([], True, []) == (read["problems"], read["is_valid"], read["other_purls"])
    named = set(re.findall(r'"content":"([0-9a-f]{64})"', data.decode()))
    listed = {one["sha256"] for key in ("artifacts", "code", "requirements") for one in image.record[key]}
    (base,) = (Recipe(layer["recipe"]) for layer in image.record["layers"] if layer["kind"] == "base")
    assert set() == {*listed, *(one["sha256"] for one in base["lock"]["packages"])} - named
    licensed = {one["name"]: one.get("licenses") for one in json.loads(data)["components"]}
    assert [{"expression": "BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0"}] == licensed["numpy"]
    assert [{"expression": "Zlib"}] == licensed["zlib1g"]


def test_syft_finds_the_same_in_the_bill_and_in_the_image(image, bundle):
    """Each Debian package and wheel by name and version, and no package of npm in a record."""
    billed, found = read_by_syft(bundle / "rootfs")
    assert "npm" not in {kind for kind, _, _ in billed | found}
    listed = {one for one in found if one[0] in ("deb", "python")}
    assert listed == {one for one in billed if one[0] in ("deb", "python")}
    locked = {("python", one["name"], one["version"]) for one in image.record["requirements"]}
    assert locked == {one for one in listed if one[0] == "python"}


def test_syft_reads_the_bill_of_a_pex(image, tmp_path):
    """Unpacked; its wheels are those of the record."""
    with zipfile.ZipFile(image.path.with_suffix(".pex")) as archive:
        archive.extractall(tmp_path)
    billed, found = read_by_syft(tmp_path)
    locked = {("python", one["name"], one["version"]) for one in image.record["requirements"]}
    assert locked == {one for one in billed if one[0] == "python"}
    assert "npm" not in {kind for kind, _, _ in billed | found}


def test_umoci_unpacks_what_was_packaged(image, bundle):
    """The model artifact and the inference script come out byte for byte."""
    places = {artifact["path"]: f"models/{artifact['path']}" for artifact in image.record["artifacts"]}
    for name, place in {**places, "predict.py": f"app/models/{image.name}/predict.py"}.items():
        assert (image.sources / name).read_bytes() == (bundle / "rootfs" / place).read_bytes()


@pytest.mark.parametrize("runtime", ["runc", "crun"])
def test_a_container_runtime_runs_it(image, bundle, runtime):
    """The image answers as expected, shows its record and finds its files as recorded."""
    request = image.sources / "request.json"

    def answer(*arguments):
        return run_bundle(runtime, bundle, arguments, request, image.name)

    response = json.loads(answer("predict", "/run/request.json"))
    expected = json.loads((image.sources / "response.json").read_text())
    for want, got in zip(expected["outputs"], response["outputs"]):
        assert (want["name"], want["shape"]) == (got["name"], got["shape"])
        assert want["data"] == pytest.approx(got["data"], rel=1e-3, abs=1e-6)
    assert image.record["package_digest"] == json.loads(answer("info"))["package_digest"]
    assert answer("verify").startswith(f"verified {image.name} {image.version}: ".encode())
