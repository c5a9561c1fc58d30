"""How a package was made, as a statement."""

import pytest
from attested.described_package import ARCHIVE, BASE, described_record
from attested.readers import read_statements

from modelkiln.attestation.provenance import UNKNOWN_BUILDER, products, provenance
from modelkiln.attestation.statement import Statement, Subject
from modelkiln.canonical import canonical_json
from modelkiln.layers import debian, files, portable_python
from modelkiln.package.record import index_record, with_outputs
from modelkiln.pinned_file import PinnedFile

_MANIFEST = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + "77" * 32, "size": 5}
_FORMATS = {
    "oci": {"path": "embed.oci", "manifest": _MANIFEST},
    "pex": {"path": "embed.pex", "sha256": "88" * 32, "size": 5},
}
_SOURCE = {
    "target": "models/embed:llm",
    "source": {"uri": "hf://acme/embed", "revision": "0123"},
    "set_digest": "sha256:" + "99" * 32,
    "facts": {},
}
_COMPILER = {"packages": [{"filename": "pool/p/python3.11-minimal_3.11.2_amd64.deb", "sha256": "55" * 32}]}


def _layer(title, recipe):
    descriptor = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:" + "66" * 32, "size": 9}
    text = recipe.text if recipe else ""
    return {"kind": "base", "title": title, "descriptor": descriptor, "diff_id": "sha256:" + "65" * 32,
            "unpacked_size": 9, "recipe": text}  # fmt: skip


def _record(**changes):
    recipes = [
        _layer("base", debian.recipe(BASE.lock, "zstd", _COMPILER)),
        _layer("python", portable_python.recipe(ARCHIVE, "zstd", _COMPILER)),
        _layer("code", files.recipe("code", "code", "none", [PinnedFile("models/embed/predict.py", "c0" * 32, 5)])),
        _layer("record", None),
    ]
    return with_outputs(described_record(**changes), _FORMATS, recipes, [_SOURCE])


def _predicate(record, builder=""):
    return provenance(record, products(record), builder).predicate.to_json()


def _dependencies(record):
    found = _predicate(record)["buildDefinition"]["resolvedDependencies"]
    return {one["name"]: one["digest"]["sha256"] for one in found}


def test_in_toto_reads_the_statement(tmp_path):
    """Its own messages hold every field of statement and predicate: types and names are those of SLSA 1."""
    statement = provenance(_record(), products(_record()), "https://ci.example/1")
    (found,) = read_statements(tmp_path, statement.to_bytes())
    predicate = statement.predicate.to_json()
    assert predicate["runDetails"] == found["runDetails"]
    assert predicate["buildDefinition"]["resolvedDependencies"] == found["buildDefinition"]["resolvedDependencies"]
    assert statement == Statement.read(statement.to_bytes(), "it")


def test_the_subjects_are_what_came_out():
    """Each format by the digest of its manifest or file."""
    assert (Subject("embed.oci", "sha256:" + "77" * 32), Subject("embed.pex", "sha256:" + "88" * 32)) == products(
        _record()
    )


def test_every_locked_input_is_a_dependency():
    """Files of artifacts, code, wheels, sdists with what built them, Debian packages, interpreter, locks, sources."""
    assert {
        "artifact:chat template.jinja": "a0" * 32,
        "artifact:model.safetensors": "a1" * 32,
        "artifact:tokenizer.json": "a2" * 32,
        "base lock": "b0" * 32,
        "code:models/embed/predict.py": "c0" * 32,
        "code:modelkiln/runtime/cli.py": "c1" * 32,
        "cpython-3.11.14.tar.gz": "f0" * 32,
        "demo-1.0.tar.gz": "d0" * 32,
        "libc6_2.36-9+deb12u14_amd64.deb": "36" * 32,
        "media-types_10.0.0_all.deb": "73" * 32,
        "numpy-2.4.6-cp311-cp311-linux_x86_64.whl": "e1" * 32,
        "proprietary-1.0-py3-none-any.whl": "e2" * 32,
        "python3.11-minimal_3.11.2-6+deb12u8_amd64.deb": "6c" * 32,
        "python3.11-minimal_3.11.2_amd64.deb": "55" * 32,
        "setuptools-80.0-py3-none-any.whl": "5e" * 32,
        "toolchain": "70" * 32,
        "weights:models/embed:llm": "99" * 32,
        "zlib1g_1:1.2.13.dfsg-1_amd64.deb": "67" * 32,
    } == _dependencies(_record())


@pytest.mark.parametrize(
    "changes, name, sha256",
    [
        ({"base": {"image": "registry.example/a:1@sha256:" + "ab" * 32}}, "base image", "ab" * 32),
        ({"weights_lock": "cd" * 32, "weights": "lazy"}, "weights lock", "cd" * 32),
        ({"interpreter": {"python": "3.11.14", "release": "20251120", "files": "sha256:" + "ef" * 32}},
         "interpreter 3.11.14+20251120", "ef" * 32),
        ({"requirements": [{"name": "a", "version": "1", "filename": "a-1.whl", "sha256": "10" * 32, "build": {
            "builder": "trimmed/1", "wheel": {"filename": "a-1.whl", "sha256": "11" * 32}}}]}, "a-1.whl", "11" * 32),
    ],
)  # fmt: skip
def test_other_inputs_are_dependencies_too(changes, name, sha256):
    """A base of a registry, the lock of lazy weights, a program's interpreter, a wheel that lost files."""
    assert sha256 == _dependencies(_record(**changes))[name]


def test_the_recipes_of_layers_are_parameters_of_the_build():
    """Each layer with its digests, and with the recipe that makes it again, where it has one."""
    definition = _predicate(_record())["buildDefinition"]
    layers = definition["internalParameters"]["layers"]
    assert ["base", "python", "code", "record"] == [layer["title"] for layer in layers]
    assert ["debian/3", "portable-python/1", "files/1"] == [layer["recipe"]["packer"] for layer in layers[:3]]
    assert {"title": "record", "digest": "sha256:" + "66" * 32, "diffId": "sha256:" + "65" * 32} == layers[3]
    assert ["oci", "pex"] == definition["externalParameters"]["formats"]
    assert "embed" == definition["externalParameters"]["packages"][0]["name"]


def test_the_builder_is_who_says_so():
    """One that nobody names has a name that no policy trusts."""
    assert {"builder": {"id": "https://ci.example/1"}} == _predicate(_record(), "https://ci.example/1")["runDetails"]
    assert {"builder": {"id": UNKNOWN_BUILDER}} == _predicate(_record())["runDetails"]


def test_a_statement_depends_on_the_record_alone():
    """Its bytes are the same whatever the order of the record's keys."""
    record = _record()
    again = dict(reversed(list(record.items())))
    assert canonical_json(_predicate(record)) == canonical_json(_predicate(again))


def test_an_index_was_made_of_what_its_variants_were():
    """Dependencies that variants share are listed once."""
    variants = [described_record(), described_record(variant={"accelerator": "cpu", "platform": "linux/arm64"})]
    record = with_outputs(index_record(variants), {"oci": _FORMATS["oci"]}, [], variants=variants)
    assert _dependencies(with_outputs(described_record(), {}, [])) == _dependencies(record)
    assert 2 == len(_predicate(record)["buildDefinition"]["externalParameters"]["packages"])
