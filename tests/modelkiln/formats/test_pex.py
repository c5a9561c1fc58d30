"""The PEX format."""

import compileall
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from python_path import build_apart
from samples.wheelhouse import make_wheel, put_wheel

import modelkiln
from modelkiln.errors import ModelkilnError
from modelkiln.formats import pex as pex_package
from modelkiln.formats import pex_builder
from modelkiln.formats.pex import build_pex, store_pex
from modelkiln.formats.pex_parts import build_head, build_parts
from modelkiln.layers import weights
from modelkiln.store.store import Store

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
MAIN = b"""
import json, pathlib, sys

def main():
    root = pathlib.Path(__file__).parent
    try:
        from demo import VALUE
    except ImportError:
        VALUE = None
    print(json.dumps([VALUE, (root / ".modelkiln/models/w.bin").read_text(), sys.argv[1:]]))
"""


def _spec(*wheels, **changes):
    spec = {"wheels": list(wheels), "python": PYTHON, "platform": "linux/amd64", "glibc": "2.36"}
    return {**spec, "entry_point": "app:main", **changes}


def _sources(folder, mode=0o644, order=1):
    files = {"app.py": MAIN, ".modelkiln/record.json": b"{}", ".modelkiln/models/w.bin": b"weights"}
    for path, data in list(files.items())[::order]:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(mode)
    return folder


def _run(pex, folder, *arguments):
    environ = {"HOME": str(folder), "PEX_ROOT": str(folder / "pex-root"), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, str(pex), *arguments], env=environ, capture_output=True, check=False)
    assert 0 == done.returncode, done.stderr.decode()
    return json.loads(done.stdout)


def test_a_pex_runs_with_its_wheels_and_files(tmp_path):
    """Code finds its wheels and its artifacts, also without any wheel at all."""
    store, sources = Store(tmp_path / "store"), _sources(tmp_path / "sources")
    wheel = put_wheel(store, make_wheel(requires=['six; extra == "x"']))
    build_pex(_spec(wheel), sources, store, tmp_path / "demo.pex")
    build_pex(_spec(), sources, store, tmp_path / "bare.pex")
    assert [1, "weights", ["a"]] == _run(tmp_path / "demo.pex", tmp_path, "a")
    assert [None, "weights", []] == _run(tmp_path / "bare.pex", tmp_path)
    assert os.access(tmp_path / "demo.pex", os.X_OK)
    assert [] == list((store.root / "incoming").iterdir())


def test_what_the_host_provides_is_not_looked_for(tmp_path):
    """A PEX starts without a package that one of its wheels requires and that its spec leaves out."""
    store = Store(tmp_path / "store")
    wheel = put_wheel(store, make_wheel(requires=["acme-rt>=2"]))
    spec = _spec(wheel, provided=["acme-rt"])
    build_pex(spec, _sources(tmp_path / "sources"), store, tmp_path / "demo.pex")
    assert [1, "weights", []] == _run(tmp_path / "demo.pex", tmp_path)


def test_a_first_start_leaves_nothing_in_the_temporary_folder(tmp_path):
    """Wheels are installed by several processes, and each removes what it took out of the PEX."""
    store, temporary = Store(tmp_path / "store"), tmp_path / "temporary"
    temporary.mkdir()
    wheels = [put_wheel(store, make_wheel(name), name) for name in (f"wheel{number}" for number in range(9))]
    build_pex(_spec(*wheels), _sources(tmp_path / "sources"), store, tmp_path / "demo.pex")
    environ = {"HOME": str(tmp_path), "PEX_ROOT": str(tmp_path / "pex-root"), "PATH": os.environ["PATH"]}
    environ.update({"TMPDIR": str(temporary), "PEX_VERBOSE": "1"})
    command = [sys.executable, str(tmp_path / "demo.pex")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    if os.cpu_count() > 1:
        assert "parallel jobs to install 9 wheels" in done.stderr
    assert 9 == len(list((tmp_path / "pex-root").glob("installed_wheels/**/*.whl")))
    assert [] == os.listdir(temporary)


def test_a_long_first_start_says_what_it_does(tmp_path, monkeypatch):
    """By the size of wheels that have to be installed; neither of a later start nor of other code for them. Where
    nothing can be said, it starts all the same."""
    monkeypatch.setattr(pex_builder, "_NOTABLE", 100)
    monkeypatch.setattr(pex_builder, "_LARGE", 100)
    store, sources = Store(tmp_path / "store"), _sources(tmp_path / "sources")
    wheel = put_wheel(store, make_wheel())
    environ = {"HOME": str(tmp_path), "PEX_ROOT": str(tmp_path / "pex-root"), "PATH": os.environ["PATH"]}
    said = []
    for change in (b"", b"# Another line.\n"):
        (sources / "app.py").write_bytes(MAIN + change)
        build_pex(_spec(wheel), sources, store, tmp_path / "demo.pex")
        for _ in range(2):
            command = [sys.executable, str(tmp_path / "demo.pex")]
            said.append(subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stderr)
    root = os.path.realpath(tmp_path / "pex-root")
    assert [f"demo.pex: first start, installs 0 MB of wheels in {root}\n", "", "", ""] == said
    environ["PEX_ROOT"] = str(tmp_path / "other-root")
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, stderr=full, check=True)
    assert [1, "weights", []] == json.loads(done.stdout)


