"""Lazy weights of ONNX models with external data: what onnxruntime and onnx load, without a second copy."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from samples.onnx_models import external_model

from modelkiln.runtime.weights import view
from modelkiln.runtime.weights.store import WeightsStore
from modelkiln.runtime.weights.view import external_data, hold_file, is_held, share_blocks

SCRIPT = """
import numpy, onnx, onnxruntime

def predict(inputs, model):
    onnx.load(model / "nested/model.onnx")
    onnx.checker.check_model(str(model / "nested/model.onnx"))
    session = onnxruntime.InferenceSession(str(model / "nested/model.onnx"), providers=["CPUExecutionProvider"])
    return {"y": session.run(None, {"x": inputs["x"]})[0].sum(axis=1)}
"""
REQUEST = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
DATA = "nested/model.onnx_data"


@pytest.fixture
def make_onnx_package(make_lazy_package, tmp_path):
    """Return a function that makes a package with the model, and what else it is given."""
    source = tmp_path / "source"
    source.mkdir()

    def make(**more):
        model = {f"nested/{name}": data for name, data in external_model(source).items()}
        files = {**model, "tokenizer.json": b"{}", **more}
        mirror = Path(tempfile.mkdtemp(dir=tmp_path))
        for path, data in files.items():
            (mirror / path).parent.mkdir(parents=True, exist_ok=True)
            (mirror / path).write_bytes(data)
        return make_lazy_package(files, lambda path: [{"url": f"file://{mirror}/{path}"}], script=SCRIPT)

    return make


def answer(package, **settings):
    """The one number of a response."""
    result = package.run("predict", request=REQUEST, check=0, **settings)
    return json.loads(result.stdout)["outputs"][0]["data"]


def data_of(package):
    """The data's path in the package's only or latest view, and its blob."""
    sha256 = next(file["sha256"] for file in package.record["artifacts"] if file["path"] == DATA)
    lock = json.loads((package.root / ".modelkiln/weights.lock.json").read_text())
    store = WeightsStore(package.store)
    return store.view(lock["set_digest"]) / DATA, store.blob(sha256)


def blocks(folder):
    """Bytes that the files below a folder take on the disk."""
    files = {(found.st_dev, found.st_ino): found for found in (path.lstat() for path in folder.rglob("*"))}
    return sum(found.st_blocks * 512 for found in files.values())


def test_onnxruntime_and_onnx_load_lazy_weights(make_onnx_package):
    """The data are no link and have one name; what is no data stays a link."""
    package = make_onnx_package()
    assert [384.0] == answer(package) == answer(package)
    held, blob = data_of(package)
    assert is_held(held)
    assert held.read_bytes() == blob.read_bytes()
    assert (held.parents[1] / "tokenizer.json").is_symlink()
    assert [] == os.listdir(package.store / "incoming")


def test_there_is_no_second_copy(make_onnx_package):
    """The blob's blocks are shared, or the blob's name is a link to the file in the view."""
    package = make_onnx_package(**{DATA: bytes(8 << 20)})
    package.run("fetch", check=0)
    held, blob = data_of(package)
    shares = not blob.is_symlink()
    assert shares or os.path.samefile(held, blob)
    if not shares:
        assert blocks(package.store) < 9 << 20


def test_another_package_has_the_data_as_well(make_onnx_package):
    """Two sets with the same data: each view is loaded, also after the other was made."""
    first, second = make_onnx_package(), make_onnx_package(**{"tokenizer.json": b"[]"})
    for package in (first, second, first, second):
        assert [384.0] == answer(package)
    assert data_of(first)[0] != data_of(second)[0]
    assert b"verified" in first.run("verify", check=0).stdout


def test_many_starts_at_once(make_onnx_package):
    """Each process makes the view, or finds it made; none sees half of it."""
    package = make_onnx_package()
    with ThreadPoolExecutor(4) as starts:
        assert [[384.0]] * 4 == list(starts.map(lambda _: answer(package), range(4)))
    assert [] == os.listdir(package.store / "incoming")


def test_a_damaged_file_of_a_view_is_moved_away_and_fetched_again(make_onnx_package):
    """What a view holds is verified as a blob is."""
    package = make_onnx_package()
    answer(package)
    held, _ = data_of(package)
    held.chmod(0o644)
    held.write_bytes(bytes(held.stat().st_size))
    assert b"model artifact has sha256" in package.run("verify", check=1).stderr
    assert [384.0] == answer(package)
    assert b"verified" in package.run("verify", check=0).stdout


def test_a_view_that_was_removed_is_made_again(make_onnx_package):
    """The blob's name leads nowhere then: it is fetched again."""
    package = make_onnx_package()
    answer(package)
    shutil.rmtree(package.store / "views")
    assert [384.0] == answer(package)


