"""Bad input through the real command: refused with the target, the bad value and the remedy."""

import fractions
import hashlib
import json
import pickle
import re
import shutil

import pytest
from monorepo import small_monorepo

from modelkiln.weights.lock import set_digest

BUILD, LOCK, SIGNATURE = "rain/BUILD", "locks/python.txt", "rain/signature.json"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n".format("0" * 64)


@pytest.fixture(scope="module")
def shared_repo(tmp_path_factory):
    """Return a small monorepo of good input."""
    repo = small_monorepo(tmp_path_factory.mktemp("bad") / "monorepo")
    repo.pants("package", "rain:rain")
    yield repo
    repo.stop()


@pytest.fixture
def repo(shared_repo):
    """Return the monorepo with an empty dist/; changes are taken back afterwards."""
    shutil.rmtree(shared_repo.dist, ignore_errors=True)
    files = [path for name in ("rain", "locks", "images") for path in (shared_repo.root / name).iterdir()]
    before = {path: path.read_bytes() for path in files if path.is_file()}
    yield shared_repo
    for path, data in before.items():
        if not path.is_file() or path.read_bytes() != data:
            path.write_bytes(data)


def refused(repo, *texts, options=()):
    """Package, which must fail, report all of `texts`, show no traceback and leave nothing in dist/."""
    run = repo.pants(*options, "package", "rain:rain", code=1)
    for text in texts:
        assert text in run.log
    assert "Traceback" not in run.log
    left = [path for path in repo.dist.rglob("*") if path.is_file()] if repo.dist.exists() else []
    assert [] == left
    return run.log


def require(repo, name, version, sha256):
    """Let the inference script need one more package, which the lock pins."""
    repo.write(LOCK, f"{repo.read(LOCK)}{name}=={version} \\\n    --hash=sha256:{sha256}\n")
    repo.write("locks/python.in", f"numpy\n{name}\n")
    repo.write("rain/forecast.py", f"import {name}\n" + repo.read("rain/forecast.py"))


@pytest.mark.parametrize(
    ("entry_point", "messages"),
    [
        ("rain.forecasts:predict", ["'rain.forecasts:predict'", "no target", "python_sources"]),
        ("rain.forecast:foresee", ["'rain.forecast:foresee'", "rain/forecast.py defines no 'foresee'", "predict"]),
        ("rain.forecast:LIMIT", ["'LIMIT' in rain/forecast.py is not callable", "Name a function or a class"]),
        ("rain.forecast", ["names no callable", "write `rain.forecast:predict`"]),
    ],
)
def test_an_entry_point_that_is_not_there_or_not_callable(repo, entry_point, messages):
    """The package's address and the entry point are named, and what there is instead."""
    repo.write("rain/forecast.py", repo.read("rain/forecast.py") + "\n\nLIMIT = 3\n")
    repo.replace(BUILD, "rain.forecast:predict", entry_point)
    refused(repo, "rain:rain", *messages)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ('signature="/x.json"', "rain:rain: the field `signature` is '/x.json', a path outside of the repository."),
        ('base_image="python:3.11"', "rain:rain: the `base_image` from the target rain:rain is 'python:3.11', which"),
        ('version="1 beta"', "rain:rain: version '1 beta' cannot be part of a tag"),
    ],
)
def test_fields_that_name_nothing_there_can_be(repo, field, message):
    """Modelkiln says so, before Pants fails to find it."""
    name = field.partition("=")[0]
    others = re.sub(rf"    {name}=.*\n", "", repo.read(BUILD))
    repo.write(BUILD, others.replace('    entry_point="', f'    {field},\n    entry_point="'))
    refused(repo, message)


def test_an_inference_script_that_does_not_parse(repo):
    """The line is named."""
    repo.replace("rain/forecast.py", "def predict(inputs, model):", "def predict(inputs, model)")
    refused(repo, "rain:rain", "rain/forecast.py", "line 4")


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (None, ["factor.txt"]),
        ("", ["factor.txt: is empty", "Write the trained artifact"]),
        (POINTER, ["factor.txt: is a Git LFS pointer", "git lfs pull"]),
    ],
    ids=["missing", "empty", "git lfs pointer"],
)
def test_an_artifact_that_is_none(repo, content, messages):
    """A file that is missing, empty or a placeholder for one that is nowhere is not packaged."""
    if content is None:
        (repo.root / "rain/factor.txt").unlink()
    else:
        repo.write("rain/factor.txt", content)
    refused(repo, "rain:weights", *messages)