def test_a_pex_of_another_inside_is_refused(tmp_path, monkeypatch):
    """A release of Pex that this does not know would leave its copies: nothing is built with it."""
    monkeypatch.setattr(pex_builder, "_CHANGES", [("pex/layout.py", "what no release has", "")])
    with pytest.raises(ModelkilnError, match="Use the locked release of Pex"):
        build_pex(_spec(), _sources(tmp_path / "sources"), Store(tmp_path / "store"), tmp_path / "demo.pex")


def test_a_large_pex_is_a_blob_of_the_store(tmp_path):
    """It has the bytes that the file would have, and starts through a link."""
    store, sources = Store(tmp_path / "store"), _sources(tmp_path / "sources")
    wheel = put_wheel(store, make_wheel())
    build_pex(_spec(wheel), sources, store, tmp_path / "demo.pex")
    digest, size = store_pex(_spec(wheel), sources, store, "demo.pex")
    assert (tmp_path / "demo.pex").read_bytes() == store.path(digest).read_bytes()
    assert size == store.path(digest).stat().st_size
    (tmp_path / "link.pex").symlink_to(store.path(digest))
    assert [1, "weights", []] == _run(tmp_path / "link.pex", tmp_path)
    assert os.access(tmp_path / "link.pex", os.X_OK)


def test_wheels_are_carried_as_they_are(tmp_path):
    """Nothing is compressed twice, and the PEX names its wheels' hashes and its Python."""
    store = Store(tmp_path / "store")
    wheel = put_wheel(store, make_wheel())
    build_pex(_spec(wheel, python="3.11"), _sources(tmp_path / "sources"), store, tmp_path / "demo.pex")
    with zipfile.ZipFile(tmp_path / "demo.pex") as archive:
        carried = archive.read(f".deps/{wheel['filename']}")
        info = json.loads(archive.read("PEX-INFO"))
        assert {zipfile.ZIP_STORED} == {member.compress_type for member in archive.infolist()}
    assert wheel["sha256"] == hashlib.sha256(carried).hexdigest()
    assert {wheel["filename"]: wheel["sha256"]} == info["distributions"]
    assert ["CPython==3.11.*"] == info["interpreter_constraints"]
    assert (tmp_path / "demo.pex").read_bytes().startswith(b"#!/usr/bin/env python3.11\n")


def _build_other(folder, umask, **environ):
    """Build in a process of its own, from sources with modes and an order that go with `umask`; returns the bytes."""
    store = Store(folder / "store")
    wheels = [put_wheel(store, make_wheel(name), name) for name in ("one", "two")]
    sources = _sources(folder / "sources", 0o755 if umask else 0o644, -1 if umask else 1)
    (folder / "spec.json").write_text(json.dumps(_spec(*(reversed(wheels) if umask else wheels))))
    return build_apart(folder, umask, "demo.pex", "pex", "--spec=spec.json", f"--sources={sources}", **environ)


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    """PEX_ROOT, HOME, a cache behind a link, time zone, umask, modes and order of files do not matter."""
    first, second, third = tmp_path / "a", tmp_path / "b" / "c", tmp_path / "d"
    for folder in (first, second, third):
        folder.mkdir(parents=True)
    settings = {"HOME": "/nonexistent", "TZ": "Asia/Tokyo", "LC_ALL": "C", "PEX_VENV": "1", "PEX_MODULE": "x"}
    expected = _build_other(first, 0)
    assert expected == _build_other(second, 0o077, PEX_ROOT=str(tmp_path / "elsewhere"), **settings)
    (third / "home").mkdir()
    (third / "home/.cache").symlink_to(tmp_path)
    assert expected == _build_other(third, 0, HOME=str(third / "home"))
    assert not (tmp_path / "elsewhere").exists()


