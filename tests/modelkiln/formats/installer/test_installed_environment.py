"""The environment that a PEX makes for itself, from wheels of all kinds."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from samples.wheelhouse import make_wheel, put_wheel

from modelkiln.formats import pex_builder
from modelkiln.formats.installer import environment
from modelkiln.formats.installer.environment import VENVS, WHEELS, install
from modelkiln.formats.installer.start import start_installed
from modelkiln.formats.pex import build_pex
from modelkiln.formats.pex_contents import BOOTSTRAP, DEPENDENCIES, MAIN, SCRIPT
from modelkiln.formats.pex_parts import build_parts, complete
from modelkiln.store.store import Store

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
# Imports from wheels, runs what they name, and compares their files with RECORD, but for programs.
APP = b"""
import base64, hashlib, importlib.metadata, json, os, subprocess, sys

def main():
    import acme.one, acme.own, acme.two, alone, flat, left
    found = {}
    for one in importlib.metadata.distributions():
        for file in one.files:
            path = str(file.locate())
            data = open(path, "rb").read()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            found[str(file)] = file.hash is None or file.hash.value == digest or "../bin/" in str(file)
    programs = [subprocess.check_output([f"{sys.prefix}/bin/{name}"], text=True) for name in ("tool", "script")]
    places = ("share/a.txt", "include/site/python%s/full/a.h")
    shared = [open(f"{sys.prefix}/{path}").read() for path in places]
    wrong = sorted(path for path, is_equal in found.items() if not is_equal)
    by_pth = os.environ.get("BY_PTH")
    print(json.dumps([alone.VALUE + flat.VALUE, programs, shared, by_pth, len(found), wrong, sys.argv]))
""" % PYTHON.encode()
CODE = {"app.py": APP, "acme/own.py": b"", ".modelkiln/record.json": b"{}"}
FULL = {
    "alone/__init__.py": b"VALUE = 1\n",
    "flat.py": b"VALUE = 2\n",
    "acme/one.py": b"",
    "full.pth": b"import os; os.environ['BY_PTH'] = 'yes'\n",
    "full-1.0.data/platlib/left.py": b"def main():\n    print('left')\n",
    "full-1.0.data/scripts/script": b"#!python\nimport left\nleft.main()\n",
    "full-1.0.data/data/share/a.txt": b"data",
    "full-1.0.data/headers/a.h": b"header",
    "full-1.0.dist-info/entry_points.txt": b"[console_scripts]\n# Comment\ntool = left:main [extra]\n[other]\nx = y\n",
}
OTHER = {"acme/two.py": b"", "acme/deep/three.py": b""}


def _spec(*wheels, python=PYTHON):
    spec = {"wheels": list(wheels), "python": python, "platform": "linux/amd64", "glibc": "2.36"}
    return {**spec, "entry_point": "app:main"}


def _write(folder, files):
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def _build(folder, *wheels, code=CODE):
    """A PEX of one file; wheels: (name, files)."""
    store = Store(folder / "store")
    pins = [put_wheel(store, make_wheel(name, files=files), name) for name, files in wheels]
    build_pex(_spec(*pins), _write(folder / "sources", code), store, folder / "demo.pex")
    return folder / "demo.pex"


def _pack(folder, *wheels):
    """The same, packed."""
    store = Store(folder / "store")
    pins = [put_wheel(store, make_wheel(name, files=files), name) for name, files in wheels]
    build_parts(_spec(*pins), store, folder / "parts")
    templates = json.loads((folder / "parts/templates.json").read_text())
    pex = _write(folder / "demo.pex", {**CODE, **complete(templates, [("00", "app.py")])})
    shutil.copy(folder / "parts" / BOOTSTRAP, pex / BOOTSTRAP)
    (pex / SCRIPT).symlink_to(MAIN)
    (pex / DEPENDENCIES).mkdir()
    for pin in pins:
        (pex / DEPENDENCIES / pin["filename"]).symlink_to(store.path(f"sha256:{pin['sha256']}"))
    return pex


def _environ(folder, **settings):
    return {"HOME": str(folder), "PEX_ROOT": str(folder / "root"), "PATH": os.environ["PATH"], **settings}


def _run(pex, folder, *arguments, **settings):
    command = [sys.executable, str(pex), *arguments]
    done = subprocess.run(command, env=_environ(folder, **settings), capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout)


def _environments(folder):
    return sorted(path.name for path in (folder / "root" / VENVS).glob("[!.]*"))


@pytest.mark.parametrize("build", [_build, _pack])
def test_wheels_of_all_kinds(tmp_path, build):
    """Folders of schemes, scripts, namespaces that wheels and code share, .pth files; RECORD holds."""
    pex = build(tmp_path, ("full", FULL), ("other", OTHER))
    value, programs, shared, by_pth, count, wrong, argv = _run(pex, tmp_path, "a", "-c")
    assert [3, ["left\n", "left\n"], ["data", "header"], "yes"] == [value, programs, shared, by_pth]
    # The wheels' files, what lists and names the installer, and a program.
    assert (len(FULL) + len(OTHER) + 2 * 4 + 1, []) == (count, wrong)
    assert ["a", "-c"] == argv[1:]
    assert os.path.realpath(pex) == argv[0].removesuffix("/pex")
    assert 1 == len(_environments(tmp_path))
    assert not (tmp_path / "root/bootstraps").exists()
    of_pex = _run(pex, tmp_path, "a", "-c", PEX_MAX_INSTALL_JOBS="1")
    assert (tmp_path / "root/bootstraps").exists()
    # Where two wheels share a namespace, it passes over .pth files.
    assert [value, programs, shared, argv] == [*of_pex[:3], of_pex[6]]


def test_wheels_and_their_byte_code_are_shared(tmp_path):
    """Other code gets an environment of its own, and what it imports is compiled already."""
    main = b"def main():\n    import alone\n    print(alone.__cached__ and %r)\n"
    pex = _build(tmp_path, ("full", FULL), code={"app.py": main % 1})
    assert 1 == _run(pex, tmp_path)
    (wheel,) = (tmp_path / "root" / WHEELS).iterdir()
    compiled = {path: path.stat().st_mtime_ns for path in wheel.rglob("*.pyc")}
    shutil.rmtree(tmp_path / "sources")
    assert 2 == _run(_build(tmp_path, ("full", FULL), code={"app.py": main % 2}), tmp_path)
    assert 2 == len(_environments(tmp_path))
    assert compiled
    assert compiled == {path: path.stat().st_mtime_ns for path in wheel.rglob("*.pyc")}


def test_byte_code_that_a_start_left_is_not_taken(tmp_path):
    """Python puts that of a folder's program beside it; the package has none there, and `verify` would refuse it."""
    pex = _pack(tmp_path, ("full", FULL), ("other", OTHER))
    _write(pex, {"__pycache__/__main__.cpython-311.pyc": b"left"})
    _run(pex, tmp_path)
    (made,) = (tmp_path / "root" / VENVS).glob("[!.]*")
    packages = made / "lib" / f"python{PYTHON}" / "site-packages"
    assert ([], True) == (list(packages.glob("__pycache__/__main__*")), (packages / "app.py").is_file())


