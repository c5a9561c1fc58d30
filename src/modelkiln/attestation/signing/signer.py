"""Who signs: a key file, read by `program` in a process of its own, or a command that speaks for a key elsewhere."""

import base64
import binascii
import json
import os
import pkgutil
import shlex
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Mapping, Optional, Sequence

from modelkiln.attestation.bundle import Bundle, message_of
from modelkiln.attestation.signing.certificates import ordered_chain
from modelkiln.attestation.signing.keys import PublicKey
from modelkiln.attestation.signing.timestamps import check_address, request_timestamp
from modelkiln.attestation.statement import PAYLOAD_TYPE
from modelkiln.errors import ModelkilnError

__all__ = ["Signer"]

# Of this process's variables, what the one that reads the key gets.
_PASSED = frozenset({"COSIGN_PASSWORD", "HOME", "PATH", "TERM"})
# A service that signs is asked over a network, and may ask somebody.
_COMMAND_SECONDS = 600
_PACKAGE = "modelkiln.attestation.signing"


@dataclass(frozen=True)
class Signer:
    """What signs statements: `key`, or `command` together with `public_key`.

    key: the file of a private key, in PEM or as cosign encrypts it. passphrase_file: of that key, where it has one;
    without it the variable COSIGN_PASSWORD counts, or somebody is asked. command: gets the bytes to sign on standard
    input, and prints the signature (DER, or that in base64). certificates: PEM files, in any order: that of the key
    and those between it and an authority. timestamp_url: of a service that says when signatures were made (RFC 3161).
    """

    key: Optional[Path] = None
    passphrase_file: Optional[Path] = None
    command: str = ""
    public_key: Optional[Path] = None
    certificates: tuple[Path, ...] = ()
    timestamp_url: str = ""

    def check(self, where: str) -> None:
        """Raise ModelkilnError where it is not said who signs, or more than once."""
        if bool(self.key) == bool(self.command):
            raise ModelkilnError(f"{where}: want one of a key file and a command that signs.")
        if self.command and not self.public_key:
            raise ModelkilnError(f"{where}: a command that signs needs the public key of what it signs with.")
        if self.key and self.public_key:
            raise ModelkilnError(f"{where}: a key file needs no public key.")
        if self.passphrase_file and not self.key:
            raise ModelkilnError(f"{where}: a passphrase needs a key file.")
        if self.timestamp_url:
            check_address(self.timestamp_url, where)

    def sign(
        self, payloads: Sequence[bytes], environ: Mapping[str, str], is_model: bool = False
    ) -> tuple[PublicKey, list[Bundle]]:
        """Return the key that signs, and the bundles of in-toto statements; each signature is verified.

        environ: the variables of this machine for the process that signs. is_model: whether keys are named as OpenSSF
        Model Signing names them, and not as cosign does.
        """
        messages = [message_of(payload, PAYLOAD_TYPE) for payload in payloads]
        public, signatures = self._by_command(messages, environ) if self.command else self._by_key(messages, environ)
        for message, signature in zip(messages, signatures):
            if not public.verifies(message, signature):
                raise ModelkilnError(f"{self._name}: its signature is not that of its public key. Give the key's own.")
        chain = ordered_chain(self.certificates, public) if self.certificates else ()
        hint = public.pem_hint if is_model else public.hint
        return public, [
            Bundle(payload, PAYLOAD_TYPE, signature, "" if chain else hint, chain)
            for payload, signature in zip(payloads, signatures)
        ]

    def stamped(self, bundle: Bundle, env: Mapping[str, str]) -> Bundle:
        """Return a bundle of this signer's with a timestamp, where it has a service that makes them.

        env: the proxies and authorities of this machine.
        """
        if not self.timestamp_url:
            return bundle
        return replace(bundle, timestamps=(request_timestamp(self.timestamp_url, bundle.signature, env),))

    @property
    def _name(self) -> str:
        return str(self.key or self.command)

    def _by_key(self, messages: Sequence[bytes], environ: Mapping[str, str]) -> tuple[PublicKey, list[bytes]]:
        source = pkgutil.get_data(_PACKAGE, "program.py")
        assert self.key is not None and source is not None
        request = {
            "key": os.path.abspath(self.key),
            "passphrase_file": os.path.abspath(self.passphrase_file) if self.passphrase_file else None,
            "messages": [base64.b64encode(one).decode("ascii") for one in messages],
            "path": [one for one in sys.path if os.path.isabs(one)],
        }
        done = subprocess.run(
            [sys.executable, "-I", "-c", source.decode("utf-8")],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            env={**{name: value for name, value in environ.items() if name in _PASSED}, "LC_ALL": "C.UTF-8"},
            check=False,
        )
        if done.returncode:
            raise ModelkilnError(f"{self.key}: the process that signs has failed, see above.")
        answer = json.loads(done.stdout)
        if "missing" in answer:
            raise ModuleNotFoundError(answer["missing"], name=answer["missing"])
        if "error" in answer:
            raise ModelkilnError(answer["error"])
        public = PublicKey.read(answer["public_key"].encode(), self._name)
        return public, [base64.b64decode(one) for one in answer["signatures"]]

    def _by_command(self, messages: Sequence[bytes], environ: Mapping[str, str]) -> tuple[PublicKey, list[bytes]]:
        assert self.public_key is not None
        public = PublicKey.read(self.public_key.read_bytes(), str(self.public_key))
        return public, [self._ask(message, environ) for message in messages]

    def _ask(self, message: bytes, environ: Mapping[str, str]) -> bytes:
        try:
            done = subprocess.run(
                shlex.split(self.command),
                input=message,
                stdout=subprocess.PIPE,
                env=dict(environ),
                timeout=_COMMAND_SECONDS,
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise ModelkilnError(f"{self.command}: cannot sign ({error}). See that the command can be run.") from None
        if done.returncode or not done.stdout:
            raise ModelkilnError(
                f"{self.command}: exit code {done.returncode}, {len(done.stdout)} bytes. It gets the bytes to sign on "
                "standard input, and prints the signature."
            )
        if done.stdout[:1] == b"\x30":  # A sequence in DER; base64 of one starts with "M".
            return done.stdout
        try:
            return base64.b64decode(b"".join(done.stdout.split()), validate=True)
        except binascii.Error:
            raise ModelkilnError(f"{self.command}: prints neither a signature in DER nor one in base64.") from None
