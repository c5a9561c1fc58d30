"""The bill of materials of a package."""

import json
from dataclasses import replace

import pytest
from attested.described_package import ARCHIVE, BASE, WHEELS, described_record
from attested.readers import read_cyclonedx

from modelkiln.attestation.sbom.bom import (
    IMAGE,
    PROGRAM,
    WEIGHTS,
    WHEEL,
    BaseFacts,
    WheelFacts,
    bom_bytes,
    older_bom,
    package_bom,
)

_REGISTRY = BaseFacts(reference="registry.example:5000/team/Base:1@sha256:" + "ab" * 32)
_OTHERS = {"wheel": {"distribution": "Embed", "version": "2.0.0", "weights_lock": "cd" * 32}}


def _bills():
    record = described_record()
    return {
        "image": package_bom(record, IMAGE, WHEELS, BASE),
        "portable": package_bom(record, IMAGE, WHEELS, replace(BASE, archive=ARCHIVE)),
        "registry": package_bom(record, IMAGE, WHEELS, _REGISTRY),
        "program": package_bom(record, PROGRAM, WHEELS),
        "wheel": package_bom(described_record(**_OTHERS), WHEEL, WHEELS),
        "weights": package_bom(record, WEIGHTS),
        "provided": package_bom(described_record(provided=[{"name": "torch", "specifier": ">=2"}]), PROGRAM, WHEELS),
    }


def _components(bom):
    return {one["bom-ref"]: one for one in bom["components"]}


def _needs(bom):
    return {one["ref"]: one.get("dependsOn", []) for one in bom["dependencies"]}


def test_others_read_every_bill(tmp_path):
    """The official schemas of 1.7 and 1.6 take the bills of all formats, CycloneDX's own library reads them whole, and
    package URLs are written as package-url's library writes them."""
    bills = list(_bills().values())
    found = read_cyclonedx(tmp_path, *map(bom_bytes, [*bills, *map(older_bom, bills)]))
    numbers = [len(bom["components"]) for bom in bills]
    assert [
        {"problems": [], "is_valid": True, "components": number, "other_purls": []} for number in numbers * 2
    ] == found


def test_an_image_has_its_model_files_wheels_and_debian_packages():
    """Each is a component with its hash; wheels and Debian packages have the names that scanners look up."""
    components = _components(_bills()["image"])
    libc = "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64&distro=debian-12&upstream=glibc"
    python = (
        "pkg:deb/debian/python3.11-minimal@3.11.2-6%2Bdeb12u8?arch=amd64&distro=debian-12"
        "&upstream=python3.11%403.11.2-6"
    )
    assert {
        "model",
        "file:chat template.jinja",
        "file:model.safetensors",
        "file:tokenizer.json",
        "code",
        "runtime",
        "pkg:pypi/demo@1.0",
        "pkg:pypi/numpy@2.4.6%2Bcpu",
        "pkg:pypi/proprietary@1.0",
        "base",
        libc,
        "pkg:deb/debian/media-types@10.0.0?arch=all&distro=debian-12",
        python,
        "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64&distro=debian-12&upstream=zlib",
    } == set(components)
    assert [{"alg": "SHA-256", "content": "a1" * 32}] == components["file:model.safetensors"]["hashes"]
    assert [{"alg": "SHA-256", "content": "e1" * 32}] == components["pkg:pypi/numpy@2.4.6%2Bcpu"]["hashes"]
    assert ["glibc"] == [one["name"] for one in components[libc]["pedigree"]["ancestors"]]


def test_the_graph_is_that_of_the_metadata():
    """Who needs whom: code its declared wheels, wheels each other, the model its files, the base what was asked for."""
    needs = _needs(_bills()["image"])
    libc = "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64&distro=debian-12&upstream=glibc"
    python = next(ref for ref in needs if "python3.11-minimal" in ref)
    zlib = "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64&distro=debian-12&upstream=zlib"
    assert ["base", "code", "model", "runtime"] == needs["package"]
    assert ["file:chat template.jinja", "file:model.safetensors", "file:tokenizer.json"] == needs["model"]
    assert [python, "pkg:pypi/demo@1.0", "pkg:pypi/numpy@2.4.6%2Bcpu"] == needs["code"]
    assert ["pkg:pypi/numpy@2.4.6%2Bcpu", "pkg:pypi/proprietary@1.0"] == needs["pkg:pypi/demo@1.0"]
    assert [python, "pkg:pypi/numpy@2.4.6%2Bcpu"] == needs["runtime"]
    assert ["pkg:deb/debian/media-types@10.0.0?arch=all&distro=debian-12", python] == needs["base"]
    assert [libc, zlib] == needs[python]


