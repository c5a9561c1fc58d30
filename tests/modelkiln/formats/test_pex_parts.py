"""Packed PEXs: the parts that Pex writes, and the folder that is made of them."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from samples.wheelhouse import make_wheel, put_wheel

from modelkiln.errors import ModelkilnError
from modelkiln.formats.pex_contents import BOOTSTRAP, DEPENDENCIES, INFO, MAIN, SCRIPT, check_packed, is_packed
from modelkiln.formats.pex_parts import FILES, TEMPLATES, build_parts, complete
from modelkiln.layers import weights
from modelkiln.store.store import Store

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
CODE = {
    "app.py": b"""
import json, pathlib, sys

def main():
    from demo import VALUE
    root = pathlib.Path(__file__).parent
    print(json.dumps([VALUE, (root / ".modelkiln/models/w.bin").read_text(), sys.argv[1:]]))
""",
    ".modelkiln/models/w.bin": b"weights",
}


def _spec(*wheels, **changes):
    spec = {"wheels": list(wheels), "python": PYTHON, "platform": "linux/amd64", "glibc": "2.36"}
    return {**spec, "entry_point": "app:main", **changes}


def _templates(parts):
    return json.loads((parts / TEMPLATES).read_text())


def _hashes(files):
    return [(hashlib.sha256(data).hexdigest(), path) for path, data in files.items()]


def _pack(parts, files, wheels, store, folder):
    """Put a packed PEX together as it lies in dist/: its wheels are links to files of other names."""
    for path, data in {**files, **complete(_templates(parts), _hashes(files))}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    shutil.copy(parts / BOOTSTRAP, folder / BOOTSTRAP)
    (folder / MAIN).chmod(0o755)
    (folder / SCRIPT).symlink_to(MAIN)
    (folder / DEPENDENCIES).mkdir()
    for wheel in wheels:
        (folder / DEPENDENCIES / wheel["filename"]).symlink_to(store.path(f"sha256:{wheel['sha256']}"))
    return folder


def _run(program, folder, *arguments):
    environ = {"HOME": str(folder), "PEX_ROOT": str(folder / "pex-root"), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, str(program), *arguments], env=environ, capture_output=True, check=False)
    assert 0 == done.returncode, done.stderr.decode()
    return json.loads(done.stdout)


def test_a_packed_pex_runs_with_links_to_its_wheels(tmp_path):
    """It is started as a folder and by its script, and finds a wheel whose name a link alone has."""
    store, wheels = Store(tmp_path / "store"), []
    wheels.append(put_wheel(store, make_wheel()))
    build_parts(_spec(*wheels), store, tmp_path / "parts")
    pex = _pack(tmp_path / "parts", CODE, wheels, store, tmp_path / "demo.pex")
    assert is_packed(pex)
    assert [1, "weights", ["a"]] == _run(pex, tmp_path, "a")
    assert [1, "weights", ["b"]] == _run(pex / SCRIPT, tmp_path, "b")
    assert [] == list((store.root / "incoming").iterdir())


def test_a_later_start_needs_nothing_of_pex(tmp_path):
    """It goes to the environment of the first one at once, but where settings of Pex may mean another."""
    store, environ = Store(tmp_path / "store"), {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    wheel = put_wheel(store, make_wheel())
    build_parts(_spec(wheel), store, tmp_path / "parts")
    pex = _pack(tmp_path / "parts", CODE, [wheel], store, tmp_path / "demo.pex")
    assert [1, "weights", ["a"]] == _run(pex, tmp_path, "a")
    with zipfile.ZipFile(pex / BOOTSTRAP, "w") as archive:
        archive.writestr("pex/__init__.py", "raise SystemExit('Pex is asked')")
    assert [1, "weights", ["-c", "b"]] == _run(pex, tmp_path, "-c", "b")
    environ["PEX_ROOT"] = str(tmp_path / "pex-root")
    for settings in ({"PEX_PYTHON": sys.executable}, {"PEX_INTERPRETER": "1"}, {"PEX_ROOT": str(tmp_path / "other")}):
        done = subprocess.run([sys.executable, str(pex)], env={**environ, **settings}, capture_output=True, check=False)
        assert b"Pex is asked\n" == done.stderr
    (tmp_path / ".pexrc").write_text("PEX_INTERPRETER=1\n")
    done = subprocess.run([sys.executable, str(pex)], env=environ, capture_output=True, check=False)
    assert b"Pex is asked\n" == done.stderr


def test_other_code_is_unpacked_beside_the_code_before(tmp_path):
    """The digests by which Pex keeps what it unpacked change with the code, and with nothing else."""
    store = Store(tmp_path / "store")
    wheel = put_wheel(store, make_wheel())
    build_parts(_spec(wheel), store, tmp_path / "parts")
    _run(_pack(tmp_path / "parts", CODE, [wheel], store, tmp_path / "one.pex"), tmp_path)
    other = {**CODE, ".modelkiln/models/w.bin": b"other"}
    assert [1, "other", []] == _run(_pack(tmp_path / "parts", other, [wheel], store, tmp_path / "two.pex"), tmp_path)
    templates = _templates(tmp_path / "parts")
    again = complete(templates, reversed(_hashes(CODE)))
    assert complete(templates, _hashes(CODE)) == again
    before, after = json.loads(again[INFO]), json.loads(complete(templates, _hashes(other))[INFO])
    assert {"code_hash", "pex_hash"} == {key for key in before if before[key] != after[key]}


def test_the_parts_are_the_same_everywhere(tmp_path, monkeypatch):
    """Folder, umask and the caller's settings of Pex do not matter."""
    found = []
    for name, mask in (("a", 0o022), ("b", 0o077)):
        store = Store(tmp_path / name / "store")
        wheels = [put_wheel(store, make_wheel(one), one) for one in ("one", "two")]
        before = os.umask(mask)
        try:
            build_parts(_spec(*wheels), store, tmp_path / name / "parts")
        finally:
            os.umask(before)
        parts = tmp_path / name / "parts"
        found.append({path.name: path.read_bytes() for path in parts.iterdir()})
        monkeypatch.setenv("PEX_VENV", "1")
        monkeypatch.setenv("PEX_ROOT", str(tmp_path / "elsewhere"))
    assert {BOOTSTRAP, TEMPLATES} == set(found[0])
    assert found[0] == found[1]


