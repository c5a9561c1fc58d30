"""One repository of a registry: logged in, patient, and never misled by an answer.

oras-py's `Registry` is the client, over its `Container` of addresses and its `TokenAuth`; OCI
distribution-spec 1.1 is the protocol. What is overridden, and why:

- requests: oras-py tries again after 5, 11, 29 s whatever failed, a refused certificate among it,
  and says nothing; knows no `Retry-After`; takes 403 for a new challenge; sends its login to any host;
- manifests: it parses them and writes them anew, which gives another digest, and compares none;
- locations: it takes those without a host for the path of the registry's root, and any scheme.

Blobs are in `blobs` and `uploads`, referrers in `referrers`.
"""

import itertools
import urllib.parse
from typing import Any, Callable, Iterable, Mapping, Optional, Union

from modelkiln.descriptor import INDEX, MANIFEST, Descriptor
from modelkiln.digest import check_digest, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.network.http import NETWORK_ERRORS, wait_to_retry
from modelkiln.network.proxies import proxy_for
from modelkiln.registry.auth import BUSY, RegistryAuth
from modelkiln.registry.endpoint import endpoint_of
from modelkiln.registry.libraries import Container, Registry, requests
from modelkiln.registry.reference import Reference
from modelkiln.registry.refusal import check_kind, errors_of, refused, unreachable
from modelkiln.registry.session import MachineSession, is_hopeless, root_cause
from modelkiln.runtime.weights.http import origin, retry_after
from modelkiln.runtime.weights.registry import served_name
from modelkiln.wording import report_line

__all__ = ["RegistryClient"]

# Everything that a tag may name, docker's own types among it: a registry converts, or denies,
# what is not asked for by its type.
MANIFEST_TYPES = (
    MANIFEST,
    INDEX,
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "*/*",
)

# Waits in seconds before another attempt: a registry that restarts is back within them.
_WAITS = (0.3, 1.0, 3.0, 6.0)
# Attempts more for a manifest whose blobs are there and unknown all the same: distribution 2.8 reads a blob's link
# while another publisher of that blob writes it.
_PATIENCE = 2

Body = Union[bytes, Iterable[bytes]]


class _Repository(Container):
    """Addresses of a Reference. oras-py's grammar assumes a registry where none is written, takes a
    repository with a dot for one, and asks docker.io, which serves nothing."""

    def __init__(self, reference: Reference, host: str) -> None:
        self._reference = reference
        super().__init__(str(reference), host)

    def parse(self, name: str) -> None:
        """Take the parts of the reference."""
        served = served_name(self._reference.registry, self._reference.name)
        self.namespace, _, self.repository = served.rpartition("/")
        self.tag, self.digest = self._reference.tag, self._reference.digest


