"""What docs/ci.md has people run, with its example configuration."""

import json
import subprocess

import pytest
from loopback.registries import registry
from monorepo import ROOT, environment, small_monorepo

# As docs/ci.md has it.
_CHANGED = ("--changed-since=origin/main", "--changed-dependents=transitive")
_PUBLISHED = 'version="0.1.0",\n    repositories=["{host}/{{name}}"],\n    publish_tags=["{{CI_COMMIT}}"],'
_OTHER = """
python_sources(name="code")

model_package(name="sun", entry_point="sun.shine:predict", signature="signature.json", formats=["pex"], artifacts=[])
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A registry."""
    with registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="module")
def repo(tmp_path_factory, host):
    """Two packages under Git, one of which a commit after `origin/main` changed."""
    env = environment()
    # The interpreters are where this machine has them, and the cache of the example is nowhere.
    env.update(PANTS_CONFIG_FILES="pants.ci.toml", PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH="['<PYENV>', '<PATH>']")
    env.update(PANTS_REMOTE_CACHE_READ="false", PANTS_REMOTE_CACHE_WRITE="false", CI_COMMIT="0a1b2c3")
    repository = small_monorepo(
        tmp_path_factory.mktemp("ci") / "repo", options={"insecure_registries": [host]}, env=env
    )
    repository.write("pants.ci.toml", (ROOT / "docs/examples/pants.ci.toml").read_text())
    repository.replace("rain/BUILD", 'version="0.1.0",', _PUBLISHED.format(host=host))
    repository.write("sun/BUILD", _OTHER)
    repository.write("sun/shine.py", "def predict(inputs, model):\n    return inputs\n")
    repository.write("sun/signature.json", repository.read("rain/signature.json"))
    repository.write(".gitignore", "/dist/\n/.p*\n")
    main = ["update-ref", "refs/remotes/origin/main", "HEAD"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Rain and sun"], main):
        _git(repository, *arguments)
    repository.replace("rain/forecast.py", "factor}", "factor * 1}")
    _git(repository, "commit", "-qam", "Rain")
    yield repository
    repository.stop()


def _git(repository, *arguments):
    command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", *arguments]
    subprocess.run(command, cwd=repository.root, check=True)


def test_one_command_packages_tests_and_publishes_what_changed(repo, host):
    """The package of the changed script alone is made, tested and published, and a second run sends nothing."""
    first = repo.pants(*_CHANGED, "package", "test", "publish", "--output=published.json")
    (published,) = json.loads(repo.read("published.json"))
    assert [f"{host}/rain:0a1b2c3"] == published["names"]
    assert "✓ rain:smoke@format=pex succeeded" in first.log
    assert ["rain"] == sorted(path.name for path in repo.dist.iterdir() if not path.name.startswith("."))
    again = repo.pants(*_CHANGED, "package", "test", "publish")
    assert "nothing was sent" in again.log


def test_a_commit_that_is_not_there_is_an_error(repo):
    """As in a checkout of one commit alone."""
    assert "bad revision" in repo.pants("--changed-since=nowhere/main", "list", code=1).log
