"""Signatures of a model's files, with OpenSSF's own signer and verifier."""

import hashlib
import json
import os
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import jsonschema
import pytest
from attested.signing_keys import Authority, make_key
from components import require_venv
from cryptography.hazmat.primitives.asymmetric import ec
from referencing import Registry, Resource
from schemas import schema_problems

from modelkiln.attestation.bundle import Bundle
from modelkiln.attestation.judgement import signer_of
from modelkiln.attestation.oms import SignedModel, differences, model_statement, read_signed_model
from modelkiln.attestation.policy import TrustedSigner
from modelkiln.attestation.signing.certificates import read_authorities
from modelkiln.attestation.signing.keys import PublicKey
from modelkiln.attestation.signing.signer import Signer
from modelkiln.cli.main import main
from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.weights.lock import LockedFile, LockedLayer, WeightsLock

_LOCK = Path(__file__).resolve().parents[3] / "3rdparty/python/model_signing.txt"
_SPEC = Path(__file__).parent / "oms"
_FILES = {"config.json": b"{}", "a.bin": b"weights", "a/b.bin": b"more", "a-b.bin": b"others"}


class Model:
    """A folder of files with the lock of them, and a policy that trusts `key.pub` and whom root.crt vouches for."""

    def __init__(self, folder):
        self.folder, self.files, self.lock = folder, folder / "model", folder / "llm.lock.json"
        for path, data in _FILES.items():
            (self.files / path).parent.mkdir(parents=True, exist_ok=True)
            (self.files / path).write_bytes(data)
        digests = {path: hashlib.sha256(data).hexdigest() for path, data in _FILES.items()}
        locked = tuple(LockedFile(path, digests[path], len(_FILES[path])) for path in sorted(_FILES))
        layer = Descriptor.of(LAYER, b"a tar")
        text = WeightsLock(
            {"uri": "file:model"}, locked, (LockedLayer(layer.digest, layer.size, tuple(sorted(_FILES))),)
        ).to_text()
        self.lock.write_text(text)
        self.signature = folder / "model.sig"

    def trust(self, *lines):
        """Write a policy of one signer."""
        head = ["[signers.release]", *lines, "[[rules]]", 'repositories = ["**"]', 'signers = ["release"]']
        (self.folder / "policy.toml").write_text("\n".join(head))

    def verify(self, what, *options):
        """Run `modelkiln verify` on the lock or the folder."""
        policy = f"--policy={self.folder / 'policy.toml'}"
        return main(["verify", str(what), f"--model-signature={self.signature}", policy, *options])

    def other(self, *arguments):
        """Run model_signing; returns its exit code and what it prints."""
        command = [require_venv(_LOCK), "-m", "model_signing", *map(str, arguments)]
        env = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder)}
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def model(tmp_path):
    """A model's files and lock."""
    return Model(tmp_path)


def test_model_signing_verifies_what_a_lock_alone_is_signed_for(model, capsys):
    """With a key; the files are read by who verifies, and a changed one is found."""
    private, public, _ = make_key(model.folder)
    assert 0 == main(["sign", str(model.lock), f"--key={private}"])
    assert f"{model.signature}\n" == capsys.readouterr().out
    first = model.signature.read_bytes()
    assert 0 == main(["sign", str(model.lock), f"--key={private}"])
    assert first == model.signature.read_bytes()
    command = ("verify", "key", model.files, "--signature", model.signature, "--public_key", public)
    assert 0 == model.other(*command)[0], model.other(*command)
    # Where a package has it: next to the files.
    (model.files / "model.sig").write_bytes(first)
    assert 0 == model.other("verify", "key", model.files, "--signature", model.files / "model.sig", *command[5:])[0]
    (model.files / "a.bin").write_bytes(b"Weights")
    assert 1 == model.other(*command)[0]


def test_model_signing_verifies_certificates(model):
    """Given in another order than that of the chain."""
    private, _, key = make_key(model.folder, curve=ec.SECP384R1())
    now = _now()
    authority = Authority(model.folder, *now)
    certificates = [authority.middle, authority.issue(key)]
    assert 0 == main(["sign", str(model.lock), f"--key={private}", *(f"--certificate={one}" for one in certificates)])
    command = ("verify", "certificate", model.files, "--signature", model.signature)
    assert 0 == model.other(*command, "--certificate_chain", authority.root)[0]
    model.trust('authorities = "root.crt"', 'identities = ["*@example.com"]')
    assert 0 == model.verify(model.lock)


def _now():
    now = datetime.now(timezone.utc)
    return now - timedelta(days=1), now + timedelta(days=1)


