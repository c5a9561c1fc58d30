"""Git LFS through the real command: what is committed is the lock, whether or not the bytes are checked out."""

import hashlib
import os
import subprocess

import pytest
from components import require
from loopback.lfs_server import lfs_server
from monorepo import small_monorepo

BIG = os.urandom(3_000_000)
FACTOR = b"0.5%d" % int.from_bytes(os.urandom(8), "big")  # No store has seen it.
_BUILD = """\
python_sources(name="code")

model_artifact(name="weights", source=["factor.txt", "none.txt", "sub/notes.txt"])
model_artifact(name="big", source=["big.bin", "n*.md", "z.md"]{lock})

model_package(
    name="rain",
    entry_point="rain.forecast:predict",
    artifacts=[":weights", ":big"],
    signature="signature.json",
    version="0.1.0",
    formats=["artifact", "weights-image"],
)
"""


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """A checkout with two artifacts of Git LFS, one of them large, and the server that has their bytes."""
    require("git-lfs")
    found = small_monorepo(tmp_path_factory.mktemp("lfs") / "repo", options={"large_blob_limit": 1_000_000})
    found.write("rain/BUILD", _BUILD.format(lock=""))
    found.write("rain/none.txt", "")
    found.write("rain/sub/notes.txt", "not of Git LFS")
    found.write("rain/notes [1].md", "of the model, not of Git LFS")
    found.write("rain/z.md", "of the model, not of Git LFS either")
    (found.root / "rain/big.bin").write_bytes(BIG)
    (found.root / "rain/factor.txt").write_bytes(FACTOR)
    with lfs_server() as server:
        found.server = server
        git(found, "init", "-q")
        git(found, "lfs", "install", "--local")
        git(found, "lfs", "track", "*.bin", "factor.txt", "none.txt")
        git(found, "config", "-f", ".lfsconfig", "lfs.url", f"http://{server.address}/team/models")
        git(found, "init", "-q", "--bare", str(found.root.parent / "origin.git"))
        git(found, "remote", "add", "origin", str(found.root.parent / "origin.git"))
        git(found, "add", ".")
        git(found, "commit", "-q", "-m", "A model")
        git(found, "lfs", "push", "--all", "origin")
        yield found
        found.stop()


def git(repo, *arguments):
    """Run git in the checkout."""
    names = {f"GIT_{who}_{what}": "t@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    command = [require("git"), *arguments]
    subprocess.run(command, cwd=repo.root, env={**os.environ, **names}, check=True, capture_output=True)


def packaged(repo):
    """Package digest and layers of weights of the package."""
    repo.pants("package", "rain:rain")
    record = repo.record("rain/rain")
    return record["package_digest"], [
        layer["descriptor"]["digest"] for layer in record["layers"] if layer["kind"] == "weights"
    ]


def test_pointers_are_locks(repo):
    """Pointers, after blank lines too, are packaged with bytes from the server, once; checked out files make the same
    package, and so do the files under a lock, in the same layers."""
    for path, data in (("rain/big.bin", BIG), ("rain/factor.txt", FACTOR)):
        sha256 = hashlib.sha256(data).hexdigest()
        repo.write(path, f"\nversion https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(data)}\n")
    subprocess.run(["rm", "-rf", repo.root / ".git/lfs/objects"], check=True)
    del repo.server.asked[:]
    of_pointers = packaged(repo)
    fetched = [path.rpartition("/")[2] for method, path, _, _ in repo.server.asked if method == "GET"]
    assert {hashlib.sha256(data).hexdigest() for data in (BIG, FACTOR)} == set(fetched)
    assert 2 == len(fetched)
    del repo.server.asked[:]
    assert of_pointers == packaged(repo)
    assert [] == repo.server.asked
    git(repo, "lfs", "pull")
    assert (BIG, FACTOR) == ((repo.root / "rain/big.bin").read_bytes(), (repo.root / "rain/factor.txt").read_bytes())
    assert of_pointers == packaged(repo)
    repo.write("rain/BUILD", _BUILD.format(lock=', lock="big.lock.json"'))
    repo.pants("lock", "rain:big")
    assert of_pointers == packaged(repo)
    repo.write("rain/BUILD", _BUILD.format(lock=""))


def test_a_large_file_that_was_changed_is_refused(repo):
    """Bytes that are not what git has a pointer of need a lock, or a commit."""
    (repo.root / "rain/big.bin").write_bytes(BIG[::-1])
    log = repo.pants("package", "rain:rain", code=1).log
    assert "rain:big: rain/big.bin: has 3000000 bytes" in log and "commit it with Git LFS" in log
    (repo.root / "rain/big.bin").write_bytes(BIG)


def test_a_pickle_behind_a_pointer_is_refused(repo):
    """What a pointer stands for is checked as any other file."""
    sha256 = repo.server.add(b"cos\nsystem\n(S'true'\ntR.")
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize 23\n"
    repo.write("rain/factor.txt", text)
    log = repo.pants("package", "rain:rain", code=1).log
    assert "rain:weights: factor.txt: is a pickle" in log
    repo.write("rain/factor.txt", text.replace(sha256, "0" * 64))
    log = repo.pants("package", "rain:rain", code=1).log
    assert "rain:weights: factor.txt" in log and "has no object " + "0" * 64 in log
