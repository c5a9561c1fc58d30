"""Layouts that other tools write, and ours as they read them."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from schemas import schema_problems

from modelkiln.cli.main import main
from modelkiln.descriptor import Descriptor
from modelkiln.digest import referrers_tag, sha256_bytes
from modelkiln.image.blobs import find_record
from modelkiln.image.layout import Layout, blob_name
from modelkiln.machine.outputs import write_file


def _oras(tools, source, folder):
    tools.oras("copy -r --to-oci-layout", source, f"{folder}:1.2.0", plain=("--from-plain-http",))


def _regctl(tools, source, folder):
    tools.regctl("image", "copy", "--referrers", source, f"ocidir://{folder}:1.2.0")


def _regctl_export(tools, source, folder):
    tools.regctl("image", "export", source, f"{folder}.tar")
    with tarfile.open(f"{folder}.tar") as archive:
        archive.extractall(folder)


def _modelkiln(tools, source, folder):
    assert 0 == main(["pull", source, "-o", str(folder), f"--insecure={tools.host}"])


WRITERS = {"oras": _oras, "regctl": _regctl, "regctl-export": _regctl_export, "modelkiln": _modelkiln}


@pytest.fixture(params=WRITERS)
def written(request, tools, indexed, host, tmp_path):
    """The package as a layout that a tool wrote: (tool, folder)."""
    folder = tmp_path / "copied"
    WRITERS[request.param](tools, f"{host}/team/digits:1.2.0", folder)
    return request.param, folder


def test_a_layout_of_another_tool_is_the_package(written, indexed, capsys):
    """It validates, verifies, shows its two images, and has the record that came along."""
    tool, layout = written
    for command in (["validate", "--complete"], ["verify"], ["inspect"]):
        assert 0 == main([*command, str(layout)]), (tool, command)
    shown = capsys.readouterr().out
    assert 0 == main(["inspect", "--json", str(layout)])
    images = json.loads(capsys.readouterr().out)
    assert indexed.digests == [one["package_digest"] for one in images], shown
    assert (None if tool == "regctl-export" else indexed.record) == find_record(layout)


def test_it_is_published_as_what_it_is(written, indexed, host, capsys):
    """Without --image the index is published, and its record with it; with a platform, a digest or a tag, that."""
    tool, layout = written
    options = [f"--insecure={host}", "--tag=1"]
    assert 0 == main(["publish", str(layout), f"{host}/from-{tool}/digits", *options])
    assert f"{host}/from-{tool}/digits@{indexed.index.digest}\n" == capsys.readouterr().out
    assert 0 == main(["pull", f"{host}/from-{tool}/digits:1", "-o", f"{layout}-2", f"--insecure={host}"])
    assert (None if tool == "regctl-export" else indexed.record) == find_record(Path(f"{layout}-2"))
    image = indexed.images[1].image.manifest_descriptor.digest
    for name in (image, "cuda12"):
        capsys.readouterr()
        assert 0 == main(["publish", str(layout), f"{host}/from-{tool}/one", *options[:1], f"--image={name}"])
        assert f"{host}/from-{tool}/one@{image}\n" == capsys.readouterr().out


def test_it_is_exported_whole_or_in_part(written, indexed, tmp_path, capsys):
    """An OCI archive has the index with all of its images, a docker-archive one of them."""
    tool, layout = written
    assert 0 == main(["export", str(layout), str(tmp_path / "whole.oci"), "--format=oci-layout"])
    assert 0 == main(["validate", "--complete", str(tmp_path / "whole.oci")])
    assert indexed.index.digest == Layout(tmp_path / "whole.oci").select().descriptor.digest
    archive = ["export", str(layout), str(tmp_path / "one.tar"), "--format=docker-archive"]
    assert 1 == main(archive)
    assert "docker-archive holds one" in capsys.readouterr().err
    assert 0 == main([*archive, "--image=cpu"])


def test_oras_and_regctl_find_the_record_in_our_layout(indexed, host, tools, tmp_path):
    """`modelkiln pull` lists what refers to the package in both forms."""
    layout = tmp_path / "pulled"
    _modelkiln(tools, f"{host}/team/digits:1.2.0", layout)
    found = tools.oras("discover --format json --oci-layout", f"{layout}:1.2.0", plain=())
    assert "application/vnd.modelkiln.package.v1+json" in found
    listed = tools.regctl("artifact", "list", "--format", "{{json .}}", f"ocidir://{layout}:1.2.0")
    assert "application/vnd.modelkiln.package.v1+json" in listed
    assert referrers_tag(indexed.index.digest) not in [tag for one in Layout(layout).own for tag in one.tags]


def _others_image(folder):
    """A layout with an image as anybody may have it: root runs a program of nowhere, and a link leads outwards."""
    (folder / "blobs/sha256").mkdir(parents=True)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        link = tarfile.TarInfo("app/up")
        link.type, link.linkname = tarfile.SYMTYPE, "../../etc/shadow"
        archive.addfile(link)
    layer = tar.getvalue()
    config = {
        **{"architecture": "amd64", "os": "linux", "config": {"Cmd": ["python"]}},
        "rootfs": {"type": "layers", "diff_ids": [sha256_bytes(layer)]},
    }
    media = "application/vnd.oci.image."
    manifest = {
        **{"schemaVersion": 2, "mediaType": f"{media}manifest.v1+json"},
        "config": _blob(folder, f"{media}config.v1+json", json.dumps(config).encode()),
        "layers": [_blob(folder, f"{media}layer.v1.tar", layer)],
    }
    entry = _blob(folder, manifest["mediaType"], json.dumps(manifest).encode())
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return folder / blob_name(sha256_bytes(layer))


def _blob(folder, media_type, data):
    descriptor = Descriptor.of(media_type, data)
    write_file(folder / blob_name(descriptor.digest), data)
    return descriptor.to_json()


def test_an_image_without_a_record_is_not_verified(tmp_path, capsys):
    """Conventions are of no matter in it, and `validate` reports them; a damaged blob is a problem."""
    layer = _others_image(tmp_path)
    assert 3 == main(["verify", str(tmp_path)])
    said = capsys.readouterr().err
    assert "has no record" in said and said.endswith(": not verified\n")
    assert 3 == main(["verify", str(tmp_path), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert ([], "not verified") == (schema_problems("verify", found), found["result"])
    assert 1 == main(["validate", str(tmp_path)])
    said = capsys.readouterr().out
    assert all(one in said for one in ("config.User", "app/up: link to", "config.Entrypoint: python"))
    layer.write_bytes(layer.read_bytes().replace(b"app/up", b"app/UP"))
    assert 1 == main(["verify", str(tmp_path)])
    assert "digest of blob" in capsys.readouterr().err