def test_what_model_signing_signs_is_verified_here(model, capsys):
    """By key and by certificate, against the files and against the lock."""
    private, _, key = make_key(model.folder)
    model.trust('key = "key.pub"')
    assert 0 == model.other("sign", "key", model.files, "--private_key", private, "--signature", model.signature)[0]
    assert 0 == model.verify(model.lock)
    assert 0 == model.verify(model.files)
    assert "signed by release: 4 files" in capsys.readouterr().err
    authority = Authority(model.folder, *_now())
    code, said = model.other(
        "sign", "certificate", model.files, "--private_key", private, "--signature", model.signature,
        "--signing_certificate", authority.issue(key), "--certificate_chain", authority.middle,
    )  # fmt: skip
    assert 0 == code, said
    model.trust('authorities = "root.crt"', 'identities = ["ci@example.com"]')
    assert 0 == model.verify(model.lock)
    model.trust('authorities = "root.crt"', 'identities = ["boss@example.com"]')
    assert 1 == model.verify(model.lock)
    assert "its certificate names ci@example.com" in capsys.readouterr().err


def test_what_a_lock_is_signed_for_is_what_its_files_are(model):
    """The same resources as model_signing finds, in the order that the specification has."""
    private, _, _ = make_key(model.folder)
    assert 0 == model.other("sign", "key", model.files, "--private_key", private, "--signature", model.signature)[0]
    theirs = json.loads(Bundle.read(model.signature.read_bytes(), "theirs").payload)
    assert 0 == main(["sign", str(model.lock), f"--key={private}"])
    ours = json.loads(Bundle.read(model.signature.read_bytes(), "ours").payload)
    listed = ours["predicate"]["resources"]
    assert sorted(theirs["predicate"]["resources"], key=lambda one: one["name"]) == listed
    assert ["a-b.bin", "a.bin", "a/b.bin", "config.json"] == [one["name"] for one in listed]
    root = hashlib.sha256(b"".join(bytes.fromhex(one["digest"]) for one in listed)).hexdigest()
    assert [{"name": "llm", "digest": {"sha256": root}}] == ours["subject"]


@pytest.mark.parametrize("is_chain", [False, True])
def test_what_is_signed_here_has_the_specifications_form(model, is_chain):
    """Bundle, envelope, statement and predicate, by its JSON Schemas; files of git are left out."""
    private, _, key = make_key(model.folder)
    certificate = Authority(model.folder).issue(key)
    signed = SignedModel("m", {"a": "11" * 32, ".gitattributes": "22" * 32, "b/.git": "33" * 32}, ("model.sig",))
    signer = Signer(private, certificates=(certificate,) if is_chain else ())
    (bundle,) = signer.sign([model_statement(signed).to_bytes()], os.environ, is_model=True)[1]
    assert [] == _issues("bundle", json.loads(bundle.to_bytes(is_chain=True)))
    statement = json.loads(bundle.payload)
    assert [] == _issues("statement", statement)
    assert ["a", "b/.git"] == [one["name"] for one in statement["predicate"]["resources"]]
    expected = [".git", ".gitattributes", ".github", ".gitignore", "model.sig"]
    assert expected == statement["predicate"]["serialization"]["ignore_paths"]
    assert [] == differences(read_signed_model(bundle, "it"), signed.files)
    with pytest.raises(ModelkilnError, match="has no files to sign"):
        model_statement(SignedModel("m", {".gitattributes": "22" * 32}))


def _issues(name, value):
    schemas = [json.loads(path.read_text()) for path in (_SPEC / "schemas").glob("*.json")]
    registry = Registry().with_resources((one["$id"], Resource.from_contents(one)) for one in schemas)
    own = next(one for one in schemas if one["$id"].endswith(f"/{name}/v1.0/schema"))
    return [one.message for one in jsonschema.Draft202012Validator(own, registry=registry).iter_errors(value)]


_VECTORS = sorted(
    path.relative_to(_SPEC).as_posix() for path in _SPEC.glob("*/*.json") if path.parent.name != "schemas"
)
_RELEASES = sorted(path.relative_to(_SPEC).as_posix() for path in _SPEC.glob("releases/*/*.sig"))


def _judged(path):
    """Whether the signature of a file counts, and the files that it covers."""
    bundle = Bundle.read(path.read_bytes(), path.name)
    signed = read_signed_model(bundle, path.name)
    key = PublicKey.read((_SPEC / "releases/signing-key-pub.pem").read_bytes(), "key")
    trusted = TrustedSigner("key", key)
    if bundle.certificates:
        authorities = read_authorities((_SPEC / "releases/ca-cert.pem").read_bytes(), "authority")
        trusted = TrustedSigner("ca", None, authorities, ("CN=intermediate-ca",))
    signer_of(bundle, [trusted], path.name, datetime(2026, 1, 1, tzinfo=timezone.utc))
    return signed


