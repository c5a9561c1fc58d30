"""Reading from a registry: authentication, small documents, and blobs that survive a cut line.

OCI distribution-spec 1.1 over the standard library. oras-py was looked at and left: it reads
proxies, certificates and docker's configuration from the process's own environment, which is
empty in a build; it keeps a token that has expired; and it wants to know in advance whether a
registry asks for a password or for a token.
"""

import json
import re
import ssl
import time
import urllib.error
import urllib.parse
from typing import Any, Callable, Mapping, Optional

from modelkiln.digest import CHUNK, check_digest, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.sources.credentials import find_credentials
from modelkiln.sources.http import (
    NETWORK_ERRORS,
    RETRY_WAITS,
    http_status,
    is_final,
    open_url,
    with_retries,
)
from modelkiln.sources.reference import Reference

__all__ = ["RegistryClient"]

# A blob that arrives in more pieces than this arrives over a line that is not worth the wait.
_ATTEMPTS = 6
_CHALLENGE = re.compile(r'([a-zA-Z_]+)="([^"]*)"')


class RegistryClient:
    """Reads one repository of one registry, that of `reference`, with the machine's settings."""

    def __init__(self, reference: Reference, env: Mapping[str, str]) -> None:
        self._reference, self._env = reference, env
        self._scheme = "https"
        self._authorization = ""

    def read(self, kind: str, digest: str, limit: int, accept: str = "") -> bytes:
        """Return a document of at most `limit` bytes, verified; `kind` is "manifests" or "blobs"."""
        headers = {"Accept": accept} if accept else {}

        def read() -> bytes:
            with self._get(f"{kind}/{digest}", headers) as response:
                return response.read(limit + 1)

        try:
            data = with_retries(read)
        except NETWORK_ERRORS as error:
            raise self._told(f"{kind}/{digest}", error) from error
        if len(data) > limit:
            raise ModelkilnError(f"{self._reference}: {kind}/{digest} is larger than {limit} bytes. Refused.")
        if sha256_bytes(data) != check_digest(digest, str(self._reference)):
            raise ModelkilnError(
                f"{self._reference}: the registry sent {sha256_bytes(data)}, want {digest}. It, or "
                "a proxy before it, is broken or lies."
            )
        return data

    def resolve(self, tag: str, limit: int, accept: str) -> bytes:
        """Return the manifest that `tag` stands for now, of at most `limit` bytes."""

        def read() -> bytes:
            with self._get(f"manifests/{tag}", {"Accept": accept}) as response:
                return response.read(limit + 1)

        try:
            data = with_retries(read)
        except NETWORK_ERRORS as error:
            raise self._told(f"manifests/{tag}", error) from error
        if len(data) > limit:
            raise ModelkilnError(f"{self._reference}: the manifest is larger than {limit} bytes. Refused.")
        return data

    def open_blob(self, digest: str, headers: Mapping[str, str]) -> Any:
        """Open a blob, or the part that a Range header names; raises one of NETWORK_ERRORS."""
        return self._get(f"blobs/{digest}", headers)

    def stream_blob(self, digest: str, size: int, write: Callable[[bytes], Any]) -> None:
        """Pass the blob's bytes to `write`; after a cut, go on from where it was.

        The bytes are for the caller to verify. Raises ModelkilnError when the registry has no
        such blob, sends more than `size` bytes, or is cut off again and again.
        """
        done, last = 0, None
        for _ in range(_ATTEMPTS):
            before = done
            try:
                done = self._stream_from(digest, done, size, write)
            except _Cut as cut:
                done, last = cut.done, cut.reason
                if is_final(last):
                    break
            if done == size:
                return
            if done == before:
                time.sleep(RETRY_WAITS[0])
        raise self._told(f"blobs/{digest}", last or ConnectionError(f"cut off after {done} of {size} bytes"))

    def _stream_from(self, digest: str, done: int, size: int, write: Callable[[bytes], Any]) -> int:
        headers = {"Range": f"bytes={done}-"} if done else {}
        position = done
        try:
            with self._get(f"blobs/{digest}", headers) as response:
                # A server that knows no ranges answers 200 and starts anew.
                position = done if response.status == 206 else 0
                while position < size:
                    chunk = response.read(CHUNK)
                    if not chunk:
                        break
                    fresh = chunk[max(0, done - position) :]
                    position += len(chunk)
                    if position > size:
                        raise ModelkilnError(
                            f"{self._reference}: blob {digest} is larger than the {size} bytes its "
                            "manifest says. Refused."
                        )
                    write(fresh)
        except NETWORK_ERRORS as error:
            raise _Cut(max(position, done), error) from error
        return max(position, done)

    def _get(self, path: str, headers: Mapping[str, str]) -> Any:
        """Open a path of the repository; logs in when asked to, again when a token has expired."""
        try:
            return self._open(path, headers)
        except urllib.error.HTTPError as error:
            if error.code != 401:
                raise
            self._authorization = self._answer(error.headers.get_all("WWW-Authenticate") or [])
            if not self._authorization:
                raise
            return self._open(path, headers)

    def _open(self, path: str, headers: Mapping[str, str]) -> Any:
        host = f"{self._reference.registry}/v2/{self._reference.name}/{path}"
        try:
            return open_url(f"{self._scheme}://{host}", self._env, headers, self._authorization)
        except urllib.error.URLError as error:
            # A registry on this machine may do without TLS. No other may: what is read is verified,
            # but credentials would be sent in the clear.
            plain = self._reference.is_loopback and isinstance(error.reason, ssl.SSLError)
            if not plain or self._scheme == "http" or isinstance(error.reason, ssl.SSLCertVerificationError):
                raise
            self._scheme = "http"
            return open_url(f"http://{host}", self._env, headers, self._authorization)

    def _answer(self, challenges: list[str]) -> str:
        """The Authorization header that meets one of `challenges`; "" when none can be met."""
        basic = find_credentials(self._reference.registry, self._env)
        for challenge in challenges:
            scheme, _, rest = challenge.partition(" ")
            if scheme.lower() == "bearer":
                token = self._token(dict(_CHALLENGE.findall(rest)), basic)
                if token:
                    return f"Bearer {token}"
            elif scheme.lower() == "basic" and basic:
                return f"Basic {basic}"
        return ""

    def _token(self, challenge: Mapping[str, str], basic: Optional[str]) -> str:
        """Ask for a token (distribution's token authentication); without `basic` an anonymous one."""
        realm = challenge.get("realm", "")
        if not realm.startswith("https:") and not self._reference.is_loopback:
            raise ModelkilnError(
                f"{self._reference}: the registry sends its users to {realm!r} for a token, which "
                "is not encrypted. Refused."
            )
        query = {"scope": challenge.get("scope") or f"repository:{self._reference.name}:pull"}
        if "service" in challenge:
            query["service"] = challenge["service"]
        url = f"{realm}{'&' if '?' in realm else '?'}{urllib.parse.urlencode(query)}"
        with open_url(url, self._env, authorization=f"Basic {basic}" if basic else "") as response:
            answer = json.loads(response.read(1 << 20))
        return answer.get("token") or answer.get("access_token") or ""

    def _told(self, path: str, error: BaseException) -> ModelkilnError:
        status = http_status(error)
        remedy = "Check the network, and the machine's proxy settings."
        if status in (401, 403):
            remedy = f"Log in to {self._reference.registry} (docker login, skopeo login), or ask for the right to pull."
        elif status == 404:
            remedy = "Check the reference; the image may have been deleted. Pin one that exists."
        return ModelkilnError(f"{self._reference}: {path}: {error}. {remedy}")


class _Cut(Exception):
    """A blob's stream ended early: `done` bytes were passed on, `reason` is what the network said."""

    def __init__(self, done: int, reason: BaseException) -> None:
        super().__init__(str(reason))
        self.done, self.reason = done, reason
