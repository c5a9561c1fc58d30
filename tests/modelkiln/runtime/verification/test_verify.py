"""`verify`: a package's files against its record."""

import ast
import base64
import hashlib
import importlib.util
import inspect
import json
import os
import py_compile
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import pytest

from modelkiln.conventions import VENV
from modelkiln.layers.small import venv_layer
from modelkiln.runtime.verification.verify import _PATH_OF_PEX


@pytest.fixture
def package(make_package):
    """A package with one distribution."""
    package = make_package(requirements=[{"name": "Some.Thing", "version": "1.0"}])
    module, metadata = b"x = 1\n", b"Metadata-Version: 2.1\nName: some-thing\nVersion: 1.0\n"
    folder = package.root / "some_thing-1.0.dist-info"
    folder.mkdir()
    (package.root / "some_thing.py").write_bytes(module)
    (folder / "METADATA").write_bytes(metadata)
    hashed = base64.urlsafe_b64encode(hashlib.sha256(module).digest()).rstrip(b"=").decode()
    about = base64.urlsafe_b64encode(hashlib.sha256(metadata).digest()).rstrip(b"=").decode()
    rows = [f"some_thing.py,sha256={hashed},{len(module)}", "some_thing-1.0.dist-info/RECORD,,"]
    rows.append(f"some_thing-1.0.dist-info/METADATA,sha256={about},{len(metadata)}")
    (folder / "RECORD").write_text("\n".join(rows) + "\n")
    return package


def test_an_untouched_package_is_verified(package):
    """One line reports what was read."""
    said = package.run("verify", check=0).stdout.decode()
    assert said.startswith("verified sums 1.2.0: 1 model artifact file, ")
    assert said.endswith(" code files, 1 distribution (2 files), 0 files of byte code\n")


def test_every_mismatch_is_reported(package):
    """Changed, shortened and missing files are reported together, with the exit code 1."""
    (package.root / ".modelkiln/models/weight.txt").write_text("3")
    (package.root / "models/sums/predict.py").unlink()
    (package.root / "some_thing.py").write_text("x = 2\n")
    lines = package.run("verify", check=1).stderr.decode().splitlines()
    assert 4 == len(lines)
    assert "weight.txt: model artifact has sha256" in lines[0]
    assert "predict.py: code: No such file or directory." in lines[1]
    assert "some_thing.py: Some.Thing has sha256" in lines[2]
    assert "3 mismatches" in lines[3]


def test_a_model_of_another_size_is_reported_by_its_size(package):
    """A size is compared first: it takes no reading."""
    (package.root / ".modelkiln/models/weight.txt").write_text("22")
    assert b"model artifact has 2 bytes, want 1." in package.run("verify", check=1).stderr


def test_another_version_is_reported(package):
    """A distribution's version is that of the record."""
    path = package.root / "some_thing-1.0.dist-info/METADATA"
    path.write_text(path.read_text().replace("1.0", "1.1"))
    said = package.run("verify", check=1).stderr
    assert b"Some.Thing: version 1.1, want 1.0." in said and b"METADATA: Some.Thing has sha256" in said


def test_a_missing_distribution_is_reported(make_package):
    """What the record requires must be installed."""
    package = make_package(requirements=[{"name": "absent", "version": "1.0"}])
    assert b"absent: not installed, want 1.0." in package.run("verify", check=1).stderr


def compiled(source, text=None, mode=py_compile.PycInvalidationMode.UNCHECKED_HASH):
    """Write the byte code of a source, or of another text under its name; returns its path."""
    path = Path(importlib.util.cache_from_source(str(source)))
    kept = source.read_text()
    source.write_text(kept if text is None else text)
    py_compile.compile(str(source), str(path), doraise=True, invalidation_mode=mode)
    source.write_text(kept)
    return path


