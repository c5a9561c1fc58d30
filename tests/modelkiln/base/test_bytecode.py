"""Byte code from the base's own interpreter."""

import hashlib
import io
import json
import os
import platform
import subprocess
import sys
from functools import partial

import pytest
from components import require
from on_mac import run_on_a_mac
from readers import podman_clean, podman_env, run
from samples.debs import pinned_lock

from modelkiln.archives.spool import Spool
from modelkiln.archives.tar import Entry, bytes_entry
from modelkiln.base import bytecode, interpreter
from modelkiln.base.bytecode import (
    bytecode_recipe,
    cache_path,
    compile_entries,
    compile_sources,
    host_packages,
)
from modelkiln.base.interpreter import interpreter_packages
from modelkiln.errors import ModelkilnError
from modelkiln.layers import files
from modelkiln.machine.settings import save_machine_env
from modelkiln.pinned_file import PinnedFile
from modelkiln.store.store import Store

SOURCES = {
    "pkg/__init__.py": "names = frozenset({'a', None, 1.5, 'b', b'c'})\n",
    "pkg/mod.py": "def where():\n    return where.__code__.co_filename\n",
    "pkg/old.py": "print 'Python 2'\n",
    "pkg/latin.py": "# -*- coding: latin-1 -*-\nname = 'caf\\xe9'\n",
    "top.py": "from pkg.mod import where\nassert where.__doc__ is None\n",
    "spaced name.py": "x = '\\d'\n",
}
PREFIX = "/opt/venv/lib/python3.11/site-packages"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store that keeps the interpreter's packages for all tests of this file."""
    return Store(tmp_path_factory.mktemp("bytecode") / "store")


@pytest.fixture(scope="module")
def packages():
    """The interpreter of the pinned base."""
    return interpreter_packages(pinned_lock())


def opened(sources=SOURCES):
    """Pairs of path and what opens it."""
    return [(path, partial(io.BytesIO, text.encode("latin-1"))) for path, text in sources.items()]


def write_tree(root, sources=SOURCES):
    """Write `sources` below `root`."""
    for path, text in sources.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode("latin-1"))


def test_the_closure_is_five_packages(packages):
    """Compiling takes the interpreter, its modules and three libraries."""
    assert [package["name"] for package in packages] == [
        "libc6", "libexpat1", "libpython3.11-minimal", "python3.11-minimal", "zlib1g",
    ]  # fmt: skip


def test_files_get_unchecked_byte_code_with_the_path_of_the_image(store, packages):
    """Every file that compiles gets a pyc of Python 3.11 that is never checked against its source."""
    made = dict(compile_sources(opened(), PREFIX, packages, store))
    assert set(made) == {path for path in SOURCES if path != "pkg/old.py"}
    # PEP 552: magic number (3495 is 3.11's), then flags: bit 0 hash-based, bit 1 checked.
    assert {data[:8] for data in made.values()} == {b"\xa7\r\r\n\1\0\0\0"}
    assert f"{PREFIX}/pkg/mod.py".encode() in made["pkg/mod.py"]


def test_the_bytes_depend_on_nothing_but_the_arguments(tmp_path, store, packages, monkeypatch):
    """Other folders, another order of the files and another environment give the same bytes."""
    first = dict(compile_sources(opened(), PREFIX, packages, store))
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    monkeypatch.chdir(tmp_path)
    other = Store(tmp_path / "other-store")
    for package in packages:
        with store.open("sha256:" + package["sha256"]) as blob:
            other.add_bytes(blob.read())
    # A module of the current folder must not shadow one that the compiler imports.
    (tmp_path / "warnings.py").write_text("raise SystemExit(3)")
    assert first == dict(compile_sources(opened()[::-1], PREFIX, packages, other))


def test_the_bytes_are_those_that_python_itself_writes(tmp_path, store, packages):
    """A Python of the same release reads them, and finds the same code as in the source."""
    write_tree(tmp_path)
    for path, data in compile_sources(opened(), str(tmp_path), packages, store):
        (tmp_path / cache_path(path, "3.11")).parent.mkdir(exist_ok=True)
        (tmp_path / cache_path(path, "3.11")).write_bytes(data)
    if sys.version_info[:2] != (3, 11):
        pytest.skip("reads byte code of Python 3.11")
    (tmp_path / "pkg" / "mod.py").write_text("raise SystemExit('the source was read')")
    script = "import json, top; print(json.dumps([top.where(), top.where.__module__]))"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, check=True)
    assert json.loads(done.stdout) == [str(tmp_path / "pkg/mod.py"), "pkg.mod"]


def test_an_interpreter_of_another_architecture_is_refused(store, packages, monkeypatch):
    """Where the packages cannot run, the error says so and what would do."""
    monkeypatch.setattr(interpreter.platform, "machine", lambda: "riscv64")
    with pytest.raises(ModelkilnError, match=r"is for amd64, and this machine .* cannot run it"):
        list(compile_sources(opened(), PREFIX, packages, store))


# Prints as JSON what comes of the sources on standard input, with the store and the packages that it is given.
_ON_A_MAC = """
import io, json, sys
from functools import partial
from modelkiln.base.bytecode import compile_sources
from modelkiln.store.store import Store
sources, prefix, packages = json.load(sys.stdin)
opened = [(path, partial(io.BytesIO, text.encode("latin-1"))) for path, text in sources.items()]
made = compile_sources(opened, prefix, packages, Store(sys.argv[1]))
print(sys.platform, json.dumps({path: data.hex() for path, data in made}))
"""


