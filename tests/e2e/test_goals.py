"""Goals of Pants' own on Modelkiln's targets, on whichever Pants runs these tests."""

import json
import re
import subprocess

import pytest
from monorepo import environment, files_of, small_monorepo

_GROUPS = '[groups.models]\naddresses = ["rain::"]\n'


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """Return the small monorepo under Git."""
    repo = small_monorepo(tmp_path_factory.mktemp("goals") / "monorepo")
    repo.write(".gitignore", "/dist\n/.pants.d\n/.pids\n__pycache__\n")
    git(repo, "init", "--quiet")
    git(repo, "add", ".")
    git(repo, "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "--message=first")
    yield repo
    repo.stop()


def git(repo, *args):
    """Run Git in a monorepo."""
    subprocess.run(["git", *args], cwd=repo.root, env=environment(), check=True)


def lines(repo, *args):
    """Return what a goal prints, by lines."""
    return repo.pants(*args).out.decode().split()


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("rain/response.json", "rain:smoke"),
        ("rain/request.json", "rain:smoke"),
        ("rain/signature.json", "rain:rain"),
        ("rain/factor.txt", "rain:weights"),
        ("images/python.json", "images:python"),
    ],
)
def test_a_file_has_the_target_that_names_it(repo, path, owner):
    """For `list FILE`, and so for everything that asks for owners."""
    assert [owner] == lines(repo, "list", path)


def test_a_changed_file_changes_what_is_made_of_it(repo):
    """`--changed-since` finds targets by files that only a field names."""
    base = repo.read("images/python.json")
    try:
        repo.write("images/python.json", f"{base}\n")
        assert ["images:python"] == lines(repo, "--changed-since=HEAD", "list")
        repo.write("rain/response.json", f"{repo.read('rain/response.json')}\n")
        assert ["images:python", "rain:smoke"] == lines(repo, "--changed-since=HEAD", "list")
        changed = lines(repo, "--changed-since=HEAD", "--changed-dependents=transitive", "list")
    finally:
        git(repo, "checkout", "--quiet", ".")
    assert {"images:python", "rain:rain", "rain:smoke"} == set(changed)


def test_the_graph_of_targets(repo):
    """What a package depends on, what depends on a base, and the way from a test to a requirement."""
    assert ["images:python", "rain/forecast.py:code", "rain:weights"] == lines(repo, "dependencies", "rain:rain")
    assert ["rain:rain"] == lines(repo, "dependents", "images:python")
    assert {"rain/BUILD", "rain/signature.json"} == set(lines(repo, "filedeps", "rain:rain"))
    ((*way,),) = repo.pants("paths", "--from=rain:smoke", "--to=locks#numpy").json
    assert ["rain:smoke", "rain:rain", "rain/forecast.py:code", "locks#numpy"] == way


def test_peek(repo):
    """A target's fields as JSON: those that were written, and defaults."""
    (found,) = repo.pants("peek", "rain:rain").json
    values = ("rain:rain", "model_package", "rain.forecast:predict", ["pex", "oci"], "0.1.0")
    entry = found["entry_point"]
    entry = entry if isinstance(entry, str) else f"{entry['module']}:{entry['function']}"
    assert values == (found["address"], found["target_type"], entry, found["formats"], found["version"])


def test_every_target_has_its_help(repo):
    """`help TARGET` and `help-all` know the target types and their fields."""
    for target in ("model_package", "model_artifact", "model_smoke_test", "oci_base_image", "model_index"):
        assert f"`{target}` target" in repo.pants("help", target).out.decode()


def test_build_files_are_kept(repo):
    """`tailor` adds nothing next to targets, and `update-build-files` formats theirs."""
    repo.pants("tailor", "--check", "::")
    # Else Pants asks every Python of the machine.
    format = ["update-build-files", "--black-interpreter-constraints=['CPython==3.11.*']", "rain::"]
    before = repo.read("rain/BUILD")
    try:
        repo.write("rain/BUILD", before.replace('source="factor.txt"', "source='factor.txt'"))
        repo.pants(*format)
        assert 'source="factor.txt"' in repo.read("rain/BUILD")
        repo.pants(*format, "--update-build-files-check")
    finally:
        git(repo, "checkout", "--quiet", ".")


def test_export(repo):
    """A resolve with pip-tools' lock becomes a virtual environment."""
    repo.pants("export", "--resolve=python-default")
    (python,) = repo.dist.glob("export/python/virtualenvs/python-default/*/bin/python")
    version = re.search(r"numpy==(\S+)", repo.read("locks/python.txt"))[1]
    command = [str(python), "-c", "import numpy; print(numpy.__version__)"]
    assert version == subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def test_environments(repo):
    """A repository with named environments gets the same files."""
    repo.pants("package", "rain:rain")
    before = {path: file for path, file in files_of(repo.dist).items() if path.startswith("rain/")}
    repo.write("BUILD", 'local_environment(name="here")\n')
    names = {"PANTS_ENVIRONMENTS_PREVIEW_NAMES": '{"here": "//:here"}'}
    repo.env.update(names)
    try:
        run = repo.pants("package", "rain:rain")
        repo.pants("test", "rain:smoke")
    finally:
        (repo.root / "BUILD").unlink()
        for name in names:
            del repo.env[name]
    assert before and before == {path: file for path, file in files_of(repo.dist).items() if path.startswith("rain/")}
    assert "rain.oci" in run.log


def test_the_server_for_editors(repo):
    """The build server answers, with a group of our targets."""
    repo.write("groups.toml", _GROUPS)
    # Pants' server starts with a language that it knows to build, of which there is nothing here.
    java = ["pants.backend.experimental.java"]
    # From 2.18 on a backend of its own.
    java += [] if repo.pants("--version").out.startswith(b"2.17.") else ["pants.backend.experimental.java.bsp"]
    options = [f"--backend-packages=+{java}", "--no-pantsd"]
    options += ["experimental-bsp", "--groups-config-files=groups.toml"]
    uri = repo.root.as_uri()
    known = {"displayName": "test", "version": "1", "bspVersion": "2.0.0", "rootUri": uri}
    requests = [
        ("build/initialize", {**known, "capabilities": {"languageIds": ["python"]}}),
        ("workspace/buildTargets", None),
    ]
    sent = b""
    for number, (method, params) in enumerate(requests):
        body = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()
        sent += b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    out = repo.pants(*options, "--server", stdin=sent).out.decode()
    answers = [json.loads(part[part.index("{") :]) for part in out.split("Content-Length:") if "{" in part]
    assert [] == [one for one in answers if "error" in one]
    (targets,) = (one["result"]["targets"] for one in answers if one.get("id") == 1)
    assert ["models"] == [one["displayName"] for one in targets]
