"""The format `wheel`, installed by everybody's installers."""

import email
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy
import pytest
from components import require_uv
from python_path import build_apart
from samples.wheels.model_wheels import lay_out, make_model_wheel

from modelkiln.errors import ModelkilnError
from modelkiln.formats.model_wheel import build_model_wheel, small_model_wheel
from modelkiln.layers import weights
from modelkiln.store.store import Store
from modelkiln.wheels.contents import read_contents
from modelkiln.wheels.wheel import open_wheel

REQUEST = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}'


def environment(folder):
    """Make a virtual environment that has numpy, and no pip; returns its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # Of the packages next to numpy none is a model.
    (site / "numpy.pth").write_text(str(Path(numpy.__file__).parents[1]))
    return folder / "bin/python"


def _pip(wheel, python):
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", "-q"]
    subprocess.run([*command, str(wheel)], check=True, env={**os.environ, "PIP_CONFIG_FILE": os.devnull})


def _uv(wheel, python):
    command = [str(require_uv()), "pip", "install", "--python", str(python), "--offline", "--no-deps", "--no-config"]
    subprocess.run([*command, "--no-cache", "-q", str(wheel)], check=True)


def _installer(wheel, python):
    from installer import install
    from installer.destinations import SchemeDictionaryDestination
    from installer.sources import WheelFile

    script = "import json, sysconfig; print(json.dumps(sysconfig.get_paths()))"
    paths = json.loads(subprocess.run([str(python), "-c", script], capture_output=True, check=True).stdout)
    with WheelFile.open(wheel) as source:
        source.validate_record()
        install(source, SchemeDictionaryDestination(paths, str(python), "posix"), {})


@pytest.mark.parametrize("install", [_pip, _uv, _installer])
def test_a_wheel_is_installed_and_answers(tmp_path, install):
    """Imported, as a console script, and found among the models that are installed; every file is what RECORD says."""
    python = environment(tmp_path / "environment")
    install(make_model_wheel(tmp_path), python)

    def run(*command, data=b""):
        done = subprocess.run(list(map(str, command)), input=data, capture_output=True, env={}, check=False)
        assert 0 == done.returncode, done.stderr.decode()
        return done.stdout.decode()

    ask = "import acme_sums, numpy; print(acme_sums.load().predict({'x': numpy.ones((1, 2), 'float32')})['y'])"
    assert "[4.]\n" == run(python, "-c", ask)
    program = python.parent / "acme-sums"
    assert [6.0] == json.loads(run(program, "predict", data=REQUEST))["outputs"][0]["data"]
    assert "sums" == json.loads(run(program, "info"))["name"]
    assert "verified sums 1.2.0" in run(program, "verify")
    find = "from importlib import metadata\nfound = metadata.entry_points()\n"
    find += (
        "found = found.select(group='modelkiln.models') if hasattr(found, 'select') else found['modelkiln.models']\n"
    )
    find += "print([(one.name, one.load().__version__) for one in found])"
    assert "[('acme-sums', '1.2.0')]\n" == run(python, "-c", find)


def test_verify_finds_what_was_changed_after_it_was_installed(tmp_path):
    """Of the model's code, of what loads it, and a dependency in another version than the tested one."""
    python = environment(tmp_path / "environment")
    locked = [{"name": "numpy", "version": "1.0", "filename": "numpy-1.0-py3-none-any.whl", "sha256": "0" * 64}]
    _pip(make_model_wheel(tmp_path, requirements=locked), python)
    (site,) = python.parents[1].glob("lib/python*/site-packages")

    def verify():
        command = [str(python.parent / "acme-sums"), "verify"]
        done = subprocess.run(command, capture_output=True, text=True, env={}, check=False)
        return done.returncode, done.stdout + done.stderr

    code, text = verify()
    assert (0, True) == (code, f"numpy {numpy.__version__} is installed, the model was tested with 1.0" in text)
    for path in ("acme_sums/_package/models/sums.py", "acme_sums/__init__.py", "acme_sums/constraints.txt"):
        before = (site / path).read_bytes()
        (site / path).write_bytes(before + b"\n# changed\n")
        code, text = verify()
        assert (1, True) == (code, path in text)
        (site / path).write_bytes(before)
    assert 0 == verify()[0]


def test_an_exact_wheel_is_held_to_its_versions(tmp_path):
    """An application cannot have others by its own requirements, and `verify` says so."""
    python = environment(tmp_path / "environment")
    locked = [{"name": "numpy", "version": "1.0", "filename": "numpy-1.0-py3-none-any.whl", "sha256": "0" * 64}]
    _pip(make_model_wheel(tmp_path, requirements=locked, wheel={"requires": "exact"}), python)
    done = subprocess.run([str(python.parent / "acme-sums"), "verify"], capture_output=True, env={}, check=False)
    assert 1 == done.returncode
    assert f"numpy: version {numpy.__version__}, want 1.0." in done.stderr.decode()


def test_a_wheel_is_one_by_the_book(tmp_path):
    """The strict reader takes it, its modules are those of its import name, its metadata is in one line each."""
    wheel = make_model_wheel(tmp_path, wheel={"distribution": "Acme.Sums", "import_name": "acme.sums"})
    assert "acme_sums-1.2.0-py3-none-any.whl" == wheel.name
    with open_wheel(wheel, wheel.name, "acme-sums", "1.2.0") as found:
        assert ["acme.sums"] == read_contents(found)["modules"]
        metadata = email.message_from_string(found.read_metadata("METADATA"))
        entry_points = found.read_metadata("entry_points.txt")
    assert ("Acme.Sums", "Adds numbers.", "Apache-2.0") == tuple(
        metadata[key] for key in ("Name", "Summary", "License")
    )
    assert ["numpy>=1"] == metadata.get_all("Requires-Dist")
    assert "| input | `x` | FP32 | [-1, 2] |" in metadata.get_payload()
    assert "Acme.Sums = acme.sums.__main__:main" in entry_points


