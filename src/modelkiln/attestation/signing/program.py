"""The one process that reads a private key: it signs what it gets on standard input, and ends.

Run as `python -I program.py`. The request is JSON: `key` (a path), `passphrase_file` (a path or null), `messages`
(base64) and `path`, where packages are. The answer is JSON: `public_key` (PEM) and `signatures` (base64, in DER), or
`error`. A passphrase comes from the file, from the variable COSIGN_PASSWORD, or from the terminal; it is never an
argument.

Equal keys and messages give equal signatures (RFC 6979).
"""

import base64
import getpass
import json
import os
import re
import sys

CURVES = {"secp256r1": "SHA256", "secp384r1": "SHA384"}
_COSIGN = re.compile(
    rb"-----BEGIN ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY-----(.*?)-----END ENCRYPTED",
    re.DOTALL,
)
# More would take more than a GiB of memory; cosign writes 65536, 8 and 1.
_LARGEST_SCRYPT = (1 << 20, 8, 4)
# Of a key file, in bytes.
_LARGEST_KEY = 1 << 20


class Refused(Exception):
    """What is wrong with a key, in a sentence."""


def passphrase_of(request):
    """The passphrase of the key, from where it may come from."""
    if request.get("passphrase_file"):
        with open(request["passphrase_file"], "rb") as stream:
            return re.sub(rb"\r?\n\Z", b"", stream.read(_LARGEST_KEY))
    if "COSIGN_PASSWORD" in os.environ:
        return os.environ["COSIGN_PASSWORD"].encode()
    try:
        return ask(f"Passphrase of {request['key']}: ").encode()
    except OSError:
        raise Refused(
            "has a passphrase, and there is no terminal to ask on. Give a file of it with --passphrase-file "
            "(`passphrase_file` of [modelkiln].signing), or set COSIGN_PASSWORD."
        ) from None


def ask(question):
    """What somebody types on the terminal, which does not show it; raises OSError without one."""
    try:
        with open("/dev/tty"):
            return getpass.getpass(question)
    except OSError:
        # A daemon's child has none of its own: what it writes errors to may be that of who called the daemon.
        with open(os.ttyname(2)) as terminal:
            sys.stdin = terminal
            return getpass.getpass(question, sys.stderr)


def read_cosign_key(data, passphrase):
    """The DER of a key as cosign encrypts it (go-securesystemslib, encrypted): scrypt and NaCl's secretbox."""
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    value = json.loads(base64.b64decode(b"".join(data.split())))
    params = value["kdf"]["params"]
    numbers = (params["N"], params["r"], params["p"])
    names = (value["kdf"]["name"], value["cipher"]["name"])
    if names != ("scrypt", "nacl/secretbox") or any(a > b for a, b in zip(numbers, _LARGEST_SCRYPT)):
        raise Refused(f"is encrypted with {names[0]} {numbers} and {names[1]}, which cosign does not do.")
    kdf = Scrypt(base64.b64decode(value["kdf"]["salt"]), 32, *numbers)
    box = SecretBox(kdf.derive(passphrase))
    try:
        return box.decrypt(base64.b64decode(value["ciphertext"]), base64.b64decode(value["cipher"]["nonce"]))
    except CryptoError:
        raise Refused("does not open with this passphrase.") from None


def read_key(request):
    """The private key that a request names; its passphrase is asked for where it has one."""
    from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

    with open(request["key"], "rb") as stream:
        data = stream.read(_LARGEST_KEY)
    found = _COSIGN.search(data)
    try:
        if found:
            return load_der_private_key(read_cosign_key(found.group(1), passphrase_of(request)), None)
        is_encrypted = b"ENCRYPTED" in data
        return load_pem_private_key(data, passphrase_of(request) if is_encrypted else None)
    except Refused:
        raise
    except ValueError as error:
        if "password" in str(error).lower() or "decrypt" in str(error).lower():
            raise Refused("does not open with this passphrase.") from None
        raise Refused(f"is not a private key in PEM ({error}).") from None
    except Exception as error:
        raise Refused(f"is not a private key that can be read ({type(error).__name__}: {error}).") from None


def sign(request):
    """The public key and a signature of each message."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = read_key(request)
    curve = getattr(getattr(key, "curve", None), "name", type(key).__name__)
    if curve not in CURVES:
        raise Refused(f"is a key of {curve}; keys are EC on P-256 or P-384. Make one of these.")
    algorithm = ec.ECDSA(getattr(hashes, CURVES[curve])(), deterministic_signing=True)
    signatures = [key.sign(base64.b64decode(one), algorithm) for one in request["messages"]]
    return {
        "public_key": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii"),
        "signatures": [base64.b64encode(one).decode("ascii") for one in signatures],
    }


def main():
    """Answer the one request of standard input."""
    request = json.load(sys.stdin)
    sys.path[:] = [*sys.path, *(one for one in request["path"] if one not in sys.path)]
    try:
        answer = sign(request)
    except Refused as error:
        answer = {"error": f"{request['key']}: {error}"}
    except OSError as error:
        answer = {"error": f"{error.filename}: {error.strerror}. Name a file that can be read."}
    except ImportError as error:
        answer = {"missing": error.name}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
