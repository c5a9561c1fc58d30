"""Locks compiled by the real pip-tools, from a folder of wheels."""

import json
import os
import re
import socket
import tarfile

import pytest
from samples.wheelhouse import make_placeholder, make_wheel, offline_store, pin
from samples.wheels.sdists import backend_wheel, make_sdist, sdist_pin, tar_of

from modelkiln.cli.main import main
from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import load_machine_env, save_machine_env
from modelkiln.manifest import pip_tools
from modelkiln.manifest.build_lock import split_parts
from modelkiln.manifest.pip import index_lines, index_lines_of
from modelkiln.manifest.pip_tools import PipTools, _reason, seed_lock
from modelkiln.manifest.sdists import check_extra_requirements
from modelkiln.wheels.platforms import Target


@pytest.fixture
def store(tmp_path):
    """Return a store whose machine reaches no index, in a project whose resolve `cpu` has a folder of wheels."""
    made = [("demo", "1.0", ["six>=1"]), ("demo", "2.0", ["six>=1"]), ("six", "1.0", []), ("six", "1.1", [])]
    data = [make_wheel(name, version, requires=requires) for name, version, requires in made]
    wheels = [(pin(wheel, name, version), wheel) for wheel, (name, version, _) in zip(data, made)]
    store = offline_store(tmp_path, wheels)
    links = {"find_links": {"cpu": [(tmp_path / "links").as_uri()]}}
    # The machine's own folder of wheels must not be looked at.
    settings = {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "none")}
    settings["MODELKILN_INDEXES"] = json.dumps(links)
    save_machine_env(store.root, settings)
    return store


_TARGET = Target("3.11", "linux/amd64", "2.39")
_BUILD = ("--build-lock=cpu.build.txt", "--build-summary=build-summary.txt")


def _put(folder, *made):
    """Put files (pin, bytes) where the resolve's wheels lie."""
    for wheel, content in made:
        (folder / "links" / wheel["filename"]).write_bytes(content)


def _lock(folder, store, *more, resolve="cpu"):
    options = ["--source=cpu.in", "--lock=cpu.txt", f"--resolve={resolve}", "--address=3rdparty:cpu", "--python=3.11"]
    code = main(["build", "python-lock", *options, f"--store={store.root}", "--summary=summary.txt", *more])
    return code, [line.split("==")[0:2] for line in (folder / "cpu.txt").read_text().splitlines() if "==" in line]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the current folder, with requirements."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cpu.in").write_text("demo<2\n")
    return tmp_path


def _lines(summary):
    """The lines of a summary, without the sizes of these small wheels."""
    return [re.sub(r"[\d.]+ k?B$", "N B", line) for line in summary.read_text().splitlines()]


def _versions(found):
    return {name: version.split()[0] for name, version in found[1]}


def test_a_resolve_is_locked_with_hashes_and_no_address(folder, store):
    """Everything that is needed is pinned; the lock says how to make it again."""
    assert {"demo": "1.0", "six": "1.1"} == _versions(_lock(folder, store))
    text = (folder / "cpu.txt").read_text()
    assert text.startswith("# The resolve cpu, compiled from cpu.in by: ./pants lock 3rdparty:cpu\n")
    assert 2 == text.count("--hash=sha256:") and "links" not in text and "://" not in text
    assert ["  demo (new) 1.0, N B", "  six (new) 1.1, N B"] == _lines(folder / "summary.txt")[:2]


def test_pins_stay_until_they_are_upgraded(folder, store):
    """Only what the requirements exclude moves; comments alone make no other lock."""
    _lock(folder, store)
    text = (folder / "cpu.txt").read_text().replace("six==1.1", "six==1.0")
    old = pin(make_wheel("six", "1.0"), "six", "1.0")["sha256"]
    new = pin(make_wheel("six", "1.1"), "six", "1.1")["sha256"]
    (folder / "cpu.txt").write_text("# mine\n" + text.replace(new, old))
    assert {"demo": "1.0", "six": "1.0"} == _versions(_lock(folder, store))
    assert (folder / "cpu.txt").read_text().startswith("# mine\n")
    assert "" == (folder / "summary.txt").read_text()
    (folder / "cpu.in").write_text("demo>=2\n")
    assert {"demo": "2.0", "six": "1.0"} == _versions(_lock(folder, store))
    assert "  demo 1.0 -> 2.0, N B" in _lines(folder / "summary.txt")
    assert {"demo": "2.0", "six": "1.1"} == _versions(_lock(folder, store, "--upgrade"))


