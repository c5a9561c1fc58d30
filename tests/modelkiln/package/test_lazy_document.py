"""The document with which a package fetches its weights."""

import io
import json
import tarfile

import pytest

from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.layers import weights
from modelkiln.package.lazy_weights import lazy_document
from modelkiln.store.store import Store

DIGEST = "sha256:" + "a" * 64


def layer(uri, path="w.bin", revision="", locator="", **more):
    """A layer of one locked file."""
    file = {"path": path, "sha256": "1" * 64, "size": 5, "locator": locator, **more}
    recipe = weights.recipe("w", "models", [file], {"uri": uri, "revision": revision})
    return weights.layer_of(recipe, Descriptor(LAYER, DIGEST, 3072))


def places(*arguments, **settings):
    """The places of the one file of such a layer."""
    return json.loads(lazy_document([layer(*arguments, **settings)], "a:b"))["files"][0]["places"]


@pytest.mark.parametrize(
    ("uri", "settings", "place"),
    [
        ("https://example.com/w.bin#sha256=00", {}, {"url": "https://example.com/w.bin"}),
        (
            "oci://registry.example.com/a/b:1",
            {"locator": DIGEST},
            {"url": f"oci://registry.example.com/a/b@{DIGEST}"},
        ),
        (
            f"oci://registry.example.com/a/b@sha256:{'b' * 64}",
            {"locator": f"{DIGEST}+1536"},
            {"url": f"oci://registry.example.com/a/b@{DIGEST}", "offset": 1536},
        ),
        ("hf://ada/llm@main", {"locator": "abc"}, {"url": "hf://ada/llm@abc/w.bin"}),
        ("hf://llm", {"revision": "abc"}, {"url": "hf://llm@abc/w.bin"}),
        ("s3://bucket/a b", {"locator": "bucket/a b/w.bin"}, {"url": "s3://bucket/a%20b/w.bin"}),
        ("gcs://bucket/a", {}, {"url": "gs://bucket/a/w.bin"}),
        ("file:///mnt/a", {}, {"url": "file:///mnt/a/w.bin"}),
    ],
)
def test_a_source_becomes_a_place(uri, settings, place):
    """The runtime gets addresses that it can open as they are."""
    assert [place] == places(uri, **settings)


@pytest.mark.parametrize(
    ("uri", "locator", "reason"),
    [
        ("models:/llm/3", "", "standard library"),
        ("weights", "", "standard library"),
        ("file:weights", "", "a path of the repository"),
        ("oci://registry.example.com/a/b:1", f"{DIGEST}+gzip+models/w.bin", "compressed layer"),
        ("hf://datasets/ada/llm", "", "not a model repository"),
    ],
)
def test_a_source_that_cannot_be_lazy_is_refused(uri, locator, reason):
    """The message says why, and names what can be done."""
    with pytest.raises(ModelkilnError, match=f'^a:b: weights="lazy": w.bin: its source {uri} .*{reason}.*oci://'):
        places(uri, locator=locator)
    assert (
        []
        == json.loads(lazy_document([layer(uri, locator=locator)], "a:b", mirrors=["https://example.com/mirror"]))[
            "files"
        ][0]["places"]
    )


@pytest.mark.parametrize(
    "mirror", ["weights", "ftp://example.com", "https://example.com/a,b", "https://a.example.com?b=1"]
)
def test_a_mirror_that_is_none_is_refused(mirror):
    """Addresses are checked when the package is made."""
    with pytest.raises(ModelkilnError, match="a:b: `weights_mirrors`: "):
        lazy_document([layer("https://example.com/w.bin")], "a:b", mirrors=[mirror])


def test_the_place_in_a_layer_is_where_the_tar_has_the_file(tmp_path):
    """Folders, long names and padding before it are counted."""
    store = Store(tmp_path)
    contents = {"w.bin": b"12345", "b/" + "long" * 50 + ".bin": b"1" * 600, "a.bin": b"x"}
    files = [
        {"path": path, "size": len(data), "sha256": store.add_bytes(data).partition(":")[2]}
        for path, data in contents.items()
    ]
    made = weights.build(weights.recipe("w", "models", files, {"uri": "https://example.com"}), store)
    with weights.open_layer(made.recipe, store) as stream:
        tar = stream.read()
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        expected = {member.name[7:]: member.offset_data for member in archive if member.isfile()}
    document = json.loads(lazy_document([made], "a:b"))
    assert expected == {file["path"]: file["layer"]["offset"] for file in document["files"]}
    assert {made.descriptor.digest} == {file["layer"]["digest"] for file in document["files"]}


def test_what_a_package_has_itself_is_in_the_document():
    """The signature of its files: no pattern makes it one that is read on demand, and the set has it."""
    document = json.loads(lazy_document([layer("https://example.com/w.bin")], "a:b", (), ["*"], [("model.sig", b"{}")]))
    own, other = document["files"]
    assert ({"url": "data:;base64,e30="}, 2) == (own["places"][0], own["size"])
    assert ("model.sig", False, True) == (own["path"], "on_demand" in own, other["on_demand"])


def test_files_that_are_read_on_demand_are_named_by_patterns():
    """A pattern that matches nothing is a mistake."""
    document = json.loads(lazy_document([layer("https://example.com/w.bin")], "a:b", on_demand=["*.bin"]))
    assert document["files"][0]["on_demand"]
    with pytest.raises(ModelkilnError, match="'\\*.gguf' matches no file; there are w.bin"):
        lazy_document([layer("https://example.com/w.bin")], "a:b", on_demand=["*.gguf"])
