"""Weights next to the package: an artifact and an image of them, and a package that has none."""

import json

import pytest
from monorepo import small_monorepo

from modelkiln.image.layout import Layout
from modelkiln.validation.layout import validate_layout

FORMATS = '["pex", "oci", "artifact", "weights-image"]'


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """Return a repository whose package leaves its weights out, with everything in dist/."""
    repo = small_monorepo(tmp_path_factory.mktemp("sidecar") / "monorepo")
    repo.replace("rain/BUILD", 'version="0.1.0"', f'version="0.1.0", weights="sidecar", formats={FORMATS}')
    repo.pants("package", "rain:rain")
    yield repo
    repo.stop()


def _layers(repo, name):
    return [blob.digest for blob in Layout(repo.dist / f"rain/{name}").manifest().blobs[1:]]


def test_weights_lie_next_to_the_package(repo):
    """The artifact's layers are the files, the weights image's tars of them, and the package has neither."""
    record = repo.record("rain/rain")
    weights = _layers(repo, "rain.artifact")
    assert [f"sha256:{file['sha256']}" for file in record["artifacts"]] == weights
    weights += _layers(repo, "rain.weights.oci")
    assert not set(weights) & set(_layers(repo, "rain.oci"))
    assert ["artifact", "oci", "pex", "weights-image"] == sorted(record["formats"])
    assert [("factor.txt", "unknown")] == [(file["path"], file["format"]) for file in record["artifacts"]]


@pytest.mark.parametrize("name", ["rain.artifact", "rain.weights.oci", "rain.oci"])
def test_validator_finds_nothing(repo, name):
    """Each layout is complete in dist/ and right."""
    assert [] == [issue for issue in validate_layout(repo.dist / f"rain/{name}") if not issue.is_note]


def test_smoke_test_mounts_the_weights(repo):
    """Both formats answer with the weights mounted."""
    log = repo.pants("test", "rain:smoke").log
    assert 2 == log.count("✓ rain:smoke")
    assert "✕" not in log


def test_code_edit_leaves_the_weights_alone(repo):
    """Another inference script gives another package and the same artifact and weights image."""
    before = repo.record("rain/rain")
    repo.write("rain/forecast.py", repo.read("rain/forecast.py") + "\n# Changed.\n")
    repo.pants("package", "rain:rain")
    after = repo.record("rain/rain")
    assert before["package_digest"] != after["package_digest"]
    for name in ("artifact", "weights-image"):
        assert json.dumps(before["formats"][name]) == json.dumps(after["formats"][name])