def test_a_changed_line_gives_the_bytes_of_a_build_from_nothing(tmp_path):
    """What an environment's PEX files share is made once, and each of them is as if it were not."""
    store, parts = Store(tmp_path / "store"), tmp_path / "parts"
    wheels = [put_wheel(store, make_wheel(name), name) for name in ("one", "two")]
    sources = _sources(tmp_path / "sources")
    build_head(_spec(*wheels), store, parts)
    for change in (b"", b"# Another line.\n"):
        (sources / "app.py").write_bytes(MAIN + change)
        build_pex(_spec(*reversed(wheels)), sources, store, tmp_path / "edited.pex", parts)
        build_pex(_spec(*wheels), sources, Store(tmp_path / "store"), tmp_path / "cold.pex")
        assert (tmp_path / "cold.pex").read_bytes() == (tmp_path / "edited.pex").read_bytes()
        digest, _ = store_pex(_spec(*wheels), sources, store, "demo.pex", parts)
        assert (tmp_path / "cold.pex").read_bytes() == store.path(digest).read_bytes()
    assert [None, "weights", []] == _run(tmp_path / "edited.pex", tmp_path)


def test_what_people_use_on_pex_files_reads_it(tmp_path):
    """Pex' own reader, its tools inside of the PEX, and its variable for another program."""
    from pex.pex_info import PexInfo

    store = Store(tmp_path / "store")
    wheel = put_wheel(store, make_wheel())
    build_pex(_spec(wheel), _sources(tmp_path / "sources"), store, tmp_path / "demo.pex")
    info = PexInfo.from_pex(str(tmp_path / "demo.pex"))
    assert {wheel["filename"]: wheel["sha256"]} == dict(info.distributions)
    environ = {"HOME": str(tmp_path), "PEX_ROOT": str(tmp_path / "pex-root"), "PATH": os.environ["PATH"]}
    for settings, arguments, expected in (
        ({"PEX_TOOLS": "1"}, ["info"], info.pex_hash),
        ({"PEX_TOOLS": "1"}, ["venv", str(tmp_path / "venv")], ""),
        ({"PEX_INTERPRETER": "1"}, ["-c", "import demo; print(demo.VALUE)"], "1"),
    ):
        command = [sys.executable, str(tmp_path / "demo.pex"), *arguments]
        done = subprocess.run(command, env={**environ, **settings}, capture_output=True, text=True, check=True)
        assert expected in done.stdout
    script = "import demo; print(demo.VALUE)"
    assert "1\n" == subprocess.check_output([tmp_path / "venv/bin/python", "-c", script], env=environ, text=True)


def test_what_a_run_left_is_not_packed(tmp_path):
    """A started PEX leaves byte code where Pex installs its wheels, also where the builder has its cache."""
    store, sources = Store(tmp_path / "store"), _sources(tmp_path / "sources")
    wheel = put_wheel(store, make_wheel())
    build_pex(_spec(wheel), sources, store, tmp_path / "demo.pex")
    for root in (tmp_path / "pex-root", store.root / "pex-root"):
        environ = {"HOME": str(tmp_path), "PEX_ROOT": str(root), "PATH": os.environ["PATH"]}
        subprocess.run([sys.executable, str(tmp_path / "demo.pex")], env=environ, stdout=subprocess.PIPE, check=True)
        assert list(root.glob("installed_wheels/**/demo/__pycache__/*.pyc"))
    build_pex(_spec(wheel), sources, store, tmp_path / "again.pex")
    assert (tmp_path / "demo.pex").read_bytes() == (tmp_path / "again.pex").read_bytes()