@pytest.mark.parametrize("name", ["models/sums/predict.py", "modelkiln/runtime/predict.py", "some_thing.py"])
def test_byte_code_is_what_its_source_compiles_to(package, name):
    """Python compares unchecked byte code with nothing, so that another one would run unseen."""
    source = package.root / name
    compiled(source)
    assert b", 1 file of byte code\n" in package.run("verify", check=0).stdout
    path = compiled(source, source.read_text() + "\nimport this\n")
    said = package.run("verify", check=1).stderr.decode()
    assert f"{path}: is not what {source.name} compiles to." in said
    path.write_bytes(path.read_bytes()[:40])
    assert f"{path}: is not byte code of {source.name}." in package.run("verify", check=1).stderr.decode()


def test_byte_code_that_python_makes_anew_is_left_alone(package):
    """Of an older source, or of another Python: it is not run."""
    source = package.root / "some_thing.py"
    path = compiled(source, "import this\n", py_compile.PycInvalidationMode.TIMESTAMP)
    os.utime(source, (1, 1))
    path.with_name("some_thing.cpython-27.pyc").write_bytes(b"x")
    package.run("verify", check=0)


STRANGE = (
    "x.pth",
    "sitecustomize.py",
    "models/sums/helper.so",
    "models/sums/predict.pyc",
    "__pycache__/absent.cpython-311.pyc",
    ".modelkiln/models/modeling.py",
)


@pytest.mark.parametrize("name", STRANGE)
def test_a_file_that_nobody_recorded_is_reported(package, name):
    """What lies in the package's folders may run, whatever wrote it."""
    path = package.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    assert f"{path}: is not in the record." in package.run("verify", check=1).stderr.decode()


def test_a_distribution_that_nobody_required_is_reported(package):
    """Its own RECORD does not make it one of the package."""
    folder = package.root / "other-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (folder / "RECORD").write_text("other-1.0.dist-info/METADATA,,\nother-1.0.dist-info/RECORD,,\n")
    assert b"other is not in the record." in package.run("verify", check=1).stderr


def test_a_file_that_was_changed_with_its_row_in_RECORD_is_reported(package):
    """The record knows what the wheel's files were."""
    folder = package.root / "some_thing-1.0.dist-info"
    rows = [row.split(",") for row in (folder / "RECORD").read_text().splitlines()]
    lines = [(hashlib.sha256((package.root / row[0]).read_bytes()).hexdigest(), row[0]) for row in rows if row[1]]
    digest = hashlib.sha256("".join(sorted(f"{sha256}  {path}\n" for sha256, path in lines)).encode()).hexdigest()
    record = {**package.record, "requirements": [{"name": "some-thing", "version": "1.0", "files": digest}]}
    (package.root / ".modelkiln/record.json").write_text(json.dumps(record))
    package.run("verify", check=0)
    (package.root / "some_thing.py").write_bytes(b"x = 2\n")
    hashed = base64.urlsafe_b64encode(hashlib.sha256(b"x = 2\n").digest()).rstrip(b"=").decode()
    rows[0] = ["some_thing.py", f"sha256={hashed}", "6"]
    (folder / "RECORD").write_text("".join(",".join(row) + "\n" for row in rows))
    assert f"want {digest}." in package.run("verify", check=1).stderr.decode()


