"""Sigstore bundles of version 0.3 that hold a signed statement, as cosign 3 and OpenSSF Model Signing write them.

Specification: sigstore/protobuf-specs, sigstore_bundle.proto and sigstore_common.proto (JSON as protobuf has it);
secure-systems-lab/dsse, envelope.md and protocol.md.
"""

import base64
import binascii
import json
from dataclasses import dataclass, field, replace
from typing import Any, Mapping

from modelkiln.canonical import canonical_json
from modelkiln.errors import ModelkilnError, reason

__all__ = ["BUNDLE_TYPE", "LARGEST_BUNDLE", "REPOSITORY_LABEL", "SIGN", "Bundle", "FoundBundle", "message_of"]

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
# The type of the predicate by which cosign signs what a registry has.
SIGN = "https://sigstore.dev/cosign/sign/v1"
# What a signature states of where its package was signed.
REPOSITORY_LABEL = "modelkiln.repository"
# Bytes. The statement about a model of fifty thousand files has some 7 MiB, written in base64; bills of materials of
# large packages may have as much.
LARGEST_BUNDLE = 32 << 20
# Of one signature; as many as other clients read.
_MOST_TIMESTAMPS = 32


def message_of(payload: bytes, payload_type: str) -> bytes:
    """Return the bytes that a signature of an envelope covers: DSSE's "PAE" of type and payload."""
    return b"DSSEv1 %d %s %d %s" % (len(payload_type.encode()), payload_type.encode(), len(payload), payload)


@dataclass(frozen=True)
class FoundBundle:
    """A bundle that refers to a package. where: what it is called in messages. problem: why it could not be fetched, or
    ""; then it has no data, and hides no others."""

    where: str
    data: bytes
    problem: str = ""


@dataclass(frozen=True)
class Bundle:
    """A payload, its one signature, and who is said to have made it.

    hint: what names the key, where a key signs; it proves nothing. certificates: DER, that of the signer first,
    where a certificate stands for the key. is_logged: whether a transparency log is said to hold it. timestamps: what
    authorities say of when the signature was there (RFC 3161, responses in DER). source: the JSON of one that somebody
    else has made, or b"": it may have more in it, such as the entry of a log.
    """

    payload: bytes
    payload_type: str
    signature: bytes
    hint: str = ""
    certificates: tuple[bytes, ...] = ()
    is_logged: bool = False
    timestamps: tuple[bytes, ...] = ()
    source: bytes = field(default=b"", repr=False, compare=False)

    @property
    def message(self) -> bytes:
        """What the signature covers."""
        return message_of(self.payload, self.payload_type)

    @classmethod
    def read(cls, data: bytes, where: str) -> "Bundle":
        """Read a bundle's JSON. Nothing is verified; raises ModelkilnError for what this release cannot verify."""
        if len(data) > LARGEST_BUNDLE:
            raise ModelkilnError(f"{where}: a bundle of {len(data)} bytes; the largest read has {LARGEST_BUNDLE}.")
        try:
            value = json.loads(data)
            kind = value.get("mediaType")
            if kind != BUNDLE_TYPE:
                raise ModelkilnError(f"{where}: is a bundle of type {kind!r}, want {BUNDLE_TYPE}. Sign it again.")
            if "dsseEnvelope" not in value:
                raise ModelkilnError(f"{where}: is a bundle of something else than a signed statement.")
            return replace(_read(value["verificationMaterial"], value["dsseEnvelope"], where), source=data)
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise ModelkilnError(f"{where}: is not a Sigstore bundle: {reason(error)}.") from None

    def to_bytes(self, is_chain: bool = False) -> bytes:
        """Return the bundle's JSON, as it was read where it was. is_chain: whether all certificates go with it, as
        version 0.2 had it and OpenSSF Model Signing has it, and not that of the signer alone."""
        if self.source:
            return self.source
        if is_chain and self.certificates:
            listed = [{"rawBytes": _encoded(one)} for one in self.certificates]
            material: dict[str, Any] = {"x509CertificateChain": {"certificates": listed}}
        elif self.certificates:
            material = {"certificate": {"rawBytes": _encoded(self.certificates[0])}}
        else:
            material = {"publicKey": {"hint": self.hint}}
        if self.timestamps:
            listed = [{"signedTimestamp": _encoded(one)} for one in self.timestamps]
            material["timestampVerificationData"] = {"rfc3161Timestamps": listed}
        envelope = {
            "payload": _encoded(self.payload),
            "payloadType": self.payload_type,
            "signatures": [{"sig": _encoded(self.signature)}],
        }
        return canonical_json({"mediaType": BUNDLE_TYPE, "verificationMaterial": material, "dsseEnvelope": envelope})


def _read(material: Mapping[str, Any], envelope: Mapping[str, Any], where: str) -> Bundle:
    signatures = envelope["signatures"]
    if len(signatures) != 1:
        raise ModelkilnError(f"{where}: its envelope has {len(signatures)} signatures, want one. Sign it again.")
    chain = (material.get("x509CertificateChain") or {}).get("certificates") or []
    listed = [material["certificate"]] if "certificate" in material else chain
    hint = (material.get("publicKey") or {}).get("hint") or ""
    stamped = (material.get("timestampVerificationData") or {}).get("rfc3161Timestamps") or []
    if len(stamped) > _MOST_TIMESTAMPS:
        raise ModelkilnError(f"{where}: has {len(stamped)} timestamps; at most {_MOST_TIMESTAMPS} are read.")
    if not isinstance(hint, str) or not isinstance(envelope["payloadType"], str):
        raise ValueError("the hint of a key and the type of a payload are texts")
    return Bundle(
        _decoded(envelope["payload"]),
        envelope["payloadType"],
        _decoded(signatures[0]["sig"]),
        hint,
        tuple(_decoded(one["rawBytes"]) for one in listed),
        bool(material.get("tlogEntries")),
        tuple(_decoded(one["signedTimestamp"]) for one in stamped),
    )


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"it has what is not base64 ({error})") from None