def test_licences_are_expressions_identifiers_or_names():
    """An expression where all is known; else each name, as SPDX has it where it is one licence."""
    components = _components(_bills()["image"])
    python = next(one for ref, one in components.items() if "python3.11-minimal" in ref)
    assert [{"expression": "BSD-3-Clause AND Zlib"}] == components["pkg:pypi/numpy@2.4.6%2Bcpu"]["licenses"]
    assert [{"license": {"name": "Acme EULA"}}] == components["pkg:pypi/proprietary@1.0"]["licenses"]
    assert "licenses" not in components["pkg:pypi/demo@1.0"]
    assert [
        {"license": {"id": "GPL-2.0-or-later"}},
        {"license": {"id": "MIT"}},
        {"license": {"name": "GPL-2 or Artistic"}},
    ] == python["licenses"]


def test_a_wheel_that_was_built_names_its_sdist():
    """Its ancestor is the sdist, by file name and hash, and its properties say what built it."""
    demo = _components(_bills()["image"])["pkg:pypi/demo@1.0"]
    (origin,) = demo["pedigree"]["ancestors"]
    assert "pkg:pypi/demo@1.0?file_name=demo-1.0.tar.gz" == origin["purl"]
    assert [{"alg": "SHA-256", "content": "d0" * 32}] == origin["hashes"]
    properties = {one["name"]: one["value"] for one in demo["properties"]}
    assert "setuptools==80.0 sha256:" + "5e" * 32 == properties["modelkiln:wheel:build:requirement"]
    assert "sha256:" + "70" * 32 == properties["modelkiln:wheel:build:toolchain"]


def test_a_wheel_that_lost_files_names_the_wheel_it_was():
    """Also where that was built from an sdist: both are its ancestors."""
    built = {
        "filename": "a-1.whl",
        "sha256": "11" * 32,
        "build": {"sdist": {"filename": "a.tar.gz", "sha256": "22" * 32}},
    }
    trimmed = {"name": "a", "version": "1", "filename": "a-1.whl", "sha256": "33" * 32,
               "build": {"builder": "trimmed/1", "wheel": built}}  # fmt: skip
    bom = package_bom(described_record(requirements=[trimmed]), PROGRAM)
    (origin,) = _components(bom)["pkg:pypi/a@1"]["pedigree"]["ancestors"]
    assert "11" * 32 == origin["hashes"][0]["content"]
    assert "22" * 32 == origin["pedigree"]["ancestors"][0]["hashes"][0]["content"]


def test_files_of_a_tokenizer_are_components_of_a_kind_of_their_own():
    """So are chat templates: a change of one makes another model."""
    components = _components(_bills()["image"])
    assert [{"type": "configuration", "name": "tokenizer"}] == components["file:tokenizer.json"]["data"]
    assert [{"type": "configuration", "name": "chat-template"}] == components["file:chat template.jinja"]["data"]
    assert ["data", "data", "file"] == [
        components[f"file:{name}"]["type"] for name in ("tokenizer.json", "chat template.jinja", "model.safetensors")
    ]


def test_what_a_package_lacks_is_expected_elsewhere():
    """The interpreter of a PEX, the dependencies of a wheel, weights that are mounted or fetched; 1.6 has a property
    in the place of the field that it lacks."""
    bills = _bills()
    sidecar = package_bom(described_record(weights="sidecar"), IMAGE, WHEELS, BASE)

    def external(bom):
        return {one["bom-ref"] for one in bom["components"] if one.get("isExternal")}

    files = {"file:chat template.jinja", "file:model.safetensors", "file:tokenizer.json"}
    wheels = {"pkg:pypi/demo@1.0", "pkg:pypi/numpy@2.4.6%2Bcpu", "pkg:pypi/proprietary@1.0"}
    assert set() == external(bills["image"]) | external(bills["weights"])
    assert {"interpreter"} == external(bills["program"])
    assert {"interpreter"} | files | wheels == external(bills["wheel"])
    assert files == external(sidecar)
    properties = _components(older_bom(sidecar))["file:model.safetensors"]["properties"]
    assert {"name": "modelkiln:external", "value": "true"} == properties[-1]


