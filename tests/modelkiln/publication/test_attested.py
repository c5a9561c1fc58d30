"""Bills of materials and provenance next to packages, as artifacts that refer to them, and commands that print them."""

import json
import zipfile
from dataclasses import replace

import pytest
from attested.described_package import described_record
from attested.readers import read_cyclonedx, read_spdx, read_statements
from samples.published import Package
from schemas import schema_problems

from modelkiln.attestation.provenance import PROVENANCE, UNKNOWN_BUILDER
from modelkiln.attestation.smoke_result import passed_tests
from modelkiln.attestation.statement import PAYLOAD_TYPE, Statement, Subject
from modelkiln.canonical import canonical_json
from modelkiln.cli.main import main
from modelkiln.conventions import RECORD_TYPE, SBOM_TYPE
from modelkiln.formats.model_pack import build_artifact
from modelkiln.image.entries import REF_NAME
from modelkiln.image.layout import layout_files, write_layout
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.publication.publish import publish_all


def _run(capfdbinary, *arguments):
    assert 0 == main(list(map(str, arguments))), capfdbinary.readouterr().err
    return capfdbinary.readouterr().out


def _discovered(tools, reference):
    """The types of artifacts that oras finds by a reference, as often as there are such."""
    found = json.loads(tools.oras("discover", "--format=json", reference))
    return sorted(one["artifactType"] for one in found.get("referrers") or found.get("manifests") or ())


def test_an_image_is_published_with_its_bill_and_its_provenance(package, host, tools, tmp_path, capfdbinary):
    """oras finds record, bill and provenance; the bill is the one in the image, and the statement is about it."""
    done = package.publish(host, "attested/digits", record=package.record)
    assert (True, 2) == (done.has_record, done.attested)
    reference = f"{host}/attested/digits:1.2.0"
    assert sorted([RECORD_TYPE, SBOM_TYPE, PAYLOAD_TYPE]) == _discovered(tools, reference)
    bom = _run(capfdbinary, "sbom", reference, f"--insecure={host}")
    assert bom == _run(capfdbinary, "sbom", package.layout)
    statement = _run(capfdbinary, "provenance", reference, f"--insecure={host}")
    assert Statement.read(statement, "it").is_about(package.digest)
    (predicate,) = read_statements(tmp_path, statement)
    assert {"id": UNKNOWN_BUILDER} == predicate["runDetails"]["builder"]
    (read,) = read_cyclonedx(tmp_path, bom)
    assert ([], True) == (read["problems"], read["is_valid"])


def test_a_pulled_package_brings_what_is_said_of_it(package, host, tmp_path, capfdbinary):
    """Bill and provenance lie in the layout, the latter with the builder that was stated when it was published."""
    publication, repository = package.publication(
        f"{host}/pulled/digits", {INSECURE_REGISTRIES: host}, record=package.record
    )
    stated = replace(publication, builder="https://ci.example/1")
    publish_all([(stated, repository)], {INSECURE_REGISTRIES: host}, package.store.root)
    pulled = tmp_path / "digits.oci"
    _run(capfdbinary, "pull", f"{host}/pulled/digits:1.2.0", f"--insecure={host}", "-o", pulled)
    assert _run(capfdbinary, "sbom", package.layout) == _run(capfdbinary, "sbom", pulled)
    statement = Statement.read(_run(capfdbinary, "provenance", pulled), "it")
    assert {"id": "https://ci.example/1"} == statement.predicate["runDetails"]["builder"]


def test_publishing_again_adds_nothing(package, host):
    """The same package says the same of itself."""
    package.publish(host, "again-attested/digits", record=package.record)
    done = package.publish(host, "again-attested/digits", record=package.record)
    assert (False, 0) == (done.has_record, done.attested)
    assert "was there already; nothing was sent" == str(done)


def test_nothing_refers_to_a_package_without_a_record(host, tmp_path, tools):
    """Who leaves the record out has a registry that takes images alone."""
    package = Package(tmp_path, seed=9)
    assert 0 == package.publish(host, "bare-attested/digits").attested
    assert [] == _discovered(tools, f"{host}/bare-attested/digits:1.2.0")


def test_an_index_has_the_bills_of_its_images(indexed, host, tools, capfdbinary):
    """Each image has its own, and the index has all; which one is printed is said by its platform."""
    reference = f"{host}/team/digits:1.2.0"
    assert sorted([RECORD_TYPE, SBOM_TYPE, SBOM_TYPE, PAYLOAD_TYPE]) == _discovered(tools, reference)
    options = (reference, f"--insecure={host}")
    assert 1 == main(["sbom", *options])
    assert b"holds 2 images, want one. Name it with --image" in capfdbinary.readouterr().err
    digests = [one.image.manifest_descriptor.digest for one in indexed.images]
    boms = [_run(capfdbinary, "sbom", *options, f"--image={digest}") for digest in digests]
    assert 2 == len(set(boms))
    statement = Statement.read(_run(capfdbinary, "provenance", *options), "it")
    assert all(map(statement.is_about, [*digests, indexed.index.digest]))
    for digest in digests:
        assert sorted([SBOM_TYPE, PAYLOAD_TYPE]) == _discovered(tools, f"{host}/team/digits@{digest}")


def test_the_formats_that_are_asked_for_are_printed(package, tmp_path, capfdbinary):
    """CycloneDX 1.6 and SPDX 2.3, which the tools of both take."""
    older = _run(capfdbinary, "sbom", package.layout, "--format=cyclonedx-1.6")
    assert "1.6" == json.loads(older)["specVersion"]
    assert [] == read_cyclonedx(tmp_path, older)[0]["problems"]
    assert [] == read_spdx(tmp_path, _run(capfdbinary, "sbom", package.layout, "--format=spdx"))[0]["problems"]


