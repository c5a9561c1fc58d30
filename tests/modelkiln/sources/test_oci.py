"""Model artifacts from a real registry: ModelPack, images, files of ORAS."""

import gzip
import hashlib
import json
import random
import tarfile
import tempfile

import pytest
import zstandard
from loopback.registries import cut_line, push, registry, served
from samples.artifacts import MODEL_PACK, put_blob, put_manifest, tar_of
from samples.random_image import make_image

from modelkiln.descriptor import CONFIG, LAYER
from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.sources.addresses import check_files
from modelkiln.sources.source import open_source

WEIGHTS = random.Random(7).randbytes(700_000)
CONFIG_JSON = json.dumps({"config": {}, "rootfs": {"type": "layers", "diff_ids": []}}).encode()


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A registry on loopback."""
    with registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


def source_of(host, reference, folder):
    """The source of what a registry holds."""
    return open_source(f"oci://{host}/{reference}", {"HOME": str(folder), INSECURE_REGISTRIES: host}, folder)


def contents(source, listing):
    """Path -> bytes of all files that a source lists."""
    found = {}
    for file in listing.files:
        with source.open(file) as stream:
            found[file.path] = b"".join(iter(lambda: stream.read(100_000), b""))
        assert file.size == len(found[file.path])
        assert file.sha256 in (None, hashlib.sha256(found[file.path]).hexdigest())
    return found


def model_pack(host, name):
    """Push a ModelPack artifact with raw files and tars, as model-spec 0.0.7 describes."""

    def layer(kind, data, path):
        return put_blob(host, name, data, f"{MODEL_PACK}.{kind}", {"org.cncf.model.filepath": path})

    config = {
        "descriptor": {"name": "llm", "version": "2", "licenses": ["Apache-2.0", "MIT"], "authors": ["A. Author"]},
        "config": {"format": "safetensors"},
        "modelfs": {"type": "layers", "diffIds": []},
    }
    layers = [
        layer("weight.v1.raw", WEIGHTS, "model.safetensors"),
        layer("weight.config.v1.tar", tar_of(("whatever.json", b"{}")), "config.json"),
        layer("weight.v1.tar+gzip", gzip.compress(tar_of(("a.bin", WEIGHTS[:100]))), "parts/a.bin"),
        layer("doc.v1.tar", tar_of(("docs/README.md", b"# LLM"), ("docs/LICENSE", b"MIT")), "docs"),
        layer("code.v1.tar+zstd", zstandard.compress(tar_of(("run/b.py", b"b"), ("run/c.py", b"c"))), "run"),
    ]
    more = {"artifactType": f"{MODEL_PACK}.manifest.v1+json"}
    return put_manifest(host, name, "2", layers, json.dumps(config).encode(), f"{MODEL_PACK}.config.v1+json", **more)


FILES = {
    "model.safetensors": WEIGHTS,
    "config.json": b"{}",
    "parts/a.bin": WEIGHTS[:100],
    "docs/README.md": b"# LLM",
    "docs/LICENSE": b"MIT",
    "run/b.py": b"b",
    "run/c.py": b"c",
}


def test_a_model_pack_artifact_is_listed_and_read(host, tmp_path):
    """Raw layers and tars in every compression give their files, and the config its facts."""
    manifest = model_pack(host, "team/llm")
    source = source_of(host, "team/llm:2", tmp_path)
    listing = source.list()
    assert FILES == contents(source, listing)
    assert manifest.digest == listing.revision
    facts = {"name": "llm", "version": "2", "license": "Apache-2.0 AND MIT", "authors": ["A. Author"]}
    assert facts == listing.facts


def test_a_locked_file_is_read_by_another_process(host, tmp_path):
    """What a listing holds of a file is enough to open it, also from the middle."""
    model_pack(host, "team/llm")
    for file in source_of(host, "team/llm:2", tmp_path).list().files:
        with source_of(host, "team/llm:2", tmp_path).open(file, 1) as stream:
            assert FILES[file.path][1:] == stream.read()


def test_a_model_pack_of_its_older_names(host, tmp_path):
    """modctl has written `vnd.cnai` and `org.cnai` names; the files are those of the `cncf` names."""
    kind, name = "application/vnd.cnai.model", {"org.cnai.model.filepath": "w/model.safetensors"}
    layers = [put_blob(host, "team/older", WEIGHTS, f"{kind}.weight.v1.raw", name)]
    put_manifest(host, "team/older", "1", layers, CONFIG_JSON, f"{kind}.config.v1+json")
    source = source_of(host, "team/older:1", tmp_path)
    assert {"w/model.safetensors": WEIGHTS} == contents(source, source.list())


def test_a_modelkit_of_kitops_is_read(host, tmp_path):
    """Its tars have files at the paths that they had next to the Kitfile, which states the model's facts."""
    kit = "application/vnd.kitops.modelkit"
    layers = [
        put_blob(host, "team/kit", tar_of(("model/model.safetensors", WEIGHTS)), f"{kit}.model.v1.tar"),
        put_blob(host, "team/kit", gzip.compress(tar_of(("README.md", b"# Kit"))), f"{kit}.docs.v1.tar+gzip"),
    ]
    kitfile = {
        "manifestVersion": "1.0.0",
        "package": {"name": "fraud", "version": "1.0.0", "authors": ["Ada"], "license": "Apache-2.0"},
        "model": {"name": "fraud-model", "path": "model", "framework": "sklearn", "description": "Finds fraud"},
    }
    put_manifest(host, "team/kit", "1", layers, json.dumps(kitfile).encode(), f"{kit}.config.v1+json")
    source = source_of(host, "team/kit:1", tmp_path)
    listing = source.list()
    assert {"model/model.safetensors": WEIGHTS, "README.md": b"# Kit"} == contents(source, listing)
    assert {
        "name": "fraud", "version": "1.0.0", "authors": ["Ada"], "license": "Apache-2.0", "library": "sklearn",
        "description": "Finds fraud",
    } == listing.facts  # fmt: skip


