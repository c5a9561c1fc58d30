"""Each reader on each format: what docs/readers.md says of those that CI has."""

import tarfile

import pytest
from components import require
from other_tools import Tools
from readers import podman_clean, podman_env, run, umoci_unpack
from samples.formats import FORMATS, WEIGHTS, make_layouts

from modelkiln.cli.main import main
from modelkiln.image.layout import Layout


@pytest.fixture(scope="module")
def published(tmp_path_factory, host):
    """The layouts, each published under the name of its format, with the tag 1."""
    layouts = make_layouts(tmp_path_factory.mktemp("formats"))
    for name, layout in layouts.items():
        assert 0 == main(["publish", str(layout), f"{host}/formats/{name}", "--tag=1", f"--insecure={host}"])
    return layouts


@pytest.fixture
def tools(host, tmp_path):
    """Programs that copy."""
    return Tools(host, tmp_path)


def _digest(layout):
    return Layout(layout).select().descriptor.digest


def _crane(tools, source, target):
    tools.crane("copy", "--insecure", source, target)
    return tools.crane("digest", "--insecure", target).strip()


def _oras(tools, source, target):
    tools.oras("copy -r", source, target, plain=("--from-plain-http", "--to-plain-http"))
    return tools.oras("resolve", target).strip()


def _regctl(tools, source, target):
    tools.regctl("image", "copy", "--referrers", source, target)
    return tools.regctl("image", "digest", target).strip()


def _skopeo(tools, source, target):
    tools.skopeo_copy(f"docker://{source}", f"docker://{target}", "--all", "--preserve-digests")
    return _crane_digest(tools, target)


def _crane_digest(tools, target):
    return tools.crane("digest", "--insecure", target).strip()


COPIES = {"crane": _crane, "oras": _oras, "regctl": _regctl, "skopeo": _skopeo}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("tool", COPIES)
def test_copies_keep_the_digest(published, host, tools, tool, format):
    """A copy has the digest of what was copied, and verifies."""
    target = f"{host}/copies/{tool}-{format}:1"
    assert _digest(published[format]) == COPIES[tool](tools, f"{host}/formats/{format}:1", target)
    assert 0 == main(["verify", target, f"--insecure={host}"])


def test_umoci_unpacks_a_weights_image(published, tmp_path):
    """The files lie under /models. (Debian 12's umoci knows no zstd; images with gzip are in image/test_export.py.)"""
    root = umoci_unpack(published["weights-image"], "1.2.0", tmp_path / "bundle")
    assert WEIGHTS == {path: (root / "models" / path).read_bytes() for path in WEIGHTS}


@pytest.mark.parametrize("format", ["image", "index", "weights-image"])
def test_podman_pulls_images(published, host, tmp_path, format):
    """podman takes them from the registry, and says when they were made."""
    podman, env = require("podman"), podman_env(tmp_path / "podman")
    try:
        run([podman, "pull", "-q", "--tls-verify=false", f"{host}/formats/{format}:1"], env=env)
        created = run([podman, "inspect", "--format", "{{.Created}}", f"{host}/formats/{format}:1"], env=env)
    finally:
        podman_clean(env)
    assert created.startswith(b"1970-01-01")


@pytest.mark.parametrize("format", ["image", "weights-image"])
def test_crane_exports_the_files(published, host, tools, tmp_path, format):
    """The file system of an image has the weights."""
    tools.crane("export", "--insecure", f"{host}/formats/{format}:1", tmp_path / "root.tar")
    with tarfile.open(tmp_path / "root.tar") as archive:
        names = archive.getnames()
    assert ("models/model.bin" if format == "weights-image" else "models/digits.bin") in names


def test_oras_pulls_the_files_of_an_artifact(published, host, tools, tmp_path):
    """Each file at its path."""
    tools.oras("pull", f"{host}/formats/artifact:1", "-o", tmp_path / "files")
    assert WEIGHTS == {path: (tmp_path / "files" / path).read_bytes() for path in WEIGHTS}


def test_regctl_gets_the_files_of_an_artifact(published, host, tools, tmp_path):
    """Each file by its title."""
    (tmp_path / "files").mkdir()
    tools.regctl("artifact", "get", "--output", tmp_path / "files", "--strip-dirs", f"{host}/formats/artifact:1")
    assert WEIGHTS == {path: (tmp_path / "files" / path).read_bytes() for path in WEIGHTS}
