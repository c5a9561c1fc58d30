"""A hub on loopback that answers as Hugging Face's does, for one repository."""

import hashlib
import json
import urllib.parse
from contextlib import contextmanager

from loopback.registries import served

__all__ = ["Hub", "hub"]

# As the hub documents: /api/models/{id}/revision/{revision}?blobs=true lists files with sizes, git's blob ids
# and, for those in Git LFS, their sha256; /{id}/resolve/{revision}/{path} sends small files, and redirects
# to another host for large ones.


class Hub:
    """A repository: commit -> path -> bytes; those in `large` are in Git LFS. branches: name -> commit.
    token: a login that it wants. asked: path, Range and Authorization of each request."""

    def __init__(self, name):
        self.name, self.commits, self.branches = name, {}, {}
        self.large, self.token, self.asked, self.storage = set(), "", [], ""
        self.card = {"license": "apache-2.0", "base_model": "org/base", "datasets": ["org/data"]}
        self.listed = None

    def commit(self, branch, files):
        """Commit `files` to a branch and return the commit's id."""
        identity = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.commits[identity], self.branches[branch] = files, identity
        return identity

    def answer(self, handler):
        """Answer one GET."""
        path = urllib.parse.unquote(urllib.parse.urlsplit(handler.path).path)
        self.asked.append((path, handler.headers.get("Range"), handler.headers.get("Authorization")))
        if path.startswith("/storage/"):
            return self._send_file(handler, self._stored(path.rpartition("/")[2]))
        if self.token and handler.headers.get("Authorization") != f"Bearer {self.token}":
            return self._send(
                handler, 401, b'{"error": "Invalid username or password."}', {"X-Error-Code": "GatedRepo"}
            )
        api, resolve = f"/api/models/{self.name}", f"/{self.name}/resolve/"
        if path.startswith(api):
            return self._send_info(handler, path[len(api) :].partition("/revision/")[2] or "main")
        if path.startswith(resolve):
            commit, _, name = path[len(resolve) :].partition("/")
            data = self.commits.get(commit, {}).get(name)
            if data is not None and name in self.large:
                url = f"http://{self.storage}/storage/{hashlib.sha256(data).hexdigest()}"
                return self._send(handler, 302, b"", {"Location": url, "X-Linked-Size": str(len(data))})
            if data is not None:
                return self._send_file(handler, data)
        self._send(handler, 404, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})

    def _stored(self, sha256):
        files = (data for files in self.commits.values() for data in files.values())
        return next(data for data in files if hashlib.sha256(data).hexdigest() == sha256)

    def _send_info(self, handler, revision):
        commit = self.branches.get(revision, revision)
        if commit not in self.commits:
            error = {"X-Error-Code": "RevisionNotFound"}
            return self._send(handler, 404, b'{"error": "Invalid rev id"}', error)
        siblings = []
        for name, data in self.commits[commit].items():
            one = {"rfilename": name, "size": len(data), "blobId": hashlib.sha1(data).hexdigest()}
            if name in self.large:
                one["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            siblings.append(one)
        info = {
            "_id": "1", "id": self.name, "modelId": self.name, "sha": commit, "private": False, "tags": [],
            "downloads": 0, "likes": 0, "siblings": self.listed or siblings, "cardData": self.card,
            "library_name": "transformers", "pipeline_tag": "text-generation",
        }  # fmt: skip
        self._send(handler, 200, json.dumps(info).encode(), {"Content-Type": "application/json"})

    def _send_file(self, handler, data):
        first = int((handler.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        headers = {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"} if first else {}
        self._send(handler, 206 if first else 200, data[first:], headers)

    def _send(self, handler, status, body, headers):
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def hub(repository):
    """Serve a Hub; yields HF_ENDPOINT. Large files lie at another host name."""
    with served(repository.answer) as address:
        repository.storage = f"localhost:{address.rpartition(':')[2]}"
        yield f"http://{address}"
