"""Files in Git LFS: from the checkout's own objects or its work tree, else from the server that git is
configured with."""

import io
import json
import re
import subprocess
import urllib.error
import urllib.parse
from base64 import b64encode
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Dict, Mapping, Optional, Tuple

from modelkiln.checks.lfs_pointer import POINTER_LIMIT, parse_pointer
from modelkiln.digest import sha256_stream
from modelkiln.errors import ModelkilnError
from modelkiln.machine.git import Git
from modelkiln.network.http import open_url, with_retries
from modelkiln.network.http_file import HttpFile, ServedFile, network_error
from modelkiln.runtime.weights.http import origin
from modelkiln.sources.addresses import check_files, shown
from modelkiln.sources.source import Listing, Source, SourceFile
from modelkiln.sources.web import basic_login

__all__ = ["CHECKOUT", "open_source"]

# The variable of the machine's settings that says where the checkout is: a recipe must not.
CHECKOUT = "MODELKILN_CHECKOUT"
_LOGIN = "Log in as git does for this server (a credential helper, or ~/.netrc)."
# Git LFS, docs/api/batch.md.
_TYPE = "application/vnd.git-lfs+json"
_ANSWER_LIMIT = 1 << 20
_SSH_SECONDS = 60
# user@host:path, which git takes for ssh.
_SCP_LIKE = re.compile(r"(?:[\w.-]+@)?[\w.-]+:(?!//).+")


def open_source(uri: str, env: Mapping[str, str], folder: Path) -> Source:
    """Return the source of the pointer `lfs:<path>`, relative to `folder`, or of files that lie in the
    folder `lfs:<path>` of the checkout, whose sha256 the caller knows.

    The checkout is that of MODELKILN_CHECKOUT, else the one that `folder` is in.
    """
    path = uri.partition(":")[2].lstrip("/")
    return _GitLfs(uri, folder / path, env, Path(env.get(CHECKOUT) or folder))


