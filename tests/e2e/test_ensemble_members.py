"""Members of ensembles that exclude each other: their environments, and files of one name."""

import json
import re
import shutil
import subprocess

import pytest
from components import require
from ensembles.parts import step
from loopback.file_servers import file_server
from monorepo import ROOT, named_caches, small_monorepo
from packaged_ensembles import fp32, layers_of, verify_inside, write_small

from modelkiln.image.blobs import recorded_layers
from modelkiln.smoke.runnable_image import open_image, unpacked
from modelkiln.store.store import Store
from modelkiln.validation.layout import validate_layout

# A member whose wheels the others exclude.
OLD = """
python_sources(name="code", resolve="old")
model_package(
    name="old",
    entry_point="predict.py:predict",
    resolve="old",
    signature="signature.json",
    formats=["oci"],
)
"""
OLD_SCRIPT = """
import numpy


def predict(inputs, model):
    major, minor = numpy.__version__.split(".")[:2]
    return {"release": inputs["amount"] * 0 + numpy.float32(f"{major}.{minor}")}
"""
# One whose artifact has a file of the name that another one's has.
SNOW = """
python_sources(name="code")
model_artifact(name="weights", source="{url}/factor.txt", lock="factor.lock.json")
model_package(
    name="snow",
    entry_point="snow.forecast:predict",
    artifacts=[":weights"],
    signature="signature.json",
    formats=["oci"],
)
"""
SNOW_SCRIPT = """
import numpy


def predict(inputs, model):
    return {"amount": inputs["clouds"].sum(axis=1) * numpy.float32((model / "snow/factor.txt").read_text())}
"""
# What stands for a Python of another machine where no kernel starts one: of an environment, by the name of the program.
EMULATED = """
#include <unistd.h>

int main(int count, char **arguments) {
    char *command[count + 4];
    command[0] = "/emulator"; command[1] = "-0"; command[2] = arguments[0]; command[3] = "/usr/bin/python3.11";
    for (int number = 1; number <= count; number++) command[number + 3] = arguments[number];
    return execv(command[0], command);
}
"""


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """A repository with two models, each of a resolve of its own."""
    repository = small_monorepo(tmp_path_factory.mktemp("repo") / "repo")
    add_old_member(repository)
    yield repository
    repository.stop()


def add_old_member(repository):
    """Write a package of another resolve, which has another numpy."""
    resolves = {"python-default": "locks/python.txt", "old": "locks/old.txt"}
    repository.env["PANTS_PYTHON_RESOLVES"] = json.dumps(resolves)
    pin = re.search(r"^numpy==.*(\n +--hash.*)+\n", (ROOT / "3rdparty/python/rules.txt").read_text(), re.MULTILINE)
    repository.write("locks/old.txt", pin[0])
    repository.write(
        "locks/BUILD",
        repository.read("locks/BUILD") + 'python_requirements(name="old", source="python.in", resolve="old")\n',
    )
    signature = {"inputs": [fp32("amount", [-1])], "outputs": [fp32("release", [-1])]}
    repository.write("old/BUILD", OLD)
    repository.write("old/signature.json", json.dumps(signature))
    repository.write("old/predict.py", OLD_SCRIPT)


def write_mixed(repository, name, prefix="", formats=("oci",)):
    """Write an ensemble of two environments below `name`."""
    members = {f"{prefix}rain": "rain:rain", f"{prefix}old": "old:old"}
    steps = [step(f"{prefix}rain", "clouds=sky", "amount=amount"), step(f"{prefix}old", "amount=amount", "release=old")]
    write_small(repository, name, members, steps, {"amount": 1.5, "old": 2.0}, formats)


