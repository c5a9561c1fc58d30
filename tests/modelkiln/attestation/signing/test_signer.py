"""Who signs: key files, with and without passphrases, and commands."""

import base64
import os
import shlex
import subprocess
import sys

import pytest
from attested.signing_keys import Authority, make_key
from components import require, require_built
from cryptography.hazmat.primitives.asymmetric import ec

from modelkiln.attestation.signing.keys import PublicKey
from modelkiln.attestation.signing.signer import Signer
from modelkiln.errors import ModelkilnError

ENV = {"PATH": os.environ.get("PATH", "")}


def _is_signed(bundle, public):
    return PublicKey.read(public.read_bytes(), "key").verifies(bundle.message, bundle.signature)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
def test_a_key_signs_each_statement_and_equal_ones_equally(tmp_path, curve):
    """Every signature is the key's own, and the same ones come out again."""
    private, public, _ = make_key(tmp_path, curve=curve)
    key, bundles = Signer(private).sign([b"{}", b"[]"], ENV)
    assert [True, True] == [_is_signed(one, public) for one in bundles]
    assert (key, bundles) == Signer(private).sign([b"{}", b"[]"], ENV)
    assert [key.hint] * 2 == [one.hint for one in bundles]
    assert public.read_bytes() == key.pem


def test_a_passphrase_comes_from_a_file_or_a_variable(tmp_path):
    """Both open the key; a line's end in the file is not part of it."""
    private, public, _ = make_key(tmp_path, passphrase="two words")
    (tmp_path / "phrase").write_text("two words\n")
    for signer, env in (
        (Signer(private, tmp_path / "phrase"), ENV),
        (Signer(private), {**ENV, "COSIGN_PASSWORD": "two words"}),
    ):
        assert _is_signed(signer.sign([b"{}"], env)[1][0], public)


def test_a_wrong_passphrase_is_reported(tmp_path):
    """The error names the key, and not the passphrase."""
    private, _, _ = make_key(tmp_path, passphrase="right")
    with pytest.raises(ModelkilnError, match=r"key\.pem: does not open with this passphrase") as error:
        Signer(private).sign([b"{}"], {**ENV, "COSIGN_PASSWORD": "secret!"})
    assert "secret!" not in str(error.value)


_SIGNING = """
import sys
from pathlib import Path
from modelkiln.attestation.signing.signer import Signer
try:
    print(len(Signer(Path(sys.argv[1])).sign([b""], {})[1]))
except Exception as error:
    print(error)
"""


def _start(private, **streams):
    """Sign in a session of its own, which has no terminal."""
    env = {**ENV, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _SIGNING, str(private)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, start_new_session=True, **streams)


def test_without_a_terminal_nobody_is_asked_for_a_passphrase(tmp_path):
    """A process without a terminal is refused, with where a passphrase may come from."""
    private, _, _ = make_key(tmp_path, passphrase="right")
    said = _start(private, stderr=subprocess.DEVNULL).communicate()[0].decode()
    assert "has a passphrase, and there is no terminal to ask on" in said
    assert "--passphrase-file" in said


def test_a_passphrase_is_asked_for_on_the_terminal(tmp_path):
    """Also in the child of a daemon, whose errors go to the terminal of somebody else; it shows no letter."""
    private, _, _ = make_key(tmp_path, passphrase="right")
    ours, theirs = os.openpty()
    process = _start(private, stderr=theirs)
    try:
        shown = b""
        while b"Passphrase of" not in shown:
            shown += os.read(ours, 1000)
        os.write(ours, b"right\n")
        assert b"1\n" == process.communicate(timeout=60)[0]
    finally:
        process.kill()
        os.close(theirs)
    while True:
        try:
            shown += os.read(ours, 1000)
        except OSError:  # The other end is closed.
            break
    os.close(ours)
    assert b"right" not in shown


def test_cosigns_own_keys_are_read(tmp_path):
    """What `cosign generate-key-pair` writes signs, with its passphrase alone."""
    env = {**ENV, "COSIGN_PASSWORD": "pass", "HOME": str(tmp_path)}
    subprocess.run([require_built("cosign"), "generate-key-pair"], cwd=tmp_path, env=env, check=True)
    assert _is_signed(Signer(tmp_path / "cosign.key").sign([b"{}"], env)[1][0], tmp_path / "cosign.pub")
    with pytest.raises(ModelkilnError, match="does not open with this passphrase"):
        Signer(tmp_path / "cosign.key").sign([b"{}"], {**env, "COSIGN_PASSWORD": "other"})


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_not_a_key_is_refused(tmp_path, content):
    """The error names the file."""
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(ModelkilnError, match=r"key\.pem: is not a private key"):
        Signer(tmp_path / "key.pem").sign([b"{}"], ENV)


