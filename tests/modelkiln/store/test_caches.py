"""What a store has next to its blobs goes by age and size too, and never while it is used."""

import fcntl
import os
import subprocess
import sys
import time

import pytest
from python_path import python_path
from samples.wheelhouse import make_wheel, put_wheel

from modelkiln.base.interpreter import making_folder
from modelkiln.formats.installer.environment import VENVS, WHEELS
from modelkiln.formats.pex import build_pex
from modelkiln.store.caches import PexRuns, list_caches
from modelkiln.store.cleaning import clean
from modelkiln.store.result_cache import ResultCache
from modelkiln.store.store import Store

DAY = 86400


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "caches" / "modelkiln")
    found.root.mkdir(parents=True)
    return found


def age(path, days):
    """Make all below `path` look unused for so long."""
    then = time.time() - days * DAY
    for one in (path, *path.rglob("*")):
        os.utime(one, (then, then), follow_symlinks=False)


def names(store):
    return {thing.name for thing in list_caches(store.root)}


def run_pex(path, store):
    """Start a PEX file as smoke tests do; returns what it prints."""
    env = {"PATH": os.environ["PATH"], "PEX_ROOT": str(store.root / "pex-run")}
    return subprocess.run([sys.executable, path], env=env, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def pexes(tmp_path, store):
    """Two PEX files that were started, with environments of their own."""
    found = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "main.py").write_text(f"print('{name}')")
        command = [sys.executable, "-m", "pex", "-D", folder, "-m", "main", "--venv", "-o", tmp_path / f"{name}.pex"]
        subprocess.run(
            command, check=True, capture_output=True, env={**os.environ, "PEX_ROOT": str(tmp_path / "build")}
        )
        found.append(tmp_path / f"{name}.pex")
        assert f"{name}\n" == run_pex(found[-1], store)
    return found


def environments(store):
    return sorted(thing.name for thing in PexRuns(store.root).things() if "/venvs/" in thing.name)


def test_an_environment_that_was_not_used_goes(store, pexes):
    """With it goes what no other environment has, and both PEX files still run."""
    both = set(environments(store))
    age(store.root / "pex-run", 40)
    run_pex(pexes[0], store)  # It is used again, whichever of the two it is.
    done = clean(store, set(), older_than=30 * DAY)
    assert 1 == len(environments(store))
    assert set(environments(store)) == both - {thing.name for thing in done.caches}
    assert sum(thing.size for thing in list_caches(store.root)) == done.kept
    assert ["first\n", "second\n"] == [run_pex(path, store) for path in pexes]


def test_the_limit_of_size_counts_environments(store, pexes):
    """They go by their last use, with the blobs."""
    age(store.root / "pex-run", 40)
    blob = store.add_bytes(b"young")
    done = clean(store, set(), max_bytes=10)
    assert (5, [], True) == (done.kept, environments(store), store.has(blob))
    assert ["first\n", "second\n"] == [run_pex(path, store) for path in pexes]


def test_environments_of_packages_go_and_what_they_share_with_the_last_one(store, tmp_path):
    """A wheel stays as long as one of them links to it; what a killed start left goes, too."""
    other, pexes = Store(tmp_path / "other"), []
    wheel = put_wheel(other, make_wheel())
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    spec = {"wheels": [wheel], "python": version, "platform": "linux/amd64", "glibc": "2.36", "entry_point": "app:main"}
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text(f"import demo\ndef main():\n    print('{name}')\n")
        build_pex(spec, tmp_path / name, other, tmp_path / f"{name}.pex")
        pexes.append(tmp_path / f"{name}.pex")
        assert f"{name}\n" == run_pex(pexes[-1], store)
    wheels, venvs = (store.root / "pex-run" / name for name in (WHEELS, VENVS))
    (venvs / ".killed.tmp" / "wheels").mkdir(parents=True)
    place = os.listdir(wheels)
    assert [wheel["sha256"]] == [name.partition("-")[0] for name in place]
    age(store.root / "pex-run", 40)
    assert "first\n" == run_pex(pexes[0], store)
    clean(store, set(), older_than=30 * DAY)
    assert (place, 1) == (os.listdir(wheels), len(list(venvs.glob("*/"))))
    age(store.root / "pex-run", 40)
    clean(store, set(), older_than=30 * DAY)
    assert ([], []) == (os.listdir(wheels), list(venvs.glob("*/")))
    assert ["first\n", "second\n"] == [run_pex(path, store) for path in pexes]


