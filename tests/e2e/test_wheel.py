"""The format `wheel` through the real command: packaged, tested, installed and imported."""

import json
import subprocess
import sys
import zipfile

import pytest
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


def installed(repo, folder):
    """Unpack the wheel into `folder`; returns a function that runs Python code which can import it."""
    with zipfile.ZipFile(repo.root / WHEEL) as archive:
        archive.extractall(folder)

    def run(code, **settings):
        env = {"PYTHONPATH": str(folder), "HOME": str(folder), **settings}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stderr
        return done.stdout

    return run


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
    assert ["0.1.0", [1.5, 3.5], record["package_digest"]] == json.loads(installed(repo, tmp_path / "site")(ASK))
    locked = {wheel["name"]: wheel["version"] for wheel in record["requirements"]}
    assert [f"numpy>={locked['numpy']}"] == record["wheel"]["requires_dist"]
    assert record["formats"]["wheel"]["path"] == WHEEL.rpartition("/")[2]
    log = repo.pants("test", "rain:smoke").log
    assert "rain:smoke@format=wheel" in log


def test_a_line_of_code_makes_another_wheel_of_the_same_files(repo):
    """With nothing to do no process runs, and one after an edit."""
    repo.pants("--stats-log", "package", "rain:rain")
    assert 0 == repo.pants("--stats-log", "package", "rain:rain").counters["local_execution_requests"]
    before = (repo.root / WHEEL).read_bytes()
    repo.write("rain/forecast.py", repo.read("rain/forecast.py") + "# One line more.\n")
    run = repo.pants("--stats-log", "package", "rain:rain")
    # Pants infers what the file imports, unless it remembers that, and the wheel is built.
    assert run.counters["local_execution_requests"] <= 2
    assert before != (repo.root / WHEEL).read_bytes()


def test_large_weights_are_fetched_by_their_lock(repo, tmp_path):
    """Beyond the limit the wheel has the lock, and the first load() fetches; below it has the files."""
    with file_server({"/factor.txt": b"0.5"}) as server:
        repo.replace("rain/BUILD", 'source="factor.txt"', f'source="{server.url}/factor.txt", lock="factor.lock.json"')
        (repo.root / "rain/factor.txt").unlink()
        repo.pants("lock", "rain:weights")
        repo.pants("package", "rain:rain")
        assert not repo.record("rain/rain")["wheel"]["weights_lock"]
        assert "[1.5, 3.5]" in installed(repo, tmp_path / "bundled")(ASK)
        server.asked.clear()
        repo.pants("--modelkiln-large-blob-limit=2", "package", "rain:rain")
        assert repo.record("rain/rain")["wheel"]["weights_lock"]
        repo.pants("--modelkiln-large-blob-limit=2", "test", "rain:smoke")
        assert [] == server.asked
        run = installed(repo, tmp_path / "lazy")
        assert "[1.5, 3.5]" in run(ASK, MODELKILN_STORE=str(tmp_path / "store"))
        assert {"/factor.txt"} == {path for path, _ in server.asked}


def test_a_version_that_no_installer_knows_is_refused(repo):
    """The message names the target, the value and the field."""
    repo.replace("rain/BUILD", 'version="0.1.0"', 'version="0.1.0-beta x"')
    log = repo.pants("package", "rain:rain", code=1).log
    assert "rain:rain: version '0.1.0-beta x': a wheel needs one that PEP 440 knows" in log


def test_an_import_name_of_a_dependency_is_refused(repo):
    """Its files would lie among those of the dependency."""
    repo.replace("rain/BUILD", 'distribution="acme-rain"', 'import_name="numpy.rain"')
    log = repo.pants("package", "rain:rain", code=1).log
    assert "rain:rain: import name 'numpy.rain': a dependency of the model has the module numpy" in log
