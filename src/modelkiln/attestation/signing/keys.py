"""Public keys: EC on P-256 with SHA-256 and on P-384 with SHA-384, as Sigstore's bundles have them.

Specification: sigstore_common.proto, PublicKeyDetails, PKIX_ECDSA_P256_SHA_256 and PKIX_ECDSA_P384_SHA_384.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from modelkiln.errors import ModelkilnError

__all__ = ["PublicKey"]

# As `program.CURVES`, which is a program of its own.
_CURVES = {"secp256r1": "SHA256", "secp384r1": "SHA384"}


@dataclass(frozen=True)
class PublicKey:
    """A key that verifies. pem: SubjectPublicKeyInfo (RFC 5280), written in the one way that cryptography writes it."""

    pem: bytes

    @classmethod
    def read(cls, data: bytes, where: str) -> "PublicKey":
        """Read a PEM file; raises ModelkilnError for what is not a public key on P-256 or P-384."""
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        if b"PRIVATE KEY" in data:
            raise ModelkilnError(f"{where}: holds a private key. Give the public one, and keep this to yourself.")
        try:
            return cls.of(load_pem_public_key(data), where)
        except Exception as error:  # Whatever the library raises for broken bytes.
            if isinstance(error, ModelkilnError):
                raise
            raise ModelkilnError(f"{where}: is not a public key in PEM ({error}).") from None

    @classmethod
    def of(cls, key: Any, where: str) -> "PublicKey":
        """Take a key of cryptography's."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        curve = getattr(getattr(key, "curve", None), "name", type(key).__name__)
        if curve not in _CURVES:
            raise ModelkilnError(f"{where}: is a key of {curve}; keys are EC on P-256 or P-384. Make one of these.")
        return cls(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    @property
    def hint(self) -> str:
        """How cosign names the key in a bundle: the base64 of the sha256 of its DER."""
        der = base64.b64decode(b"".join(self.pem.strip().splitlines()[1:-1]))
        return base64.b64encode(hashlib.sha256(der).digest()).decode("ascii")

    @property
    def pem_hint(self) -> str:
        """How OpenSSF Model Signing names it: the hex of the sha256 of its PEM."""
        return hashlib.sha256(self.pem).hexdigest()

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature`, in DER, is this key's for `message`."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        key: Any = load_pem_public_key(self.pem)
        try:
            key.verify(signature, message, ec.ECDSA(getattr(hashes, _CURVES[key.curve.name])()))
        except InvalidSignature:
            return False
        return True
