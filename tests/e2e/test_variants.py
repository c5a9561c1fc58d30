"""Variants: one field that makes packages for a CPU and for CUDA."""

import json

import pytest
from loopback.registries import registry
from monorepo import named_caches, small_monorepo

from modelkiln.cli.main import main
from modelkiln.image.layout import Layout
from modelkiln.store.store import Store
from modelkiln.validation.layout import validate_layout

ACCELERATORS = ["cpu", "cuda12"]
CUDA12 = "rain/rain@accelerator=cuda12"


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """Return a monorepo whose model has two variants: a resolve, one line of defaults, one field."""
    repo = small_monorepo(tmp_path_factory.mktemp("variants"))
    resolves = {"python-default": "locks/python.txt", "cuda12": "locks/cuda12.txt"}
    repo.env["PANTS_PYTHON_RESOLVES"] = json.dumps(resolves)
    repo.write("locks/cuda12.txt", repo.read("locks/python.txt"))
    repo.write("locks/cuda12.in", "numpy\n")
    more = 'python_requirements(name="cuda12", source="cuda12.in", resolve="cuda12")\n'
    repo.write("locks/BUILD", repo.read("locks/BUILD") + more)
    repo.write("BUILD", '__defaults__({python_sources: dict(resolve=parametrize("python-default", "cuda12"))})\n')
    repo.write("rain/factor.py", "import numpy\n\nONE = numpy.float32(1)\n")
    repo.write(
        "rain/forecast.py", repo.read("rain/forecast.py").replace("import numpy", "import numpy\nimport rain.factor")
    )
    field = 'version="0.1.0",\n    accelerator=parametrize("cpu", "cuda12"),'
    repo.replace("rain/BUILD", 'version="0.1.0",', field)
    repo.replace("rain/BUILD", 'package=":rain"', 'package=":rain@accelerator=cpu"')
    yield repo
    repo.stop()


def image(repo, name):
    """Return an image's config and the annotations of its manifest."""
    layout = repo.dist / f"{name}.oci"
    blobs = layout / "blobs/sha256"
    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads((blobs / index["manifests"][0]["digest"].split(":")[1]).read_text())
    return json.loads((blobs / manifest["config"]["digest"].split(":")[1]).read_text()), manifest["annotations"]


def test_code_is_inferred_in_the_resolve_of_each_variant(repo):
    """Shared sources are taken from the resolve that the accelerator names, and so are requirements."""
    for accelerator, resolve, requirement in (
        ("cpu", "python-default", "locks#numpy"),
        ("cuda12",) * 2 + ("locks:cuda12#numpy",),
    ):
        found = repo.pants("dependencies", "--transitive", f"rain:rain@accelerator={accelerator}").out.decode().split()
        assert {f"rain/{name}.py:code@resolve={resolve}" for name in ("forecast", "factor")} <= set(found)
        assert requirement in found
        assert 2 == sum("@resolve=" in line for line in found)


def test_each_variant_is_a_package(repo):
    """Equal layers are shared; record, labels and environment distinguish the variants."""
    repo.pants("package", "rain:rain@accelerator=cpu", "rain:rain@accelerator=cuda12")
    cpu, cuda = repo.record("rain/rain@accelerator=cpu"), repo.record(CUDA12)
    assert cpu["package_digest"] != cuda["package_digest"]
    assert "cuda" not in cpu["variant"]
    expected = {"accelerator": "cuda12", "cuda": "12", "driver": "525.60.13"}
    assert expected == {key: cuda["variant"][key] for key in expected}
    config, annotations = image(repo, CUDA12)
    env = dict(value.split("=", 1) for value in config["config"]["Env"])
    silent = ("DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY", "ORT_DISABLE_TELEMETRY")
    assert ["1", "1", "true", "1"] == [env[name] for name in silent]
    assert ("/tmp/.cache", "/tmp/.cache/matplotlib") == (env["XDG_CACHE_HOME"], env["MPLCONFIGDIR"])
    assert ("all", "cuda>=12.0") == (env["NVIDIA_VISIBLE_DEVICES"], env["NVIDIA_REQUIRE_CUDA"])
    for key, value in expected.items():
        assert (
            value == annotations[f"modelkiln.package.{key}"] == config["config"]["Labels"][f"modelkiln.package.{key}"]
        )
    plain, _ = image(repo, "rain/rain@accelerator=cpu")
    assert not [value for value in plain["config"]["Env"] if "NVIDIA" in value]
    assert config["rootfs"]["diff_ids"][:-1] == plain["rootfs"]["diff_ids"][:-1]


INDEX = """
model_index(
    name="all",
    packages=[":rain@accelerator=cpu", ":rain@accelerator=cuda12"],
    repositories=["{host}/team/{{name}}"],
    publish_tags=["{{version}}-all"],
)
"""


def test_variants_share_an_index(repo, tmp_path, capsys):
    """One tag names the images of both variants; entries distinguish them, and each is its variant's own."""
    store = named_caches(repo.env) / "modelkiln"
    with registry(tmp_path / "registry") as host:
        repo.write("rain/BUILD", repo.read("rain/BUILD") + INDEX.format(host=host))
        log = repo.pants(f"--modelkiln-insecure-registries=['{host}']", "publish", "rain:all").log
        assert f"{host}/team/rain:0.1.0-all published" in log
        repo.pants("package", "rain:")
        name, options = f"{host}/team/rain:0.1.0-all", [f"--insecure={host}", f"--store={store}"]
        assert 0 == main(["verify", name, *options]), capsys.readouterr().err
        verified = capsys.readouterr().out
        assert 0 == main(["pull", name, "-o", str(tmp_path / "pulled"), *options])
    found = Layout(repo.dist / "rain/all.oci").manifests()
    assert ACCELERATORS == [one.names[2] for one in found]
    own = [Layout(repo.dist / f"rain/rain@accelerator={name}.oci").manifest() for name in ACCELERATORS]
    assert [one.descriptor for one in own] == [one.descriptor for one in found]
    assert [one.descriptor for one in found] == [one.descriptor for one in Layout(tmp_path / "pulled").manifests()]
    assert "525.60.13" == found[1].annotations["modelkiln.package.driver"]
    record, variants = repo.record("rain/all"), [repo.record(f"rain/rain@accelerator={name}") for name in ACCELERATORS]
    assert record["packages"] == [one["package_digest"] for one in variants]
    assert all(f"package     {digest}" in verified for digest in record["packages"])
    assert [] == validate_layout(repo.dist / "rain/all.oci", Store(store), record)
    assert "rain:all" in repo.pants("dependents", "rain:rain@accelerator=cuda12").out.decode().split()


@pytest.mark.parametrize(
    ("packages", "message"),
    [
        ('[":rain@accelerator=cpu", ":other@accelerator=cpu"]', "names are 'rain' of rain@accelerator=cpu, 'other' of"),
        ('[":smoke"]', "must name a `model_package`, but rain:smoke is a `model_smoke_test`"),
        ("[]", "the field `packages` is empty"),
    ],
)
def test_an_index_of_other_things_is_refused(repo, packages, message):
    """Only variants of one model share an index; the error names what does not fit."""
    build = repo.read("rain/BUILD")
    start = build.index("model_package(")
    other = build[start : build.index("\n)\n", start) + 3].replace('name="rain"', 'name="other"')
    try:
        repo.write("rain/BUILD", f"{build}{other}\nmodel_index(name='wrong', packages={packages})\n")
        assert message in repo.pants("package", "rain:wrong", code=1).log
    finally:
        repo.write("rain/BUILD", build)
