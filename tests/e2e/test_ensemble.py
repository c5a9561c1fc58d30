"""Ensembles through the real command: packaged, tested, run, published and refused."""

import json

import pytest
from ensembles.parts import step
from loopback.file_servers import file_server
from loopback.registries import registry
from monorepo import small_monorepo
from packaged_ensembles import fp32, layers_of, verify_inside

from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.publication.remote_package import RemotePackage
from modelkiln.publication.verify import verify_remote
from modelkiln.registry.reference import parse_image
from modelkiln.validation.layout import validate_layout

# Two source roots with another commit of one library: in one folder they exclude each other.
ROOTS = '--source-root-patterns=["/", "/east", "/west"]'
REGION = """
python_sources(name="code", sources=["regional/*.py"])
model_package(
    name="{name}",
    entry_point="regional/predict.py:predict",
    dependencies=[":code"],
    signature="signature.json",
    formats=["oci"],
)
"""
REGIONAL = """
from regional.scale import SCALE  # pants: no-infer-dep


def predict(inputs, model):
    return {{"scaled": inputs["amount"] * SCALE}}  # {name}
"""
FORECAST = """
python_sources(name="code")
model_ensemble(
    name="{name}",
    members={members},
    steps={steps},
    signature="signature.json",
    combine="merge.py:merge",
    version="2.0.0",
    repositories=[{repositories}],
)
model_smoke_test(name="smoke", package=":forecast", request="request.json", expected="response.json")
"""
MEMBERS = {"rain": "rain:rain", "east": "east:east", "west": "west:west"}
STEPS = [
    step("rain", "clouds=sky", "amount=rain"),
    step("east", "amount=rain", "scaled=east"),
    step("west", "amount=rain", "scaled=west"),
]


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A registry."""
    with registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="module")
def repo(tmp_path_factory, host):
    """A repository whose ensemble has three members, two of which exclude each other."""
    repository = small_monorepo(tmp_path_factory.mktemp("repo") / "repo", options={"insecure_registries": [host]})
    for name, scale in (("east", 2), ("west", 10)):
        signature = {"inputs": [fp32("amount", [-1])], "outputs": [fp32("scaled", [-1])]}
        repository.write(f"{name}/BUILD", REGION.format(name=name))
        repository.write(f"{name}/signature.json", json.dumps(signature))
        repository.write(f"{name}/regional/scale.py", f"import numpy\n\nSCALE = numpy.float32({scale})\n")
        repository.write(f"{name}/regional/predict.py", REGIONAL.format(name=name))
    outputs = [fp32("east", [-1]), fp32("west", [-1]), fp32("both", [-1])]
    repository.write("top/signature.json", json.dumps({"inputs": [fp32("sky", [-1, 2])], "outputs": outputs}))
    repository.write("top/merge.py", 'def merge(tensors):\n    return {"both": tensors["east"] + tensors["west"]}\n')
    repository.write("top/request.json", json.dumps({"inputs": [fp32("sky", [1, 2], [1, 2])]}))
    answers = [fp32("east", [1], [3]), fp32("west", [1], [15]), fp32("both", [1], [18])]
    repository.write("top/response.json", json.dumps({"outputs": answers}))
    write_ensemble(repository, repositories=f'"{host}/team/forecast"')
    yield repository
    repository.stop()


def write_ensemble(repository, name="forecast", members=MEMBERS, steps=STEPS, repositories=""):
    """Write the BUILD file of the ensemble."""
    text = FORECAST.format(name=name, members=members, steps=steps, repositories=repositories)
    repository.write("top/BUILD", text)


def test_an_ensemble_is_packaged_tested_run_and_published(repo, host):
    """Its layers are its members' own, what excludes each other has a process, and everything verifies."""
    repo.pants(ROOTS, "package", "top:forecast", "rain:rain", "east:east", "west:west")
    record = repo.record("top/forecast")
    members = {name: repo.record(f"{name}/{name}") for name in MEMBERS}
    found = record["ensemble"]["members"]
    assert {name: one["package_digest"] for name, one in members.items()} == {
        name: one["package_digest"] for name, one in found.items()
    }
    assert [None, ".modelkiln/members/east", ".modelkiln/members/west"] == [
        found[name].get("code") for name in ("rain", "east", "west")
    ]
    # All of them but those of records and of code that lies apart.
    own = layers_of(repo, "top/forecast")
    assert set(layers_of(repo, "rain/rain")[:-1]) < set(own)
    assert 2 == len(set(own) - set(layers_of(repo, "rain/rain")))
    assert [] == validate_layout(repo.dist / "top/forecast.oci", record=record)
    log = repo.pants(ROOTS, "test", "top:smoke").log
    assert 2 == log.count("✓ top:smoke") and "✕" not in log
    verified = b"verified forecast 2.0.0: 1 model artifact file"
    assert repo.pants(ROOTS, "run", "top:forecast", "--", "verify").out.startswith(verified)
    assert verify_inside(repo, "top/forecast").startswith(verified)
    repo.pants(ROOTS, "publish", "top:forecast")
    package = RemotePackage(parse_image(f"{host}/team/forecast:2.0.0"), {**repo.env, INSECURE_REGISTRIES: host}, print)
    assert [] == verify_remote(package, lambda size: None).problems


