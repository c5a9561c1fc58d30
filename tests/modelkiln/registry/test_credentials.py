"""Which login is found for which repository."""

import base64
import json

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import INSECURE_REGISTRIES, select_machine_env
from modelkiln.registry.credentials import find_login


def write(path, *keys, **more):
    """Write a file with a login for each key, whose user is the key; returns its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    auths = {key: {"auth": base64.b64encode(f"{key} p".encode()).decode()} for key in keys}
    path.write_text(json.dumps({"auths": auths, **more}))
    return path.parent


def user(found):
    """The key that a login was found under."""
    return base64.b64decode(found.basic).decode().partition(" ")[0] if found else None


@pytest.mark.parametrize(
    "registry, key",
    [
        ("docker.io", "https://index.docker.io/v1/"),
        ("docker.io", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("registry-1.docker.io", "https://index.docker.io/v1/"),
        ("registry.example.com", "https://registry.example.com/v2/"),
        ("registry.example.com:443", "registry.example.com"),
        ("registry.example.com", "registry.example.com:443"),
        ("Registry.Example.com", "registry.example.com"),
        ("registry.example.com", "Registry.Example.COM:443"),
    ],
)
def test_one_server_has_one_login(tmp_path, registry, key):
    """However its name is written in the reference and in the file."""
    env = {"DOCKER_CONFIG": str(write(tmp_path / "config.json", key)), "XDG_RUNTIME_DIR": str(tmp_path)}
    assert user(find_login(registry, env)) == key


@pytest.mark.parametrize("key", ["registry.example.com:80", "registry.example.com:5000", "example.com"])
def test_another_server_s_login_is_not_taken(tmp_path, key):
    """Another port is another server, and a part of a name is another name."""
    env = {"DOCKER_CONFIG": str(write(tmp_path / "config.json", key)), "XDG_RUNTIME_DIR": str(tmp_path)}
    assert find_login("registry.example.com", env) is None


def test_without_tls_port_80_is_the_scheme_s_own(tmp_path):
    """`host:80` and `host` are one server where plain http is spoken."""
    env = {"DOCKER_CONFIG": str(write(tmp_path / "config.json", "registry.example.com:80"))}
    env[INSECURE_REGISTRIES] = "Registry.example.com"
    assert user(find_login("registry.example.com", env)) == "registry.example.com:80"


def test_the_most_specific_key_wins(tmp_path):
    """By the repository's path, part by part."""
    keys = ["r.example.com", "r.example.com/a", "r.example.com/a/b", "r.example.com/ab"]
    env = {"DOCKER_CONFIG": str(write(tmp_path / "config.json", *keys)), "XDG_RUNTIME_DIR": str(tmp_path)}
    expected = {"a/b/c": keys[2], "a/b": keys[2], "a/bc": keys[1], "abc/d": keys[0], "ab/d": keys[3]}
    assert {name: user(find_login("r.example.com", env, name)) for name in expected} == expected


def test_files_in_their_order(tmp_path):
    """$REGISTRY_AUTH_FILE, podman's file of the run time, podman's own, docker's (containers-auth.json(5))."""
    files = {
        "r/auth.json": {"REGISTRY_AUTH_FILE": str(tmp_path / "r/auth.json")},
        "run/containers/auth.json": {"XDG_RUNTIME_DIR": str(tmp_path / "run")},
        "home/.config/containers/auth.json": {"HOME": str(tmp_path / "home")},
        "home/.docker/config.json": {},
    }
    env = {"XDG_RUNTIME_DIR": str(tmp_path / "none")}
    for name, more in files.items():
        env.update(select_machine_env(more), **{key: value for key, value in more.items() if key == "HOME"})
        auth = base64.b64encode(f"{name} p".encode()).decode()
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"auths": {"r.example.com": {"auth": auth}}}))
    for name in files:
        assert user(find_login("r.example.com", env)) == name
        (tmp_path / name).unlink()
    assert find_login("r.example.com", env) is None


@pytest.mark.parametrize("registry, asked", [("docker.io", "https://index.docker.io/v1/"), ("r.example.com:443", None)])
def test_a_helper_is_asked_by_the_server_s_name(tmp_path, registry, asked):
    """A credential helper gets the address under which docker keeps the login."""
    helper = tmp_path / "docker-credential-tests"
    helper.write_text('#!/bin/sh\nread host\nprintf \'{"Username": "%s ", "Secret": "s"}\' "$host"\n')
    helper.chmod(0o755)
    folder = write(tmp_path / "docker/config.json", credsStore="tests")
    env = {"DOCKER_CONFIG": str(folder), "PATH": f"{tmp_path}:/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert user(find_login(registry, env)) == (asked or "r.example.com")


def test_a_broken_file_is_named(tmp_path):
    """A file that is not JSON is an error that names it."""
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelkilnError, match=r"config\.json: not JSON"):
        find_login("r.example.com", {"DOCKER_CONFIG": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)})
