"""Locked weights through the real command: locked, packaged, run and exported without passing through Pants."""

import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from collections import OrderedDict
from dataclasses import replace

import pytest
from attested.signing_keys import make_key
from components import require_venv
from measuring.watching import watched
from monorepo import ROOT, named_caches, small_monorepo
from samples.headers.models import gguf_file, xgboost_model

from modelkiln.checks.allowed import NOTHING
from modelkiln.cli.main import main
from modelkiln.image.blobs import recorded_layers
from modelkiln.smoke.runnable_image import open_image, unpacked
from modelkiln.store.store import Store
from modelkiln.weights.lock import load_weights_lock

_MODEL_SIGNING = ROOT / "3rdparty/python/model_signing.txt"
LIMIT = 1_000_000
SIZE = 3_000_000
_BUILD = """\
python_sources(name="code")

model_artifact(name="weights", source="factor.txt")
model_artifact(name="big", source="{source}", lock="big.lock.json", exclude=["*.tmp"])

model_package(
    name="rain",
    entry_point="rain.forecast:predict",
    artifacts=[":weights", ":big"],
    signature="signature.json",
    version="0.1.0",
    formats=["{format}"],
)

model_smoke_test(name="smoke", package=":rain", request="request.json", expected="response.json")
"""
_MANY = """\
for number in range(20):
    model_artifact(name=f"w{number}", source=f"{number}.txt")
    model_package(
        name=f"p{number}",
        entry_point="rain.forecast:predict",
        artifacts=[f":w{number}"],
        signature="signature.json",
        formats=["artifact"],
    )
"""


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """A repository with one small plain artifact and one of several files, which has to be locked."""
    repo = small_monorepo(tmp_path_factory.mktemp("weights") / "repo", options={"large_blob_limit": LIMIT})
    repo.write("rain/BUILD", _BUILD.format(source="big", format="oci"))
    (repo.root / "rain/big/sub").mkdir(parents=True)
    (repo.root / "rain/big/model.bin").write_bytes(os.urandom(SIZE))
    repo.write("rain/big/sub/config.json", "{}")
    repo.write("rain/big/left.tmp", "left out")
    yield repo
    repo.stop()


def test_a_package_needs_its_lock(repo):
    """Without the lock the target and the command are named."""
    run = repo.pants("package", "rain:rain", code=1)
    assert "rain:big: the field `lock` names rain/big.lock.json" in run.log and "`pants lock rain:big`" in run.log


def test_a_lock_pins_files_and_is_stable(repo):
    """It lists the chosen files with their hashes; a second one is the same, and --check agrees."""
    repo.pants("lock", "rain:big")
    text = repo.read("rain/big.lock.json")
    files = {file["path"]: file for file in json.loads(text)["files"]}
    assert {"model.bin", "sub/config.json"} == set(files)
    data = (repo.root / "rain/big/model.bin").read_bytes()
    assert (SIZE, hashlib.sha256(data).hexdigest()) == (files["model.bin"]["size"], files["model.bin"]["sha256"])
    repo.pants("lock", "--check", "rain:big")
    # Pants from 2.31 on would warn of a process that is equal to that of an earlier command.
    assert "_interactive_process" not in repo.pants("lock", "rain:big").log
    assert text == repo.read("rain/big.lock.json")


def test_packages_are_made_from_the_lock_alone(repo):
    """Also without the files: layouts name the layers, tests and runs find the bytes in the store."""
    hidden = repo.root / "hidden"
    (repo.root / "rain/big").rename(hidden)
    try:
        repo.pants("package", "rain:rain")
        record = repo.record("rain/rain")
        lock = json.loads(repo.read("rain/big.lock.json"))
        assert [lock["set_digest"]] == [source["set_digest"] for source in record["sources"]]
        digests = [layer["digest"] for layer in lock["layers"]]
        held = {path.name for path in (repo.dist / "rain/rain.oci/blobs/sha256").iterdir()}
        assert not held & {digest[7:] for digest in digests}
        assert digests == [
            layer["descriptor"]["digest"] for layer in record["layers"] if layer["title"].startswith("rain:big")
        ]
        assert b"verified rain 0.1.0: 3 model artifact files" in repo.pants("run", "rain:rain", "--", "verify").out
        repo.pants("test", "--smoke-test-require", "rain:smoke")
    finally:
        hidden.rename(repo.root / "rain/big")