def test_what_docker_model_pushes_is_read(host, tmp_path):
    """Files without names are called by what they are, shards by their order; a tar has the files of a folder."""
    kind = "application/vnd.docker.ai"
    parts = [
        ("safetensors", WEIGHTS[:1000]),
        ("safetensors", WEIGHTS[1000:]),
        ("license", b"MIT"),
        ("vllm.config.tar", tar_of(("config.json", b"{}"))),
    ]
    layers = [put_blob(host, "team/docker", data, f"{kind}.{name}") for name, data in parts]
    put_manifest(host, "team/docker", "1", layers, b"{}", f"{kind}.model.config.v0.1+json")
    source = source_of(host, "team/docker:1", tmp_path)
    assert {
        "model-00001-of-00002.safetensors": WEIGHTS[:1000],
        "model-00002-of-00002.safetensors": WEIGHTS[1000:],
        "LICENSE": b"MIT",
        "config.json": b"{}",
    } == contents(source, source.list())


def test_what_ollama_pushes_is_read(host, tmp_path):
    """Its manifests are Docker's, and its layers are files without names."""
    kind = "application/vnd.ollama.image"
    parts = [
        ("model", WEIGHTS),
        ("template", b"{{ .Prompt }}"),
        ("params", b"{}"),
        ("license", b"a"),
        ("license", b"b"),
    ]
    layers = [put_blob(host, "team/ollama", data, f"{kind}.{name}") for name, data in parts]
    docker = "application/vnd.docker"
    put_manifest(
        host, "team/ollama", "1", layers, CONFIG_JSON, f"{docker}.container.image.v1+json",
        media_type=f"{docker}.distribution.manifest.v2+json",
    )  # fmt: skip
    source = source_of(host, "team/ollama:1", tmp_path)
    assert {
        "model.gguf": WEIGHTS, "template.gotmpl": b"{{ .Prompt }}", "params.json": b"{}", "LICENSE-1": b"a",
        "LICENSE-2": b"b",
    } == contents(source, source.list())  # fmt: skip