def test_an_artifact_has_the_bill_of_its_model(tmp_path, capfdbinary):
    """It holds files alone: the record next to it makes the bill, of which the model is the root."""
    record = described_record()
    made = build_artifact(record["artifacts"], record)
    blobs = {made.manifest_descriptor.digest: made.manifest, made.config_descriptor.digest: made.config}
    layout = write_layout(tmp_path / "embed.artifact", layout_files(made.manifest_descriptor, blobs, {REF_NAME: "1"}))
    (tmp_path / "embed.package.json").write_bytes(canonical_json(record))
    bom = _run(capfdbinary, "sbom", layout)
    assert [] == read_cyclonedx(tmp_path, bom)[0]["problems"]
    content = json.loads(bom)
    assert "machine-learning-model" == content["metadata"]["component"]["type"]
    assert {one["path"] for one in record["artifacts"]} == {one["name"] for one in content["components"]}
    assert [] == [one for one in content["components"] if one.get("isExternal")]


@pytest.mark.parametrize("place", [".modelkiln/sbom.cdx.json", "digits-1.dist-info/sboms/modelkiln.cdx.json"])
def test_a_pex_and_a_wheel_have_theirs_in_them(tmp_path, capfdbinary, place):
    """It is printed as it is there; a file without one says what to do."""
    path = tmp_path / "digits.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other", b"x")
        archive.writestr(place, b'{"bomFormat":"CycloneDX"}')
    assert b'{"bomFormat":"CycloneDX"}\n' == _run(capfdbinary, "sbom", path)
    assert 1 == main(["sbom", str(path), "--format=spdx"])
    assert b"is not one of Modelkiln's (it lacks 'metadata')" in capfdbinary.readouterr().err


@pytest.mark.parametrize(
    "command, data, message",
    [
        ("sbom", b"x", b"is neither a layout's folder, nor a PEX or wheel"),
        ("provenance", b"\xff", b"is not the record of a package"),
        ("provenance", b"{}", b"it lacks 'package_digest'"),
    ],
)
def test_what_is_not_a_package_is_refused(tmp_path, capfdbinary, command, data, message):
    """With the file and what was wanted."""
    path = tmp_path / "some"
    path.write_bytes(data)
    assert 1 == main([command, str(path)])
    assert message in capfdbinary.readouterr().err


def test_a_path_that_leads_nowhere_is_not_a_reference(capfdbinary):
    """What looks like a path in dist/ is not looked up in a registry."""
    assert 1 == main(["sbom", "dist/nothing.oci"])
    assert b"dist/nothing.oci: does not exist" in capfdbinary.readouterr().err


def test_the_record_next_to_a_layout_says_how_it_was_made(package, tmp_path, capfdbinary):
    """Who builds is an option; without the record nothing is known."""
    record = tmp_path / "digits.package.json"
    record.write_bytes(package.record)
    options = (f"--record={record}", "--builder-id=https://ci.example/1")
    statement = Statement.read(_run(capfdbinary, "provenance", package.layout, *options), "it")
    assert (PROVENANCE, True) == (statement.predicate_type, statement.is_about(package.digest))
    assert {"id": "https://ci.example/1"} == statement.predicate["runDetails"]["builder"]
    assert 1 == main(["provenance", str(package.layout)])
    assert b"its record does not lie next to it" in capfdbinary.readouterr().err


def test_statements_are_put_next_to_what_they_are_about(package, host, tools, tmp_path, capfdbinary):
    """A result of tests about the image is attached to it, one about another is not, and what is none is refused."""
    for name, digest in (("own", package.digest), ("other", "sha256:" + "0" * 64)):
        (tmp_path / name).write_bytes(passed_tests([Subject("digits", digest)], ["smoke"], []).to_bytes())
    (tmp_path / "bad").write_bytes(b"{}")
    command = ["publish", str(package.layout), f"{host}/stated/digits", "--tag=1", f"--insecure={host}", "--no-record"]
    command.append(f"--store={package.store.root}")
    assert 1 == main([*command, f"--statement={tmp_path}/bad"])
    assert b"bad: is not an in-toto statement" in capfdbinary.readouterr().err
    _run(capfdbinary, *command, f"--statement={tmp_path}/own", f"--statement={tmp_path}/other")
    assert [PAYLOAD_TYPE] == _discovered(tools, f"{host}/stated/digits:1")


def test_inspect_lists_what_refers_to_a_package(indexed, host, capfdbinary):
    """Of an index and of each of its images: types, sizes, and of statements what they state."""
    found = json.loads(_run(capfdbinary, "inspect", f"{host}/team/digits:1.2.0", f"--insecure={host}", "--json"))
    assert [] == schema_problems("inspect-registry", found)
    assert ["index", "image", "image"] == [one["kind"] for one in found]
    assert indexed.index.digest == found[0]["digest"]
    expected = sorted([(RECORD_TYPE, ""), (SBOM_TYPE, ""), (SBOM_TYPE, ""), (PAYLOAD_TYPE, PROVENANCE)])
    assert expected == sorted((one["artifact_type"], one["predicate_type"]) for one in found[0]["referrers"])
    assert set(indexed.digests) == {one["package_digest"] for one in found[1:]}
    table = _run(capfdbinary, "inspect", f"{host}/team/digits:1.2.0", f"--insecure={host}").decode()
    assert f"{PAYLOAD_TYPE} {PROVENANCE}" in table
