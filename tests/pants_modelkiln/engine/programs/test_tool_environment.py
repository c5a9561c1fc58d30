"""The engine's tool as a program: what pip installs, the file of it, and the environment that the file makes."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from modelkiln.manifest import pip_settings
from pants_modelkiln.engine.programs import tool_environment

PYTHON = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
PROGRAM = Path(tool_environment.__file__)
WHEEL = "demo-1.0-py3-none-any.whl"
FILES = {
    "demo/__init__.py": "",
    "demo-1.0.data/scripts/demo": "#!python\n",
    "demo-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
    "demo-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "demo-1.0.dist-info/entry_points.txt": "[console_scripts]\ndemo2 = demo:main\n",
}
# In place of the engine's: it prints what runs it.
MAIN = "import sys\ndef main():\n    import demo\n    print(demo.__file__, sys.executable, sys.argv[1:])\n"


@pytest.fixture
def machine(tmp_path):
    """Return a folder with a lock, a folder of its wheels, and sources in place of the engine's."""
    wheel = tmp_path / "wheels" / WHEEL
    wheel.parent.mkdir()
    record = "demo-1.0.dist-info/RECORD"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**FILES, record: "".join(f"{name},,\n" for name in (*FILES, record))}.items():
            archive.writestr(name, text)
    (tmp_path / "lock.txt").write_text(f"demo==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    sources = tmp_path / "sources/modelkiln"
    (sources / "cli").mkdir(parents=True)
    for name, text in (("__init__.py", ""), ("cli/__init__.py", ""), ("cli/main.py", MAIN)):
        (sources / name).write_text(text)
    (sources / "manifest").mkdir()
    shutil.copy(pip_settings.__file__, sources / "manifest")
    return tmp_path


def run(machine, *arguments, prefix=(), umask=0o022, **variables):
    """Run the Python of these tests, as a process of Pants would; returns what it printed."""
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": f"{machine}/wheels", "PIP_CONFIG_FILE": os.devnull, **variables}
    done = subprocess.run(
        [*prefix, PYTHON, "-I", *map(str, arguments)],
        cwd=machine, env=env, check=False, capture_output=True,
        preexec_fn=lambda: os.umask(umask),
    )  # fmt: skip
    assert 0 == done.returncode, f"exit code {done.returncode}: {done.stderr.decode()}"
    return done.stdout.decode()


def make(machine, store="store", file="modelkiln.pyz", **options):
    """Make the environment and its file; returns the file's bytes."""
    run(machine, PROGRAM, "lock.txt", "sources", store, file, **options)
    return (machine / file).read_bytes()


def environment(machine, store="store"):
    """Return where the rules look for the environment."""
    files = sorted((machine / "sources/modelkiln").rglob("*.py"))
    read = [(path.relative_to(machine / "sources").as_posix(), path.read_bytes()) for path in files]
    key = tool_environment.content_key((machine / "lock.txt").read_bytes(), read)
    return machine / store / tool_environment.environment_name(key, PYTHON)


def test_it_is_made_once_and_comes_out_the_same(machine):
    """From another folder and under another mask, with nothing of the machine in it."""
    first = make(machine)
    other = shutil.copytree(machine, machine.parent / "other", ignore=shutil.ignore_patterns("store"))
    assert first == make(other, umask=0o077)
    shutil.rmtree(machine / "wheels")  # Nothing is fetched a second time.
    assert first == make(machine, file="again.pyz")
    assert str(machine).encode() not in first


def test_the_engine_runs_in_its_environment(machine):
    """With its own interpreter and packages; byte code that it leaves is not in a file that is written later."""
    first = make(machine)
    made = environment(machine)
    command = [made / "bin/python", "-I", made / tool_environment.PROGRAM, "x", "-y"]
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()
    module = tool_environment.site_packages(made) / "demo/__init__.py"
    assert f"{module} {made}/bin/python ['x', '-y']\n" == said
    assert list(made.rglob("demo/__pycache__/*.pyc"))
    assert first == make(machine)


def test_a_damaged_environment_is_named_with_the_remedy(machine):
    """Whatever of it was lost: all that the engine imports is in it."""
    make(machine)
    made = environment(machine)
    shutil.rmtree(tool_environment.site_packages(made) / "demo")
    command = [made / "bin/python", "-I", made / tool_environment.PROGRAM]
    done = subprocess.run(command, capture_output=True, check=False)
    assert 1 == done.returncode
    assert f"{made}: this installation of the packaging engine is damaged" in done.stderr.decode()


def test_the_file_makes_the_same_environment(machine):
    """As on a worker, which has nothing but the file; also over one whose interpreter is gone."""
    make(machine)
    made, unpacked = environment(machine), environment(machine, "worker")
    for _ in range(2):
        said = run(machine, "modelkiln.pyz", "worker", "x")
        assert said.endswith(f" {unpacked}/bin/python ['x']\n")
        (unpacked / "bin/python").unlink()
        (unpacked / "bin/python").symlink_to("/none/python3")
    contents = [_files(tool_environment.site_packages(one)) for one in (made, unpacked)]
    assert contents[0] == contents[1]


def _files(folder):
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_what_a_killed_process_left_is_removed(machine):
    """An environment is there when it is whole."""
    made = environment(machine)
    part = made.with_name(f"{made.name}.part")
    (part / "lib").mkdir(parents=True)
    make(machine)
    assert (made / tool_environment.PROGRAM).exists() and not part.exists()


def test_a_wheel_that_the_lock_does_not_pin_is_not_installed(machine):
    """The error is pip's, and nothing is left that looks like an environment."""
    (machine / "lock.txt").write_text("demo==1.0 --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(AssertionError, match="HASHES"):
        make(machine)
    assert not environment(machine).exists()


def test_an_interpreter_without_pip_takes_that_of_pex(machine):
    """Without one the exit code is 3, on which the rule sets up the Pex tool of Pants."""
    folder = Path(pytest.importorskip("pex").__file__).parent  # Newer releases of Pants do not bring it.
    hidden = [Path(sys.base_prefix, "lib", "python%d.%d" % sys.version_info[:2], "ensurepip/_bundled")]
    hidden += [*Path(sys.base_prefix).glob("lib/python*/site-packages"), Path("/usr/share/python-wheels")]
    if not shutil.which("bwrap"):
        missing = pytest.fail if os.environ.get("MODELKILN_REQUIRE_COMPONENTS") == "1" else pytest.skip
        missing("bwrap is not installed; install the Debian package bubblewrap")
    prefix = ["bwrap", "--bind", "/", "/", "--dev", "/dev"]
    prefix += [word for path in hidden if path.is_dir() for word in ("--tmpfs", str(path))]
    with pytest.raises(AssertionError, match="exit code 3"):
        make(machine, prefix=prefix)
    with zipfile.ZipFile(machine / "pex", "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, f".deps/pex.whl/pex/{path.relative_to(folder)}")
    first = make(machine, prefix=prefix, **{tool_environment.PEX: str(machine / "pex")})
    assert first == make(machine.parent / machine.name, "elsewhere")
