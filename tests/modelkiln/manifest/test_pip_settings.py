"""What of a machine's pip settings reaches a process: each setting by itself, with the real pip."""

import subprocess
import sys

import pytest
from samples.wheelhouse import make_wheel, offline_store, pin
from samples.wheels.sdists import make_sdist, sdist_pin

from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import save_machine_env
from modelkiln.manifest.lock import Pin
from modelkiln.manifest.pip_settings import FETCHING, LOCKING, pip_environment, uv_environment
from modelkiln.manifest.pip_tools import PipTools
from modelkiln.manifest.resolution import resolve_lock
from modelkiln.manifest.sdists import find_sdists
from modelkiln.manifest.wheels import fetch_wheels
from modelkiln.wheels.platforms import Target

TARGET = Target("3.11", "linux/amd64", "2.36")
# What says what is chosen or where it goes, with a value that does harm.
HOSTILE = {
    "abi": "none",
    "all-releases": ":all:",
    "build-constraint": "{folder}/constraints.txt",
    "cache-dir": "{folder}/elsewhere",
    "config-settings": "a=b",
    "constraint": "{folder}/constraints.txt",
    "dest": "{folder}/elsewhere",
    "dry-run": "true",
    "editable": "{folder}",
    "exists-action": "a",
    "force-reinstall": "true",
    "group": "none",
    "ignore-installed": "true",
    "implementation": "pp",
    "isolated": "true",
    "log": "{folder}/elsewhere/log",
    "no-binary": ":all:",
    "no-build-isolation": "true",
    "no-deps": "true",
    "only-binary": ":none:",
    "only-final": ":all:",
    "platform": "win32",
    "pre": "true",
    "prefer-binary": "true",
    "prefix": "{folder}/elsewhere",
    "python": "{folder}/none",
    "python-version": "2.7",
    "quiet": "3",
    "report": "{folder}/elsewhere/report",
    "require-hashes": "true",
    "require-virtualenv": "true",
    "requirement": "{folder}/requirements.txt",
    "root": "{folder}/elsewhere",
    "src": "{folder}/elsewhere",
    "target": "{folder}/elsewhere",
    "upgrade": "true",
    "uploaded-prior-to": "2000-01-01",
    "use-deprecated": "legacy-resolver",
    "use-feature": "fast-deps",
    "user": "true",
    "verbose": "3",
    "what-a-later-pip-adds": "true",
}
HOWS = ["global", "install", "variable"]


def _machine(folder, settings, how):
    """Write `settings` where pip finds them (a section of the system-wide file, or variables)."""
    (folder / "constraints.txt").write_text("demo==9.9\ntiny==9.9\n")
    (folder / "requirements.txt").write_text("none==9.9\n")
    config = folder / "xdg/pip/pip.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    values = {name: value.format(folder=folder) for name, value in settings.items()}
    # The way to the wheels is what has to arrive, by the same way.
    values.update({"no-index": "true", "find-links": str(folder / "links")})
    environ = {"XDG_CONFIG_DIRS": str(folder / "xdg"), "HOME": str(folder)}
    if how == "variable":
        config.write_text("")
        return {**environ, **{"PIP_" + name.upper().replace("-", "_"): value for name, value in values.items()}}
    config.write_text(f"[{how}]\n" + "".join(f"{name} = {value}\n" for name, value in values.items()))
    return environ


_PLACES = {"HOME": "/none", "XDG_CONFIG_DIRS": "/none"}


@pytest.fixture(scope="module")
def own():
    """Return what /etc/pip.conf, which no variable moves, brings in on the machine that tests."""
    return pip_environment(_PLACES, FETCHING).items() - _PLACES.items()


def _plain(environ):
    return {name: value for name, value in environ.items() if not name.startswith("PIP_")}


