"""HTTP to a registry's servers, with the machine's settings in place of this process's environment.

oras-py leaves what lies below the protocol to requests, which asks `os.environ`, `~/.netrc` and a
list of authorities of its own. A build process's environment is empty; the machine's settings
(`load_machine_env`) hold proxies and authorities, and docker and podman keep certificates for one
registry in `certs.d`. Beyond that requests sends a login on to another scheme or port of the host
in one case, follows redirects that give up TLS, and reads an answer of any length.
"""

import ssl
import urllib.parse
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Mapping, Optional

from modelkiln.digest import CHUNK
from modelkiln.errors import ModelkilnError
from modelkiln.network.http import is_final, tls_context
from modelkiln.network.pace import paced
from modelkiln.network.proxies import proxies_for
from modelkiln.registry.libraries import HTTPAdapter, requests
from modelkiln.runtime.weights.http import origin

__all__ = ["DOCUMENT_LIMIT", "MachineSession", "is_hopeless", "root_cause"]

# Registries refuse larger manifests than 4 MiB (distribution-spec 1.1, "Pushing Manifests"); a
# config of this size would hold thousands of layers.
DOCUMENT_LIMIT = 8 << 20
# A server that says nothing for this long is gone. The answer to a whole blob takes longer:
# registries hash it, and move it within their storage.
_TIMEOUT_SECONDS = 60
_AFTER_BODY_SECONDS = 900
# What TLS says when another attempt would end the same (ssl.SSLError.reason).
_FINAL_TLS = ("WRONG_VERSION_NUMBER", "CERTIFICATE_VERIFY_FAILED", "TLSV13_ALERT_CERTIFICATE_REQUIRED")


class MachineSession(requests.Session):
    """env: the machine's settings, see `load_machine_env`. For several threads."""

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__()
        self._env = env
        self.trust_env = False
        self.max_redirects = 5
        # As oras-py: a registry that gets a cookie back takes us for a browser.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # Digests are of the bytes as they are.
        self.headers.update({"User-Agent": "modelkiln", "Accept-Encoding": "identity"})
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(env))

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        """Send a request. Without `stream` the answer is read here, and one above DOCUMENT_LIMIT refused.

        A body in pieces is sent once, and so to no redirect. Raises requests' errors (OSErrors).
        """
        is_whole = not settings.pop("stream", False)
        in_pieces = request.body is not None and not isinstance(request.body, (bytes, str))
        settings["timeout"] = (_TIMEOUT_SECONDS, _AFTER_BODY_SECONDS if in_pieces else _TIMEOUT_SECONDS)
        if in_pieces:
            settings["allow_redirects"] = False
        response = super().send(request, stream=True, **settings)
        is_whole = is_whole or response.status_code >= 400
        # The end of a stream is for its reader to judge, who goes on after a cut.
        response.raw.enforce_content_length = is_whole
        if is_whole:
            response._content = b"".join(_limited(response))
        return response

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """The machine's proxies for `url`."""
        return super().merge_environment_settings(url, proxies_for(url, self._env), stream, verify, cert)

    def rebuild_proxies(self, prepared_request: requests.PreparedRequest, proxies: Any) -> Any:
        """The machine's proxies for a redirect's address."""
        return super().rebuild_proxies(prepared_request, proxies_for(str(prepared_request.url), self._env))

    def should_strip_auth(self, old_url: str, new_url: str) -> bool:
        """A login is for one server: registries answer for blobs with a redirect to a bucket."""
        return origin(old_url) != origin(new_url)

    def get_redirect_target(self, resp: requests.Response) -> Optional[str]:
        """Where a redirect leads; one that gives up TLS is refused.

        What changes the registry is sent on where it is to be sent as it is (307 and 308): after the
        others requests sends it without its body.
        """
        if resp.request.method not in ("GET", "HEAD") and resp.status_code not in (307, 308):
            return None
        target = super().get_redirect_target(resp)
        if target and origin(resp.url)[0] == "https":
            scheme = origin(urllib.parse.urljoin(resp.url, target))[0]
            if scheme != "https":
                raise requests.exceptions.InvalidSchema(f"redirected from https to {scheme}, which is refused")
        return target


class _Adapter(HTTPAdapter):
    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        super().__init__()

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, settings = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            settings = {
                "cert_reqs": "CERT_REQUIRED",
                "ssl_context": tls_context(self._env, urllib.parse.urlsplit(request.url).netloc),
            }
        return host, settings

    def get_connection_with_tls_context(self, *arguments: Any, **settings: Any) -> Any:
        """A pool whose connections give paced answers."""
        # Its class of pool alone declares what connections are made of, and not the one that requests declares.
        pool: Any = super().get_connection_with_tls_context(*arguments, **settings)
        pool.ConnectionCls = paced(type(pool).ConnectionCls)
        return pool

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing more: the connection's context knows whom to trust, and requests would add its own list."""


def _limited(response: requests.Response) -> Any:
    size = 0
    for chunk in response.iter_content(CHUNK):
        size += len(chunk)
        if size > DOCUMENT_LIMIT:
            response.close()
            where = str(response.url).partition("?")[0]
            raise ModelkilnError(f"{where}: the answer is larger than {DOCUMENT_LIMIT} bytes. Refused.")
        yield chunk


def root_cause(error: BaseException) -> BaseException:
    """Return what the network said, out of what requests and urllib3 wrap it in."""
    seen = []
    while True:
        seen.append(error)
        candidates = (getattr(error, "reason", None), *reversed(error.args), error.__cause__)
        # What was raised from its own wrapping leads back to it.
        inner = next((one for one in candidates if isinstance(one, BaseException) and one not in seen), None)
        if inner is None or isinstance(error, ssl.SSLError):
            return error
        error = inner


def is_hopeless(error: BaseException) -> bool:
    """Whether another attempt would end the same. error: see `root_cause`."""
    if isinstance(error, requests.TooManyRedirects) or getattr(error, "reason", "") in _FINAL_TLS:
        return True
    return is_final(error)
