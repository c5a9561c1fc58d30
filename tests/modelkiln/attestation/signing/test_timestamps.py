"""Timestamps of signatures, by openssl's authority."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from attested.signing_keys import Authority, make_key
from attested.timestamping import TimestampAuthority
from loopback.answering import answering
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from modelkiln.attestation.bundle import Bundle
from modelkiln.attestation.judgement import signer_of
from modelkiln.attestation.policy import Policy
from modelkiln.attestation.signing import timestamps
from modelkiln.attestation.signing.certificates import read_authorities
from modelkiln.attestation.signing.signer import Signer
from modelkiln.attestation.signing.timestamps import check_address, request_timestamp, stamped_at
from modelkiln.errors import ModelkilnError

_DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """One that makes timestamps."""
    return TimestampAuthority(tmp_path_factory.mktemp("tsa") / "own")


def _roots(authority):
    return read_authorities(authority.root.read_bytes(), "root")


@pytest.fixture(scope="module")
def stamp(authority):
    """A timestamp of the signature `signed`."""
    with authority.serving() as url:
        return request_timestamp(url, b"signed", {})[0]


def test_an_authority_says_when_a_signature_was_there(authority, stamp):
    """It is the time of who answered, and counts for these bytes alone."""
    moment = stamped_at([stamp], b"signed", _roots(authority), "it")
    assert timezone.utc == moment.tzinfo
    with pytest.raises(ModelkilnError, match="it: its timestamp is not one that .* vouch for: Mismatch"):
        stamped_at([stamp], b"changed", _roots(authority), "it")


def test_a_timestamp_of_others_says_nothing(authority, stamp, tmp_path):
    """One that counts is enough, whatever else is there."""
    other = TimestampAuthority(tmp_path / "other")
    with pytest.raises(ModelkilnError, match="not one that its signer's authorities vouch for"):
        stamped_at([stamp], b"signed", _roots(other), "it")
    both = (*_roots(other), *_roots(authority))
    assert stamped_at([stamp], b"signed", both, "it") == stamped_at(
        [b"broken", stamp], b"signed", _roots(authority), "it"
    )


def test_a_timestamp_without_its_makers_certificate(authority):
    """It counts where that is among those who are trusted, as for what cosign has made."""
    request = TimestampRequestBuilder().data(b"signed").hash_algorithm(HashAlgorithm.SHA256)
    bare = authority.answer(request.cert_request(cert_request=False).build().as_bytes())
    with pytest.raises(ModelkilnError, match="not one that its signer's authorities vouch for"):
        stamped_at([bare], b"signed", _roots(authority), "it")
    chain = read_authorities(authority.chain.read_bytes(), "chain")
    assert timezone.utc == stamped_at([bare], b"signed", chain, "it").tzinfo
    assert timezone.utc == stamped_at([bare], b"signed", chain[::-1], "it").tzinfo


def test_without_a_timestamp_it_is_missing(authority):
    """The error names the option that makes them."""
    with pytest.raises(ModelkilnError, match="it: has no timestamp, .* --timestamp-url"):
        stamped_at([], b"signed", _roots(authority), "it")


@pytest.mark.parametrize(
    "answer, reason",
    [
        ((200, {}, b"broken"), "is not a timestamp: "),
        ((200, {}, b"x" * (1 << 18) + b"x"), "answers with more than 262144 bytes"),
        ((404, {}, b""), "gives no timestamp .*404"),
    ],
)
def test_a_service_that_makes_none_is_named(answer, reason):
    """With what it has answered."""
    with answering(lambda *request: answer) as stub, pytest.raises(ModelkilnError, match=f"{stub.url}/: {reason}"):
        request_timestamp(f"{stub.url}/", b"signed", {})


def test_a_timestamp_of_something_else_is_refused(authority, stamp):
    """One that was recorded before has another number in it."""
    refused = pytest.raises(ModelkilnError, match="answers with the timestamp of something else")
    with authority.serving(lambda data: stamp) as url, refused:
        request_timestamp(url, b"signed", {})


def test_a_service_that_refuses_says_why(authority):
    """Openssl's, of a query of another hash."""
    refusal = authority.answer(b"broken")
    refused = pytest.raises(ModelkilnError, match="refuses to give a timestamp")
    with authority.serving(lambda data: refusal) as url, refused:
        request_timestamp(url, b"signed", {})


def test_an_address_is_one_of_the_web():
    """Others are refused before anything is signed."""
    with pytest.raises(ModelkilnError, match="--key: 'ftp://x' is not the address"):
        Signer(key="k", timestamp_url="ftp://x").check("--key")


@pytest.mark.parametrize(
    "change", [lambda data: data.replace(b"\x18\x0f2", b"\x18\x0fx"), lambda data: b"0\x050\x03\2\1\0"]
)
def test_a_broken_token_is_named(authority, change):
    """One whose time is none, and an answer that grants one and brings none."""
    with authority.serving(change) as url, pytest.raises(ModelkilnError, match=f"{url}: answers with a broken time"):
        request_timestamp(url, b"signed", {})


def test_a_service_that_does_not_come_to_an_end_is_left(monkeypatch):
    """However it keeps the line busy."""
    monkeypatch.setattr(timestamps, "_SECONDS", 0.1)
    is_over = threading.Event()
    with answering(lambda *request: (is_over.wait(60), (200, {}, b""))[1]) as stub:
        try:
            with pytest.raises(ModelkilnError, match=f"{stub.url}/: gives no timestamp within 0 s"):
                request_timestamp(f"{stub.url}/", b"signed", {})
        finally:
            is_over.set()


@pytest.mark.parametrize("url", ["http://[", "file:///etc/hosts", "tsa.example.com", ""])
def test_what_is_not_an_address_is_refused(url):
    """Before anything is signed."""
    with pytest.raises(ModelkilnError, match="here: .* is not the address"):
        check_address(url, "here")


@pytest.fixture(scope="module")
def signed(authority, tmp_path_factory):
    """A folder with a policy, and a bundle of a certificate that is valid today, read again."""
    folder = tmp_path_factory.mktemp("signed")
    now = datetime.now(timezone.utc)
    private, _, key = make_key(folder)
    vouching = Authority(folder, now - _DAY, now + 9 * _DAY)
    certificates = (vouching.issue(key, start=now - _DAY, end=now + _DAY), vouching.middle)
    (folder / "tsa.pem").write_bytes(authority.root.read_bytes())
    with authority.serving() as url:
        signer = Signer(private, certificates=certificates, timestamp_url=url)
        (made,) = signer.sign([b"{}"], {})[1]
        return folder, now, Bundle.read(signer.stamped(made, {}).to_bytes(is_chain=True), "it")


def _signers(folder, **others):
    signer = {"authorities": "root.crt", "identities": ["ci@example.com"], **others}
    rules = [{"repositories": ["**"], "signers": ["ci"]}]
    return Policy.of({"signers": {"ci": signer}, "rules": rules}, folder / "policy.toml").rules[0].signers


@pytest.mark.parametrize("days", [-400, 0, 400])
def test_a_certificate_counts_when_the_signature_was_made(signed, days):
    """Whatever this machine's clock says, and however long ago it has expired."""
    folder, now, bundle = signed
    signers = _signers(folder, timestamp_authorities="tsa.pem")
    assert "ci" == signer_of(bundle, signers, "it", now + days * _DAY).name
    if days:
        with pytest.raises(ModelkilnError, match="has expired|is valid from"):
            signer_of(bundle, _signers(folder), "it", now + days * _DAY)


def test_a_signature_that_was_made_after_the_certificate_had_expired(authority, tmp_path):
    """A stolen key does not sign as if it were earlier, where a timestamp is wanted; its signer is refused at once."""
    now = datetime.now(timezone.utc)
    private, _, key = make_key(tmp_path)
    vouching = Authority(tmp_path, now - 9 * _DAY, now + 9 * _DAY)
    certificates = (vouching.issue(key, start=now - 2 * _DAY, end=now - _DAY), vouching.middle)
    (tmp_path / "tsa.pem").write_bytes(authority.root.read_bytes())
    signers = _signers(tmp_path, timestamp_authorities="tsa.pem")
    with authority.serving() as url:
        signer = Signer(private, certificates=certificates, timestamp_url=url)
        (made,) = signer.sign([b"{}"], {})[1]
        with pytest.raises(ModelkilnError, match="key.pem: its certificate has expired, .* the signature is of"):
            signer.stamped(made, {})
        late = replace(made, timestamps=(request_timestamp(url, made.signature, {})[0],))
    for one, reason in ((late, "has expired, .* the signature is of"), (made, "has no timestamp")):
        with pytest.raises(ModelkilnError, match=reason):
            signer_of(Bundle.read(one.to_bytes(True), "it"), signers, "it", now - 1.5 * _DAY)


def test_a_signature_from_before_its_certificate(authority, tmp_path):
    """The timestamp is wrong then, and not this machine's clock."""
    now = datetime.now(timezone.utc)
    private, _, key = make_key(tmp_path)
    vouching = Authority(tmp_path, now - 9 * _DAY, now + 9 * _DAY)
    certificates = (vouching.issue(key, start=now + _DAY, end=now + 2 * _DAY), vouching.middle)
    with authority.serving() as url:
        signer = Signer(private, certificates=certificates, timestamp_url=url)
        (made,) = signer.sign([b"{}"], {})[1]
        with pytest.raises(ModelkilnError, match=r"and the timestamp says \d{4}-.* UTC\.$"):
            signer.stamped(made, {})
