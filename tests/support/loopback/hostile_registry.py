"""A registry in a few lines, by the specification, that can be made to misbehave.

It keeps what is pushed in memory, keeps the bytes of an upload whose line was cut (as the
distribution-spec wants, and as docker-registry does not), knows the referrers API when asked to,
and gives each fault exactly as often as a test says.
"""

import hashlib
import json
import re
import threading
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

__all__ = ["Fault", "HostileRegistry", "hostile_registry"]

INDEX = "application/vnd.oci.image.index.v1+json"


class Fault:
    """When and how to misbehave. method and path (a regular expression) say at which requests, times
    how often. status: answered with `headers` and `body`. cut_after: the line is cut after so many
    bytes of the request's body. alter: called with the server, before the request is served as usual."""

    def __init__(self, method, path, status=None, times=1, headers=(), body=b"", cut_after=None, alter=None):
        self.method, self.path, self.status = method, path, status
        self.times, self.headers, self.body = times, dict(headers), body
        self.cut_after, self.alter = cut_after, alter


class HostileRegistry:
    """What was pushed, and what was asked: `requests` are (method, path) pairs."""

    def __init__(self, faults=(), referrers=False, token=None):
        self.faults, self.referrers, self.token = list(faults), referrers, token
        self.blobs, self.manifests, self.tags, self.uploads = {}, {}, {}, {}
        self.requests, self.authorizations = [], []
        self.address = ""
        self.lock = threading.RLock()

    def fault(self, method, path):
        """The fault for a request, counted down."""
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and fault.method == method and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry = None

    def log_message(self, *arguments):
        pass

    def serve(self):
        url = urlsplit(self.path)
        registry, self.query = self.registry, {key: values[0] for key, values in parse_qs(url.query).items()}
        registry.requests.append((self.command, self.path))
        registry.authorizations.append(self.headers.get("Authorization"))
        fault = registry.fault(self.command, self.path)
        if fault and fault.alter:
            fault.alter(registry)
        if fault and fault.status:
            # As servers do that have seen enough: the body stays unread.
            self.close_connection = True
            return self.answer(fault.status, fault.body, **fault.headers)
        if registry.token and self.headers.get("Authorization") != f"Bearer {registry.token}":
            self.close_connection = True
            realm = f'Bearer realm="http://{registry.address}/token",service="tests",scope="repository:a:pull,push"'
            if url.path != "/token":
                return self.answer(401, **{"WWW-Authenticate": realm})
        if url.path == "/token":
            return self.answer(200, json.dumps({"token": registry.token}).encode())
        kind, name, rest = re.fullmatch(r"/v2/(?:(.+?)/(manifests|blobs|referrers)/(.*))?", url.path).group(2, 1, 3)
        return getattr(self, f"{self.command.lower()}_{kind}")(name, rest, fault)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = serve

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self, fault=None):
        """The request's body; what came of it before a cut is an upload's."""
        left = int(self.headers.get("Content-Length") or 0)
        limit = left if fault is None or fault.cut_after is None else fault.cut_after
        data = bytearray()
        while len(data) < min(left, limit):
            piece = self.rfile.read(min(65536, min(left, limit) - len(data)))
            if not piece:
                break
            data += piece
        self.cut = len(data) < left
        return bytes(data)

    def head_blobs(self, name, rest, fault):
        data = self.registry.blobs.get(rest)
        if data is None:
            return self.answer(404)
        return self.answer(200, data, **{"Docker-Content-Digest": rest})

    def get_blobs(self, name, rest, fault):
        if rest.startswith("uploads/"):
            data = self.registry.uploads.get(rest.partition("/")[2])
            if data is None:
                return self.answer(404)
            # "0-0" is what docker-registry says of nothing.
            return self.answer(204, **{"Range": f"0-{max(0, len(data) - 1)}", "Location": f"/v2/{name}/blobs/{rest}"})
        return self.head_blobs(name, rest, fault)

    def post_blobs(self, name, rest, fault):
        self.body()
        mounted = self.query.get("mount")
        if mounted and mounted in self.registry.blobs:
            return self.answer(201, **{"Docker-Content-Digest": mounted})
        key = uuid.uuid4().hex
        self.registry.uploads[key] = b""
        return self.answer(202, **{"Location": f"/v2/{name}/blobs/uploads/{key}"})  # Relative, as some do.

    def patch_blobs(self, name, rest, fault):
        if not self.receive(rest.partition("/")[2], fault):
            return None
        return self.answer(202, **{"Location": f"/v2/{name}/blobs/{rest}"})

    def put_blobs(self, name, rest, fault):
        key, digest = rest.partition("/")[2], self.query["digest"]
        if not self.receive(key, fault):
            return None
        data = self.registry.uploads.pop(key)
        if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
            return self.answer(400, b'{"errors": [{"code": "DIGEST_INVALID", "message": "not the digest"}]}')
        self.registry.blobs[digest] = data
        return self.answer(201, **{"Docker-Content-Digest": digest})

    def receive(self, key, fault):
        """Add the body to an upload; False when that was the end of the line."""
        known = self.registry.uploads.get(key)
        if known is None:
            self.body()
            self.answer(404)
            return False
        start = (self.headers.get("Content-Range") or str(len(known))).partition("-")[0]
        if int(start) != len(known):
            self.body()
            self.answer(416)
            return False
        self.registry.uploads[key] = known + self.body(fault)
        if self.cut:
            self.close_connection = True
            self.connection.close()
        return not self.cut

    def delete_blobs(self, name, rest, fault):
        self.registry.uploads.pop(rest.partition("/")[2], None)
        return self.answer(204)

    def get_manifests(self, name, rest, fault):
        digest = self.registry.tags.get((name, rest), rest)
        found = self.registry.manifests.get((name, digest))
        if found is None:
            return self.answer(404)
        return self.answer(200, found[1], **{"Content-Type": found[0], "Docker-Content-Digest": digest})

    head_manifests = get_manifests

    def put_manifests(self, name, rest, fault):
        data = self.body()
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        content = json.loads(data)
        named = [content[key] for key in ("config",) if key in content] + (content.get("layers") or [])
        missing = [one["digest"] for one in named if one["digest"] not in self.registry.blobs]
        children = [one["digest"] for one in content.get("manifests") or ()]
        missing += [one for one in children if (name, one) not in self.registry.manifests]
        if missing:
            return self.answer(404, b'{"errors": [{"code": "MANIFEST_BLOB_UNKNOWN"}]}')
        self.registry.manifests[name, digest] = (self.headers["Content-Type"], data)
        if ":" not in rest:
            self.registry.tags[name, rest] = digest
        more = {"OCI-Subject": content["subject"]["digest"]} if self.registry.referrers and "subject" in content else {}
        return self.answer(201, **{"Docker-Content-Digest": digest, **more})

    def get_referrers(self, name, rest, fault):
        if not self.registry.referrers:
            return self.answer(404)
        found = []
        for (_, digest), (media_type, data) in self.registry.manifests.items():
            content = json.loads(data)
            if (content.get("subject") or {}).get("digest") == rest:
                entry = {"mediaType": media_type, "digest": digest, "size": len(data)}
                found.append({**entry, "artifactType": content.get("artifactType")})
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": found}).encode()
        return self.answer(200, body, **{"Content-Type": INDEX})


@contextmanager
def hostile_registry(*faults, **settings):
    """Run one on loopback; yields it, with its `address`."""
    registry = HostileRegistry(faults, **settings)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"registry": registry}))
    server.daemon_threads = True
    registry.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