def test_an_artifact_is_packaged_without_reading_weights(repo, tmp_path):
    """Neither at their source nor in the store, by Pants or a step of its; the same watch sees what an export reads."""
    lock, store = json.loads(repo.read("rain/big.lock.json")), named_caches(repo.env) / "modelkiln"
    model = next(one["sha256"] for one in lock["files"] if one["path"] == "model.bin")
    # All of these are of this test alone: model.bin is random, and in the layer.
    names = {model, *(one["digest"][7:] for one in lock["layers"])}
    blobs = [path for path in (store / "sha256").glob("*/*") if path.name in names]
    assert model in {path.name for path in blobs}
    sources = [path for path in (repo.root / "rain/big").rglob("*") if path.is_file()]
    repo.write("rain/BUILD", _BUILD.format(source="big", format="artifact"))
    try:
        with watched([*blobs, *sources]) as watch:
            repo.pants("package", "rain:rain")
            assert set() == watch.touched()
            target, options = str(tmp_path / "whole"), ["--format=oci-layout", f"--store={store}"]
            assert 0 == main(["export", str(repo.dist / "rain/rain.artifact"), target, *options])
            assert model in {path.name for path in watch.touched()}
    finally:
        repo.write("rain/BUILD", _BUILD.format(source="big", format="oci"))


def test_packages_carry_the_signature_of_locked_files(repo, tmp_path):
    """Next to the files in images and artifacts, and where lazy weights are fetched; one of other files is refused."""
    key, _, _ = make_key(tmp_path)
    lock, signature = repo.root / "rain/big.lock.json", repo.root / "rain/model.sig"
    assert 0 == main(["sign", str(lock), f"--key={key}"])
    signed = _BUILD.replace("big.lock.json", 'big.lock.json", model_signature="model.sig')
    repo.write("rain/BUILD", signed.format(source="big", format='oci", "artifact", "weights-image'))
    repo.pants("package", "rain:rain")
    digest = hashlib.sha256(signature.read_bytes()).hexdigest()
    assert digest == next(one["sha256"] for one in repo.record("rain/rain")["artifacts"] if one["path"] == "model.sig")
    assert (repo.dist / "rain/rain.artifact/blobs/sha256" / digest).read_bytes() == signature.read_bytes()
    for layout in ("rain.oci", "rain.weights.oci"):
        assert 0 == main(["validate", str(repo.dist / "rain" / layout)])
        exported = tmp_path / layout
        store = named_caches(repo.env) / "modelkiln"
        assert 0 == main(
            ["export", str(repo.dist / "rain" / layout), str(exported), "--format=oci-layout", f"--store={store}"]
        )
        assert signature.read_bytes() in [_member(blob) for blob in (exported / "blobs/sha256").iterdir()]
    repo.pants("test", "--smoke-test-require", "rain:smoke")
    text = lock.read_text()
    repo.write("rain/big/sub/config.json", "{2}")
    repo.pants("lock", "rain:big")
    log = repo.pants("package", "rain:rain", code=1).log
    assert "rain:big: rain/model.sig: is of other files than the lock's: sub/config.json: is signed with another" in log
    assert "Sign it again: `modelkiln sign rain/big.lock.json`" in log
    repo.write("rain/big/sub/config.json", "{}")
    lock.write_text(text)
    _check_lazy(repo, signature.read_bytes(), tmp_path)
    repo.write("rain/BUILD", _BUILD.format(source="big", format="oci"))


