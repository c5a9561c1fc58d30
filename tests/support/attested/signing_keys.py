"""Keys and certificates for tests of signatures, as files."""

from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Authority", "make_key"]

# A moment in the middle of what certificates are valid for, unless a test says otherwise.
NOW = datetime(2030, 6, 1, tzinfo=timezone.utc)


def make_key(folder, name="key", curve=None, passphrase=None):
    """Write NAME.pem and NAME.pub; returns the paths of both, and the key."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(curve or ec.SECP256R1())
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public, key


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A root, and one between it and whom it vouches for; all files are below `folder`."""

    def __init__(self, folder, start=NOW - timedelta(days=365), end=NOW + timedelta(days=365)):
        self._folder, self._start, self._end = folder, start, end
        self._root_key, self._middle_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root = self._write("root", self._make("root", self._root_key, "root", self._root_key, True))
        self.middle = self._write("middle", self._make("middle", self._middle_key, "root", self._root_key, True))

    def issue(self, key, name="signer", identity="ci@example.com", start=None, end=None, **usage):
        """Write the certificate of a key. usage: `digital_signature` and `code_signing`, both true."""
        certificate = self._make(name, key, "middle", self._middle_key, False, identity, start, end, **usage)
        return self._write(name, certificate)

    def _write(self, name, certificate):
        path = self._folder / f"{name}.crt"
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        return path

    def _make(
        self,
        name,
        key,
        issuer,
        issuer_key,
        is_authority,
        identity="",
        start=None,
        end=None,
        digital_signature=True,
        code_signing=True,
    ):
        builder = x509.CertificateBuilder(_name(issuer), _name(name), key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(start or self._start).not_valid_after(end or self._end)
        builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        rest = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
        )
        usage = x509.KeyUsage(
            digital_signature=digital_signature,
            key_cert_sign=is_authority,
            crl_sign=is_authority,
            decipher_only=False,
            **rest,
        )
        builder = builder.add_extension(usage, critical=True)
        if not is_authority:
            kind = ExtendedKeyUsageOID.CODE_SIGNING if code_signing else ExtendedKeyUsageOID.SERVER_AUTH
            builder = builder.add_extension(x509.ExtendedKeyUsage([kind]), critical=False)
        if identity:
            kind = x509.RFC822Name if "@" in identity else x509.UniformResourceIdentifier
            builder = builder.add_extension(x509.SubjectAlternativeName([kind(identity)]), critical=False)
        return builder.sign(issuer_key, hashes.SHA256())
