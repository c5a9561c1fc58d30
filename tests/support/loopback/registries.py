"""A real registry on loopback, and what stands before one: a token server, a line that is cut."""

import base64
import http.client
import json
import os
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from components import require
from servers import listening

__all__ = ["certificate", "cut_line", "push", "registry", "served", "signed_token"]


@contextmanager
def registry(folder, tls=None, client_ca=None, **auth):
    """Run docker-registry below `folder`; yields its host and port. tls: (certificate, key) files.
    client_ca: the file of an authority of clients, whose certificates are wanted then."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"secret": "x"},
    }
    if tls:
        config["http"]["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
    if client_ca:
        config["http"]["tls"]["clientcas"] = [str(client_ca)]
    if auth:
        config["auth"] = auth
    program = require("docker-registry")

    def command(port):
        config["http"]["addr"] = f"127.0.0.1:{port}"
        (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML.
        return [program, "serve", str(folder / "config.yml")]

    with listening(command, folder / "log", env={"OTEL_TRACES_EXPORTER": "none"}) as port:
        yield f"127.0.0.1:{port}"


def push(layout, target, *options, name="image"):
    """Copy the image `name` of the OCI layout `layout` to `target` (host/name:tag) with skopeo, digests kept."""
    command = [require("skopeo"), "copy", "-q", "--all", "--preserve-digests", "--dest-tls-verify=false"]
    command += ["--insecure-policy", *options, f"oci:{layout}:{name}", f"docker://{target}"]
    subprocess.run(command, check=True, env={"PATH": os.environ.get("PATH", ""), "HOME": str(layout)})


def certificate(folder, name):
    """Make a self-signed certificate for 127.0.0.1; returns the paths of it and of its key."""
    folder.mkdir(parents=True, exist_ok=True)
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = [require("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-keyout", str(key), "-out", str(cert), "-subj", f"/CN={name}"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed_token(cert, key, audience, access):
    """A registry's bearer token (distribution, "Token Authentication Specification"), RS256."""
    pem = cert.read_text().strip().splitlines()[1:-1]
    header = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(pem)]}
    now = int(time.time())
    claims = {
        "iss": "tests", "sub": "", "aud": audience, "jti": "1",
        "exp": now + 60, "nbf": now - 60, "iat": now, "access": access,
    }  # fmt: skip
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    command = [require("openssl"), "dgst", "-sha256", "-sign", str(key)]
    signature = subprocess.run(command, input=signed.encode(), stdout=subprocess.PIPE, check=True).stdout
    return f"{signed}.{_base64url(signature)}"


@contextmanager
def served(answer):
    """Serve `answer(handler)` for every GET and HEAD on loopback; yields host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        do_HEAD = do_GET

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def cut_line(target, cuts, ranges=True):
    """A line to the registry `target` that breaks after so many bytes of an answer's body.

    cuts: the numbers, one for each answer in turn; later answers come whole. ranges: whether
    requests for a part reach the registry as such. Yields the line's address and the list of
    `Range` headers that were asked for.
    """
    asked, left = [], list(cuts)

    def answer(handler):
        headers = {key: value for key, value in handler.headers.items() if key.lower() != "host"}
        asked.append(headers.get("Range"))
        if not ranges:
            headers.pop("Range", None)
        line = http.client.HTTPConnection(target)
        line.request(handler.command, handler.path, headers=headers)
        response = line.getresponse()
        handler.send_response(response.status)
        for key, value in response.getheaders():
            handler.send_header(key, value)
        handler.end_headers()
        handler.wfile.write(response.read(left.pop(0) if left else None))
        handler.close_connection = True
        line.close()

    with served(answer) as address:
        yield address, asked