@pytest.mark.parametrize(
    ("name", "data", "messages"),
    [
        ("factor.bin", pickle.dumps(fractions.Fraction(1, 2)), ["allow_pickle=['fractions.Fraction']"]),
        ("factor.safetensors", b"\x02\0\0\0\0\0\0\0{}more", ["not a valid safetensors file", "4 bytes follow"]),
        ("factor.onnx", b"half", ["not a valid ONNX model"]),
        ("factor.sh", b"#!/bin/true\n", ["allow_code=['script:factor.sh']", "Leave the file out"]),
    ],
)
def test_an_artifact_of_a_bad_format(repo, name, data, messages):
    """Pickles and other code are refused with what would allow them; broken files with what is broken."""
    (repo.root / "rain" / name).write_bytes(data)
    try:
        repo.replace(BUILD, 'source="factor.txt"', f'source="{name}"')
        refused(repo, f"rain:weights: {name}: ", *messages)
        if "allow_" in messages[0]:
            repo.replace(BUILD, f'source="{name}"', f'source="{name}", {messages[0]}')
            repo.pants("package", "rain:rain")
    finally:
        (repo.root / "rain" / name).unlink()


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (lambda text: text[:-1], ["signature.json"]),
        (lambda text: text.replace('"outputs"', '"results"'), ['"outputs"', "-1 for a variable dimension"]),
        (lambda text: text.replace("FP32", "float32", 1), ['"clouds"', "'float32' is unknown", "FP32"]),
        (lambda text: text.replace("[-1, 2]", "[-2, 2]"), ['"clouds"', "[-2, 2]"]),
    ],
    ids=["cut off", "no outputs", "unknown datatype", "negative size"],
)
def test_a_malformed_signature(repo, change, messages):
    """The file, the tensor and its bad value are named."""
    text = repo.read(SIGNATURE)
    assert text != change(text)
    repo.write(SIGNATURE, change(text))
    refused(repo, "rain:rain", "rain/signature.json", *messages)


def test_a_signature_that_predict_does_not_keep(repo):
    """The smoke test fails in each format and reports what was got and what the signature wants."""
    document = json.loads(repo.read(SIGNATURE))
    document["outputs"][0].update(datatype="FP64")
    repo.write(SIGNATURE, json.dumps(document))
    repo.write("rain/response.json", repo.read("rain/response.json").replace("FP32", "FP64"))
    run = repo.pants("test", "rain:smoke", code=1)
    assert "amount" in run.log and "FP32" in run.log and "FP64" in run.log
    assert "signature" in run.log and "✕ rain:smoke@format=pex" in run.log


def test_a_response_that_is_not_the_expected_one(repo):
    """The element, both values and how far they are apart are shown."""
    repo.replace("rain/response.json", "3.5", "4.5")
    run = repo.pants("test", "rain:smoke", code=1)
    assert "[1]: got 3.5, want 4.5, off by 1" in run.log


def test_a_wheel_whose_hash_is_not_the_locked_one(repo):
    """A lock that was edited does not lead to another wheel; what was got and wanted is reported."""
    # A small one, for it is downloaded.
    require(repo, "iniconfig", "2.0.0", "0" * 64)
    log = refused(repo, "rain:rain", "iniconfig 2.0.0", "hash")
    assert "locks/python.txt" in log


def test_a_package_that_is_not_in_the_lock(repo):
    """The package, the lock and the way to add it are named."""
    repo.write("locks/python.in", "numpy\nnot-in-the-lock\n")
    repo.write("rain/forecast.py", "import not_in_the_lock\n" + repo.read("rain/forecast.py"))
    refused(repo, "locks/python.txt is stale", "not-in-the-lock is not in it", "pants lock locks")


def test_a_lock_that_nobody_wrote(repo):
    """The command that writes it is named, before Pants asks for the lock as a dependency."""
    (repo.root / LOCK).unlink()
    missing = f"resolve 'python-default': its lock {LOCK} does not exist. Write it with pants lock locks:locks."
    refused(repo, missing)
    assert missing in repo.pants("lint", "rain:rain", code=1).log


