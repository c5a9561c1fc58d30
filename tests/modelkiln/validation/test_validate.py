"""The validator: what is right passes, and what can't be seen is reported. Broken layouts: tests/hostile."""

import io
import json
import os
import shutil
import tarfile

import pytest
from samples.random_image import blob_file, make_image, pack_layer

from modelkiln.archives.tar import Entry, bytes_entry
from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.digest import sha256_bytes
from modelkiln.image.image import Base, Settings, build_image
from modelkiln.image.layout import layout_files, write_layout
from modelkiln.layer import Layer
from modelkiln.recipe import REGISTRY, Recipe
from modelkiln.store.store import Store
from modelkiln.validation.config import index_problems
from modelkiln.validation.layout import validate_layout


def texts(issues):
    return [str(issue) for issue in issues]


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_valid_layout_has_no_issues(tmp_path, seed, compression):
    """What build_image and layout_files make is right in every compression."""
    made = make_image(tmp_path / "digits.oci", seed, compression)
    assert validate_layout(made.path, record=made.record, complete=True) == []


def test_a_blob_that_is_nowhere_gives_a_note(tmp_path):
    """The layout may lack a layer; then its files are not missed, but nothing is called checked."""
    made = make_image(tmp_path / "digits.oci", store=Store(tmp_path / "store"))
    issues = validate_layout(made.path)
    assert [issue.is_note for issue in issues] == [True]
    assert "(weights: digits.bin): blob sha256:" in str(issues[0])


def test_a_blob_of_the_store_is_checked(tmp_path):
    """A layer that only the store holds is read there, and damage is found there."""
    store = Store(tmp_path / "store")
    made = make_image(tmp_path / "digits.oci", store=store)
    assert validate_layout(made.path, store) == []
    path = store.path(made.image.layers[1].descriptor.digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"models/", b"m0dels/"))
    assert any("digest of blob: got sha256:" in text for text in texts(validate_layout(made.path, store)))


def test_complete_wants_every_blob(tmp_path):
    """With complete, a blob that the store holds is still missing."""
    store = Store(tmp_path / "store")
    made = make_image(tmp_path / "digits.oci", store=store)
    assert "want it in the layout" in texts(validate_layout(made.path, store, complete=True))[0]


def test_another_record_is_reported(tmp_path):
    """The record in dist/ must be the one inside, but for what only dist/ can hold."""
    made = make_image(tmp_path / "digits.oci")
    assert validate_layout(made.path, record={**made.record, "formats": {}, "layers": []}) == []
    found = texts(validate_layout(made.path, record={**made.record, "version": "9"}))
    assert len(found) == 1
    assert 'version: got "1.2.0", want "9" of the given record' in found[0]


def test_all_issues_are_collected(tmp_path):
    """One run reports everything that is wrong."""
    made = make_image(tmp_path / "digits.oci")
    (made.path / "oci-layout").unlink()
    (made.path / "extra").touch()
    for layer in made.image.layers:
        path = blob_file(made.path, layer.descriptor.digest)
        path.write_bytes(path.read_bytes() + b"x")
    assert len(validate_layout(made.path)) >= 2 + 2 * len(made.image.layers)


def test_issues_are_in_one_order():
    """That of the index, in each process: names that are given twice."""
    names = [f"name-{number}" for number in range(20)]
    entries = [{"annotations": {"org.opencontainers.image.ref.name": name}} for name in names * 2]
    issues = [issue for issue in index_problems({"manifests": entries}) if "is given" in issue]
    assert [f"manifests: the name {name!r} is given 2 times, want once." for name in names] == issues


def test_linked_blobs_are_right(tmp_path):
    """A layout whose blobs are links into a shared folder is right."""
    made = make_image(tmp_path / "digits.oci")
    pool = tmp_path / ".blobs" / "sha256"
    pool.mkdir(parents=True)
    for layer in made.image.layers:
        path = blob_file(made.path, layer.descriptor.digest)
        shutil.move(path, pool / path.name)
        os.symlink(os.path.relpath(pool / path.name, path.parent), path)
    assert validate_layout(made.path, complete=True) == []


