"""Model artifacts from a hub, through Hugging Face's own client, against an endpoint on loopback."""

import hashlib
import random

import pytest
from loopback.hub import Hub, hub

from modelkiln.errors import ModelkilnError
from modelkiln.sources.addresses import check_files
from modelkiln.sources.source import open_source

WEIGHTS = random.Random(11).randbytes(400_000)
FILES = {"config.json": b"{}", "model.safetensors": WEIGHTS, "onnx/model.onnx": WEIGHTS[:1000]}


@pytest.fixture
def repository():
    """A repository with a branch, whose weights are in Git LFS."""
    found = Hub("org/llm")
    found.large = {"model.safetensors", "onnx/model.onnx"}
    found.commit("main", FILES)
    return found


def source_of(endpoint, uri, folder, **env):
    """A source of the hub."""
    return open_source(uri, {"HF_ENDPOINT": endpoint, "HOME": str(folder), **env}, folder)


def read(source, file, offset=0):
    """All bytes of a file from `offset` on."""
    with source.open(file, offset) as stream:
        return stream.readall()


@pytest.mark.parametrize("uri", ["hf://org/llm", "hf://org/llm@main"])
def test_a_branch_is_read_at_its_commit(repository, tmp_path, uri):
    """The commit is the revision, large files state their sha256, and all can be read."""
    with hub(repository) as endpoint:
        source = source_of(endpoint, uri, tmp_path)
        listing = source.list()
        assert FILES == {file.path: read(source, file) for file in listing.files}
        assert WEIGHTS[9:] == read(source, listing.files[1], 9)
    assert (uri, repository.branches["main"]) == (listing.uri, listing.revision)
    hashes = [None, *(hashlib.sha256(FILES[name]).hexdigest() for name in ("model.safetensors", "onnx/model.onnx"))]
    assert hashes == [file.sha256 for file in listing.files]
    assert {
        "name": "org/llm", "license": "apache-2.0", "library": "transformers", "task": "text-generation",
        "lineage": {"base_model": "org/base", "datasets": ["org/data"]},
    } == listing.facts  # fmt: skip


def test_a_locked_commit_is_read_after_the_branch_moved(repository, tmp_path):
    """What a listing holds is enough to fetch."""
    with hub(repository) as endpoint:
        before = source_of(endpoint, "hf://org/llm@main", tmp_path).list()
        repository.commit("main", {"config.json": b"{1}"})
        source = source_of(endpoint, "hf://org/llm@main", tmp_path)
        assert FILES == {file.path: read(source, file) for file in before.files}
        assert ["config.json"] == [file.path for file in source.list().files]


def test_the_login_goes_to_the_hub_alone(repository, tmp_path):
    """A token of the machine opens a gated model and is not sent to where its files lie."""
    repository.token = "hf_secret"
    (tmp_path / "token").write_text("hf_secret\n")
    with hub(repository) as endpoint:
        for env in ({"HF_TOKEN": "hf_secret"}, {"HF_TOKEN_PATH": str(tmp_path / "token")}):
            source = source_of(endpoint, "hf://org/llm", tmp_path, **env)
            file = next(file for file in source.list().files if file.path == "model.safetensors")
            assert WEIGHTS == read(source, file)
        with pytest.raises(ModelkilnError, match=r"HF_TOKEN") as caught:
            source_of(endpoint, "hf://org/llm", tmp_path).list()
    assert "hf_secret" not in str(caught.value)
    stored = [login for path, _, login in repository.asked if path.startswith("/storage/")]
    assert [None, None] == stored


@pytest.mark.parametrize("uri", ["hf://org/none", "hf://org/llm@no-such-branch"])
def test_what_is_not_there_is_reported(repository, tmp_path, uri):
    """The URI and the remedy are in the error."""
    with hub(repository) as endpoint, pytest.raises(ModelkilnError, match=f"{uri}.*Check name and revision"):
        source_of(endpoint, uri, tmp_path).list()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a//b"])
def test_hostile_names_are_refused(repository, tmp_path, name):
    """A hub's listing cannot lead out of a package."""
    repository.listed = [{"rfilename": name, "size": 1, "blobId": "1"}]
    with hub(repository) as endpoint, pytest.raises(ModelkilnError, match="not a clean relative path"):
        check_files(source_of(endpoint, "hf://org/llm", tmp_path).list().files, "x")


@pytest.mark.parametrize("uri", ["hf://", "hf:", "hf:/a/b", "hf://a/b/c", "hf://org/llm@", "hf://org/llm?token=x"])
def test_other_forms_are_refused(uri, tmp_path):
    """A repository and at most a revision."""
    with pytest.raises(ModelkilnError, match="want hf://org/name"):
        open_source(uri, {}, tmp_path)


def test_a_hub_that_is_down_is_reported(tmp_path):
    """The error says what to check."""
    with pytest.raises(ModelkilnError, match="Check the network"):
        source_of("http://127.0.0.1:9", "hf://org/llm", tmp_path).list()
