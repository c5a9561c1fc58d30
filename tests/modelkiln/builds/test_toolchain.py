"""Sdists that are compiled: in a root of locked Debian packages, by the real GCC in it."""

import os
import re
import subprocess
import sys
import zipfile

import pytest
from components import require
from samples.debs import machine_env, pinned_toolchain, put_deb
from samples.wheelhouse import offline_store
from samples.wheels.sdists import backend_wheel, make_sdist, sdist_pin

from modelkiln.base.debian_mirrors import fetch_debs
from modelkiln.builds.resolve_builder import ResolveBuilder
from modelkiln.builds.toolchain import (
    choose_toolchain,
    open_toolchain,
    recorded_wheel,
    toolchain_digest,
    toolchain_glibc,
)
from modelkiln.builds.wheel import provide_wheels
from modelkiln.errors import ModelkilnError
from modelkiln.machine.sandbox import can_run
from modelkiln.machine.settings import save_machine_env
from modelkiln.manifest.closure import LockedWheel
from modelkiln.manifest.wheels import wheel_digest
from modelkiln.package.accelerator import find_accelerator
from modelkiln.package.consistency import check_consistency
from modelkiln.store.store import Store
from modelkiln.wheels.elf import read_needs
from modelkiln.wheels.platforms import Target

REMEDY = "./pants lock 3rdparty:cpu"
TAG = "cp311-cp311-linux_x86_64"
_SOURCE = """\
#include <Python.h>
{include}
static PyObject *answer(PyObject *self, PyObject *arguments) {{ {body} return PyLong_FromLong(42); }}
static PyMethodDef methods[] = {{{{"answer", answer, METH_NOARGS, ""}}, {{NULL, NULL, 0, NULL}}}};
static struct PyModuleDef module = {{PyModuleDef_HEAD_INIT, "native", "", -1, methods}};
PyMODINIT_FUNC PyInit_native(void) {{ return PyModule_Create(&module); }}
"""
# What setuptools does, in short: the interpreter's own flags and the environment's.
_COMPILE = """\
import os, shlex, subprocess, sys, sysconfig
value = sysconfig.get_config_var
command = [*shlex.split(value("LDCXXSHARED" if {name!r}.endswith("cc") else "LDSHARED")), *shlex.split(value("CFLAGS"))]
command += ["-fPIC", "-I" + sysconfig.get_path("include"), {name!r}, "-o", "native.so"]
done = subprocess.run([*command, *shlex.split(os.environ.get("LDFLAGS", "")), *{more!r}])
if done.returncode:
    raise RuntimeError("command failed with exit code 1")
with open("native.so", "rb") as stream:
    files["native.so"] = stream.read()
"""


@pytest.fixture(scope="module")
def toolchain():
    """This repository's toolchain, where it can be run."""
    require("bwrap")
    if can_run() or os.uname().machine != "x86_64":
        pytest.skip(can_run() or "the pinned toolchain is for x86_64")
    return pinned_toolchain()


@pytest.fixture(scope="module")
def debs(toolchain, tmp_path_factory):
    """A store that has the packages of the toolchain, fetched from this machine's mirrors."""
    store = Store(tmp_path_factory.mktemp("debs") / "store")
    store.root.mkdir()
    save_machine_env(store.root, machine_env())
    fetch_debs(toolchain["locks"]["amd64"]["packages"], store, machine_env())
    open_toolchain(toolchain, "3.11", store, "demo")
    return store


def compiled(include="", body="", more=(), name="native.c", script="", **settings):
    """An sdist whose backend compiles a module `native`."""
    source = _SOURCE.format(include=include, body=body)
    source = source.replace("PyMODINIT_FUNC", 'extern "C" PyObject*') if name.endswith("cc") else source
    script += _COMPILE.format(name=name, more=list(more))
    return make_sdist(files={name: source}, on_build=script, **{"tag": TAG, **settings})


def store_of(folder, debs, data):
    """A store of its own, which links to the toolchain's packages and has an sdist."""
    folder.mkdir(parents=True)
    store = offline_store(folder, [backend_wheel(), (sdist_pin(data), data)])
    (store.root / "toolchains").mkdir()
    subprocess.run(
        ["cp", "-al", *map(str, (debs.root / "toolchains").iterdir()), store.root / "toolchains"], check=True
    )
    return store


def build(folder, debs, toolchain, data):
    """Build the wheel of an sdist with the toolchain; returns it and its store."""
    store = store_of(folder, debs, data)
    wheels = [{**backend_wheel()[0], "requires": [], "problem": None}]
    resolved = {"lock": "b", "python": "3.11", "platform": "linux/amd64", "glibc": "2.36", "wheels": wheels}
    return ResolveBuilder(resolved, REMEDY, store, toolchain).build(sdist_pin(data)), store


