"""What a page says of what lies with a package: bills of materials, provenance, tests, signatures and their state."""

import re

import pytest
from attested.signing_keys import make_key
from loopback.registries import registry
from samples.packages.described import Described
from samples.published import Package

from modelkiln.attestation.smoke_result import passed_tests
from modelkiln.attestation.statement import Subject
from modelkiln.cli.main import main
from modelkiln.image.layout import Layout
from modelkiln.report.evidence.attestations import attestations
from modelkiln.report.package import open_package
from modelkiln.smoke.junit import junit_report
from modelkiln.store.store import Store

_POLICY = 'mode = "enforce"\n[signers.release]\nkey = "{}"\n[[rules]]\nsigners = ["release"]\nrepositories = ["**"]\n'


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A docker-registry."""
    with registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture
def published(tmp_path, host):
    """A package in a registry, with a statement of a test and all of it signed: (place, package)."""
    package, (private, _, _) = Package(tmp_path / "package"), make_key(tmp_path)
    record = tmp_path / "package/record.json"
    record.write_bytes(package.record)
    tests = passed_tests([Subject("digits", package.digest)], ["models/digits:smoke@format=oci"], [])
    (tmp_path / "tests.json").write_bytes(tests.to_bytes())
    command = ["publish", str(package.layout), f"{host}/team/{tmp_path.name}", "--tag=1", f"--record={record}"]
    more = ["--builder-id=https://ci.example.com/1", f"--statement={tmp_path / 'tests.json'}", f"--key={private}"]
    assert 0 == main([*command, *more, f"--insecure={host}", f"--store={package.store.root}"])
    return f"{host}/team/{tmp_path.name}:1", package


def _page(place, host, tmp_path, *options):
    output = tmp_path / "report.html"
    assert 0 == main(["report", place, "-o", str(output), f"--insecure={host}", *options])
    return output.read_text("utf-8")


def test_signatures_are_verified_by_a_policy(published, host, tmp_path):
    """Each statement has its signer; without a policy nothing is claimed."""
    (tmp_path / "policy.toml").write_text(_POLICY.format("key.pub"))
    page = _page(published[0], host, tmp_path, f"--policy={tmp_path / 'policy.toml'}")
    for part in ("verified: signed by release", "built by https://ci.example.com/1", "results of tests", "provenance"):
        assert part in page, part
    assert f"for {host}/team/{tmp_path.name}<" in page and "does not count" not in page
    page = _page(published[0], host, tmp_path)
    assert "signed with a key; not verified: no policy was named" in page and "verified: signed" not in page


def test_a_signature_of_somebody_else_does_not_count(published, host, tmp_path):
    """The page says so, with the reason, and is written."""
    make_key(tmp_path, "other")
    (tmp_path / "policy.toml").write_text(_POLICY.format("other.pub"))
    page = _page(published[0], host, tmp_path, f"--policy={tmp_path / 'policy.toml'}")
    assert "does not count: manifest sha256:" in page and "its signature is not by a key of release" in page
    assert "verified: signed" not in page


def test_a_pulled_layout_has_what_lay_in_the_registry(published, host, tmp_path):
    """It came with it; by whose rule it is judged has to be said."""
    layout, policy = tmp_path / "pulled.oci", tmp_path / "policy.toml"
    assert 0 == main(["pull", published[0], "-o", str(layout), f"--insecure={host}"])
    policy.write_text(_POLICY.format("key.pub"))
    options = f"--policy={policy}", f"--repository={host}/team/{tmp_path.name}"
    page = _page(str(layout), host, tmp_path, *options)
    assert "verified: signed by release" in page and "models/digits:smoke@format=oci" in page


def test_smoke_tests_have_their_times(published, host, tmp_path):
    """Those that ran here, of this package alone; and those that are attested, with whose word that is."""
    (tmp_path / "reports").mkdir()
    for name, digest in (("mine", published[1].made.record["package_digest"]), ("other", "sha256:" + "0" * 64)):
        report = junit_report(f"models/digits:{name}@format=pex", digest, 0, "passed in 1.25 s: y FP32 [1]", "")
        (tmp_path / f"reports/{name}.xml").write_bytes(report)
    page = _page(published[0], host, tmp_path, f"--test-results={tmp_path / 'reports'}")
    assert "models/digits:mine@format=pex" in page and ">1.25 s</td>" in page and "models/digits:other" not in page
    assert "models/digits:smoke@format=oci" in page and "attested, signed with a key; not verified" in page


def test_no_results_in_a_folder_is_an_error(published, host, tmp_path, capsys):
    """A wrong path must not look like a package without tests."""
    (tmp_path / "none").mkdir()
    command = ["report", published[0], f"--insecure={host}", f"--test-results={tmp_path / 'none'}"]
    assert 1 == main([*command, "-o", str(tmp_path / "r.html")])
    assert "holds no reports of tests (*.xml)" in capsys.readouterr().err


def test_what_cannot_be_read_is_shown_as_such(published, host, tmp_path):
    """Anybody who may write to a repository may put rubbish next to a package."""
    place, package = published
    layout = tmp_path / "pulled.oci"
    assert 0 == main(["pull", place, "-o", str(layout), f"--insecure={host}"])
    opened = Layout(layout)
    for descriptor in opened.referrers(package.digest):
        for blob in opened.read_json(descriptor)["layers"]:
            path = opened.blob_path(blob["digest"])
            path.chmod(0o644)
            path.write_bytes(path.read_bytes()[:-1] + b"x")
    found = attestations(open_package(str(layout), package.store, dict, print))
    states = {(one.kind, one.state) for one in found}
    assert {
        ("bill of materials", "in the package"),
        ("record", "not signed"),
        ("unreadable", "does not count"),
    } == states


def test_a_package_alone_says_that_it_is_alone(tmp_path):
    """Of a record nothing else is known; a statement about another package is none about this one."""
    package = Described(tmp_path / "package")
    found = open_package(str(package.record_path), Store(tmp_path / "none"), dict, print)
    assert [] == attestations(found)
    output = tmp_path / "report.html"
    assert 0 == main(["report", str(package.layout), "-o", str(output), f"--store={package.store.root}"])
    assert "No signature lies with this package." in output.read_text("utf-8")


def test_the_bill_in_an_image_is_counted(published, tmp_path):
    """It is in the layer of the record."""
    package = published[1]
    found = attestations(open_package(str(package.layout), package.store, dict, print))
    assert [("bill of materials", package.digest, "in the package")] == [
        (one.kind, one.about, one.state) for one in found
    ]
    assert re.fullmatch(r"CycloneDX 1\.7, [0-9]+ components", found[0].says)
