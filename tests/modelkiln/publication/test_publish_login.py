"""Logins, certificates, proxies and plain http, and that secrets stay where they are."""

import base64
import json
import os
import subprocess
import sys

import pytest
from components import require
from loopback.hostile_registry import hostile_registry
from loopback.registries import certificate, registry
from python_path import python_path
from schemas import schema_problems

from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import INSECURE_REGISTRIES


def write_login(folder, host, login="ada:s3cret-word"):
    """Docker's configuration with a login; returns the environment that names it."""
    folder.mkdir()
    auth = base64.b64encode(login.encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return {"DOCKER_CONFIG": str(folder), INSECURE_REGISTRIES: host}


def htpasswd(folder):
    """docker-registry's settings for one user."""
    command = [require("htpasswd"), "-Bbn", "ada", "s3cret-word"]
    (folder / "users").write_bytes(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return {"htpasswd": {"realm": "tests", "path": str(folder / "users")}}


def test_a_password_is_used_and_shown_nowhere(package, tmp_path):
    """The command logs in with docker's configuration; no output, file of ours or argument holds the secret."""
    (tmp_path / "digits.oci").symlink_to(package.layout)
    (tmp_path / "digits.package.json").write_bytes(package.record)
    with registry(tmp_path / "registry", **htpasswd(tmp_path)) as host:
        env = write_login(tmp_path / "docker", host)
        command = [sys.executable, "-m", "modelkiln", "publish", str(tmp_path / "digits.oci"), f"{host}/team/digits"]
        command += ["--tag=1.2.0", f"--store={package.store.root}", "--record", str(tmp_path / "digits.package.json")]
        environ = {**os.environ, **env, "PYTHONPATH": python_path()}
        done = subprocess.run(
            [*command, f"--output={tmp_path}/out.json"], env=environ, capture_output=True, check=False
        )
        assert 0 == done.returncode, done.stderr.decode()
        assert f"{host}/team/digits@{package.digest}\n" == done.stdout.decode()
        published = json.loads((tmp_path / "out.json").read_text())
        assert [] == schema_problems("published-layout", published)
        assert ([f"{host}/team/digits@{package.digest}", ["1.2.0"]]) == [published["reference"], published["tags"]]
        login = json.loads((tmp_path / "docker/config.json").read_text())["auths"][host]["auth"]
        for secret in (b"s3cret-word", login.encode()):
            written = (*package.store.root.rglob("*"), *(tmp_path / "registry").rglob("*"))
            texts = [path.read_bytes() for path in written if path.is_file()]
            for text in (done.stdout, done.stderr, (tmp_path / "out.json").read_bytes(), *texts):
                assert secret not in text
        wrong = write_login(tmp_path / "wrong", host, "ada:guess")
        with pytest.raises(ModelkilnError, match=f"status 401.*Log in to {host}"):
            package.publish(host, env=wrong)


def test_a_credential_helper_is_asked(package, tmp_path):
    """The login comes from docker-credential-<name>, found by the machine's PATH."""
    helper = tmp_path / "docker-credential-tests"
    helper.write_text('#!/bin/sh\ncat >/dev/null\necho \'{"Username": "ada", "Secret": "s3cret-word"}\'\n')
    helper.chmod(0o755)
    with registry(tmp_path / "registry", **htpasswd(tmp_path)) as host:
        (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {host: "tests"}}))
        env = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:/bin:/usr/bin", INSECURE_REGISTRIES: host}
        assert 8 == package.publish(host, env=env).sent


def test_tls_with_a_clients_certificate(package, tmp_path):
    """A registry that wants a client's certificate gets the one in certs.d; without it the remedy is reported."""
    cert, key = certificate(tmp_path / "server", "registry")
    client, client_key = certificate(tmp_path / "client", "client")
    with registry(tmp_path / "registry", tls=(cert, key), client_ca=client) as host:
        folder = tmp_path / "config/containers/certs.d" / host
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_bytes(cert.read_bytes())
        with pytest.raises(ModelkilnError, match=r"certs\.d|Check the registry"):
            package.publish(host, env={"SSL_CERT_FILE": str(cert), "HOME": str(tmp_path / "nobody")})
        (folder / "client.cert").write_bytes(client.read_bytes())
        (folder / "client.key").write_bytes(client_key.read_bytes())
        assert 8 == package.publish(host, env={"XDG_CONFIG_HOME": str(tmp_path / "config")}).sent
        with pytest.raises(ModelkilnError, match=r"CERTIFICATE_VERIFY_FAILED.*SSL_CERT_FILE"):
            package.publish(host, env={})


def test_plain_http_needs_a_name_in_the_settings(package, host):
    """A registry without TLS is refused unless it is named, on this machine too."""
    with pytest.raises(ModelkilnError, match=r"speaks no TLS.*insecure_registries"):
        package.publish(host, env={INSECURE_REGISTRIES: "registry.example.com"})


def test_a_registry_behind_a_proxy_is_reached(package):
    """Requests for plain http go through the machine's proxy with the whole address."""
    with hostile_registry() as hostile:
        env = {INSECURE_REGISTRIES: "registry.example.com", "http_proxy": f"http://{hostile.address}"}
        with pytest.raises(ModelkilnError):
            package.publish("registry.example.com", env={**env, "http_proxy": "http://127.0.0.1:1"})
        package.publish("registry.example.com", env=env)
        assert any(path.startswith("http://registry.example.com/v2/") for _, path in hostile.requests)
