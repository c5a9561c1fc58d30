"""Sigstore on loopback: who names people, Fulcio, logs of certificates (TesseraCT on files) and of signatures (Rekor 2
on files), and who says when."""

import base64
import json
import os
import subprocess
import time
from contextlib import ExitStack, contextmanager

from attested.timestamping import TimestampAuthority
from components import require, require_built
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from loopback.answering import answering
from servers import free_port, listening

__all__ = ["LocalSigstore"]

# The log's name in what it signs, which is not where it is.
_LOG = "rekor.test"
_TRUST_TYPE = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_STATEMENT = """{"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/first",
"predicate": {}, "subject": [{"name": "first", "digest": {"sha256": "%064d"}}]}""" % 0
_SINCE = "start-time=2020-01-01T00:00:00Z"


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value):
    return _base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class _Issuer:
    """An OpenID issuer of one key."""

    def __init__(self):
        self._key, self.url = rsa.generate_private_key(65537, 2048), ""

    def answer(self, method, path, headers, body):
        """Its description, or its key."""
        numbers = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": _number(numbers.n), "e": _number(numbers.e)}
        description = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/auth",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        value = {"keys": [key]} if path == "/keys" else description
        return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()

    def token(self, email):
        """A token that says who somebody is, for a few minutes."""
        now = int(time.time())
        claims = {"iss": self.url, "sub": email, "aud": "sigstore", "email": email, "email_verified": True}
        parts = ({"alg": "RS256", "kid": "1", "typ": "JWT"}, {**claims, "iat": now - 60, "exp": now + 600})
        text = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
        return f"{text}.{_base64url(self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


