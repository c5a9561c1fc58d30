"""`modelkiln doctor`: what it finds on machines that lack things or have broken ones."""

import json
import os
import subprocess

import pytest
from schemas import schema_problems

from modelkiln.cli.main import main
from modelkiln.report.doctor.conditions import conditions
from modelkiln.report.doctor.reaching import reaching, without_password
from modelkiln.store.store import Store


def _found(tmp_path, subject, env=None, folder=None):
    listed = conditions(Store(tmp_path / "store"), env or {"PATH": "", "HOME": str(tmp_path)}, folder or tmp_path)
    return [one for one in listed if one.subject == subject]


def test_the_command_prints_a_line_for_each_thing(capsys, monkeypatch, tmp_path):
    """In text and in JSON the same, and the exit code says whether something is broken."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:secret@proxy.example.com:3128")
    codes = [main(["doctor"]), main(["doctor", "--json"])]
    text, _, rest = capsys.readouterr().out.partition("\n[\n")
    listed = json.loads("[" + rest)
    assert [] == schema_problems("doctor", listed)
    assert all(one["what"] in text for one in listed)
    assert [1 if any(one["state"] == "problem" for one in listed) else 0] * 2 == codes
    assert "HTTPS_PROXY=http://...@proxy.example.com:3128" in text and "secret" not in text


def test_a_bare_machine_gets_a_remedy_for_each_thing(tmp_path):
    """No programs and no logins: everything that is not there says what to do, and nothing is a problem."""
    lacking = [one for one in _found(tmp_path, "program") if one.state == "none"]
    assert 4 == len(lacking) and all(one.remedy for one in lacking)
    assert ["none"] == [one.state for one in _found(tmp_path, "registry logins")]


@pytest.mark.parametrize(
    ("env", "what", "remedy"),
    [
        ({"SSL_CERT_FILE": "/no/such.pem"}, "SSL_CERT_FILE=/no/such.pem does not exist", "Unset SSL_CERT_FILE"),
        ({"HTTPS_PROXY": "http://a", "https_proxy": "http://b"}, "HTTPS_PROXY and https_proxy differ", "to one value"),
    ],
)
def test_settings_that_contradict_the_machine_are_problems(env, what, remedy, tmp_path):
    """They end in errors of TLS and timeouts that name something else."""
    (problem,) = (one for one in reaching({"PATH": "", "HOME": str(tmp_path), **env}) if one.state == "problem")
    assert what == problem.what
    assert remedy in problem.remedy


def test_logins_are_named_by_their_hosts_alone(tmp_path):
    """Secrets stay where they are; a helper that is not installed is a problem."""
    (tmp_path / ".docker").mkdir()
    config = {"auths": {"registry.example.com": {"auth": "c2VjcmV0"}}, "credHelpers": {"ghcr.io": "no-such"}}
    (tmp_path / ".docker/config.json").write_text(json.dumps(config))
    problem, found = _found(tmp_path, "registry logins")
    assert "docker-credential-no-such for ghcr.io, which is not on PATH" in problem.what
    assert "2 logins: ghcr.io, registry.example.com" == found.what
    (tmp_path / ".docker/config.json").write_text("{")
    assert "is not JSON" in _found(tmp_path, "registry logins")[0].what


def test_damaged_blobs_and_old_locks_are_found(tmp_path, monkeypatch):
    """What was set aside in the store, and locks of Debian packages by the day of their commit."""
    monkeypatch.setattr(f"{conditions.__module__}._ROOM", 0)  # However full the disk of these tests is.
    (tmp_path / "store/corrupt").mkdir(parents=True)
    (tmp_path / "store/corrupt/0").write_text("x")
    assert ["ok", "problem"] == [one.state for one in _found(tmp_path, "store")]
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "base.lock.json").write_text('{"suite": "bookworm"}')
    (repository / "weights.lock.json").write_text("{}")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    assert [] == _found(tmp_path, "lock", env, repository)
    commit = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "lock"]
    dates = {**env, "GIT_COMMITTER_DATE": "2020-01-01T00:00:00Z", "GIT_AUTHOR_DATE": "2020-01-01T00:00:00Z"}
    for command in (["git", "init", "-q"], ["git", "add", "."], commit):
        subprocess.run(command, cwd=repository, env=dates, check=True)
    (lock,) = _found(tmp_path, "lock", env, repository)
    assert lock.what.startswith("base.lock.json: written ") and "pants lock" in lock.remedy


def test_passwords_of_addresses_are_left_out():
    """Of proxies and indexes."""
    assert "https://...@index.example.com/simple" == without_password("https://u:p@index.example.com/simple")
    assert "proxy:3128" == without_password("proxy:3128")
