"""Everything in dist/ is the same, byte for byte, wherever and however it is built."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Tuple

import pytest
from elsewhere import other_host, other_user
from monorepo import Monorepo, copy_repository, environment, files_of, named_caches

EVERYTHING = ("package", "::")


def assert_same(one: Monorepo, other: Monorepo, below: Tuple[str, ...] = ("",)) -> None:
    """Compare dist/ of both, or what is `below` some paths of it, and name what differs."""
    files, others = (
        {name: what for name, what in files_of(repo.dist).items() if name.startswith(below)} for repo in (one, other)
    )
    assert files
    differing = sorted(name for name in {*files, *others} if files.get(name) != others.get(name))
    explained = ""
    if differing and shutil.which("diffoscope"):
        compared = [str(repo.dist / differing[0]) for repo in (one, other)]
        command = ["diffoscope", "--max-text-report-size=4000", *compared]
        explained = subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout.decode()
    assert [] == differing, explained


@pytest.fixture(scope="module")
def plain(repository):
    """Return this repository with everything in dist/, built with whatever is in the user's caches."""
    repository.pants(*EVERYTHING)
    return repository


@pytest.fixture(scope="module")
def varied(tmp_path_factory):
    """Return it built elsewhere, with all that must not matter varied and every cache empty."""
    folder = tmp_path_factory.mktemp("varied")
    source = copy_repository(folder / "source/on another/level", reverse=True)
    root, mounted = shuffled(source, folder / "mounted")
    repo = Monorepo(root, other_user(folder), umask=0o077, prefix=other_host())
    try:
        repo.pants(*EVERYTHING)
        yield repo
    finally:
        repo.stop()
        if mounted:
            subprocess.run(["fusermount", "-u", "-z", str(root)], check=False)
        shutil.rmtree(folder / "caches", ignore_errors=True)


def shuffled(source: Path, target: Path):
    """Show `source` at `target` with folders' entries in reverse; return where it is, and if so."""
    disorderfs = shutil.which("disorderfs")
    if not disorderfs or os.getuid() != 0:
        return source, False
    target.mkdir()
    command = [disorderfs, "--multi-user=no", "--reverse-dirents=yes", str(source), str(target)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    return (target if mounted else source), mounted


def test_another_folder_user_and_machine_and_empty_caches_build_the_same(plain, varied):
    """Neither place, HOME, time zone, locale, umask, file order nor environment gets into an output."""
    assert_same(plain, varied)


def test_full_caches_of_another_folder_build_the_same_and_make_no_layer_again(plain, varied):
    """Cache keys hold nothing of a folder: what one checkout made, another takes over."""
    shutil.rmtree(varied.dist)
    varied.stop()
    # PATH and locale are those of the user: Pants has them in the keys of its processes.
    env = {**environment(), "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "9"}
    other = Monorepo(varied.root, env, prefix=varied.prefix)
    try:
        run = other.pants(*EVERYTHING)
    finally:
        other.stop()
    # Pants 2.31 reports "Scheduling: Make layer ..." of what it finds in its cache, too.
    assert not re.search(r"(Starting|Completed): Make layer", run.log)
    assert_same(plain, other)


def test_a_damaged_store_is_repaired_and_builds_the_same(plain, varied, tmp_path):
    """Blobs that are cut off, changed or gone are noticed, set aside and made again."""
    store = named_caches(varied.env) / "modelkiln"
    blobs = sorted(store.glob("sha256/*/*"), key=lambda path: path.stat().st_size)
    flipped, cut, gone = blobs[0::3], blobs[1::3], blobs[2::3]
    for path in (*flipped, *cut):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.chmod(0o644)
        path.write_bytes(data if path in flipped else data[: len(data) // 2])
    for path in gone:
        path.unlink()
    shutil.rmtree(varied.dist)
    varied.stop()
    # What Pants remembers of the processes is gone, and so all of them look into the store.
    varied.env["PANTS_LOCAL_STORE_DIR"] = str(tmp_path / "lmdb_store")
    varied.pants("package", "src/models::")
    assert_same(plain, varied, ("src.models.",))
    assert list((store / "corrupt").iterdir())
