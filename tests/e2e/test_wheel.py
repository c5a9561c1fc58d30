"""The format `wheel` through the real command: packaged, tested, installed and imported."""

import json
import re
import subprocess
import sys
import zipfile

import pytest
from attested.readers import read_by_syft
from documents import ROOT, blocks, files_of
from loopback.file_servers import file_server
from monorepo import small_monorepo

WHEEL = "dist/rain/acme_rain-0.1.0-py3-none-any.whl"
FIELDS = 'version="0.1.0",\n    formats=["wheel"],\n    distribution="acme-rain",'


@pytest.fixture
def repo(tmp_path):
    """A repository whose model is a wheel."""
    found = small_monorepo(tmp_path / "repo")
    found.replace("rain/BUILD", 'version="0.1.0",', FIELDS)
    yield found
    found.stop()


def unpack(wheel, site):
    """Unpack a wheel, which is all that installing one without dependencies is."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)


def application(site, code, **settings):
    """Run code that can import what is in a folder; returns what it prints."""
    env = {"PYTHONPATH": str(site), "HOME": str(site), **settings}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout


ASK = """
import json, numpy, acme_rain
model = acme_rain.load()
answer = model.predict({"clouds": numpy.array([[1, 2], [3, 4]], "float32")})
print(json.dumps([acme_rain.__version__, answer["amount"].tolist(), acme_rain.record["package_digest"]]))
"""


def test_a_wheel_is_packaged_tested_and_imported(repo, tmp_path):
    """Its record is the package's, its requirements are what the code declares, at least as locked."""
    repo.pants("package", "rain:rain")
    record = repo.record("rain/rain")
    unpack(repo.root / WHEEL, tmp_path)
    assert ["0.1.0", [1.5, 3.5], record["package_digest"]] == json.loads(application(tmp_path, ASK))
    locked = {wheel["name"]: wheel["version"] for wheel in record["requirements"]}
    assert [f"numpy>={locked['numpy']}"] == record["wheel"]["requires_dist"]
    assert record["formats"]["wheel"]["path"] == WHEEL.rpartition("/")[2]
    log = repo.pants("test", "rain:smoke").log
    assert "rain:smoke@format=wheel" in log
    (bom,) = tmp_path.glob("*.dist-info/sboms/modelkiln.cdx.json")
    external = {one["name"] for one in json.loads(bom.read_bytes())["components"] if one.get("isExternal")}
    assert {"cpython", *locked} == external  # An application has them, and the wheel lacks them.


def test_syft_reads_the_bill_of_a_wheel(repo, tmp_path):
    """Where it is installed: the model by its distribution, as syft finds it by itself, and what it requires."""
    repo.pants("package", "rain:rain")
    unpack(repo.root / WHEEL, tmp_path)
    billed, found = read_by_syft(tmp_path)
    assert {("python", "acme-rain", "0.1.0")} == {one for one in found if one[0] == "python"}
    assert "numpy" in {name for kind, name, _ in billed if kind == "python"}
    assert "npm" not in {kind for kind, _, _ in billed | found}


def test_a_line_of_code_makes_another_wheel_of_the_same_files(repo):
    """With nothing to do no process runs, and none for a small wheel after an edit."""
    repo.pants("--stats-log", "package", "rain:rain")
    assert 0 == repo.pants("--stats-log", "package", "rain:rain").counters["local_execution_requests"]
    before = (repo.root / WHEEL).read_bytes()
    repo.write("rain/forecast.py", repo.read("rain/forecast.py") + "# One line more.\n")
    run = repo.pants("--stats-log", "package", "rain:rain")
    # Pants infers what the file imports, unless it remembers that.
    assert run.counters["local_execution_requests"] <= 1
    assert before != (repo.root / WHEEL).read_bytes()