def test_what_the_machine_provides_is_expected_there():
    """With the versions that the package takes, and no hash."""
    bom = package_bom(described_record(provided=[{"name": "torch", "specifier": ">=2.1,<3"}]), IMAGE, WHEELS, BASE)
    assert {
        "type": "library",
        "bom-ref": "provided:torch",
        "name": "torch",
        "isExternal": True,
        "purl": "pkg:pypi/torch",
        "properties": [{"name": "modelkiln:provided:specifier", "value": ">=2.1,<3"}],
    } == _components(bom)["provided:torch"]
    assert "provided:torch" in _needs(bom)["code"]


def test_an_image_of_a_registry_is_not_said_to_be_known():
    """It is one component, by its digest, and the bill says that what is in it is not."""
    bom = _bills()["registry"]
    base = _components(bom)["base"]
    digest = "sha256:" + "ab" * 32
    assert f"pkg:oci/base@{digest}?repository_url=registry.example:5000/team/Base" == base["purl"]
    assert [
        {"aggregate": "incomplete", "assemblies": ["package"]},
        {"aggregate": "unknown", "assemblies": ["base"]},
    ] == bom["compositions"]
    assert [{"aggregate": "complete", "assemblies": ["package"]}] == _bills()["image"]["compositions"]


def test_a_portable_python_is_the_interpreter_and_needs_the_c_library():
    """The code needs it, and not one of Debian."""
    needs = _needs(_bills()["portable"])
    python = "pkg:generic/cpython@3.11.14?file_name=cpython-3.11.14.tar.gz"
    assert python in needs["code"]
    assert ["libc6"] == [ref.split("/")[2].split("@")[0] for ref in needs[python]]


def test_every_reference_is_to_a_component_and_each_is_named_once():
    """In each format: dependencies lead nowhere else."""
    for bom in _bills().values():
        refs = [bom["metadata"]["component"]["bom-ref"], *(one["bom-ref"] for one in bom["components"])]
        assert len(set(refs)) == len(refs)
        assert set(refs) == set(_needs(bom))
        assert {ref for needed in _needs(bom).values() for ref in needed} <= set(refs)


def test_a_bill_depends_on_its_package_alone():
    """Its bytes are the same each time, it has no date, and its serial number changes with its content."""
    first, again = bom_bytes(_bills()["image"]), bom_bytes(_bills()["image"])
    other = bom_bytes(package_bom(described_record(version="2.0.1"), IMAGE, WHEELS, BASE))
    assert first == again
    assert first == bom_bytes(json.loads(first))
    assert b"timestamp" not in first
    serials = {json.loads(data)["serialNumber"] for data in (first, other, bom_bytes(_bills()["program"]))}
    assert 3 == len(serials)


@pytest.mark.parametrize("kind", [IMAGE, PROGRAM])
def test_the_package_is_named_by_its_digest(kind):
    """The component that the bill describes has the package digest and the variant as properties."""
    record = described_record()
    described = package_bom(record, kind, WHEELS, BASE)["metadata"]["component"]
    properties = {one["name"]: one["value"] for one in described["properties"]}
    assert record["package_digest"] == properties["modelkiln:package:digest"]
    assert "linux/amd64" == properties["modelkiln:package:variant:platform"]


def test_wheels_of_all_environments_are_listed():
    """Each once, though several have it; of one version with two files both, with a reference each."""
    record = described_record()
    numpy = {**record["requirements"][1], "sha256": "f1" * 32}
    other = {"name": "scipy", "version": "1.0", "filename": "scipy-1.0-py3-none-any.whl", "sha256": "f2" * 32}
    environment = {"requirements": [numpy, other, record["requirements"][2]]}
    ensemble = {"members": {}, "steps": [], "environments": {"opt/venvs/0123456789ab": environment}}
    facts = replace(
        WHEELS, others={"opt/venvs/0123456789ab": WheelFacts(needed_by={"scipy": [""], "numpy": ["scipy"]})}
    )
    bom = package_bom(described_record(ensemble=ensemble), IMAGE, facts, BASE)
    before, needs = _components(_bills()["image"]), _needs(bom)
    ref = f"{_named(bom, 'numpy')[0]['bom-ref']}#f1f1f1f1f1f1"
    assert {ref, "pkg:pypi/scipy@1.0"} == _components(bom).keys() - before.keys()
    assert len(bom["components"]) == len(_components(bom))
    assert [ref] == needs["pkg:pypi/scipy@1.0"]
    hashes = [one["hashes"][0]["content"] for one in _named(bom, "numpy")]
    assert ["e1" * 32, "f1" * 32] == hashes


def _named(bom, name):
    return [one for one in bom["components"] if one["name"] == name]