def test_pins_of_another_variant_are_shared_where_they_fit(folder, store):
    """What does not fit is taken as if it were not shared."""
    (folder / "other.txt").write_text(f"demo==2.0 --hash=sha256:{'0' * 64}\nsix==1.0+cpu --hash=sha256:{'0' * 64}\n")
    assert {"demo": "1.0", "six": "1.0"} == _versions(_lock(folder, store, "--share=other.txt"))


def test_own_pins_follow_shared_ones():
    """A shared pin wins; local versions lose what is another variant's; an upgrade forgets own pins."""
    own, shared = "A==1 --hash=x\nb==2\n", "a==3 --hash=y\nc==4+cu1 --hash=z\n"
    assert "a==3 --hash=y\nb==2\nc==4\n" == seed_lock(own, [shared], upgrade=False)
    assert "a==3 --hash=y\nc==4\n" == seed_lock(own, [shared], upgrade=True)


def test_indexes_belong_to_their_resolve(folder, store):
    """Another resolve does not see them; what is pinned by hash may come from any."""
    links = (folder / "links").as_uri()
    assert f"--find-links {links}\n" == index_lines(store, "cpu") == index_lines(store)
    assert "" == index_lines(store, "cuda12")
    with pytest.raises(ModelkilnError, match="cpu.in: cannot be locked. pip-tools says: .*demo"):
        PipTools(folder, "cuda12", _TARGET, store).lock(["cpu.in"], "cpu.txt")


@pytest.mark.parametrize(("address", "remedy"), [("wheels", "%(buildroot)s/wheels"), ("file:///no/wheels", "exist")])
def test_a_folder_that_pip_would_pass_over_is_refused(address, remedy):
    """A path that is relative, or wrong, gives a lock without what lies there, or none for a reason that is not so."""
    env = {"MODELKILN_INDEXES": json.dumps({"find_links": {"cpu": [address]}})}
    with pytest.raises(ModelkilnError, match=re.escape(remedy)) as caught:
        index_lines_of(env, "cpu")
    assert "[modelkiln.resolve_find_links], cpu" in str(caught.value)
    assert "" == index_lines_of(env, "cuda12")


def test_to_fetch_what_is_pinned_a_folder_may_be_missing():
    """The machine's index has it, too."""
    env = {"MODELKILN_INDEXES": json.dumps({"find_links": {"cpu": ["file:///no/wheels"]}})}
    assert "--find-links file:///no/wheels\n" == index_lines_of(env)


def test_a_project_that_no_index_has_is_named_first_and_with_the_remedy(folder, store):
    """What pip says of other projects' releases comes after it, and not in full."""
    (folder / "cpu.in").write_text("mine\n")
    with pytest.raises(ModelkilnError, match=r"satisfies the requirement mine .*\[modelkiln.resolve_find_links\]"):
        PipTools(folder, "cpu", _TARGET, store).lock(["cpu.in"], "cpu.txt")
    ignored = f"ERROR: Ignored the following versions: {'1.21.2 Requires-Python <3.11; ' * 40}"
    reason = _reason(f"{ignored}\nERROR: Could not find a version of mine\n")
    assert reason.startswith("ERROR: Could not find a version of mine ERROR: Ignored") and 300 > len(reason)


def test_an_editable_requirement_is_refused_before_anything_runs(folder, store, capsys):
    """The lock stays as it was."""
    (folder / "cpu.in").write_text("-e .\n")
    (folder / "cpu.txt").write_text("x==1\n")
    assert 1 == _lock(folder, store)[0]
    assert "is editable" in capsys.readouterr().err
    assert "x==1\n" == (folder / "cpu.txt").read_text()


def test_what_cannot_be_locked_is_reported_in_a_line(folder, store, capsys):
    """pip's reason, and no traceback."""
    (folder / "cpu.in").write_text("demo>=99\n")
    options = ["--source=cpu.in", "--lock=cpu.txt", "--resolve=cpu", "--address=x", "--python=3.11"]
    assert 1 == main(["build", "python-lock", *options, f"--store={store.root}", "--summary=summary.txt"])
    message = capsys.readouterr().err
    assert "demo>=99" in message and "Traceback" not in message and 1 == message.count("\n")