def test_two_models_have_their_own_commits_of_a_library(repo, tmp_path):
    """Each wheel answers with the code that it was made of, in one process."""
    repo.write("rain/BUILD", repo.read("rain/BUILD") + 'python_sources(name="more", sources=["shared/*.py"])\n')
    repo.replace("rain/BUILD", 'python_sources(name="code")', 'python_sources(name="code", sources=["*.py"])')
    repo.replace("rain/forecast.py", "import numpy", "import numpy\n\nfrom rain.shared.scale import SCALE")
    repo.replace("rain/forecast.py", "* factor", "* factor * SCALE")
    names = {"first": "1", "second": "10"}
    for name, scale in names.items():
        repo.write("rain/shared/scale.py", f"import numpy\n\nSCALE = numpy.float32({scale})\n")
        repo.write("rain/BUILD", re.sub('distribution=".*?"', f'distribution="{name}-rain"', repo.read("rain/BUILD")))
        repo.pants("package", "rain:rain")
        unpack(repo.dist / f"rain/{name}_rain-0.1.0-py3-none-any.whl", tmp_path / "site")
    ask = "import first_rain, second_rain, numpy\nx = {'clouds': numpy.ones((1, 2), 'float32')}\n"
    ask += "print([one.load().predict(x)['amount'].tolist() for one in (first_rain, second_rain)])"
    assert "[[1.0], [10.0]]\n" == application(tmp_path / "site", ask)


def test_large_weights_are_fetched_by_their_lock(repo, tmp_path):
    """Beyond the limit the wheel has the lock, and the first load() fetches; below it has the files."""
    with file_server({"/factor.txt": b"0.5"}) as server:
        repo.replace("rain/BUILD", 'source="factor.txt"', f'source="{server.url}/factor.txt", lock="factor.lock.json"')
        (repo.root / "rain/factor.txt").unlink()
        repo.pants("lock", "rain:weights")
        repo.pants("package", "rain:rain")
        assert not repo.record("rain/rain")["wheel"]["weights_lock"]
        unpack(repo.root / WHEEL, tmp_path / "bundled")
        assert "[1.5, 3.5]" in application(tmp_path / "bundled", ASK)
        server.asked.clear()
        repo.pants("--modelkiln-large-blob-limit=2", "package", "rain:rain")
        assert repo.record("rain/rain")["wheel"]["weights_lock"]
        repo.pants("--modelkiln-large-blob-limit=2", "test", "rain:smoke")
        assert [] == server.asked
        unpack(repo.root / WHEEL, tmp_path / "lazy")
        assert "[1.5, 3.5]" in application(tmp_path / "lazy", ASK, MODELKILN_STORE=str(tmp_path / "store"))
        assert {"/factor.txt"} == {path for path, _ in server.asked}


def test_a_version_that_no_installer_knows_is_refused(repo):
    """The message names the target, the value and the field."""
    repo.replace("rain/BUILD", 'version="0.1.0"', 'version="0.1.0-g1a2b3c"')
    log = repo.pants("package", "rain:rain", code=1).log
    assert "rain:rain: version '0.1.0-g1a2b3c': a wheel needs one that PEP 440 knows" in log


def test_an_import_name_of_a_dependency_is_refused(repo):
    """Its files would lie among those of the dependency."""
    repo.replace("rain/BUILD", 'distribution="acme-rain"', 'import_name="numpy.rain"')
    log = repo.pants("package", "rain:rain", code=1).log
    assert "rain:rain: import name 'numpy.rain': a dependency of the model has the module numpy" in log


def test_the_page_is_real(repo, tmp_path):
    """Its BUILD file, with the model of the README, makes a wheel that its applications can use."""
    page = ROOT / "docs/library.md"
    build, *applications = (one.text for one in blocks(page) if one.language == "python")
    applications = [text for text in applications if "import " in text]
    for path, text in files_of(ROOT / "README.md").items():
        repo.write(path.removeprefix("src/"), text)
    before, after = 'base_image="//3rdparty/debian:python311",', 'formats=["wheel"],\n    distribution="acme-fraud",'
    assert set(build.splitlines()) >= {f"    {line}" for line in after.split("\n    ")}
    repo.replace("models/fraud/BUILD", before, after)
    repo.pants("package", "models/fraud:fraud")
    unpack(repo.dist / "models.fraud/acme_fraud-1.0.0-py3-none-any.whl", tmp_path)
    printed = [application(tmp_path, code) for code in applications]
    assert ["[0.07585818 0.5       ] 1.0.0", "[{'datatype': 'FP32', 'name': 'features', 'shape': [-1, 2]}]"] == [
        text.strip() for text in printed
    ]