def test_byte_code_of_pex_itself_is_not_packed(tmp_path):
    """Pex puts its own files into a PEX, which lie in an environment that was used before, or was not."""
    import pex

    copied = shutil.copytree(Path(pex.__file__).parent, tmp_path / "lib/pex", ignore=shutil.ignore_patterns("*.pyc"))
    for path in Path(pex.__file__).parents[1].glob("pex-*.dist-info"):
        shutil.copytree(path, tmp_path / "lib" / path.name)
    library = os.pathsep.join([str(tmp_path / "lib"), str(Path(modelkiln.__file__).parents[1])])
    built = []
    for name in ("unused", "used"):
        (tmp_path / name).mkdir()
        built.append(_build_other(tmp_path / name, 0o022, PYTHONPATH=library, PYTHONDONTWRITEBYTECODE="1"))
        compileall.compile_dir(str(copied), quiet=2)
    assert list(copied.rglob("*.pyc"))
    assert built[0] == built[1]


def test_the_tool_lock_pins_one_file_of_pex():
    """Pex puts its own files into a PEX, so every interpreter must run the same wheel of it."""
    lock = Path(__file__).resolve().parents[3] / "rules" / "pants_modelkiln" / "tool.txt"
    entry = re.search(r"^pex==.*?(?=^\S)", lock.read_text(), re.MULTILINE | re.DOTALL).group()
    assert 1 == entry.count("--hash=")


def test_a_pex_beyond_two_gigabytes_starts(tmp_path):
    """Offsets up to 4 GiB need no ZIP64 records, which older Pythons' zipimport cannot read."""
    sources, store = _sources(tmp_path / "sources"), Store(tmp_path / "store")
    with (sources / "zeros").open("wb") as stream:
        stream.truncate((2 << 30) + 1)
    build_pex(_spec(), sources, store, tmp_path / "large.pex")
    assert (tmp_path / "large.pex").stat().st_size > 2 << 30
    script = "import sys, zipimport; zipimport.zipimporter(sys.argv[1]).get_code('__main__')"
    subprocess.run([sys.executable, "-c", script, tmp_path / "large.pex"], check=True)
    (tmp_path / "large.pex").unlink()


@pytest.mark.parametrize("path", ["demo.pyc", "PEX-INFO", "__main__.py", ".deps/x", ".bootstrap/x"])
def test_refuses_files_that_a_pex_would_lose_or_replace(tmp_path, path):
    """Pex has files of its own and leaves out byte code; neither happens silently."""
    sources = _sources(tmp_path / "sources")
    (sources / path).parent.mkdir(exist_ok=True)
    (sources / path).write_bytes(b"")
    with pytest.raises(ModelkilnError, match=rf"{path}: .*Rename the file"):
        build_pex(_spec(), sources, Store(tmp_path), tmp_path / "demo.pex")
    assert not (tmp_path / "demo.pex").exists()


def test_refuses_links(tmp_path):
    """A link would be carried as what it points to on this machine."""
    sources = _sources(tmp_path / "sources")
    (sources / "link").symlink_to("/etc")
    with pytest.raises(ModelkilnError, match="link: is a link"):
        build_pex(_spec(), sources, Store(tmp_path), tmp_path / "demo.pex")


def test_refuses_a_pex_that_its_python_could_not_import(tmp_path, monkeypatch):
    """zipimport reads no ZIP64 before Python 3.13; the message says what to build instead."""
    monkeypatch.setattr(pex_package, "ZIP_LIMIT", 100)
    sources, store = _sources(tmp_path / "sources"), Store(tmp_path)
    with pytest.raises(ModelkilnError, match=r"demo\.pex: would have .* more than 100.*formats=\['oci'\]"):
        build_pex(_spec(python="3.12"), sources, store, tmp_path / "demo.pex")
    build_pex(_spec(python="3.13"), sources, store, tmp_path / "demo.pex")