class _GitLfs(Source):
    def __init__(self, uri: str, path: Path, env: Mapping[str, str], folder: Path) -> None:
        self._uri, self._path, self._env, self._folder = uri, path, env, folder
        self._where = f"source {uri}"
        self._authorization = ""
        self._endpoint = lru_cache(maxsize=1)(self._find_endpoint)
        self._git = Git(folder, env, self._where)

    def list(self) -> Listing:
        path = self._path
        try:
            with path.open("rb") as stream:
                data = stream.read(POINTER_LIMIT)
        except OSError as error:
            raise ModelkilnError(f"{self._where}: {error.strerror}. Check its path.") from None
        pointer = parse_pointer(data, self._where)
        file = SourceFile(path.name, pointer.size, pointer.sha256, pointer.sha256, is_meant_empty=pointer.size == 0)
        return Listing(self._uri, "", check_files([file], self._where))

    def open(self, file: SourceFile, offset: int = 0) -> BinaryIO:
        if not file.sha256 or file.size is None:
            raise ModelkilnError(f"{self._where}: {file.path}: has no sha256 to find it by. Write the lock again.")
        if not file.size:
            return io.BytesIO()  # No object stands for it.
        for folder in self._object_folders():
            found = folder / file.sha256[:2] / file.sha256[2:4] / file.sha256
            if found.is_file() and found.stat().st_size == file.size:
                stream = found.open("rb")
                stream.seek(offset)
                return stream
        checked_out = self._checked_out(file)
        if checked_out is not None:
            stream = checked_out.open("rb")
            stream.seek(offset)
            return stream
        endpoint, _ = self._endpoint()
        return HttpFile(
            lambda headers: self._download(file.sha256 or "", file.size or 0, headers),
            f"{self._where}: {file.path} from {shown(endpoint)}",
            ServedFile(_LOGIN, file.size, is_immutable=True),
            offset,
        )

    def _checked_out(self, file: SourceFile) -> Optional[Path]:
        """The file in the work tree, where its bytes are those that are wanted."""
        found = self._folder / self._uri.partition(":")[2].lstrip("/") / file.path
        if not found.is_file() or found.stat().st_size != file.size:
            return None
        with found.open("rb") as stream:
            return found if sha256_stream(stream)[0] == f"sha256:{file.sha256}" else None

    def _object_folders(self) -> Tuple[Path, ...]:
        """Where objects may lie on this machine: the checkout's, and a remote's that is a folder."""
        common = self._git.run("rev-parse", "--git-common-dir")
        if not common:
            self._git.check_owner()
            raise ModelkilnError(
                f"{self._where}: is a Git LFS pointer, and {self._folder} is not a checkout of git, so nothing records "
                "where its content is. Fetch it with `git lfs pull` in a checkout."
            )
        storage = self._git.run("config", "--get", "lfs.storage")
        folders = [self._folder / common / (storage or "lfs") / "objects"]
        remote = self._git.address(self._git.remote())
        local = Path(urllib.parse.unquote(remote[7:]) if remote.startswith("file://") else remote)
        if remote and (remote.startswith("file://") or local.is_absolute()):
            folders += [local / "lfs" / "objects", local / ".git" / "lfs" / "objects"]
        return tuple(folders)

    def _find_endpoint(self) -> Tuple[str, Mapping[str, str]]:
        """The LFS server's address and the headers that it wants (docs/api/server-discovery.md)."""
        name = self._git.remote()
        configured = self._git.setting("lfs.url") or self._git.setting(f"remote.{name}.lfsurl")
        address = self._git.address(configured or name)
        if address.startswith("ssh://") or (_SCP_LIKE.fullmatch(address) and "://" not in address):
            return self._ssh(address)
        if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
            raise ModelkilnError(
                f"{self._where}: the object is not in this checkout, and remote {name!r} is "
                f"{shown(address) or 'not set'!r}, no server. Set lfs.url, or fetch it with `git lfs pull`."
            )
        if configured:
            return address.rstrip("/"), {}
        ending = "/info/lfs" if address.rstrip("/").endswith(".git") else ".git/info/lfs"
        return address.rstrip("/") + ending, {}

    def _ssh(self, address: str) -> Tuple[str, Mapping[str, str]]:
        """Ask over ssh for address and headers: `git-lfs-authenticate <path> download`."""
        parts = urllib.parse.urlsplit(address)
        host, path = (parts.netloc, parts.path) if parts.scheme == "ssh" else address.split(":", 1)
        host, _, port = host.partition(":")
        if host.startswith("-"):
            raise ModelkilnError(f"{self._where}: {host!r} is not the name of a host. Check the remote.")
        # A command is never taken from .lfsconfig, which is anybody's who commits.
        configured = self._git.run("config", "--get", "core.sshCommand")
        settings = (self._env.get("GIT_SSH_COMMAND"), configured, self._env.get("GIT_SSH"))
        command = [*(next(filter(None, settings), None) or "ssh").split(), "-oBatchMode=yes"]
        command += [f"-p{port}"] if port else []
        command += ["--", host, f"git-lfs-authenticate {path.lstrip('/')} download"]
        try:
            done = subprocess.run(command, env=dict(self._env), capture_output=True, timeout=_SSH_SECONDS)
            answer = json.loads(done.stdout)
            return answer["href"].rstrip("/"), dict(answer.get("header") or {})
        except (OSError, subprocess.SubprocessError, ValueError, KeyError, AttributeError):
            raise ModelkilnError(
                f"{self._where}: {host} does not answer git-lfs-authenticate over ssh. Set lfs.url to the server's "
                "https address, or fetch the file with `git lfs pull`."
            ) from None

    def _download(self, sha256: str, size: int, headers: Mapping[str, str]) -> Any:
        """Open an object; its address is asked for each time, since it expires."""
        action = self._batch(sha256, size)
        wanted = {str(name): str(value) for name, value in (action.get("header") or {}).items()}
        login = next((wanted.pop(name) for name in list(wanted) if name.lower() == "authorization"), "")
        is_ours = origin(action["href"]) == origin(self._endpoint()[0])
        if not login and is_ours and not action.get("authenticated"):
            login = self._authorization
        return open_url(action["href"], self._env, {**wanted, **headers}, login)

    def _batch(self, sha256: str, size: int) -> Dict[str, Any]:
        question = {
            "operation": "download",
            "transfers": ["basic"],
            "objects": [{"oid": sha256, "size": size}],
            "hash_algo": "sha256",
        }
        endpoint = self._endpoint()[0]
        try:
            answer = with_retries(lambda: self._ask(json.dumps(question).encode()))
        except urllib.error.HTTPError as error:
            raise network_error(f"{self._where}: {shown(endpoint)}", error, _LOGIN) from error
        try:
            (found,) = answer["objects"]
            problem = found.get("error")
            if not problem:
                action = found["actions"]["download"]
                return {**action, "href": str(action["href"])}
        except (KeyError, TypeError, ValueError, AttributeError):
            problem = {"message": "an answer that is not one of Git LFS"}
        raise ModelkilnError(
            f"{self._where}: {shown(endpoint)} has no object {sha256}: {str(problem.get('message'))[:200]}. "
            "Push it from where it is, with `git lfs push`."
        )

    def _ask(self, question: bytes) -> Any:
        endpoint, extra = self._endpoint()
        url, user, name = _without_user(f"{endpoint}/objects/batch")
        # What git adds to requests for this address; what was got over ssh is for it alone.
        headers = {**_merged(self._git.extra_headers(url), extra), "Accept": _TYPE, "Content-Type": _TYPE}
        login = next((headers.pop(name) for name in list(headers) if name.lower() == "authorization"), "")
        self._authorization = self._authorization or user
        login = login or self._authorization
        try:
            with open_url(url, self._env, headers, login, question) as response:
                return json.loads(response.read(_ANSWER_LIMIT))
        except urllib.error.HTTPError as error:
            if error.code != 401 or self._authorization:
                raise
            self._authorization = basic_login(url, self._env) or self._git.login(url, name)
            if not self._authorization:
                raise
        with open_url(url, self._env, headers, self._authorization, question) as response:
            return json.loads(response.read(_ANSWER_LIMIT))


def _merged(lower: Mapping[str, str], upper: Mapping[str, str]) -> Dict[str, str]:
    """Headers of both; where both have one, that of `upper`."""
    known = {name.lower() for name in upper}
    return {**{name: value for name, value in lower.items() if name.lower() not in known}, **upper}


def _without_user(url: str) -> Tuple[str, str, str]:
    """`url` without its login, that login as a header's value, and the user where it has no password."""
    parts = urllib.parse.urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    bare = urllib.parse.urlunsplit(parts._replace(netloc=host))
    if ":" not in user:
        return bare, "", user
    return bare, "Basic " + b64encode(urllib.parse.unquote(user).encode()).decode(), ""
