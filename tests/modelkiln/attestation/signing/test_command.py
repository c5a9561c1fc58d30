"""Commands that sign: what they print, and what is not waited for."""

import os

import pytest

from modelkiln.attestation.signing import command as command_module
from modelkiln.attestation.signing.command import run_command, words_of
from modelkiln.errors import ModelkilnError

ENV = {"PATH": os.environ["PATH"]}


def test_a_command_gets_bytes_and_prints_bytes():
    """Also more than a pipe holds at once."""
    assert (0, b"x" * 300_000) == run_command(["cat"], ENV, "it", b"x" * 300_000)
    assert (3, b"") == run_command(["sh", "-c", "exit 3"], ENV, "it")


def test_a_command_has_the_variables_that_it_is_given():
    """And none of this process."""
    _, said = run_command(["env"], {**ENV, "ONE": "1"}, "it")
    assert {"ONE", "PATH"} == {line.partition(b"=")[0].decode() for line in said.splitlines()}


@pytest.mark.parametrize("script", ["exec sleep 600", "exec sleep 600 >/dev/null", "exec yes"])
def test_a_command_that_never_ends_is_ended(script, monkeypatch):
    """Whether it says nothing, has nothing more to say, or says too much."""
    monkeypatch.setattr(command_module, "_SECONDS", 0.1 if "sleep" in script else 600)
    with pytest.raises(ModelkilnError, match="^it: cannot sign .*timed out|^it: prints more than"):
        run_command(["sh", "-c", script], ENV, "it")


def test_words_are_those_of_a_shell():
    """Nothing is run by one: what a shell would expand stays."""
    assert ["a", "b c", "$HOME", ";", "`d`"] == words_of("a 'b c' $HOME ; `d`", "here")
