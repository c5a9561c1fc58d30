"""Wheels: read strictly, and installed as an installer would."""

import csv
import hashlib
import io
import subprocess
import sys
import zipfile

import pytest
from samples.wheelhouse import make_placeholder, make_wheel, pin, record_row

from modelkiln.errors import ModelkilnError
from modelkiln.wheels.venv import Venv, check_conflicts, install
from modelkiln.wheels.wheel import open_wheel

SITE = "opt/venv/lib/python3.11/site-packages"
SCHEMES = {
    "demo/__init__.py": b"",
    "demo/tool": b"\x7fELF",
    "demo.pth": b"import demo\n",
    "demo-1.0.data/purelib/pure.py": b"",
    "demo-1.0.data/platlib/plat.so": b"so",
    "demo-1.0.data/scripts/run": b"#!python\nprint(1)\n",
    "demo-1.0.data/scripts/runw": b"#!pythonw -u\nprint(1)\n",
    "demo-1.0.data/scripts/binary": b"\x7fELF",
    "demo-1.0.data/data/share/demo.txt": b"data",
    "demo-1.0.data/headers/demo.h": b"#define X",
    "demo-1.0.dist-info/entry_points.txt": (
        b"[console_scripts]\ndemo = demo.cli:main\n[gui_scripts]\ndemo-gui = demo:App.run [gui]\n[other]\nx = y\n"
    ),
}


def _install(tmp_path, data, name="demo", version="1.0"):
    path = tmp_path / "blob"
    path.write_bytes(data)
    manager = open_wheel(path, f"{name}-{version}-py3-none-any.whl", name, version)
    return manager, Venv("3.11")


def _entries(tmp_path, data, **more):
    manager, venv = _install(tmp_path, data, **more)
    with manager as wheel:
        installed = install(wheel, venv)
        contents = {}
        for entry in [*installed.entries, installed.record()]:
            with entry.open() as stream:
                contents[entry.path] = stream.read()
            assert (len(contents[entry.path]), hashlib.sha256(contents[entry.path]).hexdigest()) == (
                entry.size,
                entry.sha256,
            )
        return {entry.path: entry for entry in installed.entries}, contents


def test_files_go_where_their_scheme_says(tmp_path):
    """All five schemes, entry points and .pth files land where pip puts them."""
    _, contents = _entries(tmp_path, make_wheel(files=SCHEMES))
    info = f"{SITE}/demo-1.0.dist-info"
    expected = {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "INSTALLER", "entry_points.txt")}
    expected |= {f"{SITE}/{name}" for name in ("demo/__init__.py", "demo/tool", "demo.pth", "pure.py", "plat.so")}
    expected |= {f"opt/venv/bin/{name}" for name in ("run", "runw", "binary", "demo", "demo-gui")}
    expected |= {"opt/venv/share/demo.txt", "opt/venv/include/site/python3.11/demo/demo.h"}
    assert expected == set(contents)
    assert b"modelkiln\n" == contents[f"{info}/INSTALLER"]


def test_scripts_start_the_environments_python(tmp_path):
    """`#!python` is rewritten, entry points get a script, other files stay as they are."""
    entries, contents = _entries(tmp_path, make_wheel(files=SCHEMES))
    assert b"#!/opt/venv/bin/python\nprint(1)\n" == contents["opt/venv/bin/run"]
    assert b"#!/opt/venv/bin/python\nprint(1)\n" == contents["opt/venv/bin/runw"]
    assert b"\x7fELF" == contents["opt/venv/bin/binary"]
    assert contents["opt/venv/bin/demo"].startswith(b"#!/opt/venv/bin/python\n")
    assert b"from demo import App" in contents["opt/venv/bin/demo-gui"]
    assert {path for path in entries if path.startswith("opt/venv/bin/")} == {
        path for path, entry in entries.items() if entry.executable
    }


def test_run_bits_of_the_zip_are_kept(tmp_path):
    """A file with a run bit keeps it, wherever it goes."""
    entries, _ = _entries(tmp_path, make_wheel(files=SCHEMES, executable=["demo/tool"]))
    assert entries[f"{SITE}/demo/tool"].executable
    assert not entries[f"{SITE}/demo/__init__.py"].executable


def test_record_lists_every_installed_file(tmp_path):
    """RECORD holds all files with hash and size, but for itself and byte code."""
    manager, venv = _install(tmp_path, make_wheel(files={**SCHEMES, 'demo/a,"b.txt': b"x"}))
    with manager as wheel:
        installed = install(wheel, venv)
        record = installed.record([f"{SITE}/demo/__pycache__/__init__.cpython-311.pyc"])
        with record.open() as stream:
            rows = list(csv.reader(io.TextIOWrapper(stream, "utf-8")))
    assert sorted(rows) == rows
    unhashed = ["demo-1.0.dist-info/RECORD", "demo/__pycache__/__init__.cpython-311.pyc"]
    assert unhashed == [path for path, digest, size in rows if not digest or not size]
    assert len(installed.entries) + 2 == len(rows)
    assert "../../../bin/demo" in [row[0] for row in rows]
    assert 'demo/a,"b.txt' in [row[0] for row in rows]