def test_a_key_that_asks_for_gigabytes_is_refused(tmp_path):
    """scrypt's numbers are somebody else's, and bounded."""
    text = (
        b'{"kdf":{"name":"scrypt","params":{"N":1073741824,"r":8,"p":1},"salt":""},"cipher":{"name":"nacl/secretbox"}}'
    )
    label = b"ENCRYPTED SIGSTORE PRIVATE KEY"
    pem = b"-----BEGIN %s-----\n%s\n-----END %s-----\n" % (label, base64.b64encode(text), label)
    (tmp_path / "key").write_bytes(pem)
    with pytest.raises(ModelkilnError, match="1073741824.* which cosign does not do"):
        Signer(tmp_path / "key").sign([b"{}"], {**ENV, "COSIGN_PASSWORD": "x"})


def test_keys_of_other_kinds_are_refused(tmp_path):
    """A curve that Sigstore's bundles don't know here is named."""
    private, _, _ = make_key(tmp_path, curve=ec.SECP521R1())
    with pytest.raises(ModelkilnError, match="is a key of secp521r1; keys are EC on P-256 or P-384"):
        Signer(private).sign([b"{}"], ENV)
    subprocess.run([require("openssl"), "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "ed.pem"], check=True)
    with pytest.raises(ModelkilnError, match="keys are EC on P-256 or P-384"):
        Signer(tmp_path / "ed.pem").sign([b"{}"], ENV)


@pytest.mark.parametrize("ending", ["", " | base64"])
def test_a_command_signs_for_a_key_elsewhere(tmp_path, ending):
    """It gets the bytes on standard input; DER and base64 are understood."""
    private, public, _ = make_key(tmp_path)
    script = f"{require('openssl')} dgst -sha256 -sign {shlex.quote(str(private))}{ending}"
    signer = Signer(command=f"{require('bash')} -c {shlex.quote(script)}", public_key=public)
    (bundle,) = signer.sign([b"{}"], ENV)[1]
    assert _is_signed(bundle, public)


@pytest.mark.parametrize(
    "command, reason",
    [
        ("false", "exit code 1"),
        ("true", "exit code 0, 0 bytes"),
        ("echo !!", "neither a signature in DER nor one in base64"),
        ("echo TUlJ", "its signature is not that of its public key"),
        ("no-such-program", "cannot sign"),
    ],
)
def test_a_command_that_does_not_sign_is_refused(tmp_path, command, reason):
    """Whatever it prints, a signature is verified before it counts."""
    _, public, _ = make_key(tmp_path)
    with pytest.raises(ModelkilnError, match=reason):
        Signer(command=command, public_key=public).sign([b"{}"], ENV)


def test_certificates_go_with_a_key_in_any_order(tmp_path):
    """The key's own comes first, and each one's issuer follows it."""
    private, _, key = make_key(tmp_path)
    authority = Authority(tmp_path)
    files = (authority.middle, authority.root, authority.issue(key))
    (bundle,) = Signer(private, certificates=files).sign([b"{}"], ENV)[1]
    (again,) = Signer(private, certificates=tuple(reversed(files))).sign([b"{}"], ENV)[1]
    assert bundle == again
    assert 3 == len(bundle.certificates)
    assert "" == bundle.hint


def test_certificates_of_another_key_are_refused(tmp_path):
    """A key cannot sign in another's name, and nothing that does not belong goes with it."""
    private, _, key = make_key(tmp_path)
    authority = Authority(tmp_path)
    other = authority.issue(make_key(tmp_path, "other")[2], "other")
    with pytest.raises(ModelkilnError, match="none of these certificates is of the key"):
        Signer(private, certificates=(other,)).sign([b"{}"], ENV)
    with pytest.raises(ModelkilnError, match="CN=other is not between"):
        Signer(private, certificates=(authority.issue(key), other)).sign([b"{}"], ENV)


@pytest.mark.parametrize(
    "settings",
    [{}, {"key": "k", "command": "c"}, {"command": "c"}, {"key": "k", "public_key": "p"}, {"passphrase_file": "p"}],
)
def test_who_signs_is_said_once(settings):
    """Nobody, two, and a command without its public key are refused."""
    with pytest.raises(ModelkilnError, match="^here: "):
        Signer(**settings).check("here")
