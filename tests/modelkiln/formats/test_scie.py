"""The scie format."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib
from samples.wheelhouse import make_wheel, put_wheel

from modelkiln.base.portable_python import MIRROR_VARIABLE
from modelkiln.base.portable_python_lock import (
    InterpreterLock,
    python_path,
    scie_jump_path,
    science_path,
)
from modelkiln.errors import ModelkilnError
from modelkiln.formats.pex import build_pex
from modelkiln.formats.scie import _configuration, build_scie, store_scie
from modelkiln.formats.scie_assets import lock_interpreter, scie_versions
from modelkiln.machine.settings import save_machine_env
from modelkiln.pinned_file import PinnedFile
from modelkiln.store.store import Store

PYTHON, RELEASE = "3.11.14", "20251120"
APP = "import sys\n\nimport demo\n\n\ndef main():\n    print(sys.version.split()[0], demo.VALUE, sys.argv[1:])\n"


def _pex(folder, store, python=f"{sys.version_info[0]}.{sys.version_info[1]}"):
    (folder / "sources").mkdir()
    (folder / "sources" / "app.py").write_text(APP)
    wheel = put_wheel(store, make_wheel())
    spec = {"wheels": [wheel], "python": python, "platform": "linux/amd64", "glibc": "2.36", "entry_point": "app:main"}
    build_pex(spec, folder / "sources", store, folder / "demo.pex")
    return folder / "demo.pex"


def _lock(store, tool=b"no program"):
    science, jump = scie_versions()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    contents = {
        science_path(science, machine): tool,
        scie_jump_path(jump, machine): b"jump",
        python_path(PYTHON, RELEASE, "amd64"): b"python",
        scie_jump_path(jump, "amd64"): b"jump",
    }
    assets = [PinnedFile(path, store.add_bytes(data)[7:], len(data)) for path, data in contents.items()]
    return InterpreterLock(PYTHON, RELEASE, tuple(assets))


def test_pex_is_reported_to_embed_what_the_lock_names(tmp_path):
    """Pex' own description of the program: the locked interpreter, embedded, from the mirror of the lock."""
    from pex.pex import PEX
    from pex.scie.science import create_manifests

    store = Store(tmp_path / "store")
    pex = _pex(tmp_path, store, "3.11")
    configuration = _configuration(_lock(store), tmp_path / "science", "amd64", tmp_path)
    (manifest,) = create_manifests(configuration, "demo", PEX(str(pex)), True)
    lift = tomllib.loads(Path(manifest.path).read_text())["lift"]
    mirror = (tmp_path / "mirror").as_uri()
    assert [{"platform": "linux-x86_64", "libc": "gnu"}] == lift["platforms"]
    assert {"version": scie_versions()[1], "base_url": f"{mirror}/jump"} == lift["scie_jump"]
    assert "ptex" not in lift
    (interpreter,) = lift["interpreters"]
    expected = {
        "provider": "PythonBuildStandalone",
        "version": PYTHON,
        "release": RELEASE,
        "flavor": "install_only_stripped",
        "lazy": False,
        "base_url": f"{mirror}/providers/PythonBuildStandalone",
    }
    assert expected == {key: interpreter[key] for key in expected}


def test_a_failing_tool_is_reported_and_nothing_is_left(tmp_path):
    """The error names the package and the interpreter; neither a program nor a part of one stays."""
    store = Store(tmp_path / "store")
    pex = _pex(tmp_path, store)
    before = dict(os.environ)
    for tool in (b"no program", b"#!/bin/sh\necho 0.1.0\n"):
        with pytest.raises(ModelkilnError, match=rf"demo: Pex cannot embed CPython {PYTHON}: "):
            build_scie(pex, _lock(store, tool), "linux/amd64", store, tmp_path / "demo.scie")
    assert not (tmp_path / "demo.scie").exists()
    assert [] == list((store.root / "incoming").iterdir())
    assert before == dict(os.environ)


def test_a_platform_without_a_lock_is_refused(tmp_path):
    """Nothing is fetched that the lock does not name."""
    store = Store(tmp_path / "store")
    pex = _pex(tmp_path, store)
    with pytest.raises(ModelkilnError, match=r"names no .*aarch64"):
        build_scie(pex, _lock(store), "linux/arm64", store, tmp_path / "demo.scie")


def test_a_program_runs_without_a_python(tmp_path):
    """From a mirror of the real files: the same bytes twice, started where there is no Python."""
    mirror = os.environ.get("MODELKILN_TEST_SCIE_MIRROR")
    if not mirror:
        pytest.skip("MODELKILN_TEST_SCIE_MIRROR names no mirror: its files are on GitHub and in no package registry")
    store = Store(tmp_path / "store")
    save_machine_env(store.root, {MIRROR_VARIABLE: Path(mirror).as_uri()})
    (archive,) = Path(mirror).glob("providers/PythonBuildStandalone/download/*/cpython-*x86_64*_stripped.tar.gz")
    python, _, rest = archive.name[len("cpython-") :].partition("+")
    lock = lock_interpreter(python, rest.partition("-")[0], ["amd64"], store, "b:py")
    pex = _pex(tmp_path, store, lock.minor)
    build_scie(pex, lock, "linux/amd64", store, tmp_path / "demo.scie")
    digest, size = store_scie(pex, lock, "linux/amd64", store)
    assert store.path(digest).read_bytes() == (tmp_path / "demo.scie").read_bytes()
    assert size == (tmp_path / "demo.scie").stat().st_size
    assert str(tmp_path).encode() not in (tmp_path / "demo.scie").read_bytes()
    environ = {"HOME": str(tmp_path), "SCIE_BASE": str(tmp_path / "scie"), "PATH": "/nonexistent"}
    done = subprocess.run([tmp_path / "demo.scie", "a"], env=environ, capture_output=True, text=True, check=True)
    assert f"{python} 1 ['a']\n" == done.stdout
