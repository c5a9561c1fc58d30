"""An authority on loopback that makes timestamps (RFC 3161), by openssl."""

import subprocess
from contextlib import contextmanager

from components import require
from loopback.answering import answering

__all__ = ["TimestampAuthority"]

_CONFIG = """[tsa]
default_tsa = one
[one]
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
serial = {folder}/serial
"""
_USAGE = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"


class TimestampAuthority:
    """A root and a certificate for timestamps below `folder`, in `chain` the latter first. The time is today's."""

    def __init__(self, folder):
        self._folder = folder
        folder.mkdir(parents=True)
        (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder))
        (folder / "usage").write_text(_USAGE)
        self.root, self._certificate = folder / "tsa-root.crt", folder / "tsa.crt"
        key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        self._run(f"req -x509 {key} -days 9 -keyout tsa-root.key -out {self.root} -subj /O=tests/CN=tsa-root")
        self._run(f"req {key} -keyout tsa.key -out tsa.csr -subj /O=tests/CN=tsa")
        authority = f"-CA {self.root} -CAkey tsa-root.key -set_serial 7"
        self._run(f"x509 -req -in tsa.csr {authority} -days 9 -extfile usage -out tsa.crt")
        self.chain = folder / "tsa-chain.pem"
        self.chain.write_bytes(self._certificate.read_bytes() + self.root.read_bytes())

    def _run(self, arguments):
        subprocess.run([require("openssl"), *arguments.split()], cwd=self._folder, check=True, capture_output=True)

    def answer(self, query):
        """The response to a query, both in DER."""
        (self._folder / "query").write_bytes(query)
        self._run("ts -reply -config tsa.cnf -queryfile query -signer tsa.crt -inkey tsa.key -out response")
        return (self._folder / "response").read_bytes()

    @contextmanager
    def serving(self, change=lambda data: data):
        """Answer on loopback; yields the address. change: what becomes of each response."""

        def answer(method, path, headers, body):
            assert ("POST", "application/timestamp-query") == (method, headers["content-type"])
            return 200, {"Content-Type": "application/timestamp-reply"}, change(self.answer(body))

        with answering(answer) as stub:
            yield f"http://{stub.host}/tsa"
