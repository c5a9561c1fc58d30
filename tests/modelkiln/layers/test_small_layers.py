"""A package runs what it locked, and nothing of what its base image happens to have in the same folders."""

import io
import os
import subprocess
import sys

import pytest
from samples.artifacts import tar_of

from modelkiln.conventions import VENV
from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.layers.small import venv_layer, venv_link_layer
from modelkiln.smoke.rootfs import RootLayer, unpack
from modelkiln.validation.layer import read_layer

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
SITE = f"{VENV}/lib/python{PYTHON}/site-packages"


def _root_layer(data):
    digest = sha256_bytes(data)
    return RootLayer(Descriptor(LAYER, digest, len(data)), digest, lambda: io.BytesIO(data))


def _over(root, *layers, **options):
    """Unpack layers of a base and the environment over them."""
    made = [tar_of(*((path, data) for path, data in files.items())) for files in layers]
    made.append(venv_layer(PYTHON, os.path.realpath(sys.executable), **options)[1])
    unpack([_root_layer(data) for data in made], root)


def _finds(root, name):
    command = [root / VENV / "bin" / "python", "-c", f"import importlib.util as u; print(u.find_spec('{name}'))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(root / "app")})
    return done.stdout.strip() != "None"


@pytest.mark.parametrize("name", ["inner", "other", "own", "package"])
def test_modules_of_a_base_are_not_importable(tmp_path, name):
    """Folders of several layers of the base are hidden, whichever of them wrote last."""
    _over(
        tmp_path,
        {f"{SITE}/inner/__init__.py": b"", "app/own.py": b""},
        {f"{SITE}/inner/more.py": b"", f"{SITE}/other.py": b"", "app/package/__init__.py": b""},
    )
    assert _finds(tmp_path, "json")
    assert not _finds(tmp_path, name)


def test_weights_and_programs_of_a_base_are_hidden_and_nothing_else(tmp_path):
    """What lies elsewhere in /opt stays."""
    _over(tmp_path, {"models/old.onnx": b"x", f"{VENV}/bin/old": b"x", "opt/tool/x": b"x", "modelsx": b"x"})
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    links = {f"{VENV}/bin/{name}" for name in ("python", "python3", f"python{PYTHON}")}
    assert {f"{VENV}/pyvenv.cfg", "opt/tool/x", "modelsx"} == files - links


def test_a_base_that_is_made_here_needs_no_hiding(tmp_path):
    """Its layers stay as they were."""
    _over(tmp_path, {f"{SITE}/inner.py": b""}, over_any_base=False)
    assert _finds(tmp_path, "inner")


@pytest.mark.parametrize("path", ["/opt/venv/bin/python3.11", "/app/bin/python", "/models/../models/python"])
def test_an_interpreter_that_would_be_hidden_is_refused(path):
    """The image could not start."""
    with pytest.raises(ModelkilnError, match="Choose a base whose interpreter lies elsewhere"):
        venv_layer("3.11", path)
    assert venv_layer("3.11", path, over_any_base=False)


@pytest.mark.parametrize(
    ("where", "hidden"),
    [
        ({}, ["app/", "models/", "opt/venv/"]),
        ({"venv": "opt/venvs/0123456789ab"}, ["opt/venvs/0123456789ab/"]),
    ],
)
def test_a_layer_that_hides_is_valid(where, hidden):
    """Whiteouts of other places are still reported; an environment beside the image's own hides its place alone."""
    data = venv_layer("3.11", "/usr/bin/python3.11", **where)[1]
    contents = read_layer(io.BytesIO(data), LAYER, True, set())
    assert [] == contents.problems + contents.unconventional
    assert hidden == contents.removed


def test_an_environment_elsewhere_is_found_at_the_usual_place(tmp_path):
    """Programs start from /opt/venv, in the environment that lies elsewhere; a base's folder there gives way."""
    python, venv = os.path.realpath(sys.executable), "opt/venvs/old"
    site = f"{venv}/lib/python{PYTHON}/site-packages"
    made = [
        tar_of((f"{SITE}/other.py", b""), ("app/own.py", b""), (f"{venv}/lib/stale.py", b"")),
        venv_link_layer(python, True, venv)[1],
        venv_layer(PYTHON, python, True, venv)[1],
        tar_of((f"{site}/acme.py", b"x = 1")),
    ]
    unpack([_root_layer(data) for data in made], tmp_path)
    assert "venvs/old" == os.readlink(tmp_path / VENV)
    assert _finds(tmp_path, "acme")
    assert not _finds(tmp_path, "other") and not _finds(tmp_path, "own")
    assert not (tmp_path / f"{venv}/lib/stale.py").exists()


def test_layers_of_an_environment_elsewhere_keep_the_conventions():
    """The validator reads them as ours; without a base of others they hide nothing."""
    for over_any_base, removed in ((True, ["app/", "models/"]), (False, [])):
        _, blob = venv_link_layer("/usr/bin/python3.11", over_any_base, "opt/venvs/old")
        contents = read_layer(io.BytesIO(blob), LAYER, ours=True)
        assert ([], []) == (contents.problems, contents.unconventional)
        assert removed == contents.removed
    _, blob = venv_layer("3.11", "/usr/bin/python3.11", True, "opt/venvs/old")
    assert [] == read_layer(io.BytesIO(blob), LAYER, ours=True).unconventional


def test_an_interpreter_that_a_link_would_hide_is_refused():
    """A base whose Python lies in /opt/venv has none left."""
    with pytest.raises(ModelkilnError, match=r"/opt/venv/bin/python3 lies in /opt/venv, where the package has"):
        venv_link_layer("/opt/venv/bin/python3", True, "opt/venvs/old")