def unpacked(wheel, store, folder):
    """Unpack a wheel, and return the folder."""
    with zipfile.ZipFile(store.path(wheel_digest(wheel))) as archive:
        archive.extractall(folder)
    return folder


def test_it_is_compiled_and_runs(tmp_path, debs, toolchain):
    """A wheel of this platform, whose tag states what it needs; the record names all that made it."""
    data = compiled(include="#include <stdio.h>", body='puts("");')
    wheel, store = build(tmp_path / "a", debs, toolchain, data)
    assert re.fullmatch(r"demo-1\.0-cp311-cp311-manylinux_2_(5|14|17)_x86_64\.whl", wheel["filename"])
    folder = unpacked(wheel, store, tmp_path / "unpacked")
    if sys.version_info[:2] == (3, 11):
        command = [sys.executable, "-c", "import native; print(native.answer())"]
        # C writes its line when it pleases: before or after.
        assert [b"42"] == subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout.split()
    needs = read_needs((folder / "native.so").read_bytes(), "native.so")
    assert ("x86_64", ("libc.so.6",)) == (needs.machine, needs.libraries)
    metadata = (folder / "demo-1.0.dist-info/WHEEL").read_text()
    assert wheel["filename"][len("demo-1.0-") : -len(".whl")] in metadata and "-linux_x86_64" not in metadata
    assert wheel["is_isolated"]
    recorded = recorded_wheel(wheel)["build"]
    assert toolchain_digest(toolchain) == recorded["toolchain"]
    assert [backend_wheel()[0]] == recorded["requirements"]
    assert sdist_pin(data)["sha256"] == recorded["sdist"]["sha256"]


def test_the_same_bytes_everywhere(tmp_path, debs, toolchain, monkeypatch):
    """Path, time zone, locale, home and umask of the machine do not matter, nor its own packages."""
    data = compiled(
        script="files['recorded.py'] = repr([__import__('os').uname().nodename, __import__('os').listdir('/')])\n"
    )
    one, store = build(tmp_path / "one", debs, toolchain, data)
    for name, value in {"TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8", "HOME": "/nowhere", "CFLAGS": "-O3"}.items():
        monkeypatch.setenv(name, value)
    before = os.umask(0o077)
    try:
        other, _ = build(tmp_path / "deeper/other", debs, toolchain, data)
    finally:
        os.umask(before)
    assert one == other
    recorded = (unpacked(one, store, tmp_path / "unpacked") / "recorded.py").read_text()
    assert "['build', [" in recorded and "home" not in recorded and "var" not in recorded


def test_the_whole_system_is_the_toolchain(tmp_path, debs, toolchain):
    """Its interpreter and compilers, by their usual names, and nothing of this machine."""
    script = (
        "import os, shutil, sys\n"
        "files['recorded.py'] = repr([sys.base_prefix, os.path.realpath(sys.executable), "
        "*map(shutil.which, ('cc', 'c++', 'sh', 'make', 'bwrap')), os.path.exists('/etc/hostname')])\n"
    )
    wheel, store = build(tmp_path / "a", debs, toolchain, make_sdist(on_build=script))
    recorded = (unpacked(wheel, store, tmp_path / "unpacked") / "recorded.py").read_text()
    programs = [f"/usr/bin/{name}" for name in ("cc", "c++", "sh", "make")]
    assert repr(["/usr", "/usr/bin/python3.11", *programs, None, False]) == recorded
    # Pure Python stays what it is.
    assert "demo-1.0-py3-none-any.whl" == wheel["filename"]


def test_a_wheel_that_went_missing_is_compiled_again(tmp_path, debs, toolchain):
    """From its recipe alone."""
    wheel, store = build(tmp_path / "a", debs, toolchain, compiled())
    store.path(wheel_digest(wheel)).unlink()
    provide_wheels([wheel], "3.11", store)
    assert store.verify(wheel_digest(wheel))


def test_what_it_needs_of_the_c_library_must_be_in_the_base(tmp_path, debs, toolchain):
    """A base with an older one refuses it, and another platform too."""
    data = compiled(include="#include <pthread.h>", body="pthread_create(0, 0, 0, 0);")
    wheel, _ = build(tmp_path / "a", debs, toolchain, data)
    assert "demo-1.0-cp311-cp311-manylinux_2_34_x86_64.whl" == wheel["filename"]
    locked = [LockedWheel("demo", "1.0", wheel["filename"], wheel["sha256"], build=wheel["build"])]
    cpu = find_accelerator("cpu", {}, ("cpu",), "cpu")
    check_consistency("m:m", cpu, locked, Target("3.11", "linux/amd64", toolchain_glibc(toolchain)))
    with pytest.raises(ModelkilnError, match="needs glibc 2.34, and the base image has 2.28.*older suite"):
        check_consistency("m:m", cpu, locked, Target("3.11", "linux/amd64", "2.28"))
    with pytest.raises(
        ModelkilnError, match="m:m: demo 1.0: .*is compiled by the machine that builds, for itself alone"
    ):
        check_consistency("m:m", cpu, locked, Target("3.11", "linux/arm64", "2.36"))