@pytest.fixture
def store(tmp_path):
    """Return a store next to a folder of wheels and sdists, which nothing points to yet."""
    wheel, newer, sdist = make_wheel(), make_wheel(version="2.0"), make_sdist("tiny")
    files = [(pin(wheel), wheel), (pin(newer, version="2.0"), newer), (sdist_pin(sdist, "tiny"), sdist)]
    return offline_store(tmp_path, files)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_setting_that_decides_what_is_chosen_does_not_arrive(tmp_path, own, name, how):
    """In no section and by no variable; the environment is that without it, and pip reads no file."""
    machine = _machine(tmp_path, {name: HOSTILE[name]}, how)
    reached = {"PIP_NO_INDEX": "true", "PIP_FIND_LINKS": str(tmp_path / "links")}
    assert {**dict(own), **_plain(machine), **reached} == pip_environment(machine, FETCHING)


@pytest.mark.parametrize("how", ["global", "variable"])
@pytest.mark.parametrize(
    "name",
    ["constraint", "no-binary", "only-binary", "platform", "prefix", "python-version", "requirement", "target", "user"],
)
def test_what_is_chosen_and_fetched_is_that_without_the_setting(tmp_path, store, name, how):
    """The real pip chooses the pinned wheel and fetches it to where it belongs."""
    save_machine_env(store.root, _machine(tmp_path, {name: HOSTILE[name]}, how))
    wheel = pin(make_wheel())
    (found,) = resolve_lock(f"demo==1.0 --hash=sha256:{wheel['sha256']}\n", TARGET, store)["wheels"]
    assert (wheel["filename"], wheel["sha256"], None) == (found["filename"], found["sha256"], found["problem"])
    fetch_wheels([wheel], "3.11", store)
    assert store.verify(f"sha256:{wheel['sha256']}")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("how", ["global", "variable"])