def test_addresses_are_in_the_metadata(tmp_path):
    """Those with keys of their own, and all that `urls` names, as the index shows them."""
    metadata = {
        "url": "https://models.example.com/sums",
        "source": "git+https://git.example.com/sums",
        "documentation": "in the wiki",
        "urls": {"Issues": "https://tracker.example.com/sums", "Changelog": "https://models.example.com/sums/changes"},
    }
    wheel = make_model_wheel(tmp_path, metadata=metadata)
    with open_wheel(wheel, wheel.name, "acme-sums", "1.2.0") as found:
        headers = email.message_from_string(found.read_metadata("METADATA"))
    assert "https://models.example.com/sums" == headers["Home-page"]
    assert [
        "source, git+https://git.example.com/sums",
        "Changelog, https://models.example.com/sums/changes",
        "Issues, https://tracker.example.com/sums",
    ] == headers.get_all("Project-URL")


def test_the_tested_lock_travels_as_constraints(tmp_path):
    """pip's option -c takes it."""
    locked = [{"name": name, "version": "1.0", "filename": "x", "sha256": "0" * 64} for name in ("scipy", "numpy")]
    with zipfile.ZipFile(make_model_wheel(tmp_path, requirements=locked)) as archive:
        text = archive.read("acme_sums/constraints.txt").decode()
        assert {zipfile.ZIP_STORED} == {member.compress_type for member in archive.infolist()}
        assert {(1980, 1, 1, 0, 0, 0)} == {member.date_time for member in archive.infolist()}
    assert ["numpy==1.0", "scipy==1.0"] == text.splitlines()[1:]


def _build_other(folder, umask, order, **environ):
    """Build in a process of its own, from sources with other modes, times and order; returns the bytes."""
    record = lay_out(folder / "made")
    paths = sorted(path for path in (folder / "made").rglob("*") if path.is_file())
    for path in paths[::order]:
        target = folder / "sources" / path.relative_to(folder / "made")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        target.chmod(0o755 if umask else 0o644)
        os.utime(target, (1e9, 1e9 + umask))
    (folder / "record.json").write_text(json.dumps(record))
    (folder / "weights.json").write_text("[]")
    argv = ("model-wheel", "--record=record.json", "--weights=weights.json", "--sources=sources")
    return build_apart(folder, umask, "sums.whl", *argv, **environ)


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    """Path, HOME, time, time zone, locale, umask, modes and order of files do not matter."""
    first, second = tmp_path / "a", tmp_path / "b" / "c"
    first.mkdir()
    second.mkdir(parents=True)
    settings = {"HOME": "/nonexistent", "TZ": "Asia/Tokyo", "LC_ALL": "C", "SOURCE_DATE_EPOCH": "1700000000"}
    assert _build_other(first, 0, 1) == _build_other(second, 0o077, -1, **settings)


def test_a_small_wheel_is_made_in_memory(tmp_path):
    """Byte for byte the one that is written to a file."""
    sources = tmp_path / "sources"
    record = lay_out(sources)
    contents = {
        path.relative_to(sources).as_posix(): path.read_bytes() for path in sources.rglob("*") if path.is_file()
    }
    assert make_model_wheel(tmp_path / "other").read_bytes() == small_model_wheel(record, contents)


def _locked(store, files):
    listed = [{"path": path, "size": len(data), "sha256": store.add_bytes(data)[7:]} for path, data in files.items()]
    return weights.recipe("x:w", "models", listed, {"uri": "w", "revision": ""})


def test_locked_weights_come_from_the_store(tmp_path):
    """They lie where those of the repository would, and one that is damaged there is refused."""
    sources, store = tmp_path / "sources", Store(tmp_path / "store")
    record = lay_out(sources)
    path = "acme_sums/_package/.modelkiln/models/weight.txt"
    (sources / path).unlink()
    recipe = _locked(store, {"weight.txt": b"2"}).to_json()
    build_model_wheel(record, [recipe], sources, store.root, tmp_path / "sums.whl")
    expected = make_model_wheel(tmp_path / "other").read_bytes()
    assert expected == (tmp_path / "sums.whl").read_bytes()
    blob = store.path("sha256:" + hashlib.sha256(b"2").hexdigest())
    blob.chmod(0o644)
    blob.write_bytes(b"3")
    with pytest.raises(ModelkilnError, match=rf"is not the file {path} with sha256 .*modelkiln store verify"):
        build_model_wheel(record, [recipe], sources, store.root, tmp_path / "damaged.whl")
    assert ["sums.whl"] == [one.name for one in tmp_path.glob("*.whl*")]


def test_links_are_refused(tmp_path):
    """A link would be carried as what it points to on this machine."""
    record = lay_out(tmp_path / "sources")
    (tmp_path / "sources/link").symlink_to("/etc/hostname")
    with pytest.raises(ModelkilnError, match="link: is a link"):
        build_model_wheel(record, [], tmp_path / "sources", tmp_path / "store", tmp_path / "sums.whl")