def test_members_whose_environments_exclude_each_other_have_one_each(repo):
    """Each answers with its own numpy. The image has the layers of one member, and the wheels of the other one in an
    environment that further ensembles share; all of it is verified."""
    for name, prefix in (("mixed", ""), ("mixed2", "the-")):
        write_mixed(repo, name, prefix)
    answers = {"amount": 1.5, "old": 2.0}
    write_small(repo, "outer", {"all": "mixed:mixed"}, [step("all", "sky=sky", "amount=amount old=old")], answers)
    log = repo.pants("package", "mixed:mixed", "mixed2:mixed2", "outer:outer", "rain:rain", "old:old").log
    # Once for all three, and not where the layer was made before.
    assert log.count(": the wheels of rain:rain are packed once more, for /opt/venvs/") <= 1
    record, members = repo.record("mixed/mixed"), {name: repo.record(f"{name}/{name}") for name in ("rain", "old")}
    (path,) = record["ensemble"]["environments"]
    # That of the larger wheel is the ensemble's own.
    assert {"rain": path, "old": None} == {
        name: one.get("environment") for name, one in record["ensemble"]["members"].items()
    }
    assert members["old"]["requirements"] == record["requirements"]
    assert members["rain"]["requirements"] == record["ensemble"]["environments"][path]["requirements"]
    own, *others = (layers_of(repo, f"{name}/{name}") for name in ("mixed", "mixed2", "outer"))
    assert set(layers_of(repo, "old/old")[:-1]) < set(own)
    known = {digest for name in members for digest in layers_of(repo, f"{name}/{name}")}
    titles = {layer["descriptor"]["digest"]: layer["title"] for layer in record["layers"]}
    numpy = members["rain"]["requirements"][0]["version"]
    assert [
        f"virtual environment of Python 3.11 at /{path}", f"numpy {numpy}", "code", "record",
    ] == [titles[digest] for digest in own if digest not in known]  # fmt: skip
    assert [2, 2] == [len(set(other) - set(own)) for other in others]
    assert [] == validate_layout(repo.dist / "mixed/mixed.oci", record=record)
    assert record["ensemble"]["environments"] == repo.record("outer/outer")["ensemble"]["environments"]
    log = repo.pants("test", "--smoke-test-require", "mixed:smoke", "outer:smoke").log
    assert 2 == log.count("✓ ") and "✕" not in log
    verified = verify_inside(repo, "mixed/mixed").decode().splitlines()
    assert verified[0].startswith("verified mixed ")
    assert verified[1].startswith(f"verified /{path}: 1 distribution (")


def test_a_member_whose_environment_has_a_folder_shares_all_layers(repo):
    """Its image has it where the ensemble does, which then adds nothing but code and record; /opt/venv leads there."""
    before = repo.read("rain/BUILD")
    repo.write("rain/BUILD", before.replace("version=", 'environment_folder="rain", formats=["oci"], version='))
    write_mixed(repo, "mixed")
    repo.pants("package", "mixed:mixed", "rain:rain", "old:old")
    repo.write("rain/BUILD", before)
    record, rain = repo.record("mixed/mixed"), repo.record("rain/rain")
    assert ("opt/venvs/rain", ["opt/venvs/rain"]) == (rain["environment"], [*record["ensemble"]["environments"]])
    layers = [*record["layers"], *rain["layers"]]
    titles = {layer["descriptor"]["digest"]: layer["title"] for layer in layers}
    mixed, *others = (layers_of(repo, f"{name}/{name}") for name in ("mixed", "rain", "old"))
    assert ["code", "record"] == [titles[one] for one in mixed if one not in {*others[0], *others[1]}]
    # Its code is in that of the ensemble, where it meets no other.
    own = ["/opt/venv is /opt/venvs/rain", "code", "record"]
    assert own == [titles[one] for one in others[0] if one not in mixed]
    for name, described in (("mixed/mixed", record), ("rain/rain", rain)):
        assert [] == validate_layout(repo.dist / f"{name}.oci", record=described)
    assert verify_inside(repo, "rain/rain").startswith(b"verified rain 0.1.0: 1 model artifact file")
    assert b"verified /opt/venvs/rain: 1 distribution (" in verify_inside(repo, "mixed/mixed")