def test_a_tag_that_was_moved_is_read_by_its_digest(host, tmp_path):
    """What the tag once was stays; the tag itself is of what it is now."""
    first = model_pack(host, "team/moved")
    old = source_of(host, "team/moved:2", tmp_path).list()
    put_manifest(host, "team/moved", "2", [], json.dumps({}).encode(), f"{MODEL_PACK}.config.v1+json")
    assert old.files == source_of(host, f"team/moved@{first.digest}", tmp_path).list().files
    with pytest.raises(ModelkilnError, match="holds no files"):
        source_of(host, "team/moved:2", tmp_path).list()


def test_an_images_files_are_those_below_models(host, tmp_path):
    """An image made here, pushed by skopeo, gives its weights without its other files."""
    image = make_image(tmp_path / "image", compression="gzip")
    push(image.path, f"{host}/team/image:1", name="1.2.0")
    source = source_of(host, "team/image:1", tmp_path)
    found = contents(source, source.list())
    assert ["digits.bin"] == list(found)
    assert image.record["artifacts"][0]["sha256"] == hashlib.sha256(found["digits.bin"]).hexdigest()


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_later_layers_overlay_earlier_ones(host, tmp_path, compression):
    """Whiteouts remove, and a file of a later layer replaces one below."""
    pack = {"none": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}[compression]
    ending = "" if compression == "none" else f"+{compression}"
    tars = [
        tar_of(
            ("etc/passwd", b"root"), ("models/a", b"1"), ("models/b", b"2"), ("models/d/x", b"3"), ("models/e/y", b"4")
        ),
        tar_of(("models/a", b"new"), ("models/.wh.b", b""), ("models/.wh.d", b""), ("models/e/.wh..wh..opq", b"")),
        tar_of(("models/e/z", b"5")),
    ]
    layers = [put_blob(host, "team/layers", pack(tar), LAYER + ending) for tar in tars]
    put_manifest(host, "team/layers", "1", layers, CONFIG_JSON, CONFIG)
    source = source_of(host, "team/layers:1", tmp_path)
    assert {"a": b"new", "e/z": b"5"} == contents(source, source.list())


def test_files_of_oras_come_by_their_titles(host, tmp_path, monkeypatch):
    """What oras pushes, files and folders, is listed and read."""
    import oras.client

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # What it packs a folder in, it leaves.
    (tmp_path / "model.onnx").write_bytes(WEIGHTS)
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "vocab.txt").write_bytes(b"a b c")
    client = oras.client.OrasClient(hostname=host, insecure=True)
    client.push(target=f"{host}/team/oras:1", files=["model.onnx", "tokens"])
    source = source_of(host, "team/oras:1", tmp_path)
    listing = source.list()
    assert {"model.onnx": WEIGHTS, "tokens/vocab.txt": b"a b c"} == contents(source, listing)


def test_a_large_tar_is_listed_by_its_headers(host, tmp_path):
    """Of a tar, little more than headers is read to list it."""
    tar = tar_of(("models/one", bytes(9_000_000)), ("models/two", bytes(9_000_000)), ("models/three", b"3"))
    layer = put_blob(host, "team/large", tar, LAYER)
    put_manifest(host, "team/large", "1", [layer], CONFIG_JSON, CONFIG)
    with cut_line(host, []) as (address, asked):
        listing = source_of(address, "team/large:1", tmp_path).list()
    assert ["one", "three", "two"] == [file.path for file in listing.files]
    parts = [part.removeprefix("bytes=").split("-") for part in asked if part]
    assert 1_500_000 > sum(int(last or len(tar)) - int(first) for first, last in parts)


def test_a_compressed_layer_is_fetched_once(host, tmp_path):
    """Listing it and reading all of its files is one request for the blob."""
    tar = tar_of(*((f"models/{number}", b"%d" % number) for number in range(20)))
    layer = put_blob(host, "team/once", gzip.compress(tar), LAYER + "+gzip")
    put_manifest(host, "team/once", "1", [layer], CONFIG_JSON, CONFIG)
    with cut_line(host, []) as (address, asked):
        source = source_of(address, "team/once:1", tmp_path)
        assert 20 == len(contents(source, source.list()))
    # An attempt with TLS never gets as far as to be counted.
    assert 2 == len(asked), "the manifest and the blob"


