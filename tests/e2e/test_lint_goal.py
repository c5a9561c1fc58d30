"""`pants lint` on packages of models."""

import collections
import json
import pickle

import pytest
from monorepo import small_monorepo

_ONLY = ("lint", "--only=modelkiln-lint")


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """Return the small monorepo."""
    repo = small_monorepo(tmp_path_factory.mktemp("lint") / "monorepo")
    yield repo
    repo.stop()


@pytest.fixture
def script(repo):
    """Return what writes an inference script, with a line added to its function; the script is put back."""
    before = repo.read("rain/forecast.py")
    yield lambda line: repo.write("rain/forecast.py", before.replace("def predict(inputs, model):\n", f"{line}\n"))
    repo.write("rain/forecast.py", before)


def said(run):
    """What a run says, of both streams."""
    return run.out.decode() + run.log


def test_a_package_without_anti_patterns_passes(repo):
    """Whatever else there is to say of it."""
    assert ": error: " not in said(repo.pants(*_ONLY, "::"))


def test_an_error_fails_with_its_line(repo, script):
    """It names the file as it lies in the repository, and the rule."""
    script('def predict(inputs, model):\n    open("/data/factor.txt")')
    found = said(repo.pants(*_ONLY, "::", code=1))
    assert "rain/forecast.py" in found
    assert "MK101 absolute-path: opens '/data/factor.txt'" in found
    assert '| open("/data/factor.txt")' in found


def test_what_is_ignored_passes(repo, script):
    """By a comment with its reason, by the target, by an option, and where the target is left out."""
    bad = 'def predict(inputs, model):\n    open("/data/factor.txt")'
    script(f"{bad}  # modelkiln: ignore[MK101] the platform mounts it")
    repo.pants(*_ONLY, "::")
    script(bad)
    repo.pants(*_ONLY, "--modelkiln-lint-ignore=paths", "::")
    build = repo.read("rain/BUILD")
    try:
        for field in ('lint_ignore=["MK101"]', "skip_modelkiln_lint=True"):
            repo.write("rain/BUILD", build.replace("model_package(", f"model_package({field}, "))
            repo.pants(*_ONLY, "rain:rain")
    finally:
        repo.write("rain/BUILD", build)


def test_warnings_fail_where_that_is_asked_for(repo, script):
    """A script that does not parse is a warning, and not a crash; the findings are a log of SARIF besides."""
    script("def predict(inputs, model:")
    assert "MK001 unreadable-code" in said(repo.pants(*_ONLY, "rain:rain"))
    options = ("--modelkiln-lint-warnings-as-errors", "--modelkiln-lint-sarif", "--modelkiln-lint-select=lint")
    repo.pants(*_ONLY, *options, "rain:rain", code=1)
    (path,) = (repo.root / "dist/lint").rglob("*.sarif")
    (result,) = json.loads(path.read_text())["runs"][0]["results"]
    assert ("MK001", "rain/forecast.py") == (
        result["ruleId"],
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
    )


def test_what_packaging_refuses_is_linted(repo):
    """Nothing of an artifact is checked or made for lint: a pickle that is not allowed is a finding."""
    build = repo.read("rain/BUILD")
    (repo.root / "rain/w.pkl").write_bytes(pickle.dumps(collections.OrderedDict(a=1)))
    try:
        repo.write("rain/BUILD", build.replace('"factor.txt"', '["factor.txt", "w.pkl"]'))
        found = said(repo.pants(*_ONLY, "--modelkiln-lint-select=hidden-code", "rain:weights", code=None))
    finally:
        repo.write("rain/BUILD", build)
    assert "w.pkl" in found and "collections.OrderedDict" in found


def test_what_rules_are_sure_of_is_fixed(repo, script):
    """In the script and in the BUILD file, once; what was a finding then is none any more."""
    script('def predict(inputs, model):\n    open("/data/factor.txt")')
    build = repo.read("rain/BUILD")
    (repo.root / "rain/trainer_state.json").write_text("{}")
    fix = ("fix", "--only=modelkiln-lint", "::")
    try:
        repo.write("rain/BUILD", build.replace('"factor.txt"', '["*.txt", "*.json"]'))
        assert "modelkiln-lint made changes" in said(repo.pants(*fix))
        assert 'open(model / "factor.txt")' in repo.read("rain/forecast.py")
        assert '["*.txt", "*.json", "!trainer_state.json"]' in repo.read("rain/BUILD")
        assert "modelkiln-lint made no changes" in said(repo.pants(*fix))
        assert "MK101" not in said(repo.pants(*_ONLY, "::"))
    finally:
        repo.write("rain/BUILD", build)
        (repo.root / "rain/trainer_state.json").unlink()
