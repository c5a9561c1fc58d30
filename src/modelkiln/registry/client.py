"""Reading from a registry: authentication, small documents, and blobs that survive a cut line.

OCI distribution-spec 1.1 over the standard library. oras-py was looked at and left: it reads
proxies, certificates and docker's configuration from the process's own environment, which is
empty in a build; it keeps a token that has expired; and it wants to know in advance whether a
registry asks for a password or for a token.
"""

import ssl
import time
import urllib.error
from typing import Any, Callable, Iterator, Mapping

from modelkiln.digest import CHUNK, check_digest, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import insecure_registries
from modelkiln.network.http import (
    NETWORK_ERRORS,
    RETRY_WAITS,
    http_status,
    is_final,
    open_url,
    with_retries,
)
from modelkiln.registry.auth import RegistryAuth
from modelkiln.registry.reference import Reference

__all__ = ["RegistryClient"]

# A blob that arrives in more pieces than this arrives over a line that is not worth the wait.
_ATTEMPTS = 6


class RegistryClient:
    """Reads one repository of one registry, that of `reference`, with the machine's settings."""

    def __init__(self, reference: Reference, env: Mapping[str, str]) -> None:
        self._reference, self._env = reference, env
        # A registry on this machine may do without TLS, and one that an option names. No other may:
        # what is read is verified, but credentials would be sent in the clear.
        is_named = reference.registry in insecure_registries(env)
        self._is_plain_allowed = is_named or reference.is_loopback
        self._scheme = "http" if is_named else "https"
        self._auth = RegistryAuth(reference, env, self._is_plain_allowed)

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
        """Pass the blob's bytes to `write`; see `blob_chunks`."""
        for chunk in self.blob_chunks(digest, size):
            write(chunk)

    def blob_chunks(self, digest: str, size: int) -> Iterator[bytes]:
        """Yield the blob's bytes; after a cut, go on from where it was.

        The bytes are for the caller to verify. Raises ModelkilnError when the registry has no
        such blob, sends more than `size` bytes, or is cut off again and again.
        """
        done, last = 0, None
        for _ in range(_ATTEMPTS):
            before = done
            try:
                for chunk in self._chunks_from(digest, done, size):
                    done += len(chunk)
                    yield chunk
            except _Cut as cut:
                last = cut.reason
                if is_final(last):
                    break
            if done == size:
                return
            if done == before:
                time.sleep(RETRY_WAITS[0])
        raise self._told(f"blobs/{digest}", last or ConnectionError(f"cut off after {done} of {size} bytes"))

    def _chunks_from(self, digest: str, done: int, size: int) -> Iterator[bytes]:
        headers = {"Range": f"bytes={done}-"} if done else {}
        try:
            with self._get(f"blobs/{digest}", headers) as response:
                # A server that knows no ranges answers 200 and starts anew.
                position = done if response.status == 206 else 0
                while position < size:
                    chunk = response.read(CHUNK)
                    if not chunk:
                        return
                    fresh = chunk[max(0, done - position) :]
                    position += len(chunk)
                    if position > size:
                        raise ModelkilnError(
                            f"{self._reference}: blob {digest} is larger than the {size} bytes its "
                            "manifest says. Refused."
                        )
                    if fresh:
                        yield fresh
        except NETWORK_ERRORS as error:
            raise _Cut(error) from error

    def _get(self, path: str, headers: Mapping[str, str]) -> Any:
        """Open a path of the repository; logs in when asked to, again when a token has expired."""
        used = self._auth.header
        try:
            return self._open(path, headers, used)
        except urllib.error.HTTPError as error:
            if error.code != 401 or not self._auth.renew(error.headers.get_all("WWW-Authenticate") or [], used):
                raise
            return self._open(path, headers, self._auth.header)

    def _open(self, path: str, headers: Mapping[str, str], authorization: str) -> Any:
        host = f"{self._reference.registry}/v2/{self._reference.name}/{path}"
        try:
            return open_url(f"{self._scheme}://{host}", self._env, headers, authorization)
        except urllib.error.URLError as error:
            plain = self._is_plain_allowed and isinstance(error.reason, ssl.SSLError)
            if not plain or self._scheme == "http" or isinstance(error.reason, ssl.SSLCertVerificationError):
                raise
            self._scheme = "http"
            return open_url(f"http://{host}", self._env, headers, authorization)

    def _told(self, path: str, error: BaseException) -> ModelkilnError:
        status = http_status(error)
        remedy = "Check the network, and the machine's proxy settings."
        if status in (401, 403):
            remedy = f"Log in to {self._reference.registry} (docker login, skopeo login), or ask for the right to pull."
        elif status == 404:
            remedy = "Check the reference; the image may have been deleted. Pin one that exists."
        return ModelkilnError(f"{self._reference}: {path}: {error}. {remedy}")


class _Cut(Exception):
    """A blob's stream ended early; `reason` is what the network said."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(str(reason))
        self.reason = reason
