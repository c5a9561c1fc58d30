"""A package in a registry that is signed without a key, with Sigstore's services on this machine."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from attested.local_sigstore import LocalSigstore
from components import require_venv

from modelkiln.attestation.bundle import BUNDLE_TYPE
from modelkiln.cli.main import main
from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.reference import parse_repository
from modelkiln.registry.referrers import find_referrers
from modelkiln.weights.lock import LockedFile, LockedLayer, WeightsLock


@pytest.fixture
def services(tmp_path, monkeypatch):
    """They run, and cosign has a token that says who it is."""
    with LocalSigstore(tmp_path).serving() as found:
        monkeypatch.setenv("SIGSTORE_ID_TOKEN", found.token())
        monkeypatch.setenv("HOME", str(tmp_path))
        yield found


def _write_policy(path, services, identity):
    path.write_text(f"""
        mode = "enforce"
        [signers.ci]
        authorities = "{services.authorities}"
        timestamp_authorities = "{services.timestamps}"
        identities = ["{identity}"]
        issuers = ["{services.issuer}"]
        [[rules]]
        repositories = ["**"]
        signers = ["ci"]
        """)


def test_a_package_is_signed_without_a_key(package, host, tools, services, tmp_path, capsys):
    """Cosign verifies it with the log's entry, and a policy by whom its certificate names; another one is refused."""
    package.publish(host, "keyless/digits", record=package.record)
    place, plain = f"{host}/keyless/digits:1.2.0", f"--insecure={host}"
    for _ in range(2):
        assert 0 == main(["sign", place, plain, f"--keyless-command={services.command}"])
    client = RegistryClient(parse_repository(f"{host}/keyless/digits"), {INSECURE_REGISTRIES: host})
    assert 1 == len(find_referrers(client, package.digest, BUNDLE_TYPE))
    said = tools.run(
        "cosign", "verify", "--allow-http-registry", f"--trusted-root={services.trusted_root}",
        "--certificate-identity=ci@example.com", f"--certificate-oidc-issuer={services.issuer}", place,
    )  # fmt: skip
    assert package.digest == json.loads(said)[0]["critical"]["image"]["docker-manifest-digest"]
    policy = tmp_path / "policy.toml"
    for identity, code in (("ci@example.com", 0), ("boss@example.com", 1)):
        _write_policy(policy, services, identity)
        assert code == main(["verify", place, plain, f"--policy={policy}"])
    assert "its certificate names ci@example.com" in capsys.readouterr().err


def test_a_lock_is_signed_without_a_key(services, tmp_path):
    """In OpenSSF's format, with all that cosign has put into the bundle; a policy takes it by its timestamp, and
    model_signing by the services' keys."""
    digest = hashlib.sha256(b"{}").hexdigest()
    layer = Descriptor.of(LAYER, b"a tar")
    files = (LockedFile("config.json", digest, 2),)
    lock = WeightsLock({"uri": "file:model"}, files, (LockedLayer(layer.digest, layer.size, ("config.json",)),))
    path, signature = tmp_path / "llm.lock.json", tmp_path / "model.sig"
    path.write_text(lock.to_text())
    assert 0 == main(["sign", str(path), f"--keyless-command={services.command}"])
    material = json.loads(signature.read_bytes())["verificationMaterial"]
    assert {"certificate", "timestampVerificationData", "tlogEntries"} == material.keys()
    _write_policy(tmp_path / "policy.toml", services, "ci@example.com")
    assert 0 == main(["verify", str(path), f"--model-signature={signature}", f"--policy={tmp_path / 'policy.toml'}"])
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_bytes(b"{}")
    python = require_venv(Path(__file__).resolve().parents[3] / "3rdparty/python/model_signing.txt")
    command = [python, "-m", "model_signing", "verify", "sigstore", tmp_path / "model", "--signature", signature]
    who = ["--identity", "ci@example.com", "--identity_provider", services.issuer]
    done = subprocess.run(
        [*command, "--trust_config", services.trust, *who], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr
