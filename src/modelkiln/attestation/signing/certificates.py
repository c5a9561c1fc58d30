"""Certificates that stand for keys: which one is the signer's, who vouches for it, and whom it names."""

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional, Sequence

from modelkiln.attestation.signing.keys import PublicKey
from modelkiln.errors import ModelkilnError

__all__ = [
    "Identity",
    "certified_key",
    "check_time",
    "identity_of",
    "ordered_chain",
    "read_authorities",
    "verify_chain",
]

# Of a chain, the signer's and the authority's own left out. More is not met with.
_MAX_DEPTH = 8
# Who has vouched for the names of a certificate of Fulcio's (sigstore/fulcio, docs/oid-info.md): a UTF8String.
_ISSUER = "1.3.6.1.4.1.57264.1.8"


@dataclass(frozen=True)
class Identity:
    """Whom a certificate names, and with which key. names: mail addresses, URIs and host names, and its subject
    ("CN=release,O=Example", RFC 4514). issuer: of a certificate of Fulcio's, who has vouched for these names, or ""."""

    key: PublicKey
    names: tuple[str, ...]
    issuer: str = ""


def read_authorities(data: bytes, where: str) -> tuple[bytes, ...]:
    """Return the certificates of a PEM file as DER; raises ModelkilnError where it has none."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        return tuple(one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(data))
    except ValueError as error:
        raise ModelkilnError(f"{where}: holds no certificates in PEM ({error}).") from None


def ordered_chain(paths: Sequence[Path], public: PublicKey) -> tuple[bytes, ...]:
    """Return the certificates of files, that of the key first and each one's issuer after it, whatever their order."""
    from cryptography import x509

    where = ", ".join(map(str, paths))
    listed = [one for path in paths for one in read_authorities(path.read_bytes(), str(path))]
    left = [(x509.load_der_x509_certificate(data), data) for data in dict.fromkeys(listed)]
    own = next((one for one in left if _has_key(one[0], public)), None)
    if own is None:
        raise ModelkilnError(f"{where}: none of these certificates is of the key that signs. Give that one as well.")
    chain = []
    following: Optional[Any] = own
    while following is not None:
        chain.append(following[1])
        left.remove(following)
        issuer = following[0].issuer
        following = next((one for one in left if one[0].subject == issuer), None)
    if left:
        raise ModelkilnError(
            f"{where}: {left[0][0].subject.rfc4514_string()} is not between the key's certificate and its authority. "
            "Leave it out."
        )
    return tuple(chain)


def _has_key(certificate: Any, public: PublicKey) -> bool:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) == public.pem


def certified_key(certificate: bytes, where: str) -> PublicKey:
    """Return the key that a certificate (DER) is for; nobody vouches for it here."""
    return identity_of(certificate, where).key


def identity_of(certificate: bytes, where: str) -> Identity:
    """Return whom a certificate (DER) names, as it says itself."""
    from cryptography import x509

    try:
        found = x509.load_der_x509_certificate(certificate)
        return Identity(PublicKey.of(found.public_key(), where), _names(found), _issuer(found))
    except ValueError as error:
        raise ModelkilnError(f"{where}: its certificate cannot be read ({error}).") from None


def verify_chain(
    chain: Sequence[bytes],
    authorities: Sequence[bytes],
    where: str,
    now: Optional[datetime] = None,
    stamped: Optional[datetime] = None,
) -> Identity:
    """Return whom the first of `chain` names, for whom one of `authorities` vouches.

    The others of the chain may be in any order. Certificates have to be valid when the signature was made, where a
    timestamp says that (stamped), and elsewhere now, by this machine's clock. Raises ModelkilnError where one is not.
    """
    from cryptography import x509
    from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

    moment = (stamped or now or datetime.now(timezone.utc)).astimezone(timezone.utc)
    try:
        first, *others = (x509.load_der_x509_certificate(data) for data in chain)
        trusted = [x509.load_der_x509_certificate(data) for data in authorities]
        key = PublicKey.of(first.public_key(), f"{where}: its certificate")
        _check_time(first, moment, where, bool(stamped))
        ca, signer = _policies()
        builder = PolicyBuilder().store(Store(trusted)).time(moment).max_chain_depth(_MAX_DEPTH)
        builder.extension_policies(ca_policy=ca, ee_policy=signer).build_client_verifier().verify(first, others)
        return Identity(key, _names(first), _issuer(first))
    except VerificationError as error:
        raise ModelkilnError(
            f"{where}: no authority of the policy vouches for its certificate, "
            f"{first.subject.rfc4514_string() or 'which has no name'} ({error})."
        ) from None
    except ValueError as error:
        raise ModelkilnError(f"{where}: its certificates cannot be read ({error}).") from None


def check_time(certificate: bytes, stamped: datetime, where: str) -> None:
    """Raise ModelkilnError where a certificate (DER) is not valid at the time of a timestamp."""
    from cryptography import x509

    _check_time(x509.load_der_x509_certificate(certificate), stamped, where, True)


def _check_time(certificate: Any, moment: datetime, where: str, is_stamped: bool) -> None:
    """Say of the commonest fault what it is."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    clock, remedy = ("the timestamp", "") if is_stamped else ("this machine's clock", " See that the clock is right.")
    if moment > end:
        signed = f", and the signature is of {moment:%Y-%m-%d %H:%M} UTC" if is_stamped else ""
        raise ModelkilnError(
            f"{where}: its certificate has expired, on {end:%Y-%m-%d %H:%M} UTC{signed}. Have it signed anew."
        )
    if moment < start:
        raise ModelkilnError(
            f"{where}: its certificate is valid from {start:%Y-%m-%d %H:%M} UTC on, and {clock} says "
            f"{moment:%Y-%m-%d %H:%M} UTC.{remedy}"
        )


def _policies() -> tuple[Any, Any]:
    """What certificates must state: of an authority that it is one, of a signer that its key is for signatures."""
    from cryptography import x509
    from cryptography.x509.verification import Criticality, ExtensionPolicy

    ca = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
    signer = ExtensionPolicy.permit_all().may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)
    return ca, signer.may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _is_for_code)


def _is_authority(policy: Any, certificate: Any, extension: Any) -> None:
    if not extension.ca:
        raise ValueError("a certificate of the chain is not that of an authority")


def _may_sign(policy: Any, certificate: Any, extension: Any) -> None:
    if extension is not None and not extension.digital_signature:
        raise ValueError("its key usage lacks digital signatures")


def _is_for_code(policy: Any, certificate: Any, extension: Any) -> None:
    from cryptography.x509.oid import ExtendedKeyUsageOID

    allowed = {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if extension is not None and not allowed & set(extension):
        raise ValueError("its extended key usage lacks code signing")


def _names(certificate: Any) -> tuple[str, ...]:
    from cryptography import x509

    subject = tuple(filter(None, [certificate.subject.rfc4514_string()]))
    try:
        listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return subject
    kinds = (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName)
    return (*(name for kind in kinds for name in listed.get_values_for_type(kind)), *subject)


def _issuer(certificate: Any) -> str:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(_ISSUER)).value.value
    except x509.ExtensionNotFound:
        return ""
    # A tag, and a length in one byte or, with the first bit set, in as many as it says.
    size = 2 + (found[1] & 0x7F if len(found) > 1 and found[1] & 0x80 else 0)
    return found[size:].decode("utf-8", "replace") if found[:1] == b"\x0c" else "?"
