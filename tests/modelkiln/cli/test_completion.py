"""`modelkiln completion` in real shells, and the examples of every command's help."""

import importlib
import shlex
import subprocess

import pytest
from components import require

from modelkiln.cli.main import COMMANDS, main, make_parser

_MODULES = {name: importlib.import_module(f"modelkiln.cli.{module}") for name, module in COMMANDS.items()}
_EXAMPLES = [(name, line) for name, module in _MODULES.items() for line in getattr(module, "EXAMPLES", ())]


def _script(shell, tmp_path, capsys):
    assert 0 == main(["completion", shell])
    path = tmp_path / f"modelkiln.{shell}"
    path.write_text(capsys.readouterr().out)
    return path


def _output(command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pu"], ["publish", "pull"]),
        (["pull", "--onl"], ["--only"]),
        (["pull", "--only", "re"], ["record"]),
        (["store", "v"], ["verify"]),
        (["pull", "--output", ""], []),  # A path, which bash completes by itself.
    ],
)
def test_bash_completes(words, expected, tmp_path, capsys):
    """Commands, options and values of options."""
    line = " ".join(f"'{word}'" for word in ["modelkiln", *words])
    ask = f'COMP_WORDS=({line}); COMP_CWORD={len(words)}; _modelkiln; printf "%s\\n" "${{COMPREPLY[@]}}"'
    script = _script("bash", tmp_path, capsys)
    found = _output([require("bash"), "--norc", "-c", f". {script}; {ask}"])
    assert expected == [one for one in found if one]


def test_fish_completes(tmp_path, capsys):
    """Commands with what they do, options, and values of options."""
    script, fish = _script("fish", tmp_path, capsys), require("fish")

    def ask(line):
        env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
        lines = _output([fish, "--no-config", "-c", f"source {script}; complete -C {shlex.quote(line)}"], env=env)
        return [one.partition("\t")[0] for one in lines]

    assert ["publish", "pull"] == ask("modelkiln pu")
    assert ["--only"] == ask("modelkiln pull --onl")
    assert ["record"] == ask("modelkiln pull --only re")


def test_zsh_takes_the_script(tmp_path, capsys):
    """It is read without an error, and the function stands for the command."""
    script = _script("zsh", tmp_path, capsys)
    ask = f"autoload -U compinit; compinit -u -D; . {script}; print $_comps[modelkiln]"
    assert ["_modelkiln"] == _output([require("zsh"), "-f", "-c", ask], env={"HOME": str(tmp_path)})


@pytest.mark.parametrize(("name", "line"), _EXAMPLES, ids=[line for _, line in _EXAMPLES])
def test_examples_of_the_help_are_taken(name, line):
    """Each is of its own command, and the help shows it."""
    command, *arguments = shlex.split(line.partition(" > ")[0])
    assert name == command
    parser = make_parser(name, _MODULES[name])
    parser.parse_args(arguments)
    assert f"\n  modelkiln {line}\n" in parser.format_help()