def test_files_of_a_pex_are_counted_before_anything_is_fetched(tmp_path):
    """zipimport reads no more than 65,535 entries before Python 3.13, folders included; weights are files, too."""
    sources, store = _sources(tmp_path / "sources"), Store(tmp_path)
    files = [{"path": f"{number}/w.bin", "size": 7, "sha256": "0" * 64} for number in range(33_000)]
    recipe = weights.recipe("x:w", "models", files, {"uri": "w", "revision": ""})
    wheel = {"name": "none", "version": "1", "filename": "none-1-py3-none-any.whl", "sha256": "0" * 64}
    with pytest.raises(ModelkilnError) as error:
        build_pex(_spec(wheel, python="3.12", weights=[recipe.to_json()]), sources, store, tmp_path / "demo.pex")
    assert (
        "demo.pex: would have 66007 files and folders, and Python 3.12 imports no zip file of more than 64535 "
        "besides Pex' own. Package it as an image (formats=['oci']) or for Python 3.13."
    ) == str(error.value)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="this Python imports zip files of any number of files")
def test_a_pex_of_as_many_files_as_fit_runs(tmp_path):
    """One more than what its Python imports would not start; Pex' own files fit into their room."""
    store, sources = Store(tmp_path / "store"), _sources(tmp_path / "sources")
    (sources / "data").mkdir()
    for number in range(pex_package.FILE_LIMIT - 3 - 4):  # Three files, and the folders of all.
        (sources / "data" / str(number)).touch()
    build_pex(_spec(), sources, store, tmp_path / "demo.pex")
    with zipfile.ZipFile(tmp_path / "demo.pex") as archive:
        assert pex_package.FILE_LIMIT < len(archive.infolist()) < 1 << 16
    assert [None, "weights", []] == _run(tmp_path / "demo.pex", tmp_path)
    (sources / "data" / "more").touch()
    with pytest.raises(ModelkilnError, match="demo.pex: would have 64536 files"):
        build_pex(_spec(), sources, store, tmp_path / "demo.pex")


def test_an_older_python_is_reported_which_one_is_wanted(tmp_path):
    """A PEX refuses an interpreter that it was not built for, by name."""
    sources, store = _sources(tmp_path / "sources"), Store(tmp_path / "store")
    build_pex(_spec(python="3.99"), sources, store, tmp_path / "demo.pex")
    environ = {"HOME": str(tmp_path), "PEX_ROOT": str(tmp_path / "root"), "PATH": str(Path(shutil.which("env")).parent)}
    done = subprocess.run([sys.executable, str(tmp_path / "demo.pex")], env=environ, capture_output=True, check=False)
    assert 0 != done.returncode
    assert b"CPython==3.99.*" in done.stderr


def test_locked_weights_come_from_the_store(tmp_path):
    """Their files lie where those of the sources would."""
    store, sources = Store(tmp_path / "store"), _sources(tmp_path / "sources")
    (sources / ".modelkiln/models/w.bin").unlink()
    digest = store.add_bytes(b"weights")
    files = [{"path": "w.bin", "size": 7, "sha256": digest[7:]}]
    recipe = weights.recipe("x:w", "models", files, {"uri": "w", "revision": ""})
    build_pex(_spec(weights=[recipe.to_json()]), sources, store, tmp_path / "locked.pex")
    assert [None, "weights", []] == _run(tmp_path / "locked.pex", tmp_path)


def test_locked_weights_that_are_damaged_are_refused(tmp_path):
    """The store is asked for their size alone: a byte that has turned would be packaged, and found by nobody."""
    store, sources = Store(tmp_path / "store"), _sources(tmp_path / "sources")
    (sources / ".modelkiln/models/w.bin").unlink()
    digest = store.add_bytes(b"weights")
    files = [{"path": "w.bin", "size": 7, "sha256": digest[7:]}]
    spec = _spec(weights=[weights.recipe("x:w", "models", files, {"uri": "w", "revision": ""}).to_json()])
    store.path(digest).chmod(0o644)
    store.path(digest).write_bytes(b"wEights")
    with pytest.raises(ModelkilnError, match=f"models/w.bin with sha256 {digest[7:]}. It is damaged"):
        build_pex(spec, sources, store, tmp_path / "locked.pex")
    with pytest.raises(ModelkilnError, match=f"models/w.bin with sha256 {digest[7:]}. It is damaged"):
        build_parts(spec, store, tmp_path / "parts")
    assert not (tmp_path / "locked.pex").exists()
