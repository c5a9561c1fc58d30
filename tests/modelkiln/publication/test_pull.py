"""Packages out of registries: all of them, parts of them, and whether they are what they say."""

import json

import pytest
from loopback.hostile_registry import hostile_registry
from loopback.registries import registry
from readers import skopeo_inspect
from samples.published import Package
from schemas import schema_problems

from modelkiln.cli.main import main
from modelkiln.conventions import OLD_RECORD_PATH
from modelkiln.digest import hex_of, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.package.record import recorded_digest
from modelkiln.publication.pull import pull
from modelkiln.publication.remote_package import RemotePackage, check_record
from modelkiln.registry.reference import parse_image
from modelkiln.validation.layout import validate_layout


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A package in a docker-registry: (package, reference with a tag, host)."""
    package = Package(tmp_path_factory.mktemp("package"))
    with registry(tmp_path_factory.mktemp("registry")) as host:
        package.publish(host, record=package.record)
        yield package, f"{host}/team/digits:1.2.0", host


def command(*arguments, host):
    """Run `modelkiln ARGUMENTS` and return its exit code."""
    return main([*map(str, arguments), f"--insecure={host}"])


def test_a_pulled_layout_is_whole(published, tmp_path):
    """Every blob is in the layout, which validates and which skopeo reads."""
    package, reference, host = published
    assert 0 == command("pull", reference, "-o", tmp_path / "digits.oci", host=host)
    assert [] == validate_layout(tmp_path / "digits.oci", complete=True)
    assert package.digest == sha256_bytes(skopeo_inspect(tmp_path / "digits.oci", "1.2.0"))
    assert ["digits.oci"] == [path.name for path in tmp_path.iterdir()]


def test_a_digest_pins_what_is_pulled(published, tmp_path):
    """A reference by digest works without a tag."""
    package, _, host = published
    reference = f"{host}/team/digits@{package.digest}"
    assert 0 == command("pull", reference, "-o", tmp_path / "p", "--only", "record", host=host)
    assert package.record == (tmp_path / "p/package.json").read_bytes()


@pytest.mark.parametrize("attached", [True, False])
def test_parts_are_pulled_alone(tmp_path, attached):
    """Record, signature and weights come without the other layers, with and without a referrer."""
    package = Package(tmp_path / "package")
    with hostile_registry() as hostile:
        package.publish(hostile.address, record=package.record if attached else None)
        reference = f"{hostile.address}/team/digits:1.2.0"
        for part in ("record", "signature", "weights"):
            del hostile.requests[:]
            assert 0 == command("pull", reference, "-o", tmp_path / part, "--only", part, host=hostile.address)
            whole = {blob for blob in hostile.blobs if any(hex_of(blob) in path for _, path in hostile.requests)}
            assert (package.weights.digest in whole) == (part == "weights")
    record = json.loads((tmp_path / "record/package.json").read_bytes())
    assert package.made.record["package_digest"] == record["package_digest"]
    assert package.made.record["signature"] == json.loads((tmp_path / "signature/signature.json").read_text())
    (file,) = record["artifacts"]
    assert file["sha256"] == sha256_bytes((tmp_path / "weights" / file["path"]).read_bytes())[7:]


def test_an_earlier_name_of_the_record_is_read(published, tmp_path, monkeypatch, capsys):
    """Of packages whose record has the name that scanners took for one of npm, in a registry and in a layout."""
    new, _, host = published
    monkeypatch.setattr("modelkiln.layers.small.RECORD_PATH", OLD_RECORD_PATH)
    old = Package(tmp_path / "old")
    assert new.digest != old.digest
    old.publish(host, "team/old")
    reference = f"{host}/team/old:1.2.0"
    assert 0 == command("pull", reference, "-o", tmp_path / "p", "--only", "record", host=host)
    assert old.made.record == json.loads((tmp_path / "p/package.json").read_bytes())
    capsys.readouterr()
    assert 0 == main(["diff", str(new.layout), str(old.layout), f"--store={old.store.root}"])
    assert "he packages are the same." in capsys.readouterr().out


def test_verify_reports_what_would_run(published, capsys):
    """Every digest is checked, and what the package is comes out."""
    package, reference, host = published
    assert 0 == command("verify", reference, host=host)
    printed = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert package.digest == printed["digest"]
    assert package.made.record["package_digest"] == printed["package"]
    assert ("cpu", "linux/amd64") == (printed["accelerator"], printed["platform"])
    assert "/opt/venv/bin/python -m modelkiln.runtime" == printed["entrypoint"]


def test_verify_reads_layouts_too(published, tmp_path, capsys):
    """A folder is taken for a layout; a changed blob is an exit code."""
    _, reference, host = published
    command("pull", reference, "-o", tmp_path / "p.oci", host=host)
    assert 0 == main(["verify", str(tmp_path / "p.oci")])
    blob = max((tmp_path / "p.oci/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    blob.write_bytes(blob.read_bytes()[:-1])
    assert 1 == main(["verify", str(tmp_path / "p.oci")])
    assert "bytes, want" in capsys.readouterr().err


def test_verify_prints_json(published, tmp_path, capsys):
    """What the package is in a registry and in a layout; and of one with a changed blob, what is wrong."""
    package, reference, host = published
    command("pull", reference, "-o", tmp_path / "p.oci", host=host)
    capsys.readouterr()
    for place in (reference, str(tmp_path / "p.oci")):
        assert 0 == command("verify", place, "--json", host=host)
        found = json.loads(capsys.readouterr().out)
        assert [] == schema_problems("verify", found)
        assert ("verified", []) == (found["result"], found["problems"])
        assert package.made.record["package_digest"] == found["images"][0]["package"]
    blob = max((tmp_path / "p.oci/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    blob.write_bytes(blob.read_bytes()[:-1])
    assert 1 == main(["verify", str(tmp_path / "p.oci"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [] == schema_problems("verify", found)
    assert ("problems", []) == (found["result"], found["images"]) and "bytes, want" in found["problems"][0]


def test_a_registry_that_lies_about_a_blob_is_found_out(tmp_path, capsys):
    """A blob whose bytes are others is refused by pull, which leaves nothing, and reported by verify."""
    package = Package(tmp_path / "package")
    with hostile_registry() as hostile:
        package.publish(hostile.address, record=package.record)
        digest = package.weights.digest
        hostile.blobs[digest] = hostile.blobs[digest][:-1] + b"x"
        reference = f"{hostile.address}/team/digits:1.2.0"
        assert 1 == command("pull", reference, "-o", tmp_path / "p", host=hostile.address)
        assert 1 == command("pull", reference, "-o", tmp_path / "p", "--only=weights", host=hostile.address)
        assert ["package"] == [path.name for path in tmp_path.iterdir()]
        assert 1 == command("verify", reference, host=hostile.address)
    assert f"blob {digest}: got" in capsys.readouterr().err


def test_a_record_of_another_package_is_refused(tmp_path):
    """A record whose contents do not have the package digest that it states is refused."""
    package = Package(tmp_path)
    record = json.loads(package.record)
    assert recorded_digest(record) == record["package_digest"]
    with pytest.raises(ModelkilnError, match=r"its record states package digest sha256:\w+, want"):
        check_record(json.dumps({**record, "version": "6"}).encode(), "here")


def test_what_is_not_there_is_reported(published, tmp_path):
    """A tag that the registry lacks, and a folder that is taken, are reported."""
    _, reference, host = published
    env = {INSECURE_REGISTRIES: host}
    with pytest.raises(ModelkilnError, match="no such tag"):
        RemotePackage(parse_image(f"{host}/team/digits:9"), env, print)
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelkilnError, match="exists"):
        pull(RemotePackage(parse_image(reference), env, print), "record", tmp_path, print)