def test_environments_stay_while_one_is_made(store, pexes):
    """A process that sets one up holds Pex's own lock, and cleaning does not wait for it."""
    age(store.root / "pex-run", 40)
    code = "import fcntl, os, sys\nfcntl.flock(os.open(sys.argv[1], os.O_RDWR), fcntl.LOCK_SH)\n"
    code += "print(flush=True)\ninput()"
    lock = store.root / "pex-run" / "access.lck"
    with subprocess.Popen([sys.executable, "-c", code, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert [] == clean(store, set(), older_than=DAY).caches
        process.communicate(b"\n")
    assert 2 == len(environments(store))


def test_answers_and_folders_go_by_age(store):
    """An answer that was asked for is young; an old one goes, and is found again at the next question."""
    cache = ResultCache(store, "layers")
    for question in ("old", "used"):
        cache.put(question, {"answer": question})
    (store.root / "interpreters" / "abc").mkdir(parents=True)
    (store.root / "interpreters" / "abc" / "python").write_bytes(b"x" * 100)
    age(store.root, 40)
    assert {"answer": "used"} == cache.get("used")
    done = clean(store, set(), older_than=30 * DAY)
    assert 2 == len(done.caches)
    assert (None, {"answer": "used"}) == (cache.get("old"), cache.get("used"))
    assert [] == sorted((store.root / "interpreters").iterdir())


def test_what_a_living_process_began_to_use_stays(store):
    """A process that was there before the thing was used may still use it."""
    cache = ResultCache(store, "layers")
    cache.put("asked", {})
    code = "import sys\nfrom modelkiln.store.users import register\nfrom pathlib import Path\n"
    code += "register(Path(sys.argv[1]))\nprint(flush=True)\ninput()"
    env = {**os.environ, "PYTHONPATH": python_path()}
    with subprocess.Popen(
        [sys.executable, "-c", code, store.root], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
    ) as process:
        process.stdout.readline()
        cache.get("asked")
        assert [] == clean(store, set(), max_bytes=0).caches
        process.communicate(b"\n")
    assert 1 == len(clean(store, set(), max_bytes=0).caches)


def test_a_folder_that_is_found_stays(store):
    """It is marked before it is opened: an old one would go meanwhile."""
    folder = store.root / "interpreters" / "abc"
    folder.mkdir(parents=True)
    age(store.root, 40)
    with making_folder(folder) as made:
        assert made is None
        assert [] == clean(store, set(), older_than=DAY).caches
    age(store.root, 40)
    assert ["interpreters/abc"] == [thing.name for thing in clean(store, set(), older_than=DAY).caches]
    with making_folder(folder) as made:
        (made / "python").touch()
    assert [folder / "python"] == list(folder.iterdir())


@pytest.fixture
def tool_folder(store):
    """The folder of the engine's environments, as left 40 days ago."""
    folder = store.root / "tool-environments"
    for name in ("used", "running", "marked", "old"):
        (folder / name).mkdir(parents=True)
        (folder / name / "module.py").write_bytes(b"x" * 100)
    for name in ("used", "running", "marked", "old", "gone"):
        (folder / f"{name}.lock").touch()
        (store.root / "tools").mkdir(exist_ok=True)
        (store.root / "tools" / name).write_text(f"/usr/bin/python3\ntool-environments/{name}\n/usr/bin\n")
    age(store.root, 40)
    return folder


def test_an_environment_stays_while_it_is_used(store, tool_folder):
    """What runs in it, or makes it, has its lock; what starts there has marked it before Python has that."""
    os.utime(tool_folder / "used")
    (tool_folder / "marked/used").touch()
    with open(tool_folder / "running.lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        (tool_folder / "running.part").mkdir()  # What makes one has the same lock.
        clean(store, set(), older_than=0, max_bytes=0)
        left = {"marked", "marked.lock", "running", "running.lock", "running.part", "used", "used.lock"}
        assert left == set(os.listdir(tool_folder))
    age(tool_folder, 1)
    clean(store, set(), max_bytes=0)
    assert not any((tool_folder / name).exists() for name in ("used", "running", "marked", "old"))


def test_a_part_of_an_environment_goes_with_who_made_it(store, tool_folder):
    """What a killed process left is used by nobody; cleaning without limits takes it, and nothing that is whole."""
    (tool_folder / "old.part").mkdir()
    age(tool_folder / "old.part", -1)
    clean(store, set())
    assert (tool_folder / "old.part").exists()  # What was made just now is of one that may not have the lock yet.
    age(tool_folder / "old.part", 1)
    assert ["tool-environments/old.part"] == [thing.name for thing in clean(store, set(), is_trial=True).caches]
    assert (tool_folder / "old.part").exists()
    assert ["tool-environments/old.part"] == [thing.name for thing in clean(store, set()).caches]
    assert {"used", "running", "marked", "old"} <= set(os.listdir(tool_folder))
    assert not (tool_folder / "old.part").exists()


def test_an_environment_that_is_entered_while_it_is_to_go_stays(store, tool_folder):
    """Between the time at which the store is listed and that at which the environment would go."""
    found = {thing.name: thing for thing in list_caches(store.root)}
    (tool_folder / "old/used").touch()
    with found["tool-environments/old"].alone() as is_alone:
        assert not is_alone
    with open(tool_folder / "running.lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        with found["tool-environments/running"].alone() as is_alone:
            assert not is_alone
    with found["tool-environments/running"].alone() as is_alone:
        assert is_alone


def test_a_record_of_a_tool_goes_long_after_its_environment(store, tool_folder):
    """A daemon wrote it once, and its next run makes the environment again."""
    os.utime(store.root / "tools/gone")
    clean(store, set(), max_bytes=0)
    assert {"gone"} == {name for name in os.listdir(store.root / "tools") if not (tool_folder / name).exists()}
    age(store.root / "tools", 40)
    clean(store, set(), max_bytes=0)
    assert [] == os.listdir(store.root / "tools")
