"""Keyless signatures: by a command, and by Sigstore's services where they can be run here."""

import json
import os
import shlex
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from attested.local_sigstore import LocalSigstore
from attested.signing_keys import NOW, Authority, make_key
from components import require_venv

from modelkiln.attestation.bundle import Bundle
from modelkiln.attestation.judgement import signer_of
from modelkiln.attestation.policy import Policy
from modelkiln.attestation.signing.certificates import identity_of
from modelkiln.attestation.signing.signer import Signer
from modelkiln.attestation.statement import Statement, Subject
from modelkiln.cli.main import main
from modelkiln.errors import ModelkilnError

_STATEMENT = Statement.of((Subject("", "sha256:" + "1" * 64),), "https://example.com/x", {}).to_bytes()
ENV = dict(os.environ)
_ROOT = Path(__file__).resolve().parents[4]


def _copying(path):
    """A command that writes what lies at `path`, as if it had made it."""
    code = "import shutil, sys; open(sys.argv[1]).read(); shutil.copyfile(sys.argv[2], sys.argv[3])"
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} {{statement}} {path} {{bundle}}"


@pytest.fixture
def certified(tmp_path):
    """A signer with a certificate, which stands for what Sigstore gives."""
    private, _, key = make_key(tmp_path)
    authority = Authority(tmp_path)
    return Signer(private, certificates=(authority.issue(key), authority.middle))


def test_a_command_makes_the_whole_bundle(certified, tmp_path):
    """It is taken as it is, with what else is in it."""
    (made,) = certified.sign([_STATEMENT], ENV)[1]
    value = json.loads(made.to_bytes())
    value["verificationMaterial"]["tlogEntries"] = [{"logIndex": "7"}]
    (tmp_path / "made.json").write_text(json.dumps(value))
    public, (bundle,) = Signer(keyless_command=_copying(tmp_path / "made.json")).sign([_STATEMENT], ENV)
    assert (None, (tmp_path / "made.json").read_bytes()) == (public, bundle.to_bytes(is_chain=True))
    assert bundle.is_logged


def test_a_command_that_makes_another_bundle_is_refused(certified, tmp_path):
    """Of another statement, by another key than the certificate's, or without a certificate."""
    place, other = tmp_path / "made.json", _STATEMENT.replace(b'"' + b"1" * 64, b'"' + b"2" * 64)
    own, foreign = (certified.sign([one], ENV)[1][0] for one in (_STATEMENT, other))
    plain = Signer(certified.key).sign([_STATEMENT], ENV)[1][0]
    mixed = Bundle(own.payload, own.payload_type, foreign.signature, certificates=own.certificates)
    cases = {foreign: "of another statement", mixed: "no certificate of the key", plain: "no certificate of the key"}
    for bundle, reason in cases.items():
        place.write_bytes(bundle.to_bytes())
        with pytest.raises(ModelkilnError, match=reason):
            Signer(keyless_command=_copying(place)).sign([_STATEMENT], ENV)


@pytest.mark.parametrize("payload", [b"broken", b"\xff", b"[" * 100_000, b"1" * 5000])
def test_a_bundle_of_a_payload_that_is_no_statement_is_refused(certified, tmp_path, payload):
    """It is named as that of another, whatever cannot be read of it."""
    (made,) = certified.sign([payload], ENV)[1]
    (tmp_path / "made.json").write_bytes(made.to_bytes())
    with pytest.raises(ModelkilnError, match="its bundle is of another statement"):
        Signer(keyless_command=_copying(tmp_path / "made.json")).sign([_STATEMENT], ENV)


@pytest.mark.parametrize(
    "command, reason",
    [
        ("true {statement} {bundle}", "exit code 0, and no bundle"),
        ("false {statement} {bundle}", "exit code 1, and no bundle"),
        ("modelkiln-nothing {statement} {bundle}", "cannot sign"),
        ("sh -c 'echo x > {bundle}' {statement}", "is not a Sigstore bundle"),
        ("sh -c 'truncate -s 3G {bundle}' {statement}", "a bundle of 33554433 bytes"),
        ("sh -c yes {statement} {bundle}", "prints more than 1048576 bytes"),
    ],
)
def test_a_command_that_makes_none_is_named(command, reason):
    """With what came of it."""
    with pytest.raises(ModelkilnError, match=reason):
        Signer(keyless_command=command).sign([_STATEMENT], ENV)


