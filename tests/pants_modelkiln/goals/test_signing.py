"""`[modelkiln].signing`."""

from pathlib import Path

import pytest

from modelkiln.errors import ModelkilnError
from pants_modelkiln.goals.signing import signing_arguments, signing_variables

_ROOT = Path("/repo")


def test_nobody_signs_by_default():
    """No argument is passed on."""
    assert () == signing_arguments({}, _ROOT, "/home/ada")


def test_paths_are_those_of_the_build_root():
    """The process runs in a sandbox; `~` is the home, and absolute paths stay."""
    signing = {"key": "~/release.key", "passphrase_file": "/run/p", "certificates": ["ci/a.crt"]}
    found = signing_arguments(signing, _ROOT, "/home/ada")
    assert ("--key=/home/ada/release.key", "--passphrase-file=/run/p", "--certificate=/repo/ci/a.crt") == found


def test_services_are_named_by_their_addresses():
    """That of timestamps is passed on as it is."""
    found = signing_arguments({"key": "/k", "timestamp_url": "https://tsa.example.com/x"}, _ROOT, "")
    assert ("--key=/k", "--timestamp-url=https://tsa.example.com/x") == found


def test_a_keyless_command_keeps_its_places_and_gets_its_variables():
    """They are the engine's; what a command needs of the environment is named."""
    signing = {"keyless_command": "cosign x {statement} {bundle}", "variables": ["SIGSTORE_ID_TOKEN"]}
    assert ("--keyless-command=cosign x '{statement}' '{bundle}'",) == signing_arguments(signing, _ROOT, "")
    assert ("SIGSTORE_ID_TOKEN",) == signing_variables(signing)


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
        ({"keyless": True}, 'keyless_command = "cosign attest-blob'),
        ({"key": "a", "variables": "TOKEN"}, "'variables' has a value of another kind"),
        ({"key": "a", "variables": 7}, "'variables' has a value of another kind"),
        ({"key": "a", "keyless_command": "x"}, "want one of `key`, `command` and `keyless_command`"),
        ({"keys": "a"}, "'keys' is not a key of it"),
        ({"key": "a", "command": "b"}, "want one of `key`, `command`"),
        ({"certificates": ["a"]}, "want one of `key`, `command`"),
        ({"key": ["a"]}, "'key' has a value of another kind"),
        ({"key": "a", "certificates": "a.crt"}, "'certificates' has a value of another kind"),
    ],
)
def test_what_says_nothing_sure_is_refused(signing, reason):
    """The error names the option."""
    assert () == signing_variables(signing)
    with pytest.raises(ModelkilnError, match=reason.replace("[", r"\[")):
        signing_arguments(signing, _ROOT, "")