def test_an_export_that_lacks_what_a_package_needs(repo):
    """Members of a workspace, which no export has, are no fault of it until code needs them as packages."""
    command = "uv export --frozen --no-emit-workspace"
    header = f"# This file was autogenerated by uv via the following command:\n#    {command}\n"
    repo.write(LOCK, header + repo.read(LOCK))
    repo.write("locks/python.in", "numpy\nshop-api\n")
    repo.pants("package", "rain:rain")
    shutil.rmtree(repo.dist)
    repo.write("rain/forecast.py", "import shop_api\n" + repo.read("rain/forecast.py"))
    refused(repo, "rain:rain: shop-api is not in the lock", f"lock it again: {command}.")


def test_a_lock_that_is_older_than_its_requirements(repo):
    """The requirement, what the lock has instead and the command that fixes it are named."""
    repo.write("locks/python.in", "numpy>=99\n")
    refused(repo, "locks/python.txt is stale: numpy>=99 is wanted", "pants lock locks")


def test_a_resolve_without_a_lock(repo):
    """The file that is missing is named."""
    (repo.root / LOCK).unlink()
    refused(repo, "locks/python.txt", "does not exist")


def test_packages_of_a_gpu_in_a_variant_without_one(repo):
    """The package and what the accelerator says are reported, before anything is fetched."""
    require(repo, "nvidia-nvtx-cu12", "12.9.79", "fec150986817f2b4e7eed72ed059f2dcb9ba3856b9a96134e448eac946a6952f")
    repo.write("rain/forecast.py", repo.read("rain/forecast.py").replace("import nvidia-nvtx-cu12", "import nvtx"))
    repo.replace("locks/BUILD", '"python.in"', '"python.in", module_mapping={"nvidia-nvtx-cu12": ["nvtx"]}')
    refused(repo, "rain:rain", "'cpu' is without CUDA", "nvidia-nvtx-cu12 12.9.79 (CUDA 12)")


def test_a_dependency_that_has_no_wheel(repo):
    """What would have to be built is refused as long as no lock says with what: building could run any code."""
    # It was only ever published as a source archive.
    require(repo, "docopt", "0.6.2", "49b3a825280bd66b3aa83585ef59c4a8c82f2c8a522dbe754a8bc8d08c85c491")
    refused(repo, "docopt 0.6.2", "has no wheel in the lock locks/python.txt", "pants lock locks:locks")


def test_a_lock_without_hashes(repo):
    """What is not pinned by hash is not fetched."""
    repo.write(LOCK, "numpy==2.4.6\n")
    refused(repo, "locks/python.txt", "numpy", "hash")


def test_a_base_image_that_a_tag_names(repo):
    """A tag may mean another image tomorrow."""
    repo.write("images/BUILD", 'oci_base_image(name="python", image="registry.example.com/python:3.11")\n')
    refused(repo, "images:python", "registry.example.com/python:3.11", "@sha256:")


def test_a_base_image_that_is_not_there(repo):
    """The address that has no target is named."""
    repo.replace(BUILD, 'version="0.1.0",', 'version="0.1.0",\n    base_image="images:none",')
    refused(repo, "none", "images")


def test_a_package_without_a_base_image(repo):
    """The field and the option that would name one are named."""
    texts = ("rain:rain", "an image needs a base", "`base_image`", "[modelkiln].base_image")
    refused(repo, *texts, options=["--modelkiln-base-image="])


def test_an_unknown_accelerator(repo):
    """The known ones are listed."""
    repo.replace(BUILD, 'version="0.1.0",', 'version="0.1.0",\n    accelerator="abacus",')
    refused(repo, "rain:rain", "accelerator 'abacus' is unknown", "known are cpu", "[modelkiln.accelerators]")


