"""Layouts that other tools write, and ours as they read them."""

import json
import tarfile
from pathlib import Path

import pytest

from modelkiln.cli.main import main
from modelkiln.digest import referrers_tag
from modelkiln.image.blobs import find_record
from modelkiln.image.layout import Layout


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
