"""`pants publish`: wheels of models into a real index, with twine."""

import hashlib
import json

import pytest
from loopback.indexes.package_index import LOGIN, package_index
from monorepo import small_monorepo
from schemas import schema_problems

FILE = "acme_rain-0.1.0-py3-none-any.whl"
FIELDS = 'version="0.1.0",\n    formats=["wheel"],\n    distribution="acme-rain",\n    wheel_indexes=["{index}"],'


@pytest.fixture
def packages(tmp_path):
    """The folder of an index's files."""
    return tmp_path / "packages"


@pytest.fixture
def index(packages):
    """The host and port of an index that wants a login."""
    with package_index(packages) as address:
        yield address


@pytest.fixture
def repo(tmp_path, index):
    """A repository whose model goes to the index as a wheel."""
    found = small_monorepo(tmp_path / "repo", options={"insecure_registries": [index]})
    found.env.update({"TWINE_USERNAME": LOGIN[0], "TWINE_PASSWORD": LOGIN[1]})
    found.replace("rain/BUILD", 'version="0.1.0",', FIELDS.format(index=f"http://{index}/"))
    yield found
    found.stop()


def test_a_wheel_is_published_once(repo, packages, index, tmp_path):
    """The same wheel is sent no second time, and another one of the same version is refused."""
    repo.pants("package", "rain:rain")
    run = repo.pants("publish", f"--output={tmp_path / 'published.json'}", "rain:rain")
    published = json.loads((tmp_path / "published.json").read_text())
    assert [] == schema_problems("published", published)
    sent = (packages / FILE).read_bytes()
    expected = {"index": f"http://{index}/", "filename": FILE, "sha256": hashlib.sha256(sent).hexdigest()}
    assert [expected] == published[0]["wheels"]
    assert sent == (repo.dist / "rain" / FILE).read_bytes()
    assert f"http://{index}/: {FILE} sent, sha256 {expected['sha256']}" in run.out.decode() + run.log
    stamp = (packages / FILE).stat().st_mtime_ns
    run = repo.pants("publish", "rain:rain")
    assert f"has {FILE} already; nothing was sent" in run.out.decode() + run.log
    repo.write("rain/forecast.py", repo.read("rain/forecast.py") + "# Another commit.\n")
    run = repo.pants("publish", "rain:rain", code=1)
    assert f"has another {FILE}" in run.out.decode() + run.log
    assert (stamp, sent) == ((packages / FILE).stat().st_mtime_ns, (packages / FILE).read_bytes())


def test_what_cannot_be_published_is_refused(repo, packages, index):
    """Without the format, without TLS that the options allow, and with a wrong password, which nothing shows."""
    repo.env["TWINE_PASSWORD"] = "wr0ng-passw0rd"
    run = repo.pants("publish", "rain:rain", code=1)
    assert f"twine could not send {FILE}" in run.out.decode() + run.log
    assert "wr0ng-passw0rd" not in run.out.decode() + run.log
    run = repo.pants("--modelkiln-insecure-registries=[]", "publish", "rain:rain", code=1)
    assert f"Add {index} to [modelkiln].insecure_registries" in run.out.decode() + run.log
    repo.replace("rain/BUILD", 'formats=["wheel"]', 'formats=["pex"]')
    run = repo.pants("publish", "rain:rain", code=1)
    assert 'rain:rain: has `wheel_indexes`, but "wheel" is not among its `formats`' in run.log
    assert [] == list(packages.iterdir())