def _check_lazy(repo, signature, tmp_path):
    """A PEX, an image and a wheel fetch the files from their mirror and have the signature themselves; both are
    verified together where the inference script finds them, here and by model_signing."""
    formats = 'pex", "oci", "wheel"],\n    distribution="acme-rain'
    text = repo.read("rain/BUILD").replace('"oci", "artifact", "weights-image"]', f'"{formats}"')
    mirror = f'weights="lazy",\n    weights_mirrors=["{(repo.root / "rain/big").as_uri()}"]'
    repo.write("rain/BUILD", text.replace('artifacts=[":weights", ":big"]', f'artifacts=[":big"],\n    {mirror}'))
    repo.pants("package", "rain:rain")
    policy = tmp_path / "policy.toml"
    policy.write_text('[signers.a]\nkey = "key.pub"\n[[rules]]\nrepositories = ["**"]\nsigners = ["a"]')
    for folder in (_in_program(repo, tmp_path), _in_image(repo, tmp_path), _in_application(repo, tmp_path)):
        found = folder / "model.sig"
        assert signature == found.read_bytes()
        assert 0 == main(["verify", str(folder), f"--model-signature={found}", f"--policy={policy}"])
        options = ["--signature", found, "--public_key", tmp_path / "key.pub", "--allow_symlinks"]
        command = [require_venv(_MODEL_SIGNING), "-m", "model_signing", "verify", "key", folder, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stdout + done.stderr


def _in_program(repo, tmp_path):
    """The files that a PEX has fetched."""
    env = {"PATH": os.environ["PATH"], "MODELKILN_STORE": str(tmp_path / "program")}
    subprocess.run([str(repo.dist / "rain/rain.pex/pex"), "fetch"], env=env, check=True)
    (found,) = (tmp_path / "program/views").rglob("model.sig")
    return found.parent


def _in_image(repo, tmp_path):
    """A copy of the files that an image has fetched: it ends with its store."""
    layout, mirror = repo.dist / "rain/rain.oci", repo.root / "rain/big"
    store = Store(named_caches(repo.env) / "modelkiln")
    image = open_image(layout, recorded_layers(layout), store)
    with unpacked(image, store) as made:
        argv = ["/opt/venv/bin/python", "-c", _SEND]
        mounts = {**made.mounts, str(mirror): mirror}
        command = image.command(made.root, argv, mounts, {"MODELKILN_STORE": "/tmp/store"})
        done = subprocess.run(command, capture_output=True, check=False)
    assert 0 == done.returncode, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(tmp_path / "image", filter="data")
    return tmp_path / "image/model"


# Writes the folder that an inference script gets to standard output.
_SEND = """
import sys, tarfile
from modelkiln.runtime.models import model_folder
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", dereference=True) as archive:
    archive.add(model_folder(), "model")
"""


def _in_application(repo, tmp_path):
    """The files that a wheel has fetched, at its first load()."""
    with zipfile.ZipFile(repo.dist / "rain/acme_rain-0.1.0-py3-none-any.whl") as archive:
        archive.extractall(tmp_path / "site")
    env = {"PYTHONPATH": str(tmp_path / "site"), "MODELKILN_STORE": str(tmp_path / "application")}
    subprocess.run([sys.executable, "-c", "import acme_rain\nacme_rain.load()"], env=env, check=True)
    (found,) = (tmp_path / "application/views").rglob("model.sig")
    return found.parent


def _member(blob):
    """The file models/model.sig of a blob that is a tar."""
    try:
        with tarfile.open(blob) as archive:
            return archive.extractfile("models/model.sig").read()
    except (tarfile.TarError, KeyError, EOFError):
        return None


def test_a_moved_source_is_found(repo):
    """--check fails where the source has other files than the lock, and writes nothing."""
    text = repo.read("rain/big.lock.json")
    repo.write("rain/big/sub/config.json", "{1}")
    assert b"sub/config.json: has sha256" in repo.pants("lock", "--check", "rain:big", code=1).out
    assert text == repo.read("rain/big.lock.json")
    repo.write("rain/big/sub/config.json", "{}")


def test_large_files_without_a_lock_are_refused(repo):
    """Before Pants reads them, with the remedy."""
    repo.replace("rain/BUILD", ', lock="big.lock.json", exclude=["*.tmp"]', "")
    repo.replace("rain/BUILD", 'source="big"', 'source="big/**"')
    run = repo.pants("package", "rain:rain", code=1)
    assert f"rain:big: rain/big/model.bin: has {SIZE} bytes" in run.log
    assert '"big.lock.json"' in run.log
    repo.write("rain/BUILD", _BUILD.format(source="big", format="oci"))


def test_a_pex_of_large_weights_is_refused(repo):
    """The error names the choices."""
    repo.write("rain/BUILD", _BUILD.format(source="big", format="pex"))
    run = repo.pants("package", "rain:rain", code=1)
    assert 'weights="sidecar"' in run.log
    assert 'weights="lazy"' in run.log
    repo.write("rain/BUILD", _BUILD.format(source="big", format="oci"))


def test_an_edited_lock_is_refused(repo):
    """What was changed by hand is reported with the file's name; a lock of the unchanged files fixes it."""
    text = repo.read("rain/big.lock.json")
    repo.write(
        "rain/big.lock.json", text.replace(f'"size": {SIZE}', f'"size": {SIZE + 1}', 1).replace("sub/", "sup/", 1)
    )
    run = repo.pants("package", "rain:rain", code=1)
    assert "rain:big: rain/big.lock.json: was edited" in run.log
    repo.pants("lock", "rain:big")
    assert text == repo.read("rain/big.lock.json")


def test_two_artifacts_that_bring_one_path_are_refused(repo):
    """Both are named, and the path; what is in dist/ stays as it was, and a corrected target is packaged."""
    repo.pants("package", "rain:rain")
    before = repo.record("rain/rain")
    repo.write("rain/model.bin", "x")
    repo.replace("rain/BUILD", 'source="factor.txt"', 'source="model.bin"')
    run = repo.pants("package", "rain:rain", code=1)
    assert "both rain:weights and rain:big bring the file model.bin" in run.log
    assert before == repo.record("rain/rain")
    repo.replace("rain/BUILD", 'source="model.bin"', 'source="factor.txt"')
    repo.pants("package", "rain:rain")
    assert before == repo.record("rain/rain")


def test_a_lock_of_somebody_who_left_the_checks_out_is_refused(repo):
    """Its own digest is right, and it says nothing of the pickle that it pins, which the target does not allow."""
    before = repo.read("rain/big.lock.json"), repo.read("rain/big/sub/config.json")
    allowed = 'exclude=["*.tmp"], allow_pickle=["collections.OrderedDict"])'
    (repo.root / "rain/big/sub/config.json").write_bytes(pickle.dumps(OrderedDict(), 4))
    repo.replace("rain/BUILD", 'exclude=["*.tmp"])', allowed)
    repo.pants("lock", "rain:big")
    repo.pants("package", "rain:rain")
    lock = load_weights_lock(repo.read("rain/big.lock.json"), "big.lock.json")
    assert {"sub/config.json": "pickle"} == {file.path: file.format for file in lock.files if file.format}
    silent = replace(lock, files=tuple(replace(file, format="") for file in lock.files), allowed=NOTHING)
    repo.write("rain/big.lock.json", silent.to_text())
    repo.replace("rain/BUILD", allowed, 'exclude=["*.tmp"])')
    assert "rain:big: sub/config.json: is a pickle" in repo.pants("package", "rain:rain", code=1).log
    assert "rain:big: sub/config.json: is a pickle" in repo.pants("lock", "--check", "rain:big", code=1).log
    repo.write("rain/big.lock.json", before[0])
    repo.write("rain/big/sub/config.json", before[1])
    repo.pants("package", "rain:rain")


def test_what_headers_state_is_in_the_record(repo):
    """Of a committed file and of a locked one, which `info` prints; a file that is cut off is refused by name."""
    (repo.root / "rain/m.gguf").write_bytes(gguf_file())
    (repo.root / "rain/big/m.ubj").write_bytes(xgboost_model())
    repo.replace("rain/BUILD", 'source="factor.txt"', 'source=["factor.txt", "m.gguf"]')
    repo.pants("lock", "rain:big")
    repo.pants("package", "rain:rain")
    printed = json.loads(repo.pants("run", "rain:rain", "--", "info").out)
    assert printed["artifacts"] == repo.record("rain/rain")["artifacts"]
    files = {file["path"]: file for file in printed["artifacts"]}
    assert ("gguf", "llama", "Q4_0") == (
        files["m.gguf"]["format"], *(files["m.gguf"]["facts"][key] for key in ("architecture", "quantization")),
    )  # fmt: skip
    assert ("xgboost", 3) == (files["m.ubj"]["format"], files["m.ubj"]["facts"]["classes"])
    assert "facts" not in files["factor.txt"]
    (repo.root / "rain/m.gguf").write_bytes(gguf_file()[:-40])
    run = repo.pants("package", "rain:rain", code=1)
    assert "rain:weights: m.gguf: not a valid GGUF file: its tensors end at byte" in run.log


def test_artifacts_of_many_packages_are_checked_together(repo):
    """One process looks into all of them, and what is wrong with one is reported as if it had been alone."""
    repo.write("many/BUILD", _MANY)
    repo.write("many/signature.json", repo.read("rain/signature.json"))
    for number in range(20):
        repo.write(f"many/{number}.txt", f"0.{number}")
    (repo.root / "many/7.txt").write_bytes(pickle.dumps(os.system))
    refused = repo.pants("--stats-log", "package", "many::", code=1)
    assert "many:w7: 7.txt: " in refused.log and "@artifact" not in refused.log
    repo.write("many/7.txt", "0.7")
    run = repo.pants("--stats-log", "package", "many::")
    asked = ("local_execution_requests", "local_cache_requests")
    assert sum(one.counters[name] for one in (refused, run) for name in asked) < 20
    assert {"unknown"} == {file["format"] for file in repo.record("many/p7")["artifacts"]}