def test_what_sdists_are_built_with_is_locked_next_to_it(folder, store):
    """Also what only their backend reports; without sdists there is no such lock."""
    (folder / "cpu.in").write_text("old\n")
    helper = make_wheel("helper", files={"helper.py": b""})
    data = make_sdist("old", more="MORE = ['helper']", requires=["six"])
    _put(folder, (pin(helper, "helper"), helper), backend_wheel(), (sdist_pin(data, "old"), data))
    more = _BUILD
    assert {"old": "1.0", "six": "1.1"} == _versions(_lock(folder, store, *more))
    text = (folder / "cpu.build.txt").read_text()
    assert text.startswith("# What sdists of the resolve cpu are built with, compiled by: ./pants lock 3rdparty:cpu\n")
    assert ["helper==1.0 \\", "tiny==1.0 \\"] == [line for line in text.splitlines() if "==" in line]
    assert "://" not in text and str(folder) not in text
    assert ["  helper (new) 1.0, N B", "  tiny (new) 1.0, N B"] == _lines(folder / "build-summary.txt")[:2]
    _lock(folder, store, *more)
    assert text == (folder / "cpu.build.txt").read_text() and "" == (folder / "build-summary.txt").read_text()
    # Of a lock that others write, Pex say, only this is ours.
    (folder / "cpu.build.txt").unlink()
    locked = (folder / "cpu.txt").read_text()
    options = ["--lock=cpu.txt", "--resolve=cpu", "--address=3rdparty:cpu", "--python=3.11", "--summary=summary.txt"]
    assert 0 == main(["build", "python-lock", *options, f"--store={store.root}", *more])
    assert (text, locked) == ((folder / "cpu.build.txt").read_text(), (folder / "cpu.txt").read_text())
    (folder / "cpu.in").write_text("demo\n")
    _lock(folder, store, *more)
    assert not (folder / "cpu.build.txt").exists()


def _needy(name, *build):
    data = make_sdist(name, build=["tiny", *build])
    return sdist_pin(data, name), data


def test_sdists_that_want_what_excludes_each_other_have_a_part_each(folder, store):
    """A pin stays in its part; when they agree again, one lock serves all."""
    (folder / "cpu.in").write_text("new\nold\n")
    _put(folder, backend_wheel(), _needy("new", "six>=1.1"), _needy("old", "six<1.1"))
    _lock(folder, store, *_BUILD)
    text = (folder / "cpu.build.txt").read_text()
    parts = split_parts(text)
    found = {name: [line.rstrip(" \\") for line in part.splitlines() if "==" in line] for name, part in parts.items()}
    assert {"new": ["six==1.1", "tiny==1.0"], "old": ["six==1.0", "tiny==1.0"]} == found
    assert text.startswith("# What sdists of the resolve cpu are built with") and "exclude each other" in text
    summary = _lines(folder / "build-summary.txt")
    assert ["  new:", "  six (new) 1.1, N B"] == summary[:2] and "  old:" in summary
    _lock(folder, store, *_BUILD)
    assert text == (folder / "cpu.build.txt").read_text() and "" == (folder / "build-summary.txt").read_text()
    (folder / "cpu.in").write_text("old\n")
    _lock(folder, store, *_BUILD)
    assert ["six==1.0", "tiny==1.0"] == [
        line.rstrip(" \\") for line in (folder / "cpu.build.txt").read_text().splitlines() if "==" in line
    ]


def test_an_sdist_that_cannot_be_served_is_reported_by_name(folder, store, capsys):
    """Among others that can."""
    made = [_needy("new"), _needy("old", "six>=99")]
    _put(folder, backend_wheel(), *made)
    lines = (f"{one['name']}==1.0 --hash=sha256:{one['sha256']}\n" for one, _ in made)
    (folder / "cpu.txt").write_text("".join(lines))
    options = ["--lock=cpu.txt", "--resolve=cpu", "--address=x", "--python=3.11", *_BUILD]
    assert 1 == main(["build", "python-lock", *options, f"--store={store.root}", "--summary=summary.txt"])
    message = capsys.readouterr().err
    assert (
        ".sdists/old/pyproject.toml: what it is built with" in message
        and "six>=99" in message
        and "new/" not in message
    )


def test_what_builds_an_sdist_that_builds_is_locked_too(folder, store):
    """Down to what has a wheel."""
    (folder / "cpu.in").write_text("old\n")
    lower = make_sdist("lower", build=["tiny", "demo<2"])
    _put(folder, backend_wheel(), _needy("old", "lower"), (sdist_pin(lower, "lower"), lower))
    _lock(folder, store, *_BUILD)
    lines = (folder / "cpu.build.txt").read_text().splitlines()
    pins = [line.rstrip(" \\") for line in lines if "==" in line]
    assert ["demo==1.0", "lower==1.0", "six==1.1", "tiny==1.0"] == pins


