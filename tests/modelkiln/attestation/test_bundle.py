"""Sigstore bundles."""

import base64
import json

import pytest

from modelkiln.attestation.bundle import BUNDLE_TYPE, LARGEST_BUNDLE, Bundle, message_of
from modelkiln.errors import ModelkilnError

_BUNDLE = Bundle(b"{}", "application/vnd.in-toto+json", b"0signature", "aGludA==")
# By cosign 3.1.3, with a key.
_COSIGNS = """{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial":{"publicKey":{"hint":
"KXpAyar+OUsxzFDLk6kfDuCOGRW/K6IHEdCDuA2lBhM="}}, "dsseEnvelope":{"payload":"e30=",
"payloadType":"application/vnd.in-toto+json", "signatures":[{"sig":"MEUCIA=="}]}}"""


def _changed(**changes):
    value = json.loads(_BUNDLE.to_bytes())
    value["dsseEnvelope"].update(changes.pop("envelope", {}))
    return json.dumps({**value, **changes}).encode()


def _stamped(timestamps):
    return _changed(verificationMaterial={"publicKey": {}, "timestampVerificationData": timestamps})


@pytest.mark.parametrize(
    "bundle",
    [
        _BUNDLE,
        Bundle(b"{}", "t", b"s", "", (b"cert",)),
        Bundle(b"{}", "t", b"s", "", (b"cert", b"issuer")),
        Bundle(b"{}", "t", b"s", "", (b"cert",), timestamps=(b"a", b"b")),
    ],
)
def test_a_bundle_is_read_as_it_was_written(bundle):
    """Key or certificate, payload, signature and timestamps come back."""
    assert bundle == Bundle.read(bundle.to_bytes(is_chain=True), "it")


def test_a_bundle_has_the_signers_certificate_alone():
    """Version 0.3 has one certificate; the chain is OpenSSF Model Signing's."""
    bundle = Bundle(b"{}", "t", b"s", "", (b"cert", b"issuer"))
    assert (b"cert",) == Bundle.read(bundle.to_bytes(), "it").certificates
    material = json.loads(bundle.to_bytes())["verificationMaterial"]
    assert {"certificate": {"rawBytes": base64.b64encode(b"cert").decode()}} == material


def test_a_bundle_of_cosigns_is_read():
    """White space and order of keys are free."""
    found = Bundle.read(_COSIGNS.encode(), "it")
    assert (b"{}", "KXpAyar+OUsxzFDLk6kfDuCOGRW/K6IHEdCDuA2lBhM=") == (found.payload, found.hint)
    assert not found.is_logged


def test_what_is_signed_is_dsses_encoding():
    """The example of the specification (DSSE, protocol.md)."""
    assert b"DSSEv1 29 http://example.com/HelloWorld 11 hello world" == message_of(
        b"hello world", "http://example.com/HelloWorld"
    )


@pytest.mark.parametrize(
    "data, reason",
    [
        (_changed(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.2"), "is a bundle of type .*0.2"),
        (_changed(mediaType=None), "is a bundle of type None"),
        (_changed(envelope={"signatures": []}), "its envelope has 0 signatures, want one"),
        (_changed(envelope={"signatures": [{"sig": "AA=="}, {"sig": "AA=="}]}), "has 2 signatures, want one"),
        (_changed(envelope={"payload": "!!"}), "not base64"),
        (_changed(envelope={"payloadType": 1}), "is not a Sigstore bundle"),
        (_changed(verificationMaterial=[]), "is not a Sigstore bundle"),
        (_changed(dsseEnvelope=None), "is not a Sigstore bundle"),
        (_stamped([7]), "is not a Sigstore bundle"),
        (_stamped({"rfc3161Timestamps": 7}), "is not a Sigstore bundle"),
        (_stamped({"rfc3161Timestamps": [{}]}), "is not a Sigstore bundle"),
        (_stamped({"rfc3161Timestamps": [{"signedTimestamp": "!"}]}), "not base64"),
        (_stamped({"rfc3161Timestamps": [{"signedTimestamp": ""}] * 33}), "has 33 timestamps; at most 32"),
        (json.dumps({"mediaType": BUNDLE_TYPE, "messageSignature": {}}).encode(), "something else than a signed"),
        (b"[]", "is not a Sigstore bundle"),
        (b"\xff", "is not a Sigstore bundle"),
        (b"[" * 100_000, "is not a Sigstore bundle"),
        (b" " * (LARGEST_BUNDLE + 1), "the largest"),
    ],
)
def test_what_cannot_be_verified_is_refused(data, reason):
    """Other versions, other contents and broken ones are an error that says which."""
    with pytest.raises(ModelkilnError, match=f"^it: .*{reason}"):
        Bundle.read(data, "it")
