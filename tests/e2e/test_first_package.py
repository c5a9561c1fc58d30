"""The shortest way, docs/first-package.md, from an empty folder."""

import json
import shlex

import pytest
from documents import ROOT as DOCS
from documents import files_of, missing_lines, sessions
from monorepo import ROOT, Monorepo

from modelkiln.cli.main import main

PAGE = DOCS / "docs/first-package.md"


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """An empty folder with the files of the page, and the backend from here in place of the installed one."""
    repository = Monorepo(tmp_path_factory.mktemp("first") / "monorepo")
    repository.root.mkdir()
    for path, text in files_of(PAGE).items():
        repository.write(path, text)
    here = f'pythonpath = ["{ROOT}/rules", "{ROOT}/src"]'
    repository.replace("pants.toml", 'plugins = ["modelkiln==0.1.0"]', here)
    yield repository
    repository.end()


def test_it_is_short():
    """Six lines of configuration and twelve of BUILD."""
    files = files_of(PAGE)
    assert (6, 12) == tuple(len(files[name].splitlines()) for name in ("pants.toml", "fraud/BUILD"))


def test_its_commands_print_what_is_shown(repo):
    """In their order: locks, a recorded response, and a test of each format."""
    for command, shown in sessions(PAGE):
        run = repo.pants(*shlex.split(command)[1:])
        assert [] == missing_lines(shown, f"{run.log}\n{run.out.decode()}"), command
    assert [0.07585818, 0.5] == json.loads(repo.read("fraud/response.json"))["outputs"][0]["data"]


def test_a_model_of_onnx_begins_with_one_command(repo, capsys):
    """`modelkiln init` writes files that lock, package and answer, beside a package that is there already."""
    model = repo.root / "digits/digits.onnx"
    model.parent.mkdir()
    model.write_bytes((ROOT / "src/models/digits/digits.onnx").read_bytes())
    assert 0 == main(["init", str(model)])
    commands = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  pants ")]
    for _, *arguments in commands:
        repo.pants(*arguments)
    assert "//fraud:base" in repo.read("digits/BUILD")
    outputs = json.loads(repo.read("digits/response.json"))["outputs"]
    assert ["label", "probabilities"] == [output["name"] for output in outputs]
