"""OCI image layouts, read and written."""

import json
import os

import pytest
from samples.random_image import blob_file, make_image, read_json

from modelkiln.canonical import canonical_json, document_json
from modelkiln.descriptor import CONFIG, INDEX, Descriptor
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.image.layout import Layout, layout_files, platform_index, write_layout
from modelkiln.validation.layout import validate_layout


@pytest.fixture
def made(tmp_path):
    return make_image(tmp_path / "digits.oci")


def test_what_was_written_is_read_back(made):
    """Manifest, config, tag and platform come back as they were."""
    layout = Layout(made.path)
    found = layout.manifest()
    assert found.descriptor == made.image.manifest_descriptor
    assert found.name == "1.2.0"
    assert found.platform == "linux/amd64"
    assert found.blobs == (made.image.config_descriptor, *(layer.descriptor for layer in made.image.layers))
    assert layout.read_blob(found.blobs[0]) == made.image.config


def test_equal_input_gives_equal_files(tmp_path):
    """A layout's files depend on blobs and annotations only, and documents have one form."""
    images = [make_image(tmp_path / name).image for name in ("one", "other")]
    files = [
        layout_files(one.manifest_descriptor, {one.manifest_descriptor.digest: one.manifest}, {"b": "1", "a": "2"})
        for one in images
    ]
    assert files[0] == files[1]
    assert files[0]["oci-layout"] == b'{"imageLayoutVersion":"1.0.0"}'
    assert files[0]["index.json"] == document_json(json.loads(files[0]["index.json"]))


def test_an_index_says_which_images_have_zstd(made):
    """containers/image (skopeo, podman) refuses to copy an index with its digest where it does not."""
    described = made.image.manifest_descriptor
    listed = [(described, "linux/amd64", {"a": "1"}, True), (described, "linux/arm64", {}, False)]
    zstd, plain = json.loads(platform_index(listed, {}))["manifests"]
    assert {"a": "1", "io.github.containers.compression.zstd": "true"} == zstd["annotations"]
    assert "annotations" not in plain


def test_a_missing_blob_is_none(made):
    """The specification allows missing blobs; a link that leads nowhere is one."""
    layout = Layout(made.path)
    digest = made.image.layers[0].descriptor.digest
    assert layout.blob_path(digest) == blob_file(made.path, digest)
    blob_file(made.path, digest).unlink()
    assert layout.blob_path(digest) is None
    os.symlink("../../../.blobs/sha256/x", blob_file(made.path, digest))
    assert layout.blob_path(digest) is None


def test_a_blob_may_be_a_link_into_a_shared_folder(made):
    """Layouts in dist/ link to blobs that they share."""
    digest = made.image.layers[0].descriptor.digest
    blob = blob_file(made.path, digest)
    pool = made.path.parent / ".blobs" / "sha256"
    pool.mkdir(parents=True)
    blob.rename(pool / blob.name)
    os.symlink(os.path.relpath(pool / blob.name, blob.parent), blob)
    assert Layout(made.path).blob_path(digest).read_bytes() == made.blobs[digest]


def test_manifests_of_nested_indexes_are_found(made):
    """An index may name another index, whose manifests count as the layout's."""
    inner = canonical_json(read_json(made.path / "index.json"))
    described = Descriptor.of(INDEX, inner)
    blob_file(made.path, described.digest).write_bytes(inner)
    outer = {"schemaVersion": 2, "manifests": [described.to_json()]}
    (made.path / "index.json").write_bytes(canonical_json(outer))
    assert [one.name for one in Layout(made.path).manifests()] == ["1.2.0"]


def test_indexes_that_are_nested_too_deep_are_refused(made):
    """Depth is limited, since a reader must end."""
    data = canonical_json(read_json(made.path / "index.json"))
    for _ in range(6):
        described = Descriptor.of(INDEX, data)
        blob_file(made.path, described.digest).write_bytes(data)
        data = canonical_json({"schemaVersion": 2, "manifests": [described.to_json()]})
    (made.path / "index.json").write_bytes(data)
    with pytest.raises(ModelkilnError, match="nested more than 4 deep"):
        Layout(made.path).manifests()


