"""Sigstore on loopback: who names people, Fulcio, a log (Rekor 2 on files), and who says when."""

import base64
import json
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
    signing_config, trusted_root: files as cosign wants them. issuer: its address."""

    def __init__(self, folder):
        self._folder, self._issuer = folder, _Issuer()
        self._fulcio, self._rekor, self._cosign = map(require_built, ("fulcio", "rekor-server-posix", "cosign"))
        self.authorities = folder / "fulcio.pem"
        self.signing_config, self.trusted_root = folder / "signing.json", folder / "root.json"
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
            fulcio = stack.enter_context(self._run_fulcio())
            rekor = stack.enter_context(self._run_rekor())
            self._describe(fulcio, rekor, stack.enter_context(self._stamps.serving()))
            yield self

    def _run_fulcio(self):
        self._run(require("openssl"), *"ecparam -name prime256v1 -genkey -noout -out ca.raw".split())
        self._run(require("openssl"), *"pkcs8 -topk8 -in ca.raw -out ca.key -passout pass:p -v2 aes-256-cbc".split())
        request = "req -x509 -key ca.raw -days 9 -subj /O=tests/CN=fulcio -out fulcio.pem"
        usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        self._run(require("openssl"), *request.split(), *usage)
        issuer = {"IssuerURL": self.issuer, "ClientID": "sigstore", "Type": "email"}
        (self._folder / "fulcio.json").write_text(json.dumps({"OIDCIssuers": {self.issuer: issuer}}))
        options = "--ca=fileca --fileca-cert=fulcio.pem --fileca-key=ca.key --fileca-key-passwd=p --ct-log-url= "
        options += "--config-path=fulcio.json --host=127.0.0.1 --grpc-host=127.0.0.1 --fileca-watch=false"
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

    def _describe(self, fulcio, rekor, tsa):
        services = {"fulcio": (fulcio, 1), "rekor": (rekor, 2), "tsa": (tsa, 1), "oidc-provider": (self.issuer, 1)}
        listed = [
            f"--{name}=url={url},api-version={version},{_SINCE},operator=tests"
            for name, (url, version) in services.items()
        ]
        self._run(self._cosign, "signing-config", "create", *listed, "--rekor-config=ANY", "--tsa-config=ANY",
                  "--out", self.signing_config)  # fmt: skip
        self._run(self._cosign, "trusted-root", "create", f"--fulcio=url={fulcio},certificate-chain=fulcio.pem",
                  f"--rekor=url=https://{_LOG},public-key=rekor.pub,{_SINCE},origin={_LOG}",
                  f"--tsa=url={tsa},certificate-chain={self._stamps.chain}", "--out", self.trusted_root)  # fmt: skip

    def _run(self, *command):
        done = subprocess.run(list(map(str, command)), cwd=self._folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