def test_a_view_of_links_is_made_right(make_onnx_package):
    """As an earlier release made it, which remembered that it had verified it."""
    package = make_onnx_package()
    answer(package)
    held, blob = data_of(package)
    if blob.is_symlink():
        os.replace(held, blob)
    else:
        held.unlink()
    held.symlink_to(os.path.relpath(blob, held.parent))
    assert [384.0] == answer(package)
    assert is_held(held)


def test_a_second_name_of_the_data_is_noticed(make_onnx_package, tmp_path):
    """A hard link that somebody made would have onnx refuse the file."""
    package = make_onnx_package()
    answer(package)
    held, _ = data_of(package)
    os.link(held, tmp_path / "somewhere")
    assert [384.0] == answer(package)


def _read_only(package, folder):
    """What runs a start with the package's store mounted read-only."""
    command = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", package.store, package.store, "--bind", folder, folder]
    env = {**package.environment(), "TMPDIR": str(folder)}
    argv = [*map(str, command), "--", sys.executable, "-B", "-m", "modelkiln.runtime", "predict", "-"]
    done = subprocess.run(
        argv, input=json.dumps(REQUEST).encode(), env=env, cwd=package.root, capture_output=True, check=False
    )
    assert 0 == done.returncode, done.stderr.decode()
    return json.loads(done.stdout)["outputs"][0]["data"]


@pytest.mark.skipif(not shutil.which("bwrap"), reason="mounts read-only with bubblewrap")
def test_a_store_that_cannot_be_written(make_onnx_package, tmp_path):
    """A view that is there is used, also when its files look younger than they were; without one, a copy is."""
    package = make_onnx_package()
    package.run("fetch", check=0)
    folder = tmp_path / "temporary"
    folder.mkdir()
    assert [384.0] == _read_only(package, folder)
    held, blob = data_of(package)
    os.utime(blob)
    assert [384.0] == _read_only(package, folder)
    if blob.is_symlink():
        os.replace(held, blob)
    shutil.rmtree(package.store / "views")
    assert [384.0] == _read_only(package, folder)
    assert [] == os.listdir(folder)


@pytest.fixture
def blob(tmp_path):
    """A blob and where a view would hold it."""
    path = tmp_path / "sha256/ab/abcd"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"data")
    return SimpleNamespace(path=path, held=tmp_path / "views/x/data", scratch=tmp_path / "scratch")


def test_without_shared_blocks_the_blob_moves(blob, monkeypatch):
    """And its name in the store is a relative link."""
    monkeypatch.setattr(view, "share_blocks", lambda source, target: False)
    hold_file(blob.held, blob.path, blob.scratch)
    assert (True, "../../views/x/data") == (is_held(blob.held), os.readlink(blob.path))
    assert not blob.scratch.exists()


def test_a_killed_process_left_two_names(blob, monkeypatch):
    """Between the file's second name and the link: the next one goes on from there."""
    monkeypatch.setattr(view, "share_blocks", lambda source, target: False)
    blob.held.parent.mkdir(parents=True)
    os.link(blob.path, blob.held)
    blob.scratch.symlink_to("nowhere")
    hold_file(blob.held, blob.path, blob.scratch)
    assert is_held(blob.held)
    assert os.path.samefile(blob.held, blob.path)


def test_a_blob_that_another_view_holds_is_copied(blob, tmp_path, monkeypatch):
    """One file cannot lie in two folders under one name."""
    monkeypatch.setattr(view, "share_blocks", lambda source, target: False)
    hold_file(blob.held, blob.path, blob.scratch)
    other = tmp_path / "views/y/data"
    hold_file(other, blob.path, blob.scratch)
    assert is_held(other)
    assert is_held(blob.held)
    assert not os.path.samefile(other, blob.held)
    assert other.stat().st_mtime_ns == blob.path.stat().st_mtime_ns


def test_shared_blocks_where_the_file_system_has_them(tmp_path):
    """A new file with the same bytes, or none at all."""
    (tmp_path / "a").write_bytes(b"data")
    made = share_blocks(tmp_path / "a", tmp_path / "b")
    assert made == (tmp_path / "b").exists()
    assert not made or (tmp_path / "b").read_bytes() == b"data"


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"..w.data..", {"m/w.data"}), (b"", set()), (b"..sub/v.data..w.data", {"m/w.data", "m/sub/v.data"})],
)
def test_data_are_files_that_a_model_names(tmp_path, content, expected):
    """Below the model's folder; a file that no model names stays a link."""
    (tmp_path / "model").write_bytes(content)
    paths = ["m/x.onnx", "m/w.data", "m/sub/v.data", "m/other", "w.data"]
    assert expected == external_data(paths, lambda path: (tmp_path / "model").open("rb"))
    assert expected == external_data(paths, lambda path: content)