def test_interpreters_do_not_share_byte_code(tmp_path):
    """Two patch releases may compile one source to different code, and `verify` would call that of one damaged."""
    pex, root = _build(tmp_path, ("full", FULL), ("other", OTHER)), tmp_path / "root"
    for name in ("a-00000001", "b-00000001", "a-00000002"):
        assert install(str(pex), str(root), f"{VENVS}/{name}", sys._base_executable)
    keys = sorted(path.name.partition("-")[2] for path in (root / WHEELS).iterdir())
    assert ["00000001", "00000001", "00000002", "00000002"] == keys
    modules = (root / VENVS / "a-00000002/lib" / f"python{PYTHON}" / "site-packages/alone").resolve()
    assert modules.parents[1].name.endswith("-00000002")


def test_files_that_differ_at_one_place_are_left_to_pex(tmp_path):
    """Equal ones lie there once; of others nobody knows which one is meant."""
    code = {"app.py": b"def main():\n    import acme.two\n    print(len(acme.__path__))\n"}
    first = {"acme/__init__.py": b"", **OTHER}
    pex = _build(tmp_path, ("first", first), ("second", {"acme/__init__.py": b"", "acme/a.py": b""}), code=code)
    assert 1 == _run(pex, tmp_path)
    assert 1 == len(_environments(tmp_path))
    pex = _build(tmp_path, ("first", first), ("second", {"acme/__init__.py": b"#", "acme/a.py": b""}), code=code)
    assert 1 == _run(pex, tmp_path)
    assert 1 == len(_environments(tmp_path))