def test_cpp_needs_the_compilers_library(tmp_path, debs, toolchain):
    """Its own versions state how new a system has to be."""
    body = 'std::ifstream file("x"); std::string text; file >> text; if (text.empty()) throw std::exception();'
    data = compiled(include="#include <fstream>\n#include <string>", body=body, name="native.cc")
    wheel, store = build(tmp_path / "a", debs, toolchain, data)
    needs = read_needs((unpacked(wheel, store, tmp_path / "unpacked") / "native.so").read_bytes(), "native.so")
    assert "libstdc++.so.6" in needs.libraries
    assert re.search(r"manylinux_2_(1[4-9]|2\d)_x86_64", wheel["filename"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"include": "#include <zlib.h>", "body": "zlibVersion();", "more": ["-lz"]},
            r"demo 1.0, from demo-1.0.tar.gz: cannot be used .* native.so needs libz.so.1, which is neither",
        ),
        (
            {"body": "broken"},
            "(?s)failed in build_wheel.*toolchain 3rdparty/debian:gcc12.*error: .broken. undeclared.*exit code 1$",
        ),
        (
            {"include": "#include <ffi.h>"},
            "(?s)ffi.h is not there. .*add that to the toolchain's package list and lock it .*fatal error: ffi.h",
        ),
        ({"more": ["-lnothing"]}, "(?s)-lnothing is not there. .*cannot find -lnothing"),
        ({"tag": "cp311-cp311-win_amd64"}, "is for win_amd64, want linux_x86_64"),
    ],
)
def test_what_cannot_be_compiled_is_reported(tmp_path, debs, toolchain, settings, message):
    """The compiler's own last words, and the remedy."""
    with pytest.raises(ModelkilnError, match=message) as failure:
        build(tmp_path / "a", debs, toolchain, compiled(**settings))
    assert "Traceback" not in str(failure.value)
    assert [] == list((tmp_path / "a/store/incoming").iterdir())


def test_a_toolchain_for_another_machine_is_refused(tmp_path, debs, toolchain):
    """Before anything is fetched."""
    other = {**toolchain, "locks": {"arm64": toolchain["locks"]["amd64"]}}
    with pytest.raises(ModelkilnError, match="gcc12, which is for arm64, and this machine is amd64. Add its arch"):
        build(tmp_path / "a", debs, other, compiled())


def test_without_bubblewrap_nothing_is_compiled(tmp_path, debs, toolchain, monkeypatch):
    """Not even with the machine's own compiler."""
    monkeypatch.setattr("modelkiln.builds.toolchain.can_run", lambda: "bwrap is not installed; install it.")
    with pytest.raises(
        ModelkilnError, match="demo 1.0, from .*gcc12, in a root of its own, but bwrap is not installed"
    ):
        build(tmp_path / "a", debs, toolchain, compiled())


def _described(name, *packages):
    lock = {"packages": [{"name": package, "version": "1"} for package in packages]}
    return {"name": name, "locks": {"amd64": lock}}


def test_the_python_chooses_the_toolchain():
    """One for each; none is accepted, two are an error."""
    old, new = _described("old", "python3.11-minimal"), _described("new", "python3.13-minimal")
    assert new == choose_toolchain([old, new], "3.13")
    assert choose_toolchain([old, new], "3.12") is None
    with pytest.raises(ModelkilnError, match="old and new both have Python 3.11"):
        choose_toolchain([old, {**old, "name": "new"}], "3.11")
    with pytest.raises(ModelkilnError, match="bare: a toolchain has .* one Python; name python3.N-dev"):
        choose_toolchain([_described("bare", "make")], "3.11")


def test_a_package_that_writes_through_a_link_is_refused(tmp_path, toolchain):
    """It would write where the link leads, on this machine."""
    store = offline_store(tmp_path)
    first = put_deb(store, [("./usr/x", {"type": b"2", "linkname": "/tmp"})], "first")
    second = put_deb(store, [("./usr/x/file", b"1")], "second")
    python = put_deb(store, [("./usr/bin/python3.11", b"1")], "python3.11-minimal")
    lock = {**toolchain["locks"]["amd64"], "packages": [first, python, second]}
    with pytest.raises(ModelkilnError, match="/usr/x/file lies below the link /usr/x"):
        open_toolchain({"name": "t", "locks": {"amd64": lock}}, "3.11", store, "demo")
    assert not any(path.is_dir() for path in (store.root / "toolchains").iterdir())