@pytest.mark.parametrize(
    ("path", "old", "new", "texts"),
    [
        (
            "images/BUILD",
            "python.json",
            "none.json",
            ["images:python: the field `lock` names images/none.json", "lock"],
        ),
        (BUILD, "signature.json", "none.json", ["the field `signature` names rain/none.json", "no such file"]),
        (BUILD, "rain.forecast:predict", "none.py:predict", ["the field `entry_point` names rain/none.py"]),
        (BUILD, '"factor.txt"', '"."', ["the field `source` names the folder '.'", 'lock="weights.lock.json"']),
        (
            BUILD,
            '"factor.txt"',
            '"s3://a/b"',
            ["the field `source` names the URI 's3://a/b'", "`pants lock rain:weights`"],
        ),
    ],
)
def test_a_file_that_is_not_there(repo, path, old, new, texts):
    """Target, field and file are named, and what to do."""
    repo.replace(path, old, new)
    refused(repo, *texts)


def test_an_expected_response_that_is_not_there(repo):
    """Each format's test fails with the way to record it, and nothing else ends."""
    (repo.root / "rain/response.json").unlink()
    run = repo.pants("test", "rain:smoke", code=1)
    assert "the field `expected` names rain/response.json" in run.log and "--smoke-test-record rain:smoke" in run.log
    assert "✕ rain:smoke@format=oci failed" in run.log and "✕ rain:smoke@format=pex failed" in run.log


def test_a_response_is_recorded_once_by_each_run(repo):
    """Where somebody deleted what an earlier run wrote, too: it is run, and not remembered."""
    response = repo.root / "rain/response.json"
    for _ in range(2):
        response.unlink()
        log = repo.pants("test", "--smoke-test-record", "rain:smoke").log
        assert (1, 1) == (log.count("rain/response.json: written"), log.count("recorded in "))
        assert [1.5, 3.5] == json.loads(response.read_text())["outputs"][0]["data"]


def test_a_folder_is_packaged_with_the_same_paths_by_both_remedies(repo):
    """By a pattern, and by a lock with the field `folder`."""
    repo.write("rain/model/factor.txt", "0.5")
    digests = set()
    try:
        repo.replace(BUILD, '"factor.txt"', '"model"')
        pattern, lock = 'source="model/**/*"', 'lock="weights.lock.json" with folder="model"'
        refused(repo, f"the field `source` names the folder 'model'. Name its files, {pattern}, or a lock in the", lock)
        for fields in (pattern, 'source="model", lock="weights.lock.json", folder="model"'):
            repo.write(BUILD, re.sub(r'source="model.*"', fields, repo.read(BUILD)))
            if "lock" in fields:
                repo.pants("lock", "rain:weights")
            repo.pants("package", "rain:rain")
            digests.add(repo.record("rain/rain")["package_digest"])
    finally:
        shutil.rmtree(repo.root / "rain/model")
        (repo.root / "rain/weights.lock.json").unlink(missing_ok=True)
    assert 1 == len(digests)


def test_a_submodule_that_is_not_checked_out(repo):
    """It is an empty folder, in which a pattern matches nothing; the command that fills it is named."""
    try:
        repo.write(".gitmodules", '[submodule "w"]\n\tpath = rain/weights\n\turl = ../w\n')
        (repo.root / "rain/weights").mkdir()
        repo.replace(BUILD, '"factor.txt"', '["factor.txt", "weights/*.bin"]')
        refused(
            repo, "rain:weights: the field `source`: rain/weights is a git submodule that is not checked out", "--init"
        )
    finally:
        (repo.root / ".gitmodules").unlink()
        (repo.root / "rain/weights").rmdir()


def test_a_refused_package_fails_its_own_tests_alone(repo):
    """The others of the repository are tested."""
    try:
        for path in ("factor.txt", "forecast.py", "request.json", "response.json", "signature.json"):
            repo.write(f"snow/{path}", repo.read(f"rain/{path}"))
        repo.write("snow/BUILD", repo.read(BUILD).replace("rain", "snow"))
        repo.write("snow/signature.json", "{")
        run = repo.pants("test", "::", code=1)
    finally:
        shutil.rmtree(repo.root / "snow", ignore_errors=True)
    assert 2 == run.log.count("✓ rain:smoke@format=") == run.log.count("✕ snow:smoke@format=")
    assert "snow/signature.json: not JSON" in run.log


def test_an_import_that_nothing_has(repo):
    """Module, file and line; the field lets it pass by name, and a `try` by itself."""
    script = repo.read("rain/forecast.py")
    repo.write("rain/forecast.py", "import cupy\n" + script)
    refused(repo, "rain:rain: imports what neither", "cupy (rain/forecast.py:1)", "`allow_missing`", "python-default")
    repo.replace(BUILD, 'version="0.1.0",', 'version="0.1.0",\n    allow_missing=["cupy"],')
    repo.pants("package", "rain:rain")