def test_layers_of_a_registry_keep_their_own_conventions(tmp_path):
    """A base from a registry may overwrite and remove files of its own layers below; we may not."""
    recipe = REGISTRY
    files = [
        [bytes_entry("bin/sh", b"1", executable=True), bytes_entry("etc/a", b"a"), bytes_entry("old/x", b"x")],
        [bytes_entry("bin/sh", b"2", executable=True), bytes_entry("etc/.wh.a", b""), bytes_entry(".wh.old", b"")],
    ]
    base = [pack_layer("base", f"base {i}", entries, "none", recipe) for i, entries in enumerate(files)]
    ours = pack_layer("code", "code", [bytes_entry("etc/a", b"b"), Entry("old", kind="symlink", link="etc")])
    made = [*base, ours]
    layers = [layer for layer, _ in made]
    image = build_image(
        Base(tuple(layers[:2]), "amd64", "linux"),
        layers[2:],
        Settings({"PATH": "/bin"}, entrypoint=["sh"], user="65532"),
    )
    blobs = {layer.descriptor.digest: data for layer, data in made}
    blobs[image.manifest_descriptor.digest], blobs[image.config_descriptor.digest] = image.manifest, image.config
    path = write_layout(tmp_path / "x.oci", layout_files(image.manifest_descriptor, blobs, {}))
    assert texts(validate_layout(path, complete=True)) == []


def test_what_a_base_of_a_registry_lets_anybody_do_is_reported(tmp_path):
    """Files that run as another user or with capabilities, and what anybody may write to, of what is left of it."""
    program = b"#!/bin/sh"
    modes = {
        "bin/plain": 0o755, "bin/su": 0o4755, "bin/wall": 0o2755, "etc/open": 0o666, "gone/su": 0o4755,
        "bin/ping": 0o755,
    }  # fmt: skip
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, mode in (("srv", 0o777), ("tmp", 0o1777)):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, mode
            archive.addfile(info)
        for name, mode in modes.items():
            info = tarfile.TarInfo(name)
            info.mode, info.size = mode, len(program)
            info.pax_headers = {"SCHILY.xattr.security.capability": "x"} if name == "bin/ping" else {}
            archive.addfile(info, io.BytesIO(program))
    data = stream.getvalue()
    descriptor = Descriptor(LAYER, sha256_bytes(data), len(data))
    base = Layer("base", "base", descriptor, descriptor.digest, len(data), Recipe.made_by(REGISTRY, {}))
    above, hiding = pack_layer("base", "above", [bytes_entry(".wh.gone", b"")], "none", REGISTRY)
    image = build_image(
        Base((base, above), "amd64", "linux"), [], Settings({"PATH": "/bin"}, entrypoint=["su"], user="65532")
    )
    blobs = {descriptor.digest: data, above.descriptor.digest: hiding}
    blobs[image.manifest_descriptor.digest], blobs[image.config_descriptor.digest] = image.manifest, image.config
    path = write_layout(tmp_path / "x.oci", layout_files(image.manifest_descriptor, blobs, {}))
    notes = [issue for issue in validate_layout(path) if issue.is_note]
    expected = {
        "/bin/ping: has mode 0755": "capabilities", "/bin/su: has mode 4755": "setuid",
        "/bin/wall: has mode 2755": "setgid", "/etc/open: has mode 0666": "anybody", "/srv: has mode 0777": "anybody",
    }  # fmt: skip
    assert list(expected) == [note.text[: note.text.index(" in layers[0]")] for note in notes]
    assert all(word in note.text for word, note in zip(expected.values(), notes))


def test_the_interpreter_of_a_script_is_looked_up(tmp_path):
    """An entrypoint that is a script needs the program of its first line."""
    made = make_image(tmp_path / "one.oci", entrypoint=["f2py"])
    assert validate_layout(made.path, complete=True) == []


def test_an_artifact_is_checked_too(tmp_path):
    """A ModelPack artifact's blobs, diff IDs and conventions are checked like an image's."""
    from modelkiln.canonical import canonical_json
    from modelkiln.descriptor import MANIFEST, Descriptor

    layer, data = pack_layer("weights", "w", [bytes_entry("models/w", b"w")])
    model = "application/vnd.cncf.model."
    config = canonical_json({"modelfs": {"type": "layers", "diffIds": [layer.diff_id]}})
    weights = Descriptor(f"{model}weight.v1.tar", layer.descriptor.digest, layer.descriptor.size)
    content = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": f"{model}manifest.v1+json",
        "config": Descriptor.of(f"{model}config.v1+json", config).to_json(),
        "layers": [weights.to_json()],
    }
    manifest = canonical_json(content)
    described = Descriptor.of(MANIFEST, manifest)
    blobs = {described.digest: manifest, weights.digest: data, content["config"]["digest"]: config}
    path = write_layout(tmp_path / "w.artifact", layout_files(described, blobs, {}))
    assert validate_layout(path, complete=True) == []
    assert json.loads((path / "index.json").read_bytes())["manifests"][0]["artifactType"] == content["artifactType"]
    blob_file(path, weights.digest).write_bytes(data[:-1])
    assert len(validate_layout(path, complete=True)) >= 2