def test_the_machines_tools_do_not_change_what_is_locked(folder, store, monkeypatch):
    """A backend that asks for ninja where it finds none asks for it: where it builds, there is none."""
    (folder / "bin").mkdir()
    (folder / "bin/ninja").write_text("#!/bin/sh\n")
    (folder / "bin/ninja").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
    (folder / "cpu.in").write_text("old\n")
    helper = make_wheel("helper", files={"helper.py": b""})
    more = "import shutil\nMORE = ['helper'] if shutil.which('sh') and not shutil.which('ninja') else []"
    data = make_sdist("old", more=more)
    _put(folder, (pin(helper, "helper"), helper), backend_wheel(), (sdist_pin(data, "old"), data))
    _lock(folder, store, *_BUILD)
    assert "helper==1.0" in (folder / "cpu.build.txt").read_text()
    assert not (folder / ".programs").exists()


_BACKEND = '[build-system]\nrequires = []\nbuild-backend = "be"\nbackend-path = ["."]\n'


@pytest.mark.parametrize("noise", ["", "    print('ERROR: x' * 1000, flush=True)\n"])
def test_the_module_that_a_backend_misses_is_named(folder, store, noise):
    """A build needs a module that its sdist names nowhere: locking it names the module, whatever else is printed."""
    files = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: xtwo\nVersion: 1.0\n",
        "pyproject.toml": _BACKEND,
        "be.py": f"def prepare_metadata_for_build_wheel(*a):\n{noise}    import helperpkg\nbuild_wheel = None\n",
    }
    entries = []
    for name, text in files.items():
        info = tarfile.TarInfo(f"xtwo-1.0/{name}")
        entries.append((info, text.encode()))
    (folder / "xtwo-1.0.tar.gz").write_bytes(tar_of(entries))
    (folder / "cpu.in").write_text(f"xtwo @ {(folder / 'xtwo-1.0.tar.gz').as_uri()}\n")
    with pytest.raises(ModelkilnError, match="No module named 'helperpkg'"):
        PipTools(folder, "cpu", _TARGET, store).lock(["cpu.in"], "cpu.txt")


def test_the_module_that_a_backend_misses_is_named_when_it_is_asked(folder, store):
    """So it is where the backend is asked what the wheel is built with, and prints errors of its own before."""
    (folder / "sdist").mkdir()
    (folder / "sdist" / "pyproject.toml").write_text(_BACKEND)
    text = "print('ERROR: noise', flush=True)\nimport helperpkg\nbuild_wheel = None\n"
    (folder / "sdist" / "be.py").write_text(text)
    with pytest.raises(ModelkilnError, match="No module named 'helperpkg'"):
        PipTools(folder, "cpu", _TARGET, store).lock_builds(["sdist/pyproject.toml"], "cpu.txt")


def test_a_wheel_that_packages_will_be_refused_for_is_said(folder, store):
    """The folder `.data` of another spelling: when the lock is written, and not when a package is made of it."""
    files = {"odd/__init__.py": b"", "Odd-1.0.data/scripts/odd": b"#!python\n"}
    odd = make_wheel("odd", files=files)
    _put(folder, (pin(odd, "odd"), odd))
    (folder / "cpu.in").write_text("odd\nsix\n")
    _lock(folder, store)
    (line,) = (line for line in (folder / "summary.txt").read_text().splitlines() if "refused" in line)
    assert "  odd 1.0: packages that need its wheel will be refused: it has a folder 'Odd-1.0.data', want" in line
    assert "'odd-1.0.data'" in line


def test_what_an_sdist_does_not_say_is_locked_from_a_table(folder, store, capsys):
    """Its metadata, what it asks for and its lock of build requirements: all have what the table adds."""
    (folder / "cpu.in").write_text("old\n")
    helper = make_wheel("helper", files={"helper.py": b"NEEDED = 1\n"})
    data = make_sdist("old", more="import helper", requires=["six"])
    _put(folder, (pin(helper, "helper"), helper), backend_wheel(), (sdist_pin(data, "old"), data))
    options = ["--source=cpu.in", "--lock=cpu.txt", "--resolve=cpu", "--address=3rdparty:cpu", "--python=3.11"]
    assert 1 == main(["build", "python-lock", *options, f"--store={store.root}", "--summary=summary.txt", *_BUILD])
    message = capsys.readouterr().err
    assert "No module named 'helper'" in message
    assert "[modelkiln.extra_build_requirements]" in message
    (folder / "extra.json").write_text(json.dumps({"old": ["helper>=1"]}))
    more = [*_BUILD, "--extra-build-requirements=extra.json"]
    assert {"old": "1.0", "six": "1.1"} == _versions(_lock(folder, store, *more))
    text = (folder / "cpu.build.txt").read_text()
    assert ["helper==1.0 \\", "tiny==1.0 \\"] == [line for line in text.splitlines() if "==" in line]
    assert pin(helper, "helper")["sha256"] in text


