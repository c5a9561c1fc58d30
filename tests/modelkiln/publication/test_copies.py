"""Packages that other tools have copied from one registry to another: what arrived intact is called intact."""

import json

import pytest
from samples.published import Package

from modelkiln.cli.main import main


def command(*arguments, host):
    """Run `modelkiln ARGUMENTS` and return its exit code."""
    return main([*map(str, arguments), f"--insecure={host}"])


def parts(reference, folder, host):
    """Pull record, signature and weights, and return the record."""
    for part in ("record", "signature", "weights"):
        assert 0 == command("pull", reference, "-o", folder / part, "--only", part, host=host)
    return json.loads((folder / "record/package.json").read_bytes())


def test_an_index_without_its_record_is_held_to_each_images_own(indexed, host, tools, tmp_path, capsys):
    """crane copies no referrers: each image is what its own record says, and the missing one is reported as missing."""
    tools.crane("copy", "--insecure", f"{host}/team/digits:1.2.0", f"{host}/crane/digits:1.2.0")
    reference = f"{host}/crane/digits:1.2.0"
    assert 0 == command("verify", reference, host=host)
    said = capsys.readouterr()
    assert all(digest in said.out for digest in indexed.digests)
    assert "note: no record refers to it" in said.err
    record = parts(reference, tmp_path, host)
    assert (indexed.package_digest, indexed.digests) == (record["package_digest"], record["packages"])


@pytest.mark.parametrize("tool", ["oras", "regctl"])
def test_copies_with_referrers_have_their_record(indexed, host, tools, tool, tmp_path, capsys):
    """`oras copy -r` and `regctl image copy --referrers` bring the record along."""
    source, target = f"{host}/team/digits:1.2.0", f"{host}/{tool}/digits:1.2.0"
    if tool == "oras":
        tools.oras("copy -r", source, target, plain=("--from-plain-http", "--to-plain-http"))
    else:
        tools.regctl("image", "copy", "--referrers", source, target)
    assert 0 == command("verify", target, host=host)
    assert "note:" not in capsys.readouterr().err
    assert indexed.record == _record(target, tmp_path, host)


def _record(reference, folder, host):
    assert 0 == command("pull", reference, "-o", folder / "all", "--only", "record", host=host)
    return (folder / "all/package.json").read_bytes()


def test_a_tag_of_a_digest_that_names_the_image_lists_no_referrers(package, host, tools, tmp_path):
    """`cosign copy` leaves the image under the tag of its referrers: there are none, and the record takes its place."""
    package.publish(host, "cosign/digits")
    tag = package.digest.replace(":", "-")
    tools.crane("tag", "--insecure", f"{host}/cosign/digits:1.2.0", tag)
    assert 0 == command("verify", f"{host}/cosign/digits:1.2.0", host=host)
    parts(f"{host}/cosign/digits:1.2.0", tmp_path, host)
    assert package.publish(host, "cosign/digits", record=package.record).has_record
    assert package.record == _record(f"{host}/cosign/digits:1.2.0", tmp_path, host)


@pytest.mark.parametrize("plain_copy", [True, False])
def test_a_recompressed_copy_is_the_same_package(package, host, tools, plain_copy, tmp_path, capsys):
    """skopeo compresses plain layers unless it keeps digests: contents and package digest stay, and a note says so."""
    package.publish(host, "kept/digits")
    target = f"{host}/skopeo{int(plain_copy)}/digits:1.2.0"
    options = [] if plain_copy else ["--preserve-digests"]
    tools.skopeo_copy(f"docker://{host}/kept/digits:1.2.0", f"docker://{target}", *options)
    assert 0 == command("verify", target, host=host)
    said = capsys.readouterr()
    assert plain_copy == ("compressed again on the way" in said.err)
    assert plain_copy == (package.digest not in said.out)
    record = parts(target, tmp_path, host)
    assert package.made.record["package_digest"] == record["package_digest"]
    assert 0 == command("pull", target, "-o", tmp_path / "p.oci", host=host)
    capsys.readouterr()
    assert 0 == main(["verify", str(tmp_path / "p.oci")])
    assert plain_copy == ("compressed again on the way" in capsys.readouterr().err)


def test_a_copy_in_dockers_format_is_refused_with_the_remedy(host, tools, tmp_path, capsys):
    """What a tool has written anew in Docker's format has another digest: the error says how to copy instead."""
    Package(tmp_path, compression="gzip", weights_size=1000).publish(host, "oci/digits")
    target = f"{host}/docker/digits:1.2.0"
    tools.skopeo_copy(f"docker://{host}/oci/digits:1.2.0", f"docker://{target}", "--format", "v2s2")
    assert 1 == command("verify", target, host=host)
    said = capsys.readouterr().err
    assert "Docker's format" in said and "--preserve-digests" in said


def test_the_record_of_images_is_refused_for_a_manifest_that_is_changed(package, host, tools, capsys):
    """A label that names another package than the record in the image is a problem."""
    package.publish(host, "label/digits")
    target = f"{host}/label/digits:2"
    other = "sha256:" + "0" * 64
    tools.crane(
        "mutate",
        "--insecure",
        f"{host}/label/digits:1.2.0",
        "--label",
        f"modelkiln.package.digest={other}",
        "-t",
        target,
    )
    assert 1 == command("verify", target, host=host)
    said = capsys.readouterr().err
    wanted = package.made.record["package_digest"]
    assert f"modelkiln.package.digest: got {other}, want {wanted} of /app/.modelkiln/record.json" in said