@pytest.mark.parametrize(
    "settings, reason",
    [
        ({"keyless_command": "cosign attest-blob {bundle}"}, r"lacks \{statement\}"),
        ({"keyless_command": "cosign 'x {statement} {bundle}"}, "cannot be split into words"),
        ({"command": "kms 'x", "public_key": "p"}, "cannot be split into words"),
        ({"command": " ", "public_key": "p"}, "names no program"),
        ({"keyless_command": "x {statement} {bundle}", "key": "k"}, "want one of"),
        ({"keyless_command": "x {statement} {bundle}", "timestamp_url": "https://x"}, "brings certificates"),
        ({"keyless_command": "x {statement} {bundle}", "public_key": "p"}, "is for a command that signs"),
    ],
)
def test_what_a_keyless_command_needs_is_said(settings, reason):
    """Before anything is signed."""
    with pytest.raises(ModelkilnError, match=f"^here: .*{reason}"):
        Signer(**settings).check("here")


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """Services of Sigstore's, and a bundle that cosign has made with them."""
    folder = tmp_path_factory.mktemp("sigstore")
    with LocalSigstore(folder).serving() as services:
        environ = {**ENV, "SIGSTORE_ID_TOKEN": services.token(), "HOME": str(folder)}
        signer = Signer(keyless_command=services.command)
        (bundle,) = signer.sign([_STATEMENT], environ)[1]
        return services, Bundle.read(bundle.to_bytes(), "it")


def _signers(services, **others):
    signer = {"authorities": str(services.authorities), "timestamp_authorities": str(services.timestamps)}
    signer |= {"identities": ["ci@example.com"], "issuers": [services.issuer], **others}
    rules = [{"repositories": ["**"], "signers": ["ci"]}]
    return Policy.of({"signers": {"ci": signer}, "rules": rules}, services.authorities).rules[0].signers


def test_cosign_signs_without_a_key(signed):
    """The certificate lives for minutes, and counts at the time of the timestamp, in years as well."""
    services, bundle = signed
    identity = identity_of(bundle.certificates[0], "it")
    assert (("ci@example.com",), services.issuer) == (identity.names, identity.issuer)
    assert bundle.is_logged
    assert "ci" == signer_of(bundle, _signers(services), "it", NOW + timedelta(days=4000)).name


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"identities": ["boss@example.com"]}, "names ci@example.com, and not whom ci stands for"),
        ({"issuers": ["https://accounts.example.com"]}, "vouches for its names, who is not among the `issuers`"),
        ({"issuers": []}, "vouches for its names, who is not among the `issuers`"),
    ],
)
def test_names_are_those_of_an_issuer(signed, change, reason):
    """Another issuer may give the same name to somebody else, so that a policy has to say which one."""
    services, bundle = signed
    with pytest.raises(ModelkilnError, match=reason):
        signer_of(bundle, _signers(services, **change), "it", NOW)


def test_without_a_time_a_keyless_signature_does_not_count(signed):
    """Its certificate is valid for minutes alone."""
    services, bundle = signed
    signer = {"authorities": str(services.authorities), "identities": ["*@example.com"], "issuers": ["**"]}
    rules = [{"repositories": ["**"], "signers": ["ci"]}]
    signers = Policy.of({"signers": {"ci": signer}, "rules": rules}, services.authorities).rules[0].signers
    with pytest.raises(ModelkilnError, match="is keyless: it counts for signers with `trusted_root`"):
        signer_of(bundle, signers, "it", NOW + timedelta(days=4000))


