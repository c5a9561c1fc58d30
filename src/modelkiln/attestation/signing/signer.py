"""Who signs: a key file, read by `program` in a process of its own, or a command: for a key elsewhere, or for none."""

import base64
import binascii
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Mapping, Optional, Sequence

from modelkiln.attestation.bundle import LARGEST_BUNDLE, Bundle, message_of
from modelkiln.attestation.signing.certificates import certified_key, check_time, ordered_chain
from modelkiln.attestation.signing.command import run_command, words_of
from modelkiln.attestation.signing.keys import PublicKey
from modelkiln.attestation.signing.timestamps import check_address, request_timestamp
from modelkiln.attestation.statement import PAYLOAD_TYPE
from modelkiln.errors import ModelkilnError

__all__ = ["Signer"]

# Of this process's variables, what the one that reads the key gets.
_PASSED = frozenset({"COSIGN_PASSWORD", "HOME", "PATH", "TERM"})
_PACKAGE = "modelkiln.attestation.signing"
# What a keyless command reads and writes.
_PLACES = ("{statement}", "{bundle}")


@dataclass(frozen=True)
class Signer:
    """What signs statements: `key`, or `command` together with `public_key`, or `keyless_command`.

    key: the file of a private key, in PEM or as cosign encrypts it. passphrase_file: of that key, where it has one;
    without it the variable COSIGN_PASSWORD counts, or somebody is asked. command: gets the bytes to sign on standard
    input, and prints the signature (DER, or that in base64). certificates: PEM files, in any order: that of the key
    and those between it and an authority. timestamp_url: of a service that says when signatures were made (RFC 3161).
    keyless_command: makes the whole bundle of a statement, such as `cosign attest-blob`: in its arguments {statement}
    and {bundle} are files.
    """

    key: Optional[Path] = None
    passphrase_file: Optional[Path] = None
    command: str = ""
    public_key: Optional[Path] = None
    certificates: tuple[Path, ...] = ()
    timestamp_url: str = ""
    keyless_command: str = ""

    def check(self, where: str) -> None:
        """Raise ModelkilnError where it is not said who signs, or more than once."""
        if sum(map(bool, (self.key, self.command, self.keyless_command))) != 1:
            raise ModelkilnError(f"{where}: want one of a key file, a command that signs, and a keyless one.")
        if self.keyless_command:
            self._check_keyless(where)
        if self.command:
            words_of(self.command, where)
        if self.command and not self.public_key:
            raise ModelkilnError(f"{where}: a command that signs needs the public key of what it signs with.")
        if self.public_key and not self.command:
            raise ModelkilnError(f"{where}: a public key is for a command that signs.")
        if self.passphrase_file and not self.key:
            raise ModelkilnError(f"{where}: a passphrase needs a key file.")
        if self.timestamp_url:
            check_address(self.timestamp_url, where)

    def sign(
        self, payloads: Sequence[bytes], environ: Mapping[str, str], is_model: bool = False
    ) -> tuple[Optional[PublicKey], list[Bundle]]:
        """Return the key that signs, None where each has one of its own, and the bundles of in-toto statements.

        Each signature is verified.

        environ: the variables of this machine for the process that signs. is_model: whether keys are named as OpenSSF
        Model Signing names them, and not as cosign does.
        """
        if self.keyless_command:
            return None, [self._ask_whole(payload, environ) for payload in payloads]
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

        env: the proxies and authorities of this machine. A certificate has to be valid then, else nobody would take it.
        """
        if not self.timestamp_url:
            return bundle
        data, moment = request_timestamp(self.timestamp_url, bundle.signature, env)
        if bundle.certificates:
            check_time(bundle.certificates[0], moment, self._name)
        return replace(bundle, timestamps=(data,))

    def _check_keyless(self, where: str) -> None:
        if self.certificates or self.timestamp_url:
            raise ModelkilnError(f"{where}: a keyless command brings certificates and timestamps itself.")
        missing = [name for name in _PLACES if name not in self.keyless_command]
        if missing:
            raise ModelkilnError(
                f"{where}: {self.keyless_command!r} lacks {missing[0]}. Write it so: cosign attest-blob --yes "
                "--statement {statement} --bundle {bundle}"
            )
        words_of(self.keyless_command, where)

    @property
    def _name(self) -> str:
        return str(self.key or self.command or self.keyless_command)

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

    def _ask_whole(self, payload: bytes, environ: Mapping[str, str]) -> Bundle:
        """The bundle of a statement by a keyless command, which has to be of this statement and by its certificate."""
        with tempfile.TemporaryDirectory(prefix="modelkiln-") as folder:
            statement, bundle = Path(folder, "statement.json"), Path(folder, "bundle.json")
            statement.write_bytes(payload)
            places = dict(zip(_PLACES, (str(statement), str(bundle))))
            words = [_filled(word, places) for word in words_of(self.keyless_command, self._name)]
            code, _ = run_command(words, environ, self._name)
            if code or not bundle.is_file():
                raise ModelkilnError(
                    f"{self.keyless_command}: exit code {code}, and "
                    f"{'a' if bundle.is_file() else 'no'} bundle. See what it says above."
                )
            made = Bundle.read(_read(bundle), self.keyless_command)
        if made.payload_type != PAYLOAD_TYPE or not _is_same(made.payload, payload):
            raise ModelkilnError(f"{self.keyless_command}: its bundle is of another statement.")
        if not made.certificates or not certified_key(made.certificates[0], self._name).verifies(
            made.message, made.signature
        ):
            raise ModelkilnError(f"{self.keyless_command}: its bundle has no certificate of the key that signed.")
        return made

    def _ask(self, message: bytes, environ: Mapping[str, str]) -> bytes:
        code, said = run_command(words_of(self.command, self._name), environ, self._name, message)
        if code or not said:
            raise ModelkilnError(
                f"{self.command}: exit code {code}, {len(said)} bytes. It gets the bytes to sign on "
                "standard input, and prints the signature."
            )
        if said[:1] == b"\x30":  # A sequence in DER; base64 of one starts with "M".
            return said
        try:
            return base64.b64decode(b"".join(said.split()), validate=True)
        except binascii.Error:
            raise ModelkilnError(f"{self.command}: prints neither a signature in DER nor one in base64.") from None


def _filled(word: str, places: Mapping[str, str]) -> str:
    for name, path in places.items():
        word = word.replace(name, path)
    return word


def _read(bundle: Path) -> bytes:
    """A bundle, or as much of it as shows that it is too large."""
    with bundle.open("rb") as stream:
        return stream.read(LARGEST_BUNDLE + 1)


def _is_same(payload: bytes, wanted: bytes) -> bool:
    """Whether a payload is the statement that was given, however its JSON is written."""
    try:
        return bool(json.loads(payload) == json.loads(wanted))
    except (ValueError, RecursionError):
        return False