def test_two_first_starts_at_one_time(tmp_path):
    """Both answer from one environment, and nothing of what they made it in stays."""
    pex = _build(tmp_path, ("full", FULL), ("other", OTHER))
    command = [sys.executable, pex]
    started = [subprocess.Popen(command, env=_environ(tmp_path), stdout=subprocess.PIPE) for _ in range(4)]
    answers = [process.communicate()[0] for process in started]
    assert [0] * 4 == [process.returncode for process in started]
    assert 1 == len(set(answers))
    assert 1 == len(_environments(tmp_path))
    assert [] == list((tmp_path / "root" / VENVS).glob(".*.tmp"))
    assert not (tmp_path / "root/bootstraps").exists()


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_first_start_that_was_killed_is_made_again(tmp_path, renames):
    """Whatever it had put in place; the next one trusts nothing that is not whole."""
    pex = _build(tmp_path, ("full", FULL), ("other", OTHER))
    script = f"""
import os, signal, sys
from modelkiln.formats.installer.environment import install
left, rename = {renames}, os.rename
def renamed(source, target):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    rename(source, target)
os.rename = renamed
install({str(pex)!r}, {str(tmp_path / "root")!r}, "{VENVS}/killed-1", sys._base_executable)
"""
    sources = str(Path(environment.__file__).parents[3])
    done = subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": sources}, check=False)
    assert -signal.SIGKILL == done.returncode
    assert [] == _environments(tmp_path)
    assert renames == len(list((tmp_path / "root" / WHEELS).glob("*")))
    assert install(str(pex), str(tmp_path / "root"), f"{VENVS}/killed-1", sys._base_executable)
    assert ["killed-1"] == _environments(tmp_path)
    assert [] == list((tmp_path / "root" / VENVS).glob(".*.tmp"))
    program = tmp_path / "root" / VENVS / "killed-1/__main__.py"
    assert 3 == json.loads(subprocess.check_output([program], env={"PATH": os.environ["PATH"]}))[0]


@pytest.mark.parametrize("name", ["with space", "näßé", "long" * 50])
def test_an_environment_starts_wherever_pex_root_lies(tmp_path, name):
    """At once, and again: Pex does not find its own one below a folder with a space."""
    pex, root = _build(tmp_path, ("full", FULL), ("other", OTHER)), tmp_path / name
    for _ in range(2):
        assert 3 == _run(pex, tmp_path, PEX_ROOT=str(root))[0]
    assert not (root / "bootstraps").exists()


def test_what_pex_made_below_a_folder_with_a_space_starts(tmp_path):
    """Pex itself looks for an interpreter by the path up to the space."""
    code = {"app.py": b"def main():\n    import alone\n    print(alone.VALUE)\n"}
    pex, root = _build(tmp_path, ("full", FULL), code=code), str(tmp_path / "with space")
    assert 1 == _run(pex, tmp_path, PEX_ROOT=root, PEX_MAX_INSTALL_JOBS="1")
    assert 1 == _run(pex, tmp_path, PEX_ROOT=root)
    assert not (tmp_path / "with space" / VENVS).exists()


def test_wheels_that_were_cleaned_away_are_made_again(tmp_path, monkeypatch):
    """An environment leads to them, and lacks all of them where somebody emptied their folder."""
    monkeypatch.setattr(pex_builder, "_LARGE", 1)
    pex = _build(tmp_path, ("full", FULL), ("other", OTHER))
    first = _run(pex, tmp_path)
    shutil.rmtree(tmp_path / "root" / WHEELS)
    assert first == _run(pex, tmp_path)
    assert 2 == len(list((tmp_path / "root" / WHEELS).iterdir()))
    assert 1 == len(_environments(tmp_path))
    assert not (tmp_path / "root/bootstraps").exists()


@pytest.mark.parametrize("umask, mode", [(0o000, 0o755), (0o002, 0o775), (0o022, 0o755), (0o077, 0o700)])
def test_nobody_else_may_write_what_runs(tmp_path, umask, mode):
    """Also where a process asks for it; a group may that its umask lets share."""
    pex, root = _build(tmp_path, ("full", FULL), ("other", OTHER)), tmp_path / "root"
    before = os.umask(umask)
    try:
        assert install(str(pex), str(root), f"{VENVS}/masked-1", sys._base_executable)
        assert umask == os.umask(umask)
    finally:
        os.umask(before)
    paths = [path for path in (root, *root.rglob("*")) if not path.is_symlink()]
    programs = (root / VENVS / "masked-1/__main__.py", root / VENVS / "masked-1/bin/tool")
    modes = {path: path.stat().st_mode & 0o777 for path in paths}
    assert {mode} == {found for path, found in modes.items() if path.is_dir() or path in programs}
    assert {mode & 0o666} == {modes[path] for path in paths if path.suffix == ".py" and path not in programs}


