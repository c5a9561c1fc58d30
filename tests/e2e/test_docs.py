"""What docs/ shows: the tutorial in somebody else's monorepo, and commands, options and digests of all pages."""

import hashlib
import json
import re
import shlex
import subprocess
import sys

import pytest
import tomllib
from documents import ROOT, blocks, commands, files_of, missing_lines, pages, sessions
from monorepo import small_monorepo

from modelkiln.canonical import canonical_json

README, TUTORIAL = ROOT / "README.md", ROOT / "docs/tutorial.md"
_SESSION = [one for one in sessions(TUTORIAL) if "lock" not in one[0]]
_OPTION = re.compile(r"`\[([\w.-]+)\]\.(\w+)`|`\[(modelkiln\.\w+)\]`")


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """The monorepo of the tutorial. Its locks are not made again but are this repository's; see test_lock.py."""
    repository = small_monorepo(tmp_path_factory.mktemp("tutorial") / "repo")
    files = {path.removeprefix("src/"): text for path, text in files_of(README).items()}
    files.update(files_of(TUTORIAL))
    del files["pants.toml"]
    for path, text in files.items():
        repository.write(path, text)
    yield repository
    repository.stop()


@pytest.fixture(scope="module")
def known(repo):
    """What Pants and its backends know: goals and options."""
    return repo.pants("help-all").json


def test_the_configuration_is_that_of_a_monorepo_with_the_wheel(repo):
    """The tests' small monorepos have it, with the backend from here in place of the installed one."""
    shown, own = tomllib.loads(files_of(TUTORIAL)["pants.toml"]), tomllib.loads(repo.read("pants.toml"))
    assert ["modelkiln==0.1.0"] == shown["GLOBAL"].pop("plugins")
    assert shown.pop("python-repos")
    del own["GLOBAL"]["pythonpath"]
    assert own == shown


def test_the_base_is_that_of_this_repository():
    """Its packages are those that are locked and tested here."""
    lines = (ROOT / "3rdparty/debian/python311.packages").read_text("utf-8").splitlines()
    own = [line.partition("#")[0].strip() for line in lines]
    assert [line for line in own if line] == files_of(TUTORIAL)["images/python.packages"].split()


@pytest.mark.parametrize(("command", "shown"), _SESSION, ids=[command for command, _ in _SESSION])
def test_the_tutorial_is_real(repo, command, shown):
    """Its commands print what is shown, but for sizes, digests and times."""
    run = repo.pants(*shlex.split(command)[1:])
    assert [] == missing_lines(shown, f"{run.log}\n{run.out.decode()}")


def test_the_packaged_pex_answers_as_the_tutorial_says(repo):
    """A Python alone runs it."""
    (line,) = (one.text.splitlines()[0] for one in blocks(TUTORIAL) if "python3.11 dist" in one.text)
    arguments = shlex.split(line)[1:]
    done = subprocess.run([sys.executable, *arguments], cwd=repo.root, stdout=subprocess.PIPE, check=True)
    expected = json.loads(repo.read("models/fraud/response.json"))["outputs"][0]["data"]
    assert expected == pytest.approx(json.loads(done.stdout)["outputs"][0]["data"], rel=1e-4)


def test_a_package_digest_is_what_the_formats_say(repo):
    """The sha256 of the record's inputs as canonical JSON."""
    record = repo.record("models.fraud/fraud")
    outputs = ("package_digest", "formats", "layers", "sources", "variants")
    inputs = canonical_json({key: value for key, value in record.items() if key not in outputs})
    assert f"sha256:{hashlib.sha256(inputs).hexdigest()}" == record["package_digest"]


def _shown_options():
    """(page, scope, option) of all options in texts and TOML."""
    for page in pages():
        for scope, option, table in _OPTION.findall(page.read_text("utf-8")):
            yield page.name, *((scope, option) if scope else table.split("."))
        for block in blocks(page):
            if block.language == "toml" and page.name != "policy.md":  # Which shows a policy, a file of its own kind.
                yield from ((page.name, *one) for one in _toml_options(block.text))
    example = ROOT / "docs/examples/pants.ci.toml"
    yield from ((example.name, *one) for one in _toml_options(example.read_text("utf-8")))


def _toml_options(text):
    return [(scope, option) for scope, table in tomllib.loads(text).items() for option in table]


def test_options_exist(known):
    """Every option that a page names is one of Pants or of the backend."""
    scopes = known["scope_to_help_info"]
    missing = []
    for page, scope, option in _shown_options():
        info = scopes.get("" if scope == "GLOBAL" else scope, {})
        names = [one["config_key"] for kind in ("basic", "advanced") for one in info.get(kind, ())]
        missing += [] if option in names else [f"{page}: [{scope}].{option}"]
    assert [] == missing


def test_goals_and_flags_exist(known):
    """Every command of a page has goals and flags that Pants knows."""
    infos = known["scope_to_help_info"].values()
    options = [one for info in infos for kind in ("basic", "advanced") for one in info[kind]]
    flags = {flag for one in options for kind in ("scoped", "unscoped") for flag in one[f"{kind}_cmd_line_args"]}
    missing = []
    for page in pages():
        for words in commands(page):
            if words[0] == "modelkiln":
                continue
            own = words[1 : words.index("--")] if "--" in words else words[1:]
            plain = [word for word in own if not word.startswith("-")]
            goals = [word for word in plain if re.fullmatch("[a-z-]+", word)] if plain[0] != "help" else plain[:1]
            missing += [f"{page.name}: {one}" for one in goals if one not in known["name_to_goal_info"]]
            given = [word.partition("=")[0] for word in own if word.startswith("--")]
            missing += [f"{page.name}: {one}" for one in given if one not in flags]
    assert [] == missing