class UnpackedImage:
    """The root of an image with a small Python of its own, code in /app and an environment in /opt/venv."""

    def __init__(self, top, package):
        self.top, self.version = top, f"{sys.version_info[0]}.{sys.version_info[1]}"
        left_out = ("__pycache__", "test", "tests", "site-packages", "idlelib", "tkinter", "ensurepip", "config-*")
        library = sysconfig.get_path("stdlib")
        self.library = top / f"usr/lib/python{self.version}"
        shutil.copytree(library, self.library, symlinks=True, ignore=shutil.ignore_patterns(*left_out))
        (top / "usr/bin").mkdir()
        self.python = top / f"usr/bin/python{self.version}"
        shutil.copy2(os.path.realpath(sys.executable), self.python)
        self.venv = top / VENV
        self.site = self.venv / f"lib/python{self.version}/site-packages"
        self.site.mkdir(parents=True)
        (self.venv / "bin").mkdir()
        for name, target in (("python", self.python), ("python3", "python"), (f"python{self.version}", "python")):
            (self.venv / "bin" / name).symlink_to(target)
        config = f"home = {self.python.parent}\ninclude-system-site-packages = false\nversion = {self.version}\n"
        (self.venv / "pyvenv.cfg").write_text(config)
        shutil.move(package.root, top / "app")
        record = {**package.record, "image": {"diff_ids": [], "config": {}}}
        (top / "app/.modelkiln/record.json").write_text(json.dumps(record))
        shutil.move(top / "app/.modelkiln/models", top / "models")

    def verify(self, code, python=None):
        """Run the package's `verify`, and return what it says."""
        env = {"PYTHONPATH": str(self.top / "app"), "MODELKILN_MODELS": str(self.top / "models")}
        env["LD_LIBRARY_PATH"] = sysconfig.get_config_var("LIBDIR")
        command = [str(python or self.venv / "bin/python"), "-B", "-m", "modelkiln.runtime", "verify"]
        done = subprocess.run(command, env=env, cwd=self.top / "app", capture_output=True, check=False)
        assert code == done.returncode, done.stderr.decode()
        return (done.stdout + done.stderr).decode()


@pytest.fixture
def image(make_package, tmp_path):
    """An image that nobody has changed."""
    return UnpackedImage(tmp_path / "root", make_package())


def test_an_image_that_nobody_changed_is_verified(image):
    """Its environment is the one that images have; byte code of the base's Python is compared, too."""
    compiled(image.library / "json/__init__.py")
    assert ", 1 file of byte code\n" in image.verify(0)


def test_the_environment_of_an_image_is_the_one_that_is_looked_for():
    """What `verify` expects of pyvenv.cfg and of the links is what the layer has."""
    _, data = venv_layer("3.11", "/usr/bin/python3.11", False)
    assert b"home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\n" in data


CHANGED = {
    "environment": (lambda image: image.site / "x.pth", "is not in the record"),
    "program": (lambda image: image.venv / "bin/serve", "is not in the record"),
    "code": (lambda image: image.top / "app/sitecustomize.py", "is not in the record"),
    "weights": (lambda image: image.top / "models/modeling.py", "is not in the record"),
    "settings": (lambda image: image.venv / "pyvenv.cfg", "is not that of an environment of"),
    "base": (lambda image: image.library / "zipapp.pyc", "has no source"),
}


@pytest.mark.parametrize("name", sorted(CHANGED))
def test_what_was_put_into_an_image_is_reported(image, name):
    """In the environment, beside the code, among the weights and in the base's Python."""
    path, expected = CHANGED[name]
    with path(image).open("ab") as stream:
        stream.write(b"\n")
    assert f"{path(image)}: {expected}" in image.verify(1)


def test_byte_code_of_the_base_is_compared(image):
    """Unchecked byte code of the standard library runs whatever its source says."""
    path = compiled(image.library / "wave.py", "import this\n")
    assert f"{path}: is not what wave.py compiles to." in image.verify(1)


def test_an_image_runs_in_its_own_environment(image):
    """Started with the base's Python, nothing of the environment would be used."""
    assert f"want {image.venv}." in image.verify(1, python=image.python)


def test_what_pex_puts_into_an_environment_is_known():
    """Files that the locked Pex writes into site-packages, one of which runs at each start, have the digests that
    `verify` expects."""
    from pex.venv import installer

    tree = ast.parse(inspect.getsource(installer.install_pex_main))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    written = [text for one in texts for text in (textwrap.dedent(one), one + "\n")]
    digests = {hashlib.sha256(text.encode()).hexdigest() for text in written}
    assert set(_PATH_OF_PEX.values()) <= digests