def test_sdists_and_locks_are_those_without_all_settings(tmp_path, store, how, monkeypatch):
    """All at once; constraints are not taken for sdists to look for."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cpu.in").write_text("demo\n")
    locks = []
    for settings in ({}, HOSTILE):
        machine = {**_machine(tmp_path, settings, how), "MODELKILN_INDEXES": '{"find_links": {"cpu": ["%s"]}}'}
        machine["MODELKILN_INDEXES"] %= (tmp_path / "links").as_uri()
        save_machine_env(store.root, machine)
        PipTools(tmp_path, "cpu", TARGET, store, upgrade=True).lock(["cpu.in"], "cpu.txt")
        locks.append((tmp_path / "cpu.txt").read_text())
    assert locks[0] == locks[1]
    assert "demo==2.0" in locks[0] and "--hash=sha256:" in locks[0]
    wanted = sdist_pin(make_sdist("tiny"), "tiny")
    found, problems = find_sdists([Pin("tiny", "1.0", (wanted["sha256"],))], store)
    assert (wanted["sha256"], {}) == (found["tiny"]["sha256"], problems)


@pytest.mark.parametrize("name", ["", "constraint", "no-binary", "python-version", "requirement"])
def test_the_settings_do_change_what_a_plain_pip_does(tmp_path, store, name):
    """Else the tests above would show nothing."""
    environ = _machine(tmp_path, {name: HOSTILE[name]} if name else {}, "global")
    command = [sys.executable, "-I", "-m", "pip", "install", "--dry-run", "--ignore-installed", "demo==1.0"]
    done = subprocess.run(command, env=environ, capture_output=True, check=False)
    assert bool(name) == bool(done.returncode)


def test_every_way_to_an_index_arrives(tmp_path, own):
    """From all files and variables, the later ones first, lists whole, by the name that all releases know."""
    files = {"xdg": "[global]\nindex-url = https://a/simple\ntimeout = 5\nretries = 1\n", "home": ""}
    files["home"] = (
        "[install]\nindex-url = https://u:p%40@b/simple\n[global]\nproxy = http://x:1\n"
        "trusted-host = one\n    two\nuse-feature = fast-deps truststore\n"
        "extra-index-url =\n    https://c/simple\n    https://d/simple\n"
    )
    for name, text in files.items():
        (tmp_path / name / "pip").mkdir(parents=True)
        (tmp_path / name / "pip/pip.conf").write_text(text)
    environ = {
        "HOME": str(tmp_path),
        "XDG_CONFIG_DIRS": str(tmp_path / "xdg"),
        "XDG_CONFIG_HOME": str(tmp_path / "home"),
    }
    found = pip_environment({**environ, "PIP_DEFAULT_TIMEOUT": "7", "PIP_RETRIES": ""}, FETCHING)
    assert {
        **_plain(environ), **dict(own), "PIP_EXTRA_INDEX_URL": "https://c/simple https://d/simple",
        "PIP_INDEX_URL": "https://u:p%40@b/simple", "PIP_PROXY": "http://x:1", "PIP_RETRIES": "1", "PIP_TIMEOUT": "7",
        "PIP_TRUSTED_HOST": "one two", "PIP_USE_FEATURE": "truststore",
    } == found  # fmt: skip
    assert "PIP_EXTRA_INDEX_URL" not in pip_environment(environ, LOCKING)


@pytest.mark.parametrize("content", [b"[global\n", b"index-url = x\n", b"[global]\nindex-url = \xff\xfe\n"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    """It is not passed over, and the error says what to do."""
    store = offline_store(tmp_path)
    config = tmp_path / "pip.conf"
    config.write_bytes(content)
    save_machine_env(store.root, {"PIP_CONFIG_FILE": str(config)})
    with pytest.raises(
        ModelkilnError, match=rf"(?s)pip's configuration cannot be read: .*{config}.* Correct or remove"
    ):
        resolve_lock(f"demo==1.0 --hash=sha256:{'0' * 64}\n", TARGET, store)


@pytest.mark.parametrize("value", ["/none/pip.conf", "/dev/null", ""])
def test_no_file_of_settings_is_none(tmp_path, own, value):
    """As for pip itself."""
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path), "PIP_CONFIG_FILE": value}
    expected = environ if value == "/dev/null" else {**environ, **dict(own)}
    assert expected == pip_environment(environ, FETCHING)


def test_uv_gets_the_same_by_its_names(tmp_path):
    """Nothing of uv's files and variables but how something is reached; folders that do not exist are left out."""
    machine = {
        "UV_CONSTRAINT": "x",
        "UV_PYTHON": "3.8",
        "UV_EXCLUDE_NEWER": "2000-01-01",
        "PIP_USER": "1",
        "NO_PROXY": "*",
    }
    machine.update({"UV_PYTHON_INSTALL_MIRROR": "https://m", "SSL_CERT_FILE": "/old.pem", "all_proxy": "http://old"})
    settings = {
        "cert": str(tmp_path / "ca.pem"), "client-cert": "/me.pem", "extra-index-url": "https://c/simple https://d/simple",
        "find-links": f"{tmp_path} /none https://e/x,y", "index-url": "https://u:p@b/simple", "proxy": "x:1",
        "keyring-provider": "subprocess", "retries": "1", "timeout": "6.6", "trusted-host": "one two",
    }  # fmt: skip
    assert {
        "HTTPS_PROXY": "http://x:1", "HTTP_PROXY": "http://x:1", "http_proxy": "http://x:1", "https_proxy": "http://x:1",
        "SSL_CERT_FILE": str(tmp_path / "ca.pem"), "SSL_CLIENT_CERT": "/me.pem", "UV_DEFAULT_INDEX": "https://u:p@b/simple",
        "UV_FIND_LINKS": f"{tmp_path},https://e/x%2Cy", "UV_HTTP_RETRIES": "1", "UV_HTTP_TIMEOUT": "7",
        "UV_INDEX": "https://c/simple https://d/simple", "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_INSECURE_HOST": "one two", "UV_KEYRING_PROVIDER": "subprocess", "UV_NO_CONFIG": "1",
        "UV_PYTHON_INSTALL_MIRROR": "https://m",
    } == uv_environment(machine, settings)  # fmt: skip
    assert {"SSL_CERT_DIR": str(tmp_path)} == {
        name: value
        for name, value in uv_environment({"REQUESTS_CA_BUNDLE": str(tmp_path)}, {}).items()
        if name.startswith("SSL_")
    }