class RegistryClient(Registry):
    """Speaks for one repository, from several threads.

    env: the machine's settings, see `load_machine_env`. report: gets a line that says why it waits.
    """

    def __init__(
        self, repository: Reference, env: Mapping[str, str], report: Callable[[str], None] = report_line
    ) -> None:
        self.endpoint = endpoint_of(repository.registry, env)
        super().__init__(self.endpoint.host, insecure=self.endpoint.scheme == "http")
        self.repository, self.env, self._report = repository, env, report
        self.container = _Repository(repository, self.endpoint.host)
        self.session = MachineSession(env)
        self.auth = RegistryAuth(repository, self.endpoint, env)
        self._origin = origin(self.url(""))

    def url(self, path: str) -> str:
        """Return the address of a path of the repository, such as "blobs/sha256:..."."""
        return f"{self.prefix}://{self.container.registry}/v2/{self.container.api_prefix}/{path}"

    def path(self, url: str) -> str:
        """Return what errors say of a URL: its path in the repository."""
        return url.partition("?")[0].rpartition(f"/v2/{self.container.api_prefix}/")[2]

    def do_request(
        self,
        url: str,
        method: str = "GET",
        data: Any = None,
        headers: Optional[Mapping[str, str]] = None,
        json: Any = None,
        stream: bool = False,
    ) -> requests.Response:
        """Send a request and return the answer, whatever its status but one that asks to come back.

        Raises ModelkilnError when the registry cannot be reached, or is busy or broken for all attempts.
        """
        for attempt in itertools.count():
            try:
                answer = self.once(method, url, headers or {}, data, json=json, stream=stream)
            except NETWORK_ERRORS as error:
                self.wait(attempt, self.path(url), error)
                continue
            if answer.status_code not in BUSY:
                return answer
            answer.close()
            self.wait(attempt, self.path(url), answer)
        raise AssertionError("wait raises after the last attempt")

    def request(self, method: str, path: str, headers: Mapping[str, str] = {}, body: bytes = b"") -> requests.Response:
        """`do_request` for a path of the repository."""
        return self.do_request(self.url(path), method, body or None, headers)

    def once(
        self, method: str, url: str, headers: Mapping[str, str] = {}, body: Optional[Body] = None, **settings: Any
    ) -> requests.Response:
        """Send a request without another attempt, but for a new login when one is asked for.

        A body in pieces is sent once: then the answer 401 is returned, after the new login.
        """
        answer = self._send(method, url, headers, body, settings)
        # Who answers after a redirect to another host may not ask for our login.
        if answer.status_code == 401 and origin(answer.url) == self._origin:
            is_new = self.auth.authenticate_request(answer, headers)[1]
            if is_new and (body is None or isinstance(body, bytes)):
                answer.close()
                answer = self._send(method, url, headers, body, settings)
        return answer

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: Any, settings: Any) -> requests.Response:
        # A location at another host is one that needs no login, such as a bucket's signed address.
        login = self.auth.get_auth_header() if origin(url) == self._origin else {}
        return self.session.request(method, url, data=body, headers={**headers, **login}, **settings)

    def location(self, answer: requests.Response, link: str = "") -> str:
        """Return where an answer sends us: by its Location, or by a `link` in it."""
        location = link or answer.headers.get("Location", "")
        if not location:
            raise refused(self, answer, "It names no location to go on with")
        url = urllib.parse.urljoin(answer.url, location)
        if origin(url)[0] != "https" and self.prefix == "https":
            raise refused(self, answer, f"It sends us to {url.partition('?')[0]!r}, which is not encrypted")
        return url

    def wait(self, attempt: int, path: str, why: Any) -> None:
        """Wait before the next attempt; raises ModelkilnError when `attempt` (from 0) was the last.

        why: an answer (a requests.Response), or what the network raised.
        """
        is_last = attempt >= len(_WAITS)
        # A token server's answer comes as an error that holds it.
        answer = why.response if isinstance(why, requests.HTTPError) else why
        if isinstance(answer, requests.Response):
            if is_last:
                raise refused(self, answer)
            text, wait = f"it answers {answer.status_code}", retry_after(answer.headers) or _WAITS[attempt]
        else:
            cause = root_cause(why)
            if is_last or is_hopeless(cause):
                is_proxys = isinstance(why, requests.exceptions.ProxyError)
                proxy = proxy_for(self.url(path), self.env) if is_proxys else None
                raise unreachable(self.repository, path, cause, proxy) from cause
            text, wait = str(cause), _WAITS[attempt]
        wait_to_retry(wait, str(self.repository), text, self._report)

    def find_manifest(self, reference: str) -> Optional[tuple[str, bytes]]:
        """Return media type and bytes of the manifest with a tag or digest; None when there is none.

        Raises ModelkilnError for what does not match its digest, the one asked for and the one
        that the registry states.
        """
        path = f"manifests/{reference}"
        answer = self.request("GET", path, {"Accept": ", ".join(MANIFEST_TYPES)})
        if answer.status_code == 404:
            return None
        self._check_200_response(check_kind(self, answer))
        stated = answer.headers.get("Docker-Content-Digest")
        wanted = reference if ":" in reference else stated and check_digest(stated, f"{self.repository}: {path}")
        self.check_bytes(path, answer.content, wanted)
        return answer.headers.get("Content-Type", "").partition(";")[0].strip(), answer.content

    def read_manifest(self, reference: str) -> bytes:
        """Return the bytes of the manifest with a tag or digest, checked; raises when there is none."""
        found = self.find_manifest(reference)
        if found is None:
            raise ModelkilnError(
                f"{self.repository}: manifests/{reference}: status 404. Check the reference; the image may have "
                "been deleted. Pin one that exists."
            )
        return found[1]

    def put_manifest(self, reference: str, descriptor: Descriptor, data: bytes) -> Mapping[str, str]:
        """Put a manifest under a digest or a tag; returns the answer's headers."""
        path = f"manifests/{reference}"
        for attempt in itertools.count():
            answer = check_kind(self, self.request("PUT", path, {"Content-Type": descriptor.media_type}, data))
            if answer.status_code == 201:
                break
            if attempt == _PATIENCE or "MANIFEST_BLOB_UNKNOWN" not in errors_of(answer):
                raise refused(self, answer)
            self.wait(attempt, path, answer)
        self.check_taken(answer, descriptor)
        return answer.headers

    def check_taken(self, answer: requests.Response, descriptor: Descriptor) -> None:
        """Raise ModelkilnError when the registry says that it took something else."""
        stated = answer.headers.get("Docker-Content-Digest", descriptor.digest)
        if stated != descriptor.digest:
            raise ModelkilnError(
                f"{self.repository}: {self.path(answer.url)}: the registry says it took {stated}, want "
                f"{descriptor.digest}. It, or a proxy before it, is broken or lies."
            )

    def check_bytes(self, path: str, data: bytes, wanted: Optional[str]) -> None:
        """Raise ModelkilnError when `data` is not what the digest `wanted` says."""
        actual = sha256_bytes(data)
        if wanted and actual != wanted:
            raise ModelkilnError(
                f"{self.repository}: {path}: the registry sent {actual}, want {wanted}. It, or a proxy before "
                "it, is broken or lies."
            )

    def _check_200_response(self, response: requests.Response) -> None:
        if response.status_code != 200:
            raise refused(self, response)
