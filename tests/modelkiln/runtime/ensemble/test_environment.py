"""Environments that an image of an ensemble has beside its own."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy
import pytest
from ensembles.parts import step, tensor

import modelkiln
from modelkiln.runtime.ensemble.environment import process_of
from modelkiln.runtime.ensemble.errors import StepError

_PATH = "opt/venvs/0123456789ab"
_VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def make_environment(folder):
    """Make the folder an environment of this Python, as images have it; returns its site-packages."""
    site, python = folder / f"lib/{_VERSION}/site-packages", os.path.realpath(sys.executable)
    site.mkdir(parents=True)
    (folder / "bin").mkdir()
    for name, target in (("python", python), ("python3", "python"), (_VERSION, "python")):
        (folder / "bin" / name).symlink_to(target)
    version = _VERSION[len("python") :]
    home = f"home = {os.path.dirname(python)}\ninclude-system-site-packages = false\nversion = {version}\n"
    (folder / "pyvenv.cfg").write_text(home)
    return site


def install(site, name, version, module):
    """Install a distribution of one module."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    texts = {
        f"{name}.py": module,
        f"{info.name}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    }
    rows = [f"{info.name}/RECORD,,"]
    for path, text in texts.items():
        (site / path).write_text(text)
        hashed = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={hashed},{len(text)}")
    (info / "RECORD").write_text("\n".join(rows) + "\n")


@pytest.fixture
def image(tmp_path):
    """The root of an image of an ensemble with two environments."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(modelkiln.__path__[0], "runtime"), tmp_path / "app/modelkiln/runtime", ignore=ignored)
    shutil.copy(Path(modelkiln.__path__[0], "__init__.py"), tmp_path / "app/modelkiln")
    make_environment(tmp_path / "opt/venv")
    install(make_environment(tmp_path / _PATH), "acme", "1.2", "x = 1\n")
    code = [
        {"path": path.relative_to(tmp_path / "app").as_posix(), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted((tmp_path / "app").rglob("*.py"))
    ]
    record = {"schema": 1, "name": "search", "version": "1.0", "artifacts": [], "code": code, "requirements": []}
    record["ensemble"] = {"environments": {_PATH: {"requirements": [{"name": "acme", "version": "1.2"}]}}}
    (tmp_path / "app/.modelkiln").mkdir()
    (tmp_path / "app/.modelkiln/record.json").write_text(json.dumps(record))
    return tmp_path


def verify(image, code):
    """Run the ensemble's `verify` in its own environment, and return what it prints."""
    command = [str(image / "opt/venv/bin/python"), "-B", "-m", "modelkiln.runtime.ensemble", "verify"]
    env = {"PYTHONPATH": str(image / "app"), "PYTHONDONTWRITEBYTECODE": "1"}
    env["LD_LIBRARY_PATH"] = sysconfig.get_config_var("LIBDIR") or ""
    done = subprocess.run(command, env=env, cwd=image / "app", capture_output=True, check=False, text=True)
    assert code == done.returncode, done.stderr
    return done.stdout + done.stderr


def test_an_environment_that_nobody_changed_is_verified(image):
    """In a process of its own, after the ensemble's."""
    assert f"verified /{_PATH}: 1 distribution (2 files), 0 files of byte code\n" in verify(image, 0)


CHANGES = {
    "content": (lambda site: (site / "acme.py").write_text("x = 2\n"), "acme.py: acme has sha256 "),
    "file": (lambda site: (site / "sitecustomize.py").write_text(""), "sitecustomize.py: is not in the record."),
    "link": (lambda site: (site / "more").symlink_to("/usr"), "more: is not in the record."),
    "distribution": (lambda site: install(site, "other", "1", ""), "other is not in the record."),
    "program": (lambda site: (site.parents[2] / "bin/serve").write_text(""), "bin/serve: is not in the record."),
    "settings": (
        lambda site: (site.parents[2] / "pyvenv.cfg").open("a").write("include-system-site-packages = true\n"),
        "pyvenv.cfg: is not that of an environment of ",
    ),
    "missing": (lambda site: shutil.rmtree(site.parents[2]), "The package is damaged; build or fetch it again."),
    "other": (lambda site: shutil.rmtree(site / "acme-1.2.dist-info"), "acme: not installed, want 1.2."),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_changed_environment_is_found(image, change):
    """Whatever would run in it that the record does not know."""
    make, expected = CHANGES[change]
    make(image / _PATH / f"lib/{_VERSION}/site-packages")
    found = verify(image, 1)
    assert expected in found and f"verified /{_PATH}" not in found


def test_a_member_runs_in_its_environment(make_graph, tmp_path):
    """With the modules that are there, its programs first on the path, and nothing of the ensemble's environment."""
    environment = tmp_path / "environment"
    site = make_environment(environment)
    install(site, "acme", "1.2", "FACTOR = 3\n")
    # This process may ignore PYTHONPATH, and so does one that it starts.
    (site / "modelkiln").symlink_to(modelkiln.__path__[0])
    (site / "numpy").symlink_to(Path(numpy.__file__).parent)
    (site / "numpy.libs").symlink_to(Path(numpy.__file__).parents[1] / "numpy.libs")
    script = (
        "import os, sys, acme\n"
        f"assert sys.prefix == os.environ['PATH'].split(':')[0][:-4] == {str(environment)!r}\n"
        f"assert os.environ['LD_LIBRARY_PATH'].split(':')[0] == {str(site / 'nvidia/lib')!r}\n"
        "def predict(inputs, model):\n    return {'y': inputs['x'] * acme.FACTOR}\n"
    )
    graph = make_graph(
        {"one": (script, [tensor("x")], [tensor("y")])},
        [step("one", "x=in", "y=out")],
        [tensor("in")],
        [tensor("out")],
        apart=("one",),
        environment={"environment": str(environment), "libraries": ["nvidia/lib"]},
    )
    assert [6.0] == graph.predict({"in": numpy.array([2.0])})["out"].tolist()


def test_libraries_of_another_environment_are_left_out(monkeypatch, tmp_path):
    """The loader would take those of the ensemble's environment first."""
    make_environment(tmp_path / "environment")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{sys.prefix}/lib/nvidia:/usr/local/cuda/lib64")
    _, variables = process_of({"name": "one", "environment": str(tmp_path / "environment")})
    assert "/usr/local/cuda/lib64" == variables["LD_LIBRARY_PATH"]


def test_a_member_without_its_environment_is_named():
    """As where the code of an image is run outside of it."""
    with pytest.raises(StepError, match=r'member "one": its environment .*/opt/venvs/none is not there\.'):
        process_of({"name": "one", "environment": "opt/venvs/none"})