def test_pickles_need_what_they_import(repo):
    """A name of `allow_pickle` is a requirement, as an import is."""
    repo.replace(BUILD, 'source="factor.txt"', 'source="factor.txt", allow_pickle=["sklearn.tree.Tree"]')
    refused(repo, "sklearn.tree (`allow_pickle` of rain:weights)")


def test_a_lock_without_numpy(repo):
    """The runtime needs it, whatever the script does."""
    repo.write(LOCK, f"iniconfig==2.0.0 --hash=sha256:{'0' * 64}\n")
    repo.write("locks/python.in", "iniconfig==2.0.0\n")
    repo.write("rain/forecast.py", "def predict(inputs, model): ...\n")
    refused(repo, "rain:rain: every package needs numpy", "locks/python.txt lacks it", "pants lock locks:locks")


def test_a_base_lock_that_its_list_has_outgrown(repo):
    """What is missing is named, and the command."""
    repo.write("images/python.packages", "libc6\nlibzstd1\n")
    repo.replace("images/BUILD", 'lock="python.json"', 'lock="python.json", packages="python.packages"')
    refused(repo, "images:python: the lock for amd64 is stale: libzstd1 is not in it", "`pants lock images:python`")


def test_a_stale_lock_of_pex(repo):
    """Pants writes it, and the remedy is its goal."""
    artifact = {"algorithm": "sha256", "hash": "0" * 64, "url": "file:///numpy-2.4.6-py3-none-any.whl"}
    locked = {"artifacts": [artifact], "project_name": "numpy", "version": "2.4.6", "requires_dists": []}
    repo.write(LOCK, json.dumps({"locked_resolves": [{"locked_requirements": [locked]}]}))
    repo.write("locks/python.in", "numpy>=99\n")
    refused(repo, "pants generate-lockfiles --resolve=python-default")


def test_good_input_is_packaged_after_all_that(repo):
    """Nothing of what was refused stays behind."""
    repo.pants("package", "rain:rain")
    assert {"rain.oci", "rain.package.json", "rain.pex"} == {path.name for path in (repo.dist / "rain").iterdir()}


def test_an_adapter_without_its_base_is_refused(repo):
    """The set digests that the package has are named, and what is none is refused as such."""
    repo.replace(BUILD, 'source="factor.txt"', f'source="factor.txt", base_set_digest="sha256:{"0" * 64}"')
    refused(repo, f"rain:weights is an adapter of the model artifact with the set digest sha256:{'0' * 64}", "no other")
    repo.replace(BUILD, "0" * 64, "latest")
    refused(repo, "the field `base_set_digest`: 'sha256:latest' is not a digest")


def test_a_folder_is_for_files_of_a_lock(repo):
    """Those next to the BUILD file can be put into one."""
    repo.replace(BUILD, 'source="factor.txt"', 'source="factor.txt", folder="factors"')
    refused(repo, "rain:weights: the field `folder` is for the files of a lock. Put these into a folder next to the")


def test_an_adapter_fits_one_base(repo):
    """With it the package is made, and its record names the base; one with another revision of it is refused."""
    repo.write("rain/base.txt", "first")
    base = set_digest([(hashlib.sha256(b"first").hexdigest(), "base.txt")])
    repo.replace(BUILD, 'source="factor.txt"', f'source="factor.txt", base_set_digest="{base}"')
    repo.replace(BUILD, 'artifacts=[":weights"]', 'artifacts=[":weights", ":base"], formats=["pex"]')
    repo.write(BUILD, repo.read(BUILD) + 'model_artifact(name="base", source="base.txt")\n')
    repo.pants("package", "rain:rain")
    files = {file["path"]: file.get("base") for file in repo.record("rain/rain")["artifacts"]}
    assert {"base.txt": None, "factor.txt": base} == files
    shutil.rmtree(repo.dist)
    repo.write("rain/base.txt", "second")
    other = set_digest([(hashlib.sha256(b"second").hexdigest(), "base.txt")])
    refused(
        repo, f"rain:weights is an adapter of the model artifact with the set digest {base}", f"rain:base ({other})"
    )
