"""Base images from a real registry."""

import base64
import json
import os
import random
import subprocess
import urllib.parse

import pytest
from components import require
from loopback.registries import certificate, cut_line, push, registry, served, signed_token

from modelkiln.canonical import canonical_json
from modelkiln.cli.main import main
from modelkiln.descriptor import CONFIG, INDEX, LAYER, MANIFEST, Descriptor
from modelkiln.digest import hex_of, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.layers.recipe import build
from modelkiln.layers.registry import read_image
from modelkiln.machine.settings import INSECURE_REGISTRIES, save_machine_env
from modelkiln.recipe import REGISTRY, Recipe
from modelkiln.registry import client as client_module
from modelkiln.registry.reference import parse_reference
from modelkiln.store.store import Store

DIGEST = "sha256:" + "a" * 64
# Tar archives need not be recognised here: a registry takes any bytes.
BLOB = random.Random(1).randbytes(700_000)


class Image:
    """An index of two platforms in an OCI layout, each with one layer of its own."""

    def __init__(self, folder):
        self.layout = folder / "layout"
        blobs = self.layout / "blobs" / "sha256"
        blobs.mkdir(parents=True)

        def put(media_type, data):
            (blobs / hex_of(sha256_bytes(data))).write_bytes(data)
            return Descriptor.of(media_type, data)

        self.manifests = {}
        for architecture in ("arm64", "amd64"):
            data = BLOB + architecture.encode()
            layer = put(LAYER, data)
            config = {"os": "linux", "architecture": architecture, "config": {"User": "65532"}}
            config["rootfs"] = {"type": "layers", "diff_ids": [layer.digest]}
            manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer.to_json()]}
            manifest["config"] = put(CONFIG, canonical_json(config)).to_json()
            self.manifests[architecture] = put(MANIFEST, canonical_json(manifest))
        listed = [
            {**one.to_json(), "platform": {"os": "linux", "architecture": name}} for name, one in self.manifests.items()
        ]
        index = put(INDEX, canonical_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}))
        self.digest = index.digest
        named = {**index.to_json(), "annotations": {"org.opencontainers.image.ref.name": "image"}}
        (self.layout / "index.json").write_bytes(canonical_json({"schemaVersion": 2, "manifests": [named]}))
        (self.layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The image that is pushed."""
    return Image(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def host(tmp_path_factory, image):
    """A registry on loopback, without TLS, that holds the image as team/base."""
    with registry(tmp_path_factory.mktemp("registry")) as address:
        push(image.layout, f"{address}/team/base:1")
        yield address


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """Nobody waits for a server that is made to fail."""
    monkeypatch.setattr(client_module, "_WAITS", (0.02, 0.05, 0.1, 0.3))


def plain(host):
    """The settings by which a registry is spoken to without TLS."""
    return {INSECURE_REGISTRIES: host}


def store_of(folder, host):
    """A store, with these settings next to it."""
    save_machine_env(folder, plain(host))
    return Store(folder)


def recipe_of(found):
    """The recipe of the only layer of what read_image returned."""
    return Recipe(found["layers"][0]["recipe"])


def test_an_index_is_followed_to_the_platform_without_reading_layers(host, image):
    """Manifest and config of the platform come back, and layers as recipes that pin them."""
    reference = f"{host}/team/base:1@{image.digest}"
    found = read_image(reference, "linux/amd64", plain(host))
    assert found["reference"] == reference
    assert sha256_bytes(canonical_json(found["manifest"])) == image.manifests["amd64"].digest
    assert found["config"]["architecture"] == "amd64"
    (layer,) = found["layers"]
    blob = Descriptor.of(LAYER, BLOB + b"amd64")
    assert layer["descriptor"] == blob.to_json()
    assert recipe_of(found).to_json() == {
        "packer": "registry/1",
        "image": f"{host}/team/base",
        "descriptor": blob.to_json(),
        "diff_id": blob.digest,
    }


def test_a_manifest_is_read_like_an_index(host, image):
    """A reference may pin the platform's manifest itself."""
    found = read_image(f"{host}/team/base@{image.manifests['arm64'].digest}", "linux/arm64/v8", plain(host))
    assert found["config"]["architecture"] == "arm64"


def test_a_layer_is_fetched_into_the_store(host, image, tmp_path):
    """Building the recipe streams the blob into the store, once."""
    store = store_of(tmp_path, host)
    found = read_image(f"{host}/team/base@{image.digest}", "linux/amd64", plain(host))
    layer = build(recipe_of(found), store)
    assert layer.to_json() == found["layers"][0]
    assert store.verify(layer.descriptor.digest)
    gone = Recipe.of({**recipe_of(found), "image": "127.0.0.1:1/nobody"})
    assert build(gone, store).descriptor == layer.descriptor


@pytest.mark.parametrize("ranges, cuts", [(True, [300_000, 300_000]), (False, [300_000, 200_000])])
def test_a_blob_survives_a_cut_line(host, image, tmp_path, ranges, cuts):
    """After a cut the rest is asked for; a server without ranges starts anew and nothing is lost."""
    found = read_image(f"{host}/team/base@{image.digest}", "linux/amd64", plain(host))
    with cut_line(host, cuts, ranges) as (address, asked):
        store = store_of(tmp_path, address)
        layer = build(Recipe.of({**recipe_of(found), "image": f"{address}/team/base"}), store)
    assert asked == [None, "bytes=300000-", "bytes=600000-" if ranges else "bytes=300000-"]
    assert store.verify(layer.descriptor.digest)


def test_a_line_that_is_always_cut_is_given_up(host, image, tmp_path):
    """Without any progress the attempts end, and the store is as it was."""
    found = read_image(f"{host}/team/base@{image.digest}", "linux/amd64", plain(host))
    refused = pytest.raises(ModelkilnError, match=r"cut off after 0 of 700005 bytes.*Check the registry's address")
    with cut_line(host, [0] * 99) as (address, asked), refused:
        build(Recipe.of({**recipe_of(found), "image": f"{address}/team/base"}), store_of(tmp_path, address))
    assert len(asked) < 10
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_registry_that_lies_is_refused(image, tmp_path):
    """A manifest, a config and a blob that are not what was pinned are refused."""

    def answer(handler):
        data = b"x" * 700_005
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    blob = Descriptor.of(LAYER, BLOB + b"amd64")
    with served(answer) as address:
        with pytest.raises(ModelkilnError, match=f"the registry sent sha256:.*, want {image.digest}"):
            read_image(f"{address}/team/base@{image.digest}", "linux/amd64", plain(address))
        inputs = {"image": f"{address}/x", "descriptor": blob.to_json(), "diff_id": DIGEST}
        with pytest.raises(ModelkilnError, match="is not what was pinned"):
            build(Recipe.made_by(REGISTRY, inputs), store_of(tmp_path, address))
    assert list((tmp_path / "incoming").iterdir()) == []


def test_what_is_not_there_is_reported(host, image):
    """A digest or a platform that the registry lacks is reported with the remedy."""
    with pytest.raises(ModelkilnError, match=r"404.*Pin one that exists"):
        read_image(f"{host}/team/base@{DIGEST}", "linux/amd64", plain(host))
    with pytest.raises(ModelkilnError, match="no image for linux/s390x, but for linux/arm64, linux/amd64"):
        read_image(f"{host}/team/base@{image.digest}", "linux/s390x", plain(host))
    with pytest.raises(ModelkilnError, match="is for linux/arm64, want linux/amd64"):
        read_image(f"{host}/team/base@{image.manifests['arm64'].digest}", "linux/amd64", plain(host))
    with pytest.raises(ModelkilnError, match="Check the registry's address"):
        read_image(f"127.0.0.1:1/team/base@{image.digest}", "linux/amd64", {})


def docker_config(folder, host, login):
    """Write docker's configuration with a login; returns the environment that names it."""
    folder.mkdir(exist_ok=True)
    auth = base64.b64encode(login.encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return {"DOCKER_CONFIG": str(folder), **plain(host)}


def test_a_password_comes_from_dockers_configuration(image, tmp_path):
    """A registry with htpasswd is read with the login of docker's config.json, and only with it."""
    command = [require("htpasswd"), "-Bbn", "ada", "secret"]
    users = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    (tmp_path / "users").write_bytes(users)
    auth = {"htpasswd": {"realm": "tests", "path": str(tmp_path / "users")}}
    with registry(tmp_path / "registry", **auth) as host:
        push(image.layout, f"{host}/team/base:1", "--dest-creds", "ada:secret")
        reference = f"{host}/team/base@{image.digest}"
        env = docker_config(tmp_path / "docker", host, "ada:secret")
        found = read_image(reference, "linux/amd64", env)
        store = Store(tmp_path / "store")
        save_machine_env(store.root, env)
        assert store.verify(build(recipe_of(found), store).descriptor.digest)
        for wrong in (plain(host), docker_config(tmp_path / "wrong", host, "ada:guess")):
            with pytest.raises(ModelkilnError, match=f"401.*Log in to {host}"):
                read_image(reference, "linux/amd64", wrong)


def test_an_anonymous_token_is_asked_for(image, tmp_path):
    """A registry that sends its users for a token is read with an anonymous one."""
    cert, key = certificate(tmp_path, "tokens")
    asked = []

    def answer(handler):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(handler.path).query)
        asked.append((query["scope"], handler.headers.get("Authorization")))
        kind, name, actions = query["scope"][0].split(":")
        access = [{"type": kind, "name": name, "actions": actions.split(",")}]
        data = json.dumps({"token": signed_token(cert, key, query["service"][0], access)}).encode()
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(data)

    with served(answer) as tokens:
        token = {"realm": f"http://{tokens}/token", "service": "tests", "issuer": "tests"}
        auth = {"token": {**token, "rootcertbundle": str(cert)}}
        with registry(tmp_path / "registry", **auth) as host:
            push(image.layout, f"{host}/team/base:1")
            asked.clear()
            read_image(f"{host}/team/base@{image.digest}", "linux/amd64", plain(host))
    # One token for index, manifest and config.
    assert asked == [(["repository:team/base:pull"], None)]


def test_tls_is_verified_with_the_machines_authorities(image, tmp_path):
    """A registry's certificate must be signed by an authority that the machine's settings name."""
    cert, key = certificate(tmp_path, "registry")
    with registry(tmp_path / "registry", tls=(cert, key)) as host:
        push(image.layout, f"{host}/team/base:1")
        reference = f"{host}/team/base@{image.digest}"
        found = read_image(reference, "linux/amd64", {"SSL_CERT_FILE": str(cert)})
        assert found["config"]["architecture"] == "amd64"
        with pytest.raises(ModelkilnError, match="CERTIFICATE_VERIFY_FAILED"):
            read_image(reference, "linux/amd64", {})


def test_the_command_writes_what_was_read(host, image, tmp_path):
    """`build registry-image` writes the same as read_image returns."""
    output = tmp_path / "image.json"
    reference = f"{host}/team/base@{image.digest}"
    save_machine_env(tmp_path / "store", plain(host))
    command = ["build", "registry-image", "--reference", reference, "--platform", "linux/amd64"]
    assert main([*command, "--store", str(tmp_path / "store"), "--output", str(output)]) == 0
    assert json.loads(output.read_text()) == read_image(reference, "linux/amd64", plain(host))
    assert sorted(os.listdir(tmp_path)) == ["image.json", "store"]


def test_references_are_read_part_by_part():
    """Registry, name, tag and digest are recognised as docker does."""
    pinned = parse_reference(f"registry.example.org:5000/team/base:1.2@{DIGEST}")
    assert (pinned.registry, pinned.name, pinned.tag) == ("registry.example.org:5000", "team/base", "1.2")
    assert str(pinned) == f"registry.example.org:5000/team/base:1.2@{DIGEST}"


@pytest.mark.parametrize(
    "text, message",
    [
        ("registry.example.org/base:1", "is not pinned: a tag can be moved"),
        ("registry.example.org/base", "is not pinned"),
        (f"python@{DIGEST}", "names no registry"),
        (f"team/base@{DIGEST}", "names no registry"),
        ("registry.example.org/base@sha256:abc", "is not a digest"),
        (f"registry.example.org/Base@{DIGEST}", "is not a reference"),
        (f"registry.example.org/base:@{DIGEST}", "is not a reference"),
        (f"registry.example.org/../x@{DIGEST}", "is not a reference"),
        (f"user:secret@registry.example.org/base@{DIGEST}", "names no registry"),
        ("", "names no registry"),
    ],
)
def test_a_reference_that_does_not_pin_is_refused(text, message):
    """What is missing is named, with how to write it."""
    with pytest.raises(ModelkilnError) as caught:
        parse_reference(text)
    assert message in str(caught.value)
