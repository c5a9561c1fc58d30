"""`[modelkiln].signing`."""

from pathlib import Path

import pytest

from modelkiln.errors import ModelkilnError
from pants_modelkiln.goals.signing import signing_arguments

_ROOT = Path("/repo")


def test_nobody_signs_by_default():
    """No argument is passed on."""
    assert () == signing_arguments({}, _ROOT, "/home/ada")


def test_paths_are_those_of_the_build_root():
    """The process runs in a sandbox; `~` is the home, and absolute paths stay."""
    signing = {"key": "~/release.key", "passphrase_file": "/run/p", "certificates": ["ci/a.crt"]}
    found = signing_arguments(signing, _ROOT, "/home/ada")
    assert ("--key=/home/ada/release.key", "--passphrase-file=/run/p", "--certificate=/repo/ci/a.crt") == found


@pytest.mark.parametrize(
    "command, expected",
    [
        ("ci/sign.sh 'a key'", "--sign-command=/repo/ci/sign.sh 'a key'"),
        ("kms-sign --key x", "--sign-command=kms-sign --key x"),
    ],
)
def test_a_command_of_the_repository_is_found(command, expected):
    """A path from the build root, or a program of PATH."""
    found = signing_arguments({"command": command, "public_key": "ci/k.pub"}, _ROOT, "")
    assert ("--public-key=/repo/ci/k.pub", expected) == found


@pytest.mark.parametrize(
    "signing, reason",
    [
        ({"keyless": True}, "services of Sigstore"),
        ({"keys": "a"}, "'keys' is not a key of it"),
        ({"key": "a", "command": "b"}, "want one of `key` and `command`"),
        ({"certificates": ["a"]}, "want one of `key` and `command`"),
        ({"key": ["a"]}, "'key' has a value of another kind"),
        ({"key": "a", "certificates": "a.crt"}, "'certificates' has a value of another kind"),
    ],
)
def test_what_says_nothing_sure_is_refused(signing, reason):
    """The error names the option."""
    with pytest.raises(ModelkilnError, match=reason.replace("[", r"\[")):
        signing_arguments(signing, _ROOT, "")