def test_a_damaged_document_is_refused(made):
    """Documents are checked against their descriptors whenever they are read."""
    config = made.image.config_descriptor
    blob_file(made.path, config.digest).write_bytes(made.image.config.replace(b"amd64", b"arm64"))
    with pytest.raises(ModelkilnError, match="damaged or was changed"):
        Layout(made.path).read_blob(config)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ('"x"', "is not a JSON object: it is a JSON str"),
        ("[" * 100_000, "is not a JSON object: it is nested too deeply"),
        ('{"config": {"Labels": [1]}}', "config.Labels [1] is not an object"),
        ('{"config": {"Env": 7}}', "config.Env 7 is not a list"),
        ('{"config": {"Entrypoint": ["x", null]}}', "config.Entrypoint[1] None is not a text"),
        ('{"architecture": 5}', "architecture 5 is not a text"),
        ('{"history": [[]]}', "history[0] [] is not an object"),
    ],
)
def test_a_config_with_values_of_another_kind_is_refused(config, problem, made):
    """In a sentence that names the config and the place in it; that of an artifact is not looked at."""
    descriptor = Descriptor.of(CONFIG, config.encode())
    blob_file(made.path, descriptor.digest).write_text(config)
    with pytest.raises(ModelkilnError) as raised:
        Layout(made.path).read_config(descriptor)
    assert f"config {descriptor.digest}: {problem}" in str(raised.value)
    assert {} == Layout(made.path).read_config(Descriptor("application/json", descriptor.digest, descriptor.size))


@pytest.mark.parametrize("name", ["index.json", "oci-layout"])
def test_what_has_no_end_is_not_read(name, made):
    """A pipe in place of a document is not waited for, a device is not read, and neither is a file without measure."""
    path = made.path / name
    for put, problem in (
        (lambda: os.mkfifo(path), "it is not a regular file"),
        (lambda: os.symlink("/dev/zero", path), "it is not a regular file"),
        (lambda: _sparse(path, 1 << 30), "it has more than"),
    ):
        path.unlink()
        put()
        with pytest.raises(ModelkilnError, match=f"{name}: cannot be read: {problem}"):
            Layout(made.path)
        assert any(problem in str(issue) for issue in validate_layout(made.path))


def _sparse(path, size):
    with path.open("wb") as stream:
        stream.truncate(size)


def test_a_folder_that_is_no_layout_is_refused(tmp_path):
    """The message says what a layout is and who writes it."""
    with pytest.raises(ModelkilnError, match="is not an OCI image layout, it has no oci-layout"):
        Layout(tmp_path)


def test_an_unknown_tag_is_refused(made):
    """The message lists the tags that there are."""
    with pytest.raises(ModelkilnError, match="named 'latest'; there are: 1.2.0"):
        Layout(made.path).manifest("latest")


def test_a_blob_under_a_wrong_digest_is_not_written():
    """layout_files checks what it is given."""
    with pytest.raises(ModelkilnError, match="got a blob of sha256"):
        layout_files(Descriptor.of("a/b", b"x"), {sha256_bytes(b"x"): b"y"}, {})


def test_a_layout_is_written_whole_or_not_at_all(tmp_path):
    """An error leaves neither the folder nor a temporary one."""
    with pytest.raises(TypeError):
        write_layout(tmp_path / "x.oci", {"oci-layout": b"{}", "index.json": None})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_never_replaced(made):
    """Whatever it holds."""
    before = sorted(os.listdir(made.path))
    with pytest.raises(ModelkilnError, match="exists"):
        write_layout(made.path, {"oci-layout": b"{}"})
    assert before == sorted(os.listdir(made.path))