def test_another_ensemble_of_the_same_members_is_code_and_record(repo):
    """And one can be a member of another one, which answers as it does."""
    repo.pants(ROOTS, "package", "top:forecast")
    before = layers_of(repo, "top/forecast")
    inner = repo.read("top/BUILD")
    request = {"inputs": [fp32("sky", [1, 2], [1, 2])]}
    outer = 'model_ensemble(name="outer", members={"all": "top:forecast"}, steps=%s, signature="signature.json")\n'
    steps = [step("all", "sky=sky", "east=east west=west both=both")]
    repo.write("top/BUILD", inner + outer % steps)
    run = repo.pants(ROOTS, "--stats-log", "package", "top:outer")
    # The PEX; what it is made of is made already, or without a process.
    assert run.counters["local_execution_requests"] <= 1
    added = [one["kind"] for one in repo.record("top/outer")["layers"] if one["descriptor"]["digest"] not in before]
    assert ["code", "record"] == added
    assert [] == validate_layout(repo.dist / "top/outer.oci", record=repo.record("top/outer"))
    repo.write("request.json", json.dumps(request))
    answer = repo.pants(ROOTS, "run", "top:outer", "--", "predict", "request.json").json
    repo.write("top/BUILD", inner)
    assert [[3.0], [15.0], [18.0]] == [one["data"] for one in answer["outputs"]]


def test_weights_may_be_mounted_or_fetched(repo):
    """As those of its member, which has no layer of them then; members without weights do not mind."""
    before, factor = repo.read("rain/BUILD"), repo.root / "rain/factor.txt"
    with file_server({"/factor.txt": b"0.5"}) as server:
        locked = f'source="{server.url}/factor.txt", lock="factor.lock.json"'
        repo.replace("rain/BUILD", 'source="factor.txt"', locked)
        factor.unlink()
        repo.pants("lock", "rain:weights")
        for weights in ("sidecar", "lazy"):
            repo.write(
                "rain/BUILD",
                before.replace('source="factor.txt"', locked).replace("version=", f'weights="{weights}", version='),
            )
            repo.pants(ROOTS, "package", "top:forecast")
            record = repo.record("top/forecast")
            assert (weights, weights == "lazy") == (record["weights"], bool(record["weights_lock"]))
            assert "weights" not in {layer["kind"] for layer in record["layers"]}
            assert [] == validate_layout(repo.dist / "top/forecast.oci", record=record)
            log = repo.pants(ROOTS, "test", "top:smoke").log
            assert 2 == log.count("✓ top:smoke") and "✕" not in log
    repo.write("rain/BUILD", before)
    factor.write_text("0.5")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"members": {**MEMBERS, "rain": "top:forecast"}}, "top:forecast: is an ensemble that contains itself: top:"),
        ({"members": {"rain": "rain:rain"}}, "step 2: \"model_name\" is 'east', and `members` has 'rain'."),
        ({"members": {**MEMBERS, "rain": "rain:weights"}}, "must name a `model_package`, but rain:weights is a"),
        ({"members": {}}, "the field `members` is empty"),
        ({"steps": [{"model_name": "rain"}]}, 'step 1: "input_map" is None'),
    ],
)
def test_what_does_not_fit_is_refused(repo, changes, message):
    """The target, the value and the remedy are in the message; all others are tested in tests/modelkiln/ensemble."""
    before = repo.read("top/BUILD")
    write_ensemble(repo, **changes)
    try:
        log = repo.pants(ROOTS, "package", "top:forecast", code=1).log
    finally:
        repo.write("top/BUILD", before)
    assert message in log and "Traceback" not in log


def test_what_combine_does_is_linted(repo):
    """An ensemble is linted as far as it is no member: those are packages of their own."""
    before = repo.read("top/merge.py")
    repo.write("top/merge.py", f'{before}\n\nopen("/content/merged.txt")\n')
    output = repo.pants(ROOTS, "lint", "--only=modelkiln-lint", "top:forecast", code=1)
    repo.write("top/merge.py", before)
    assert "top/merge.py:5:6: error: MK1" in output.log, output.log