def test_a_table_is_checked_and_normal():
    """Names as an index compares them; what is no requirement is named with the option."""
    assert {"my-old": ["a", "b<2"]} == check_extra_requirements({"My_Old": ("b<2", "a")})
    for bad in ({"old": "a"}, {"old": [1]}, {"": ["a"]}, ["a"]):
        with pytest.raises(
            ModelkilnError, match=r"\[modelkiln.extra_build_requirements\] .*is not a list of requirements"
        ):
            check_extra_requirements(bad)
    with pytest.raises(ModelkilnError, match="'no requirement' is not a requirement"):
        check_extra_requirements({"old": ["no requirement"]})


_SPY = """
import json, os, socket
def _can(action):
    try:
        action()
        return True
    except OSError:
        return False
found = {
    "home": _can(lambda: os.listdir(@HOME@)), "write": _can(lambda: open(@HOME@ + "/seen", "w")),
    "network": _can(lambda: socket.create_connection(("127.0.0.1", @PORT@), 5)),
    "secrets": sorted(name for name in os.environ if "TOKEN" in name or name.startswith("PIP_")),
}
if any(found.values()):
    raise SystemExit("REACHED " + json.dumps(found))
"""


@pytest.mark.parametrize("where", ["metadata", "requirements", "build"])
def test_the_code_of_an_sdist_reaches_neither_home_nor_network_nor_secrets(folder, store, monkeypatch, where):
    """An unpinned sdist's backend is asked in a sandbox, and so is one that only builds another, at every step."""
    home = folder / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    settings = dict(load_machine_env(store.root), HF_TOKEN="secret", HOME=str(home))
    save_machine_env(store.root, settings)
    monkeypatch.setenv("HF_TOKEN", "secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        spy = _SPY.replace("@HOME@", repr(str(home))).replace("@PORT@", str(server.getsockname()[1]))
        (folder / "cpu.in").write_text("old\n")
        lower = make_sdist("lower", more=spy if where == "build" else "")
        old = make_sdist("old", build=["tiny", "lower"], more=spy if where != "build" else "")
        _put(folder, backend_wheel(), (sdist_pin(old, "old"), old), (sdist_pin(lower, "lower"), lower))
        code, _ = _lock(folder, store, *(_BUILD if where != "metadata" else ()))
    assert 0 == code
    assert [] == list(home.iterdir())


def test_without_a_sandbox_an_sdist_is_refused_unless_its_resolve_allows_it(folder, store, monkeypatch, capsys):
    """Its code would run as the user: the error names the package, why there is no sandbox, and the remedies."""
    monkeypatch.setattr(pip_tools, "hooks_command", lambda: (None, "bwrap is not installed."))
    (folder / "cpu.in").write_text("Old\n")
    data = make_sdist("old")
    _put(folder, backend_wheel(), (sdist_pin(data, "old"), data))
    (folder / "cpu.txt").write_text("")
    assert 1 == _lock(folder, store)[0]
    error = capsys.readouterr().err
    for words in ("Old has no wheel", "bwrap is not installed", "[modelkiln].unsandboxed_sdists"):
        assert words in error
    settings = load_machine_env(store.root)
    save_machine_env(store.root, {**settings, "MODELKILN_UNSANDBOXED_SDISTS": '{"cpu": ["OLD"]}'})
    assert {"old": "1.0"} == _versions(_lock(folder, store))


def test_a_placeholder_is_refused_when_it_is_locked(folder, store, capsys):
    """Where nothing but NVIDIA's version without content fits, with what shows why."""
    real = make_wheel("nvidia-demo", "13.0", tag="cp311-cp311-win_amd64")
    windows = (pin(real, "nvidia-demo", "13.0", "cp311-cp311-win_amd64"), real)
    _put(folder, make_placeholder(), windows)
    (folder / "cpu.in").write_text("demo\nnvidia-demo\n")
    code, _ = _lock(folder, store)
    said = capsys.readouterr().err
    assert 1 == code
    assert "cpu.txt: nvidia-demo 0.0.0a0 is a placeholder without content, which stands where no release of" in said
    assert "Write nvidia-demo>0.0.0a0 into cpu.in" in said
    (folder / "cpu.in").write_text("demo\nnvidia-demo>0.0.0a0\n")
    (folder / "cpu.txt").unlink()
    assert 1 == main(
        [
            "build",
            "python-lock",
            "--source=cpu.in",
            "--lock=cpu.txt",
            "--resolve=cpu",
            "--address=a:b",
            "--python=3.11",
            f"--store={store.root}",
            "--summary=summary.txt",
        ]
    )
    assert "nvidia-demo>0.0.0a0" in capsys.readouterr().err