def test_installs_what_pip_installs(tmp_path):
    """The tree is pip's: the same paths with the same bytes, but for who installed it."""
    data = make_wheel(files=SCHEMES)
    wheel = tmp_path / pin(data)["filename"]
    wheel.write_bytes(data)
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    site = next(venv.glob("lib/python3*/site-packages"))
    before = {path for path in venv.rglob("*") if path.is_file()}
    command = ["-m", "pip", "--python", venv, "install", "--no-index", "--no-compile", "-q", wheel]
    subprocess.run([sys.executable, *command], check=True, env={"PIP_CONFIG_FILE": "/dev/null"})
    python = f"python3.{sys.version_info[1]}"
    theirs = {
        str(path.relative_to(venv)).replace(python, "python3.11"): path.read_bytes()
        for path in set(venv.rglob("*")) - before
        if path.is_file()
    }
    _, contents = _entries(tmp_path, data)
    ours = {path[len("opt/venv/") :]: content for path, content in contents.items()}
    prefix = str(site.relative_to(venv)).replace(python, "python3.11") + "/demo-1.0.dist-info/"
    extra = {prefix + name for name in ("REQUESTED", "direct_url.json")}
    assert set(ours) == set(theirs) - extra
    differ = {path for path in ours if ours[path] != theirs[path]}
    scripts = {f"bin/{name}" for name in ("demo", "demo-gui", "run", "runw")}
    assert {prefix + "INSTALLER", prefix + "RECORD"} | scripts == differ


def test_generated_scripts_win_over_shipped_ones(tmp_path):
    """An entry point replaces a script of its name, as with pip."""
    files = {**SCHEMES, "demo-1.0.data/scripts/demo": b"old"}
    _, contents = _entries(tmp_path, make_wheel(files=files))
    assert b"demo.cli" in contents["opt/venv/bin/demo"]


def test_entry_points_named_twice_are_those_of_pip(tmp_path):
    """Other groups are not parsed; of a script's name the last one counts, and a GUI script over the console's."""
    points = (
        b"[my.plugins]\na = demo:x\na = demo:y\nno entry point\n# a comment\n"
        b"[gui_scripts]\nboth = demo:gui\n[console_scripts]\ndemo = demo:old\nboth = demo:console\n"
        b"[console_scripts]\ndemo = demo:main\n"
    )
    _, contents = _entries(tmp_path, make_wheel(files={**SCHEMES, "demo-1.0.dist-info/entry_points.txt": points}))
    scripts = {path: data for path, data in contents.items() if path in ("opt/venv/bin/demo", "opt/venv/bin/both")}
    assert b"from demo import main" in scripts["opt/venv/bin/demo"]
    assert b"from demo import gui" in scripts["opt/venv/bin/both"]


def test_a_row_of_record_may_have_no_size(tmp_path):
    """The size is optional; the installed RECORD has it."""
    row, files = record_row("demo.py", b"x = 1"), {"demo.py": b"x = 1"}
    with zipfile.ZipFile(io.BytesIO(make_wheel(files=files))) as archive:
        text = archive.read("demo-1.0.dist-info/RECORD").decode()
    assert row in text
    data = make_wheel(files=files, record=text.replace(row, row.rpartition(",")[0] + ",\n"))
    entries, contents = _entries(tmp_path, data)
    assert 5 == entries[f"{SITE}/demo.py"].size
    assert row.encode() in contents[f"{SITE}/demo-1.0.dist-info/RECORD"]


def test_stronger_hashes_are_checked_and_recorded_as_sha256(tmp_path):
    """RECORD may use SHA-512; the layer's own RECORD uses SHA-256."""
    data = make_wheel()
    row, strong = (record_row("demo/__init__.py", b"VALUE = 1\n", name) for name in ("sha256", "sha512"))
    plain = {"demo/__init__.py": b"VALUE = 1\n"}
    manager, _ = _install(tmp_path, data)
    with manager as wheel:
        text = wheel.read_metadata("RECORD").replace(row, strong)
    entries, _ = _entries(tmp_path, make_wheel(files=plain, record=text))
    assert hashlib.sha256(b"VALUE = 1\n").hexdigest() == entries[f"{SITE}/demo/__init__.py"].sha256
    with pytest.raises(ModelkilnError, match="has sha512"):
        _entries(tmp_path, make_wheel(files={"demo/__init__.py": b"VALUE = 2\n"}, record=text))


def test_equal_files_are_shared_and_different_ones_refused(tmp_path):
    """Wheels may share a file; two contents for one path name both wheels and the path."""
    shared = {"nvidia/__init__.py": b""}
    one, two = make_wheel("one", files=shared), make_wheel("two", files=shared)
    three = make_wheel("three", files={"nvidia/__init__.py": b"x"})
    four = make_wheel("four", files={"nvidia/__init__.py/x.py": b"x"})
    installed = {}
    for name, data in {"one": one, "two": two, "three": three, "four": four}.items():
        (tmp_path / name).mkdir()
        manager, venv = _install(tmp_path / name, data, name)
        with manager as wheel:
            installed[name] = install(wheel, venv)
    check_conflicts([installed["one"], installed["two"]])
    with pytest.raises(ModelkilnError, match=r"one-1\.0.* and three-1\.0.* both write .*nvidia/__init__\.py'"):
        check_conflicts([installed["three"], installed["one"]])
    with pytest.raises(ModelkilnError, match=r"one-1\.0.*whl writes .*nvidia/__init__\.py' as a file"):
        check_conflicts([installed["one"], installed["four"]])


def test_a_placeholder_is_refused(tmp_path):
    """A wheel of version 0 without content, whatever its metadata say; one that requires something may be a bundle."""
    _, placeholder = make_placeholder("demo", "0.0.0a0")
    for data, version in (
        (placeholder, "0.0.0a0"),
        (make_wheel(version="0.0", files={"demo/__init__.py": b""}), "0.0"),
    ):
        manager, _ = _install(tmp_path, data, version=version)
        with (
            pytest.raises(ModelkilnError, match="is a placeholder: none of its files has content.*lock another"),
            manager,
        ):
            pass
    for more in ({"requires": ["x"], "files": {}}, {}):
        manager, _ = _install(tmp_path, make_wheel(version="0.0.0", **more), version="0.0.0")
        with manager as wheel:
            assert "demo" == wheel.name