@pytest.mark.parametrize("name", ["raw", "tar"])
def test_a_read_that_is_cut_goes_on(host, tmp_path, name):
    """After a cut, only the rest of the file is asked for."""
    kinds = {"raw": ("weight.v1.raw", WEIGHTS), "tar": ("weight.v1.tar", tar_of(("m.bin", WEIGHTS)))}
    kind, data = kinds[name]
    layer = put_blob(host, f"team/cut{name}", data, f"{MODEL_PACK}.{kind}", {"org.cncf.model.filepath": "m.bin"})
    put_manifest(host, f"team/cut{name}", "1", [layer], b"{}", f"{MODEL_PACK}.config.v1+json")
    listing = source_of(host, f"team/cut{name}:1", tmp_path).list()
    with cut_line(host, [200_000, 300_000]) as (address, asked):
        assert {"m.bin": WEIGHTS} == contents(source_of(address, f"team/cut{name}:1", tmp_path), listing)
    assert 3 == len(asked)


def hostile_tars():
    """Tars that no artifact should have, by what the error says of them."""
    link, hard = tarfile.TarInfo("w/link"), tarfile.TarInfo("w/hard")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hard.type, hard.linkname = tarfile.LNKTYPE, "w/a"
    return {
        "not a clean relative path": tar_of(("../../etc/passwd", b"x"), ("b", b"x")),
        "symbolic link": tar_of(("w/a", b"x"), ("", link)),
        "hard link": tar_of(("w/a", b"x"), ("", hard)),
        "one file on some systems": tar_of(("w/a", b"x"), ("w/A", b"x")),
        "both a file and a folder": tar_of(("w", b"x"), ("w/a", b"x")),
        "end after the tar|damaged|truncated": tar_of(("w/a", b"x"), ("w/b", bytes(9000)))[:4000],
        "not a tar": b"no tar at all" * 100,
    }


@pytest.mark.parametrize("message", hostile_tars())
@pytest.mark.parametrize("compression", ["", "+gzip"])
def test_hostile_tars_are_refused(host, tmp_path, message, compression):
    """Names that lead out, links, paths of two files and blobs that are not tars."""
    tar = hostile_tars()[message]
    data = gzip.compress(tar) if compression else tar
    layer = put_blob(
        host, "team/bad", data, f"{MODEL_PACK}.weight.v1.tar{compression}", {"org.cncf.model.filepath": "w"}
    )
    put_manifest(host, "team/bad", "1", [layer], b"{}", f"{MODEL_PACK}.config.v1+json")
    if compression:
        message += "|damaged"
    with pytest.raises(ModelkilnError, match=message):
        check_files(source_of(host, "team/bad:1", tmp_path).list().files, "x")


@pytest.mark.parametrize("path", ["../model", "/model", "a//b", "a/./b", "a\\b"])
def test_hostile_file_names_are_refused(host, tmp_path, path):
    """A layer's annotation may not lead out of the package's folder."""
    layer = put_blob(host, "team/path", b"x", f"{MODEL_PACK}.weight.v1.raw", {"org.cncf.model.filepath": path})
    put_manifest(host, "team/path", "1", [layer], b"{}", f"{MODEL_PACK}.config.v1+json")
    with pytest.raises(ModelkilnError, match="not a clean relative path"):
        check_files(source_of(host, "team/path:1", tmp_path).list().files, "x")


def test_a_registry_that_sends_other_bytes_is_reported(host, tmp_path):
    """A manifest that is not that of its digest is refused."""
    digest = "sha256:" + "a" * 64

    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"{}")

    with served(answer) as address, pytest.raises(ModelkilnError, match="is broken or lies"):
        source_of(address, f"team/x@{digest}", tmp_path).list()


@pytest.mark.parametrize("reference", ["registry.example.com/name", "name:1", "registry.example.com/NAME:1"])
def test_references_that_name_nothing_are_refused(reference, tmp_path):
    """A registry, and a tag or a digest, must be there."""
    with pytest.raises(ModelkilnError):
        open_source(f"oci://{reference}", {}, tmp_path)


def test_what_is_not_there_is_reported(host, tmp_path):
    """A tag that does not exist is an error that names it."""
    with pytest.raises(ModelkilnError, match="manifests/none.*404"):
        source_of(host, "team/nothing:none", tmp_path).list()
