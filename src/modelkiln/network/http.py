"""One way to read a URL: the machine's proxies and certificate authorities, retries, no globals.

Only the standard library. Build processes have an empty environment, so proxies and authorities
come from the machine's settings (`machine.settings.load_machine_env`) and not from `os.environ`, which is
where `requests` and what is built on it would look. Nothing here is trusted: callers check every
byte against a hash that they were given.
"""

import functools
import http.client
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Callable, Mapping, Optional, TypeVar

from modelkiln.errors import ModelkilnError
from modelkiln.network.pace import PacedHandler
from modelkiln.network.proxies import proxies_for, raise_through
from modelkiln.runtime.weights.http import Redirects, retry_after
from modelkiln.wording import report_line

__all__ = [
    "NETWORK_ERRORS",
    "RETRY_WAITS",
    "http_status",
    "is_final",
    "open_url",
    "seconds_asked",
    "wait_to_retry",
    "tls_context",
    "with_retries",
]

# A read that stalls for this long counts as a cut; see `pace` for servers that drip.
_TIMEOUT_SECONDS = 60
# Waits in seconds before the second and the third attempt: long enough for a restart of a mirror's server,
# short enough that a wrong address is reported at once.
RETRY_WAITS = (0.3, 1.0)

# How often a server is asked again that says itself how long to wait.
_PATIENCE = 4

# What reading from a network may raise. urllib's errors are OSErrors; so are time-outs, resets
# and TLS failures. An address that cannot be parsed is a ValueError.
NETWORK_ERRORS = (OSError, http.client.HTTPException, ValueError)

# As http.client reports what a proxy answers to CONNECT: 407 to a wrong login, after some of which accounts are locked.
_PROXY_SAYS_NO = re.compile(r"Tunnel connection failed: 4(?!08|29)")

_Result = TypeVar("_Result")


@functools.lru_cache(maxsize=32)
def _tls_context(ca_file: Optional[str], ca_folder: Optional[str], folders: tuple[Path, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file, capath=ca_folder)
    for folder in folders:
        for path in sorted(folder.iterdir()):
            try:
                if path.suffix == ".crt":
                    context.load_verify_locations(path)
                elif path.suffix == ".cert":
                    context.load_cert_chain(path, path.with_suffix(".key"))
            except OSError as error:
                raise ModelkilnError(
                    f"{path}: cannot be used for TLS ({error}). It must be PEM, and a .cert have its .key next to it."
                ) from None
    return context


def tls_context(env: Mapping[str, str], host: str) -> ssl.SSLContext:
    """Return how to speak TLS with `host` (with its port): whom to trust, and who we are.

    Authorities come from the usual variables (SSL_CERT_FILE and so on). What docker and podman
    keep for one registry in `certs.d/<host>` counts too: `*.crt` are authorities, `*.cert` with
    `*.key` a client's certificate (containers-certs.d(5)).
    """
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    ca_file = next((env[name] for name in names if env.get(name)), None)
    roots = [Path("/etc/containers/certs.d"), Path("/etc/docker/certs.d")]
    if env.get("XDG_CONFIG_HOME") or env.get("HOME"):
        config = Path(env.get("XDG_CONFIG_HOME") or Path(env["HOME"], ".config"))
        roots[:0] = [config / "containers/certs.d", config / "docker/certs.d"]
    hosts = (host, f"{host}:443") if host else ()  # The scheme's own port may be written or not.
    folders = tuple(root / one for root in roots for one in hosts if (root / one).is_dir())
    return _tls_context(ca_file, env.get("SSL_CERT_DIR"), folders)


class _Http(PacedHandler, urllib.request.HTTPHandler):
    pass


class _Https(PacedHandler, urllib.request.HTTPSHandler):
    pass


def open_url(
    url: str,
    env: Mapping[str, str],
    headers: Mapping[str, str] = {},
    authorization: str = "",
    data: Optional[bytes] = None,
) -> Any:
    """Open `url` (http, https or file) and return a readable response; with `data`, it is posted.

    `authorization` is sent to the origin of `url` alone: a redirect to another host must not carry
    credentials away (see `Redirects`). Raises one of NETWORK_ERRORS.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https", "file"):
        raise ValueError(f"{url!r} is not an http, https or file address")
    request = urllib.request.Request(url, data=data, headers={"User-Agent": "modelkiln", **headers})
    if authorization:
        request.add_header("Authorization", authorization)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies_for(url, env)),
        _Http,
        _Https(context=tls_context(env, urllib.parse.urlsplit(url).netloc)),
        Redirects,
    )
    try:
        return opener.open(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.URLError as error:
        raise_through(url, env, error)
        raise


def http_status(error: BaseException) -> Optional[int]:
    """Return the HTTP status that `error` carries; None when no server answered."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code
    # requests and httpx, on which other clients are built.
    return getattr(getattr(error, "response", None), "status_code", None)


def is_final(error: BaseException) -> bool:
    """Whether trying again is pointless: no such file, a bad certificate, or a plain no of a server or of a proxy.

    Redirects that urllib does not follow, such as a loop, are one.
    """
    reason = getattr(error, "reason", None)
    if _PROXY_SAYS_NO.match(str(error if reason is None else reason)):
        return True
    if isinstance(reason, (FileNotFoundError, ssl.SSLCertVerificationError)):
        return True
    status = http_status(error)
    return isinstance(error, ValueError) or (status is not None and 300 <= status < 500 and status not in (408, 429))


def wait_to_retry(seconds: float, where: str, reason: str, report: Callable[[str], None] = report_line) -> None:
    """Wait before another attempt; a wait of a second and more is reported in a line."""
    if seconds >= 1:
        report(f"{where}: {reason}; trying again in {seconds:.0f} s")
    time.sleep(seconds)


def seconds_asked(error: BaseException) -> float:
    """Return how long the server that answered with `error` asks to wait; see `retry_after`."""
    answer = getattr(error, "response", None)
    return retry_after(getattr(error if answer is None else answer, "headers", None))


def with_retries(action: Callable[[], _Result]) -> _Result:
    """Return `action()`, tried up to three times while it raises a passing network error.

    Up to five times where the server says how long to wait.
    """
    failures = 0
    while True:
        try:
            return action()
        except NETWORK_ERRORS as error:
            asked, waits = seconds_asked(error), RETRY_WAITS[failures:]
            if is_final(error) or not (failures < _PATIENCE if asked else waits):
                raise
            failures += 1
            wait = max(asked, waits[0] if waits else 0.0)
            if asked:
                wait_to_retry(wait, _server(error), " ".join(str(error).split()))
            else:
                time.sleep(wait)


def _server(error: BaseException) -> str:
    """The host that answered, without what in a URL may give access."""
    url = getattr(error, "url", None) or getattr(getattr(error, "response", None), "url", "")
    return urllib.parse.urlsplit(str(url)).netloc.rpartition("@")[2] or "the server"
