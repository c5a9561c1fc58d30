"""Requests over connections that stay open, with bodies that are streamed.

urllib, which `http.open_url` stands on, closes a connection after each request, and forgets the
answer of a server that says no before it has read a whole body (413, 507, an expired token).
Publishing asks for every blob of a package and sends large ones, so it needs both.
"""

import http.client
import ssl
import threading
import urllib.parse
import urllib.request
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Iterable, Mapping, Optional, Union

from modelkiln.network.http import proxies_for, tls_context

__all__ = ["Answer", "Connections"]

# A server that says nothing for this long is gone. The answer to a whole blob takes longer:
# registries hash it, and move it within their storage.
_TIMEOUT_SECONDS = 60
_AFTER_BODY_SECONDS = 900
# Documents are at most this large (distribution-spec 1.1, "Pushing Manifests"); a longer answer is cut here.
ANSWER_LIMIT = 4 << 20


@dataclass(frozen=True)
class Answer:
    """What a server said. headers: lower-case names; `challenges` are its WWW-Authenticate lines."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)
    challenges: tuple[str, ...] = ()


class Connections:
    """One open connection for each thread and server, with the machine's proxies and authorities.

    env: the machine's settings, see `load_machine_env`. Safe to use from several threads.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._local = threading.local()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] = {},
        body: Union[bytes, Iterable[bytes]] = b"",
    ) -> Answer:
        """Send a request and return the answer, redirects as they are.

        body: bytes, or pieces that are sent as they come; then `headers` hold the Content-Length.
        Raises one of `http.NETWORK_ERRORS`, and whatever the body's iterator raises; the
        connection is closed then.
        """
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an http or https address")
        server = (parts.scheme, parts.netloc)
        whole = isinstance(body, bytes)
        connection = self._open().pop(server, None)
        if connection is not None and whole:
            # The server may have closed it meanwhile, which only trying tells.
            with suppress(ConnectionError, http.client.BadStatusLine, http.client.CannotSendRequest):
                return self._exchange(connection, server, method, url, headers, body)
            connection.close()
            connection = None
        return self._exchange(connection or self._connect(*server), server, method, url, headers, body)

    def _open(self) -> dict:
        if not hasattr(self._local, "connections"):
            self._local.connections = {}
        return self._local.connections

    def _connect(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        proxy = proxies_for(f"{scheme}://{netloc}/", self._env).get(scheme)
        via = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None
        target = via.netloc.rpartition("@")[2] if via else netloc
        if scheme == "http":
            return http.client.HTTPConnection(target, timeout=_TIMEOUT_SECONDS)
        context = tls_context(self._env, netloc)
        connection = http.client.HTTPSConnection(target, timeout=_TIMEOUT_SECONDS, context=context)
        if via:
            connection.set_tunnel(netloc, headers=_proxy_login(via))
        return connection

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        server: tuple[str, str],
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Union[bytes, Iterable[bytes]],
    ) -> Answer:
        parts = urllib.parse.urlsplit(url)
        path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        headers = {"User-Agent": "modelkiln", **headers}
        proxy = proxies_for(url, self._env).get("http") if server[0] == "http" else None
        if proxy:
            path, headers = url, {**headers, **_proxy_login(urllib.parse.urlsplit(proxy))}
        unsent: Optional[BaseException] = None
        try:
            try:
                connection.request(method, path, body=body or None, headers=headers)
            except (BrokenPipeError, ConnectionResetError, ssl.SSLError) as error:
                # It may have said why before it stopped to listen.
                if connection.sock is None or isinstance(body, bytes):
                    raise
                unsent = error
            if not isinstance(body, bytes) and connection.sock is not None:
                connection.sock.settimeout(_AFTER_BODY_SECONDS if unsent is None else 5)
            answer, keep = _read(connection, unsent)
        except BaseException:
            connection.close()
            raise
        if keep and connection.sock is not None:
            connection.sock.settimeout(_TIMEOUT_SECONDS)
            self._open()[server] = connection
        else:
            connection.close()
        return answer


def _read(connection: http.client.HTTPConnection, unsent: Optional[BaseException]) -> tuple[Answer, bool]:
    """The answer, and whether the connection can be used again. unsent: why the body was not sent."""
    try:
        response = connection.getresponse()
    except (OSError, http.client.HTTPException):
        if unsent is not None:
            raise unsent from None
        raise
    data = response.read(ANSWER_LIMIT)
    headers = {name.lower(): value for name, value in response.getheaders()}
    challenges = tuple(response.headers.get_all("WWW-Authenticate") or ())
    keep = response.isclosed() and not response.will_close and unsent is None
    return Answer(response.status, headers, data, challenges), keep


def _proxy_login(proxy: urllib.parse.SplitResult) -> dict[str, str]:
    if not proxy.username:
        return {}
    login = f"{urllib.parse.unquote(proxy.username)}:{urllib.parse.unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + b64encode(login.encode()).decode()}