def test_locked_weights_are_among_the_parts(tmp_path):
    """Their bytes are those of the store."""
    store = Store(tmp_path / "store")
    digest = store.add_bytes(b"locked")[7:]
    file = {"path": "big/w.bin", "sha256": digest, "size": 6}
    recipe = weights.recipe("x:llm", "models", [file], {"uri": "w", "revision": ""})
    build_parts(_spec(weights=[recipe.to_json()]), store, tmp_path / "parts")
    assert b"locked" == (tmp_path / "parts" / FILES / ".modelkiln/models/big/w.bin").read_bytes()


def test_templates_of_another_pex_are_refused():
    """Its digest stands in them; where it does not, nobody knows what the file means."""
    templates = {INFO: '{"pex_hash": "aa"}', MAIN: "pex_hash='bb'", "__pex__/__init__.py": "pex_hash='aa'"}
    with pytest.raises(ModelkilnError, match="__main__.py is not that of the Pex"):
        complete(templates, [])


@pytest.mark.parametrize("path", ["pex", "pex/tool.py", "PEX-INFO", ".deps/x.py", "app.pyc"])
def test_files_that_pex_has_itself_are_refused(path):
    """They would be replaced, or lost when it is unpacked."""
    check_packed("app/pex.py", is_file=True)
    with pytest.raises(ModelkilnError, match="Rename the file"):
        check_packed(path, is_file=True)


def test_links_are_refused():
    """A PEX holds files."""
    with pytest.raises(ModelkilnError, match="app.py: is a link"):
        check_packed("app.py", is_file=False)