def test_a_process_that_may_start_no_other_unpacks_alone(tmp_path, monkeypatch):
    """As in a container whose limit of processes is reached; Pex cannot start there."""

    def refuse():
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(os, "fork", refuse)
    pex = _build(tmp_path, *((f"w{one}", {f"w{one}/large.bin": os.urandom(3 << 20)}) for one in range(2)))
    assert install(str(pex), str(tmp_path / "root"), f"{VENVS}/alone-1", sys._base_executable)
    for one in range(2):
        (made,) = (tmp_path / "root" / WHEELS).glob(f"*/packages/w{one}/large.bin")
        assert (3 << 20) == made.stat().st_size


def test_an_interrupted_first_start_says_so(tmp_path):
    """In one line, with the code of shells, and nothing stays of it."""
    pex = _build(tmp_path, ("full", FULL))
    script = f"""
import os, runpy, signal, sys
sys.argv = [{str(pex)!r}]
sys.orig_argv = [sys.executable, *sys.argv]
rename = os.rename
def interrupted(source, target):
    os.rename = rename
    os.kill(os.getpid(), signal.SIGINT)
    rename(source, target)
os.rename = interrupted
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=_environ(tmp_path), capture_output=True, text=True, check=False
    )
    assert (130, "demo.pex: interrupted\n") == (done.returncode, done.stderr)
    assert [] == _environments(tmp_path)
    assert [] == list((tmp_path / "root" / VENVS).glob(".*.tmp"))


def test_a_damaged_wheel_is_left_to_pex(tmp_path):
    """Which refuses it; nothing that was unpacked stays."""
    pex = _build(tmp_path, ("full", {**FULL, "alone/large.bin": os.urandom(4096)}))
    data = bytearray(pex.read_bytes())
    with zipfile.ZipFile(pex) as archive:
        (member,) = (info for info in archive.infolist() if info.filename.endswith(".whl"))
    data[member.header_offset + member.file_size // 2] ^= 0xFF
    pex.write_bytes(data)
    done = subprocess.run([sys.executable, pex], env=_environ(tmp_path), capture_output=True, check=False)
    assert 0 != done.returncode
    assert [] == _environments(tmp_path)
    assert [] == list((tmp_path / "root" / WHEELS).glob("*"))


def test_a_disk_without_room_is_left_to_pex(tmp_path):
    """Where a file cannot be written, also by a process beside, nothing stays."""
    pex = _build(tmp_path, *((f"w{one}", {f"w{one}/large.bin": os.urandom(3 << 20)}) for one in range(2)))
    script = f"""
import resource, sys
from modelkiln.formats.installer.environment import install
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
sys.exit(install({str(pex)!r}, {str(tmp_path / "root")!r}, "{VENVS}/full-1", sys._base_executable))
"""
    environ = {"PYTHONPATH": str(Path(environment.__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, check=False)
    assert 0 == done.returncode
    assert [] == _environments(tmp_path)
    assert [] == [*(tmp_path / "root" / WHEELS).glob("*"), *(tmp_path / "root" / VENVS).glob(".*.tmp")]


def test_a_folder_that_cannot_be_written_is_left_to_pex(tmp_path):
    """It makes a temporary one, and says so."""
    assert not install(str(_build(tmp_path)), "/proc/nowhere", f"{VENVS}/none-1", sys._base_executable)


def test_an_interpreter_that_wheels_are_not_for_is_left_to_pex(tmp_path, monkeypatch):
    """By its release, its machine and its C library: no environment is looked for, and none made."""
    monkeypatch.setenv("PEX_ROOT", str(tmp_path))
    for name in [name for name in os.environ if name.startswith(("PEX", "_PEX", "PYTHONPATH")) and name != "PEX_ROOT"]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "argv", ["demo.pex"])
    monkeypatch.setattr(sys, "orig_argv", ["python", "demo.pex"], raising=False)
    machine, release = os.uname().machine, sys.version_info[:2]
    for needs in (((3, 99), machine, 17), (release, "other", 17), (release, machine, 999)):
        start_installed("demo.pex", "unused", f"{VENVS}/a", "venvs/4/a/pex", [], 1, needs)
    assert [] == list(tmp_path.iterdir())


def test_the_start_of_a_pex_is_small(tmp_path):
    """It is compiled at each start; the installer lies beside Pex, and is not."""
    pex = _build(tmp_path)
    with zipfile.ZipFile(pex) as archive:
        main = archive.read(MAIN).decode()
        beside = [name for name in archive.namelist() if name.startswith(f"{BOOTSTRAP}/modelkiln/")]
    assert "def start_installed(" in main
    assert "class Wheel" not in main
    assert f"{BOOTSTRAP}/modelkiln/formats/installer/wheel.py" in beside
    assert f"{BOOTSTRAP}/modelkiln/formats/installer/start.py" not in beside