# Arguments: a bundle, a policy. Prints whom the policy's rule takes it to be signed by, and what it takes.
_JUDGE = """
import sys
from pathlib import Path
from modelkiln.attestation.bundle import Bundle
from modelkiln.attestation.judgement import signer_of
from modelkiln.attestation.oms import read_signed_model
from modelkiln.attestation.policy import Policy
from modelkiln.errors import ModelkilnError
bundle = Bundle.read(Path(sys.argv[1]).read_bytes(), "it")
try:
    print(signer_of(bundle, Policy.load(Path(sys.argv[2])).rule_for("").signers, "it").name)
    print(*sorted(read_signed_model(bundle, "it").files) if "model_signing" in bundle.payload.decode() else ())
except ModelkilnError as error:
    print(error)
"""
_VECTOR = Path(__file__).parents[1] / "oms/valid/sigstore.bundle.json"
_WHO = ("*@us.ibm.com", "https://sigstore.verify.ibm.com/oauth2")


@pytest.fixture(scope="module")
def library():
    """An interpreter with Sigstore's library, and the trusted root that comes with it."""
    python = require_venv(_ROOT / "3rdparty/python/model_signing.txt")
    roots = Path(python).parents[1].glob("lib/python3*/site-packages/sigstore/_store/*sigstore.dev/trusted_root.json")
    return python, next(roots)


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda text: text, "ci\nsignme-1 signme-2\n"),
        (lambda text: text.replace("MEUCI", "MEUCJ", 1), "it: Sigstore does not vouch for it ("),
        (lambda text: text.replace('"logIndex":"', '"logIndex":"1', 1), "it: Sigstore does not vouch for it ("),
    ],
)
def test_sigstores_library_verifies_what_its_services_signed(library, tmp_path, change, expected):
    """The specification's vector, by the public services' trusted root, offline; with another signature or entry of
    the log it is refused."""
    python, root = library
    value = change(json.dumps(json.loads(_VECTOR.read_text()), separators=(",", ":")))
    assert _judge(tmp_path, python, root, value, *_WHO).startswith(expected)


def test_sigstores_library_verifies_what_cosign_has_made(library, signed, tmp_path):
    """By the trusted root of the services that it was made with, and by no other."""
    services, bundle = signed
    text, who = bundle.source.decode(), ("ci@example.com", services.issuer)
    assert _judge(tmp_path, library[0], services.trusted_root, text, *who).startswith("ci\n")
    assert "it: Sigstore does not vouch for it (" in _judge(tmp_path, *library, text, *who)


@pytest.mark.parametrize("who", [("boss@example.com", _WHO[1]), (_WHO[0], "https://accounts.example.com")])
def test_the_policy_says_who(library, tmp_path, who):
    """That Sigstore vouches for a name is not enough."""
    said = _judge(tmp_path, *library, _VECTOR.read_text(), *who)
    assert "not whom ci stands for" in said or "who is not among the `issuers` of ci" in said


def test_a_trusted_root_that_is_none_is_refused(library, tmp_path):
    """The error names the file."""
    (tmp_path / "root.json").write_text("{}")
    said = _judge(tmp_path, library[0], tmp_path / "root.json", _VECTOR.read_text(), *_WHO)
    assert "root.json: is not a trusted root of Sigstore's (" in said


def _judge(folder, python, root, bundle, identity, issuer):
    (folder / "bundle.json").write_text(bundle)
    (folder / "policy.toml").write_text(f"""
        [signers.ci]
        trusted_root = "{root}"
        identities = ["{identity}"]
        issuers = ["{issuer}"]
        [[rules]]
        repositories = ["**"]
        signers = ["ci"]
        """)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(_ROOT / "src")}
    command = [python, "-c", _JUDGE, str(folder / "bundle.json"), str(folder / "policy.toml")]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_without_the_library_the_extra_is_named(tmp_path, capsys):
    """Who verifies by a trusted root needs more than the command line."""
    (tmp_path / "root.json").write_text("{}")
    (tmp_path / "policy.toml").write_text(
        '[signers.ci]\ntrusted_root = "root.json"\nidentities = ["*"]\nissuers = ["**"]\n'
        '[[rules]]\nrepositories = ["**"]\nsigners = ["ci"]'
    )
    (tmp_path / "model").mkdir()
    command = [
        "verify",
        str(tmp_path / "model"),
        f"--model-signature={_VECTOR}",
        f"--policy={tmp_path / 'policy.toml'}",
    ]
    assert 1 == main(command)
    assert "pip install 'modelkiln[sigstore]'" in capsys.readouterr().err
