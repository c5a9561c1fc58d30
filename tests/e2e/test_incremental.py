"""A change rebuilds what depends on it and nothing else; no change runs nothing."""

import shutil

import pytest
from monorepo import files_of

DIGITS = "src.models.digits/digits"
PACKAGE = ("--stats-log", "package", "src/models::")


@pytest.fixture
def repo(repository):
    """Return the repository as committed, packaged; changes are taken back afterwards."""
    repository.pants(*PACKAGE)
    before = {path: path.read_bytes() for path in repository.root.glob("src/models/*/*")}
    lock = repository.root / "3rdparty/python/cpu.txt"
    before[lock] = lock.read_bytes()
    yield repository
    for path, data in before.items():
        if path.read_bytes() != data:
            path.write_bytes(data)


def layers(repo, name=DIGITS):
    """Return the digests of an image's layers by kind."""
    kinds = {}
    for layer in repo.record(name)["layers"]:
        kinds.setdefault(layer["kind"], []).append(layer["descriptor"]["digest"])
    return kinds


def blobs(repo):
    """Return the names of the blobs in an image's layout."""
    return {path.name for path in (repo.dist / f"{DIGITS}.oci/blobs/sha256").iterdir()}


def changed(before, after):
    """Return the kinds of layers that differ."""
    return {kind for kind in {*before, *after} if before.get(kind) != after.get(kind)}


def processes(run):
    """Return how many processes Pants ran or took from its cache."""
    return run.counters["local_execution_requests"] + run.counters["local_cache_requests"]


def test_no_change_runs_no_process(repo):
    """A warm daemon knows it all: not even the process cache is asked."""
    run = repo.pants(*PACKAGE)
    assert 0 == processes(run)


def test_what_is_in_dist_is_written_again_where_somebody_touched_it(repo):
    """What was edited, deleted or added comes back as it was; what nobody touched is not even written."""
    layout, pex = repo.dist / f"{DIGITS}.oci", repo.dist / f"{DIGITS}.pex"
    other = repo.dist / "src.models.diabetes/diabetes.package.json"
    repo.pants(*PACKAGE)  # The fixture's run may have been a daemon's first, which writes everything.
    before, kept = files_of(repo.dist), other.stat()
    (layout / "index.json").write_text("{}")
    shutil.rmtree(layout / "blobs")
    (layout / "more").touch()
    (repo.dist / ".store").unlink()
    pex.unlink()
    repo.pants("package", "src/models/digits:digits")
    assert before == files_of(repo.dist)
    repo.pants(*PACKAGE)
    assert (kept.st_ino, kept.st_mtime_ns) == (other.stat().st_ino, other.stat().st_mtime_ns)


def test_a_line_of_code_changes_the_code_layer_and_the_record(repo):
    """Weights, wheels and base stay, and so do other packages."""
    before, names, digest = layers(repo), blobs(repo), repo.record(DIGITS)["package_digest"]
    other = repo.record("src.models.diabetes/diabetes")
    repo.replace("src/models/digits/predict.py", "    session =", "    # One line more.\n    session =")
    run = repo.pants("--modelkiln-explain", *PACKAGE)
    assert "  layer code again, because models/digits/predict.py changed\n" in run.log
    assert {"code", "record"} == changed(before, layers(repo))
    # Code, record, config and manifest; what they replace is gone.
    assert (4, 4) == (len(blobs(repo) - names), len(names - blobs(repo)))
    assert digest != repo.record(DIGITS)["package_digest"]
    assert other == repo.record("src.models.diabetes/diabetes")
    # The code layer, the PEX, and what Pants does to parse one Python file.
    assert processes(run) <= 5


def test_other_weights_change_the_weights_layer_and_the_record(repo):
    """Code, wheels and base stay."""
    before = layers(repo)
    path = repo.root / "src/models/digits/digits.onnx"
    # ONNX's field doc_string: other bytes that are still a model.
    path.write_bytes(path.read_bytes() + b"\x32\x05other")
    repo.pants(*PACKAGE)
    assert {"weights", "record"} == changed(before, layers(repo))


@pytest.mark.parametrize("file", ["3rdparty/python/cpu.txt", "src/models/digits/BUILD"])
def test_a_comment_changes_nothing(repo, file):
    """Comments of a lock or a BUILD file are not an input: the record stays, and no layer is made."""
    before = repo.record(DIGITS)
    repo.write(file, "# A comment.\n" + repo.read(file))
    run = repo.pants(*PACKAGE)
    assert before == repo.record(DIGITS)
    assert 0 == processes(run)


def test_packages_share_the_blobs_of_shared_wheels_and_base(repo):
    """Equal layers are one blob of the store, and both images link to it."""
    links = [
        {path.name: path.resolve() for path in (repo.dist / f"{name}.oci/blobs/sha256").iterdir() if path.is_symlink()}
        for name in (DIGITS, "src.models.diabetes/diabetes")
    ]
    common = set(links[0]) & set(links[1])
    shared = [layer for layer in repo.record(DIGITS)["layers"] if layer["descriptor"]["digest"][7:] in common]
    assert ["base", "wheels"] == [layer["kind"] for layer in shared]
    assert shared[1]["title"].startswith("numpy ")
    for name in common:
        assert links[0][name] == links[1][name] == (repo.dist / ".store" / name[:2] / name).resolve()
