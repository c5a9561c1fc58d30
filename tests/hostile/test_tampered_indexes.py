"""Indexes and manifests of packages that somebody changed, every digest being right: by what engines choose and run."""

import json

import pytest
from samples.broken_layout import Broken
from samples.indexed import IndexedPackage

from modelkiln.cli.main import main
from modelkiln.descriptor import INDEX, MANIFEST, Descriptor
from modelkiln.image.layout import blob_name

ACCELERATOR = "modelkiln.package.accelerator"
MODEL_PACK = "application/vnd.cncf.model.manifest.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"


class Indexed:
    """A package of two variants, and ways to change its index that keep everything else right."""

    def __init__(self, folder):
        self.path = IndexedPackage(folder).layout
        self.top = json.loads((self.path / "index.json").read_bytes())
        self.index = self.read(self.top["manifests"][0])

    def read(self, described):
        """The document that a descriptor names."""
        return json.loads((self.path / blob_name(described["digest"])).read_bytes())

    def put(self, document, media_type=MANIFEST):
        """Write a document and return what describes it."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        described = Descriptor.of(media_type, data)
        (self.path / blob_name(described.digest)).write_bytes(data)
        return described.to_json()

    def save(self):
        """Put the index in the place of the one that was there."""
        entry = self.top["manifests"][0]
        (self.path / blob_name(entry["digest"])).unlink()
        entry.update(self.put(self.index, INDEX))
        self.save_top()

    def save_top(self):
        """Write what the layout lists."""
        (self.path / "index.json").write_text(json.dumps(self.top))


def swapped(package):
    """Let each variant pass for the other's accelerator."""
    one, other = package.index["manifests"]
    one["annotations"], other["annotations"] = other["annotations"], one["annotations"]
    package.save()


def swapped_beside(package):
    """The same in an index next to the package's, which lists its images again, without their platforms."""
    names = ("cuda12", "cpu")
    listed = [
        {**{key: entry[key] for key in ("mediaType", "digest", "size")}, "annotations": {ACCELERATOR: name}}
        for entry, name in zip(package.index["manifests"], names)
    ]
    other = package.put({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}, INDEX)
    package.top["manifests"].append({**other, "annotations": {REF_NAME: "other"}})
    package.save_top()


def with_keys(**keys):
    """Make a document of two kinds of the index."""

    def change(package):
        package.index.update(keys)
        package.save()

    return change


def with_text(text):
    """Put text before the end of the index."""

    def change(package):
        package.index = json.dumps(package.index).encode()[:-1] + text + b"}"
        package.save()

    return change


def as_a_referrer(package):
    """Give the package a tag of what refers to something else."""
    package.top["manifests"][0]["annotations"][REF_NAME] = "sha256-" + "2" * 64
    package.save_top()


# name -> (what is changed, a part of what is said of it)
TAMPERED = {
    "accelerators-swapped": (swapped, f"{ACCELERATOR}: got 'cuda12', want 'cpu' of the image"),
    "accelerators-swapped-beside": (swapped_beside, f"{ACCELERATOR}: got 'cuda12', want 'cpu' of the image"),
    "index-with-layers": (with_keys(layers=[]), "layers: is there, want no document that is a manifest and an index"),
    "index-with-config": (with_keys(config={}), "config: is there, want no document"),
    "index-of-dockers-first-schema": (with_keys(fsLayers=[]), "fsLayers: is there, want no document"),
    "numbers-without-end": (with_text(b', "x": NaN'), "NaN is not a number that JSON has"),
    "keys-twice": (with_text(b', "manifests": []'), "a key is given twice"),
    "sizes-of-64-bits": (with_text(b', "Size": 9223372036854775808'), "the key 'Size' is 'size' in other letters"),
    "referrer": (as_a_referrer, "what it lists refers to something else, want an image or an artifact"),
}


@pytest.mark.parametrize("name", sorted(TAMPERED))
def test_an_index_that_was_changed_is_not_verified(name, tmp_path, capsys):
    """With its genuine record next to it or without: what it says of its images is compared with them."""
    change, expected = TAMPERED[name]
    package = Indexed(tmp_path)
    assert 0 == main(["verify", str(package.path)])
    change(package)
    for _ in range(2):
        capsys.readouterr()
        assert 1 == main(["verify", str(package.path)])
        said = capsys.readouterr()
        assert expected in said.err
        assert "" == said.out, "nothing of what it claims to be is printed"
        (tmp_path / "digits.package.json").unlink(missing_ok=True)


def test_an_image_that_claims_to_refer_to_the_package_is_held_to_a_record(tmp_path, capsys):
    """An engine runs it by its digest, like any other one of the layout."""
    package = Indexed(tmp_path)
    (tmp_path / "digits.package.json").unlink()
    manifest = package.read(package.index["manifests"][0])
    config = package.read(manifest["config"])
    manifest["subject"] = {key: package.top["manifests"][0][key] for key in ("mediaType", "digest", "size")}
    config["config"] = {"Cmd": ["/bin/sh"], "User": "1"}
    for listed in (manifest["layers"], config["rootfs"]["diff_ids"], config["history"]):
        del listed[1:]
    manifest["config"].update(package.put(config, manifest["config"]["mediaType"]))
    package.top["manifests"].append(package.put(manifest))
    package.save_top()
    assert 3 == main(["verify", str(package.path)])
    assert "has no record" in capsys.readouterr().err


def test_an_image_of_docker_s_does_not_pass_for_weights(tmp_path):
    """Docker and containerd run what has a config of theirs, whatever type of artifact a manifest states."""
    broken = Broken(tmp_path)
    broken.manifest["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json"
    broken.manifest["artifactType"] = MODEL_PACK
    broken.config["modelfs"] = {"type": "layers", "diffIds": broken.config["rootfs"]["diff_ids"]}
    broken.save()
    assert 3 == main(["verify", str(broken.path)])