def on_a_mac(store, packages, environ):
    """Compile SOURCES with a Python that takes this machine for a Mac; returns what it prints, or its errors."""
    return run_on_a_mac(_ON_A_MAC, store.root, given=json.dumps([SOURCES, PREFIX, packages]), **environ)


def test_elsewhere_than_on_linux_a_container_gives_the_same_bytes(store, packages, tmp_path, monkeypatch):
    """podman gets the interpreter once, as an image."""
    podman = require("podman")
    expected = {path: data.hex() for path, data in compile_sources(opened(), PREFIX, packages, store)}
    env = podman_env(tmp_path / "podman")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    save_machine_env(store.root, os.environ)
    try:
        for _ in range(2):
            system, _, made = on_a_mac(store, packages, os.environ).partition(" ")
            assert ("darwin", expected) == (system, json.loads(made))
        names = run([podman, "images", "--format", "{{.Repository}}"]).decode().split()
        assert ["localhost/modelkiln"] == names
    finally:
        podman_clean(env)


def test_elsewhere_than_on_linux_it_takes_a_container(store, packages, tmp_path):
    """Where there is none, one sentence says so before anything is fetched."""
    empty = Store(tmp_path / "empty")
    said = on_a_mac(empty, packages, {"PATH": str(tmp_path)})
    assert "needs Linux: on darwin it runs in a container, and none can be had (podman: not installed; docker:" in said
    assert "Start Docker Desktop, colima or a podman machine, or build on Linux." in said
    assert [] == list(empty.root.glob("sha256/*/*"))


def test_an_incomplete_lock_is_refused():
    """A base without a library that its Python needs cannot compile."""
    lock = pinned_lock()
    lock["packages"] = [package for package in lock["packages"] if package["name"] != "zlib1g"]
    with pytest.raises(ModelkilnError, match="lacks zlib1g"):
        interpreter_packages(lock)


def test_cache_paths_are_those_of_pep_3147():
    """Byte code lies in __pycache__ next to its source."""
    assert cache_path("a/b.py", "3.11") == "a/__pycache__/b.cpython-311.pyc"
    assert cache_path("b.py", "3.9") == "__pycache__/b.cpython-39.pyc"


def test_entries_below_a_folder_get_byte_code_and_tests_do_not(tmp_path, store, packages):
    """Sources elsewhere, links, other files, folders of tests and what does not compile are left alone."""
    names = ["app/a/b.py", "app/top.py", "lib/c.py", "app/a/data.txt", "app/a/tests/d.py", "app/tests.py"]
    entries = [bytes_entry(name, b"x = 1\n") for name in names] + [bytes_entry("app/old.py", b"print 1\n")]
    entries.append(Entry("app/link.py", kind="symlink", link="top.py"))
    spool = Spool((tmp_path / "spool").open("w+b"))
    found = compile_entries(entries, "app", "3.11", packages, store, spool)
    expected = {name: cache_path(name, "3.11") for name in ("app/a/b.py", "app/top.py", "app/tests.py")}
    assert expected == {source: entry.path for source, entry in found.items()}
    with found["app/top.py"].open() as stream:
        assert found["app/top.py"].size == len(stream.read())


def test_a_layer_of_files_holds_byte_code_where_its_recipe_asks_for_it(tmp_path, store, packages):
    """The runtime starts compiled, and a recipe without byte code says nothing of it."""
    (tmp_path / "a.py").write_bytes(b"x = 1\n")
    pinned = PinnedFile("a.py", hashlib.sha256(b"x = 1\n").hexdigest(), 6)
    plain = files.recipe("code", "code", "none", [pinned])
    compiled = files.recipe("code", "code", "none", [pinned], {"python": "3.11", "bytecode": {"packages": packages}})
    assert {"bytecode", "python"} == set(compiled) - set(plain)
    sizes = [files.build(recipe, store, tmp_path).unpacked_size for recipe in (plain, compiled)]
    # One more file, its content and its folder.
    assert sizes[0] + 3 * 512 <= sizes[1]


def test_a_recipe_holds_the_interpreters_of_all_architectures():
    """Each machine takes its own, so that the recipe is the same on all of them."""
    interpreters = {"amd64": [{"name": "a"}], "arm64": [{"name": "b"}]}
    recipe = bytecode_recipe(interpreters)
    assert {"architectures": interpreters} == recipe
    own = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    assert interpreters[own] == host_packages(recipe)
    assert {"packages": [{"name": "a"}]} == bytecode_recipe({"amd64": [{"name": "a"}]})


def test_a_source_that_cannot_be_read_is_the_error(store, packages):
    """What a source raises comes out of the compiler, which ends."""

    def broken():
        raise ModelkilnError("the wheel is damaged")

    with pytest.raises(ModelkilnError, match="the wheel is damaged"):
        list(compile_sources([*opened(), ("z.py", broken)], PREFIX, packages, store))


def test_an_interpreter_that_fails_is_reported(store, packages, monkeypatch):
    """Its exit code and its last words are in the message, and no byte code is taken for whole."""
    monkeypatch.setattr(bytecode, "_SCRIPT", "raise SystemExit('out of order')")
    with pytest.raises(ModelkilnError, match=r"failed to compile byte code \(exit 1\): out of order"):
        list(compile_sources(opened(), PREFIX, packages, store))