@pytest.mark.parametrize("name", _VECTORS)
def test_the_specifications_vectors(name):
    """Valid ones by key and certificate count, the keyless one is called that, and all others are refused."""
    if name.startswith("valid/") and "sigstore" not in name:
        assert {"signme-1", "signme-2"} == set(_judged(_SPEC / name).files)
    else:
        with pytest.raises(ModelkilnError, match="is keyless" if name.startswith("valid/") else ""):
            _judged(_SPEC / name)


@pytest.mark.parametrize("name", _RELEASES)
def test_what_every_release_of_model_signing_signed_is_verified(name):
    """From the first that wrote version 1.0 on, with key and certificate, against the files."""
    signed, folder = _judged(_SPEC / name), (_SPEC / name).parent
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("signme-*")}
    assert [] == differences(signed, files)
    assert [] != differences(signed, {**files, "signme-1": "00" * 32})


def test_there_are_vectors_and_releases():
    """As many as were taken over."""
    assert (8, 6) == (len(_VECTORS), len(_RELEASES))


def test_files_that_are_not_those_that_were_signed(model, capsys):
    """Changed, missing and added ones are named; nothing is believed without a policy."""
    private, _, _ = make_key(model.folder)
    model.trust('key = "key.pub"')
    assert 0 == main(["sign", str(model.lock), f"--key={private}"])
    (model.files / "a.bin").write_bytes(b"Weights")
    (model.files / "config.json").unlink()
    (model.files / "new.bin").write_bytes(b"new")
    assert 1 == model.verify(model.files)
    said = capsys.readouterr().err
    for line in (
        "a.bin: is signed with another sha256.",
        "config.json: is signed and is not here.",
        "new.bin: is not signed.",
        "3 problems",
    ):
        assert line in said
    assert 1 == model.verify(model.files, "--json")
    found = json.loads(capsys.readouterr().out)
    assert ([], "release", 3) == (schema_problems("verify", found), found["signer"], len(found["problems"]))
    assert 1 == main(["verify", str(model.files), f"--model-signature={model.signature}"])
    assert "by whom is it to be?" in capsys.readouterr().err
    make_key(model.folder, "other")
    model.trust('key = "other.pub"')
    assert 1 == model.verify(model.lock)
    assert "its signature is not by a key of release" in capsys.readouterr().err


def _bundle(tmp_path, statement):
    private, _, _ = make_key(tmp_path)
    return Signer(private).sign([json.dumps(statement).encode()], os.environ, is_model=True)[1][0]


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"predicateType": "https://model_signing/Digests/v0.1"}, "want https://model_signing/signature/v1.0"),
        ({"serialization": {"method": "shards", "hash_type": "sha256"}}, "hashes shards with sha256"),
        ({"serialization": {"method": "files", "hash_type": "blake3"}}, "hashes files with blake3, sha256"),
        ({"resources": [{"name": "a", "algorithm": "sha256", "digest": "00" * 32}]}, "it is about another"),
        ({"resources": [{"name": "../a", "algorithm": "sha256", "digest": "00" * 32}]}, "not a clean relative path"),
        ({"resources": [{"name": "a", "algorithm": "sha256", "digest": "zz"}]}, "is not a digest"),
        ({"resources": [{}]}, "is not the signature of a model: it lacks 'algorithm'"),
        ({"resources": None}, "is not the signature of a model"),
    ],
)
def test_a_statement_that_cannot_be_held_to_a_lock_is_refused(tmp_path, change, reason):
    """Other versions, shards, other hashes, and a digest that is not that of the files."""
    statement = model_statement(SignedModel("m", {"a": "11" * 32, "b": "22" * 32})).to_json()
    statement.update({key: value for key, value in change.items() if key == "predicateType"})
    statement["predicate"].update({key: value for key, value in change.items() if key != "predicateType"})
    with pytest.raises(ModelkilnError, match=reason):
        read_signed_model(_bundle(tmp_path, statement), "it")


def test_a_file_that_is_listed_twice_is_refused(tmp_path):
    """Of two hashes of one path neither counts."""
    one = {"name": "a", "algorithm": "sha256", "digest": "11" * 32}
    statement = model_statement(SignedModel("m", {"a": "11" * 32, "b": "11" * 32})).to_json()
    statement["predicate"]["resources"] = [one, one]
    with pytest.raises(ModelkilnError, match="it is about another"):
        read_signed_model(_bundle(tmp_path, statement), "it")


def test_what_a_statement_ignores_is_not_asked_for():
    """The signature itself lies next to the files; many others make one sentence."""
    signed = SignedModel("m", {"a": "1"}, ("model.sig", ".git"))
    assert [] == differences(signed, {"a": "1", "model.sig": "2", ".git/config": "3"})
    (problem,) = differences(signed, {"a": "1", **{f"model.sig{number}": "" for number in range(9)}})
    assert problem.endswith("and 4 more: is not signed.")