class LocalSigstore:
    """Services below `folder`; `serving` runs them. authorities, timestamps: files of certificates (PEM) to trust.
    signing_config, trusted_root: files as cosign wants them. trust: both in one, as model_signing does. issuer: its
    address."""

    def __init__(self, folder):
        self._folder, self._issuer = folder, _Issuer()
        self._fulcio, self._rekor, self._cosign = map(require_built, ("fulcio", "rekor-server-posix", "cosign"))
        self._tesseract = require_built("tesseract-posix")
        self.authorities = folder / "fulcio.pem"
        self.signing_config, self.trusted_root = folder / "signing.json", folder / "root.json"
        self.trust = folder / "trust.json"
        self._stamps = TimestampAuthority(folder / "tsa")
        self.timestamps = self._stamps.chain

    @property
    def issuer(self):
        """The address of who names people."""
        return self._issuer.url

    @property
    def command(self):
        """Cosign's, for a statement."""
        return (
            f"{self._cosign} attest-blob --yes --signing-config={self.signing_config} "
            f"--trusted-root={self.trusted_root} --statement={{statement}} --bundle={{bundle}}"
        )

    def token(self, email="ci@example.com"):
        """A token of somebody's, which cosign takes from SIGSTORE_ID_TOKEN."""
        return self._issuer.token(email)

    @contextmanager
    def serving(self):
        """Run the services until the block ends."""
        with ExitStack() as stack:
            self._issuer.url = stack.enter_context(answering(self._issuer.answer)).url
            self._make_authority()
            ct = stack.enter_context(self._run_tesseract())
            fulcio, rekor = (stack.enter_context(one) for one in (self._run_fulcio(ct), self._run_rekor()))
            tsa = stack.enter_context(self._stamps.serving())
            self._write_signing_config({"fulcio": (fulcio, 1), "rekor": (rekor, 2), "tsa": (tsa, 1)})
            self._write_trusted_root(fulcio, ct, tsa)
            self._fill_log()
            yield self

    def _fill_log(self):
        """Make an entry of the log: cosign leaves out the number of the first one, which Sigstore's library wants."""
        (self._folder / "first.json").write_text(_STATEMENT)
        places = {"statement": self._folder / "first.json", "bundle": self._folder / "first.bundle.json"}
        self._run(*self.command.format(**places).split(), SIGSTORE_ID_TOKEN=self.token(), HOME=str(self._folder))

    def _make_authority(self):
        self._run(require("openssl"), *"ecparam -name prime256v1 -genkey -noout -out ca.raw".split())
        self._run(require("openssl"), *"pkcs8 -topk8 -in ca.raw -out ca.key -passout pass:p -v2 aes-256-cbc".split())
        request = "req -x509 -key ca.raw -days 9 -subj /O=tests/CN=fulcio -out fulcio.pem"
        usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        self._run(require("openssl"), *request.split(), *usage)

    def _run_tesseract(self):
        self._run(require("openssl"), *"ecparam -name prime256v1 -genkey -noout -out ct.key".split())
        self._run(require("openssl"), *"pkey -in ct.key -pubout -out ct.pub".split())
        options = "--origin=ct.test --private_key=ct.key --storage_dir=ct --roots_pem_file=fulcio.pem"
        options += " --enable_publication_awaiter=false"
        return self._listening(
            "tesseract", lambda port: [self._tesseract, *options.split(), f"--http_endpoint=127.0.0.1:{port}"]
        )

    def _run_fulcio(self, ct):
        issuer = {"IssuerURL": self.issuer, "ClientID": "sigstore", "Type": "email"}
        (self._folder / "fulcio.json").write_text(json.dumps({"OIDCIssuers": {self.issuer: issuer}}))
        options = "--ca=fileca --fileca-cert=fulcio.pem --fileca-key=ca.key --fileca-key-passwd=p "
        options += f"--ct-log-url={ct} --config-path=fulcio.json "
        options += "--host=127.0.0.1 --grpc-host=127.0.0.1 --fileca-watch=false"
        return self._listening(
            "fulcio",
            lambda port: [self._fulcio, "serve", *options.split(), f"--port={port}", f"--grpc-port={free_port()}",
                          f"--metrics-port={free_port()}", f"--legacy-unix-domain-socket=@modelkiln-{port}"],
        )  # fmt: skip

    def _run_rekor(self):
        self._run(require("openssl"), *"genpkey -algorithm ed25519 -out rekor.key".split())
        self._run(require("openssl"), *"pkey -in rekor.key -pubout -out rekor.pub".split())
        options = f"--hostname={_LOG} --storage-dir=log --signer-filepath=rekor.key --checkpoint-interval=1s"
        return self._listening(
            "rekor",
            lambda port: [self._rekor, "serve", *options.split(), f"--http-port={port}", f"--grpc-port={free_port()}",
                          f"--http-metrics-port={free_port()}"],
        )  # fmt: skip

    @contextmanager
    def _listening(self, name, command):
        with listening(command, self._folder / f"{name}.log", cwd=self._folder) as port:
            yield f"http://127.0.0.1:{port}"

    def _write_signing_config(self, services):
        listed = [
            f"--{name}=url={url},api-version={version},{_SINCE},operator=tests"
            for name, (url, version) in {**services, "oidc-provider": (self.issuer, 1)}.items()
        ]
        options = ("--rekor-config=ANY", "--tsa-config=ANY", "--out", self.signing_config)
        self._run(self._cosign, "signing-config", "create", *listed, *options)

    def _write_trusted_root(self, fulcio, ct, tsa):
        self._run(
            self._cosign, "trusted-root", "create", "--out", self.trusted_root,
            f"--fulcio=url={fulcio},certificate-chain=fulcio.pem",
            f"--ctfe=url={ct},public-key=ct.pub,{_SINCE}",
            f"--rekor=url=https://{_LOG},public-key=rekor.pub,{_SINCE},origin={_LOG}",
            f"--tsa=url={tsa},certificate-chain={self._stamps.chain}",
        )  # fmt: skip
        parts = {"trustedRoot": self.trusted_root, "signingConfig": self.signing_config}
        content = {name: json.loads(path.read_text()) for name, path in parts.items()}
        self.trust.write_text(json.dumps({"mediaType": _TRUST_TYPE, **content}))

    def _run(self, *command, **variables):
        env = {**os.environ, **variables}
        done = subprocess.run(
            list(map(str, command)), cwd=self._folder, capture_output=True, text=True, env=env, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