def test_members_for_another_machine_have_an_environment_each(repo, tmp_path):
    """Packaged on this machine alone, for arm64: each member answers with its own numpy under emulation, one of them
    in an environment of its own folder."""
    require("bwrap")
    kept = {name: repo.read(name) for name in ("images/BUILD", "rain/BUILD", "old/BUILD")}
    for architecture in ("", ".arm64"):
        shutil.copy(ROOT / f"3rdparty/debian/python311{architecture}.lock.json", repo.root / "images")
    base = 'oci_base_image(name="python", architectures=["amd64", "arm64"], lock="python311.lock.json")\n'
    repo.write("images/BUILD", base)
    arm64 = 'platforms=["linux/arm64"], formats=["oci"], '
    repo.replace("rain/BUILD", "version=", f'{arm64}environment_folder="rain", version=')
    repo.replace("old/BUILD", 'formats=["oci"],', arm64)
    write_mixed(repo, "mixed")
    repo.pants("package", "mixed:mixed")
    for name, text in kept.items():
        repo.write(name, text)
    layout, record = repo.dist / "mixed/mixed.oci", repo.record("mixed/mixed")
    assert ["opt/venvs/rain"] == [*record["ensemble"]["environments"]]
    store = Store(named_caches(repo.env) / "modelkiln")
    assert [] == validate_layout(layout, store, record)
    (tmp_path / "emulated.c").write_text(EMULATED)
    subprocess.run([require("gcc"), "-static", "-o", tmp_path / "emulated", tmp_path / "emulated.c"], check=True)
    image = open_image(layout, recorded_layers(layout), store)
    with unpacked(image, store) as made:
        shutil.copy(require("qemu-aarch64-static"), made.root / "emulator")
        for venv in ("opt/venv", "opt/venvs/rain"):
            (made.root / venv / "bin/python").unlink()
            shutil.copy(tmp_path / "emulated", made.root / venv / "bin/python")
        command = image.command(made.root, (*image.entrypoint, "predict", "-"), made.mounts)
        request = (repo.root / "mixed/request.json").read_bytes()
        done = subprocess.run(command, env={}, input=request, capture_output=True, timeout=300)
    assert 0 == done.returncode, done.stderr.decode()
    answers = {one["name"]: one["data"] for one in json.loads(done.stdout)["outputs"]}
    assert {"amount": [1.5], "old": [2.0]} == answers


def test_files_of_one_name_and_other_bytes_have_folders(repo):
    """As of two models whose sources both have a config.json: refused, until one has the field `folder` and a lock
    that knows of it. Both members find their own then."""
    with file_server({"/factor.txt": b"2.0"}) as server:
        repo.write("snow/BUILD", SNOW.format(url=server.url))
        repo.write("snow/forecast.py", SNOW_SCRIPT)
        repo.write("snow/signature.json", repo.read("rain/signature.json"))
        steps = [step("rain", "clouds=sky", "amount=rain"), step("snow", "clouds=sky", "amount=snow")]
        members = {"rain": "rain:rain", "snow": "snow:snow"}
        write_small(repo, "winter", members, steps, {"rain": 1.5, "snow": 6.0})
        repo.pants("lock", "snow:weights")
        log = repo.pants("package", "winter:winter", code=1).log
        assert 'members "rain" and "snow" have different model artifact files at factor.txt' in log
        assert "with the field `folder` of the `model_artifact`" in log
        repo.replace("snow/BUILD", "lock=", 'folder="snow", lock=')
        log = repo.pants("package", "winter:winter", code=1).log
        assert "snow:weights: the field `folder` is 'snow', and its lock has the files in ''. Lock it again" in log
        repo.pants("lock", "snow:weights")
    repo.pants("package", "winter:winter")
    assert ["factor.txt", "snow/factor.txt"] == [file["path"] for file in repo.record("winter/winter")["artifacts"]]
    log = repo.pants("test", "--smoke-test-require", "winter:smoke").log
    assert 1 == log.count("✓ winter:smoke") and "✕" not in log


@pytest.mark.parametrize("goal", ["package", "run"])
def test_a_program_of_two_environments_is_refused(repo, goal):
    """A PEX has one; the message has both versions and says what to do."""
    write_mixed(repo, "mixed", formats=("pex",) if goal == "package" else ("oci",))
    log = repo.pants(goal, "mixed:mixed", code=1).log
    assert "mixed:mixed: the environments of its members exclude each other: numpy 2.0.2 (numpy-2.0.2-" in log
    assert "A PEX has one environment, and so has what `pants run` starts" in log
