"""Requests to one repository of a registry: logged in, patient, and never misled by an answer.

OCI distribution-spec 1.1 over `network.connections`. It shares login, certificates and proxies with
what reads base images. oras-py was looked at and left, for the reasons told there; what it lacks
for pushing is more: it reads a layer into memory, and never mounts a blob from a repository beside.
"""

import time
import urllib.parse
from typing import Callable, Iterable, Mapping, Optional, Union

from modelkiln.descriptor import INDEX, MANIFEST
from modelkiln.digest import check_digest, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import INSECURE_REGISTRIES, insecure_registries
from modelkiln.network.connections import Answer, Connections
from modelkiln.network.http import NETWORK_ERRORS, is_final
from modelkiln.registry.auth import RegistryAuth
from modelkiln.registry.reference import Reference

__all__ = ["MANIFEST_TYPES", "RegistrySession"]

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
# A registry may ask for more patience (Retry-After), up to this.
_LONGEST_WAIT = 120.0
# What TLS says when another attempt would end the same (ssl.SSLError.reason).
_FINAL_TLS = ("WRONG_VERSION_NUMBER", "CERTIFICATE_VERIFY_FAILED", "TLSV13_ALERT_CERTIFICATE_REQUIRED")
_REDIRECTS = (301, 302, 303, 307, 308)

Body = Union[bytes, Iterable[bytes]]


class RegistrySession:
    """Speaks for one repository, from several threads.

    env: the machine's settings, see `load_machine_env`. report: is told, in a line, why it waits.
    Plain http is spoken to registries that the settings name and to no other.
    """

    def __init__(self, repository: Reference, env: Mapping[str, str], report: Callable[[str], None]) -> None:
        self.repository, self.env, self._report = repository, env, report
        self.is_plain = repository.registry in insecure_registries(env)
        self._auth = RegistryAuth(repository, env, self.is_plain)
        self._connections = Connections(env)

    def url(self, path: str) -> str:
        """Return the address of a path of the repository, such as "blobs/sha256:..."."""
        scheme = "http" if self.is_plain else "https"
        return f"{scheme}://{self.repository.registry}/v2/{self.repository.name}/{path}"

    def request(
        self, method: str, path: str, headers: Mapping[str, str] = {}, body: bytes = b"", follow: bool = False
    ) -> Answer:
        """Send a request and return the answer, whatever its status but one that asks to come back.

        follow: whether a redirect is followed, as for reading. Raises ModelkilnError when the
        registry cannot be reached, or is busy or broken for all attempts.
        """
        for attempt in range(len(_WAITS) + 1):
            try:
                answer = self.once(method, self.url(path), headers, body)
                for _ in range(3):
                    if not follow or answer.status not in _REDIRECTS:
                        break
                    answer = self.once(method, self.location(answer, path), headers, body)
            except NETWORK_ERRORS as error:
                self.wait(attempt, path, error)
                continue
            if not self.is_passing(answer):
                return answer
            self.wait(attempt, path, answer)
        raise AssertionError("wait raises after the last attempt")

    def once(self, method: str, url: str, headers: Mapping[str, str], body: Body = b"") -> Answer:
        """Send a request without another attempt, but for a new login when one is asked for.

        A body in pieces cannot be sent twice: then the answer 401 is returned, after `renew`.
        """
        # A location at another host is one that needs no login, such as a bucket's signed address.
        own = urllib.parse.urlsplit(url).netloc == self.repository.registry
        used = self._auth.header if own else ""
        answer = self._connections.request(method, url, _with_login(headers, used), body)
        if answer.status == 401 and own and self._auth.renew(answer.challenges, used) and isinstance(body, bytes):
            answer = self._connections.request(method, url, _with_login(headers, self._auth.header), body)
        return answer

    def location(self, answer: Answer, path: str) -> str:
        """Return where the answer to a request for `path` sends us."""
        location = answer.headers.get("location", "")
        if not location:
            raise self.error(path, answer, "It names no location to go on with")
        url = urllib.parse.urljoin(self.url(path), location)
        if urllib.parse.urlsplit(url).scheme != "https" and not self.is_plain:
            raise self.error(path, answer, f"It sends us to {url.partition('?')[0]!r}, which is not encrypted")
        return url

    @staticmethod
    def is_passing(answer: Answer) -> bool:
        """Whether the registry may answer otherwise a little later."""
        return answer.status in (408, 429) or answer.status in (500, 502, 503, 504)

    def wait(self, attempt: int, path: str, why: Union[Answer, BaseException]) -> None:
        """Wait before the next attempt; raises ModelkilnError when `attempt` (from 0) was the last."""
        if isinstance(why, Answer):
            if attempt >= len(_WAITS):
                raise self.error(path, why)
            text, wait = f"it answers {why.status}", _retry_after(why) or _WAITS[attempt]
        else:
            if attempt >= len(_WAITS) or is_final(why) or getattr(why, "reason", "") in _FINAL_TLS:
                raise self.unreachable(path, why) from why
            text, wait = str(why), _WAITS[attempt]
        if wait >= 1:
            self._report(f"{self.repository}: {text}; trying again in {wait:.0f} s")
        time.sleep(wait)

    def unreachable(self, path: str, error: BaseException) -> ModelkilnError:
        """The error that tells that the network failed."""
        remedy = "Check the registry's address, the network, and the machine's proxy settings"
        if "WRONG_VERSION_NUMBER" in str(error):
            remedy = (
                "It speaks no TLS. If that is meant to be, name it in the option "
                f"[modelkiln].insecure_registries (on the command line --insecure, else ${INSECURE_REGISTRIES})"
            )
        elif "CERTIFICATE_VERIFY_FAILED" in str(error):
            remedy = "Name its authority with SSL_CERT_FILE, or put it into certs.d (containers-certs.d(5))"
        elif "CERTIFICATE_REQUIRED" in str(error) or "alert certificate required" in str(error):
            remedy = "It wants a client's certificate: put one into certs.d (containers-certs.d(5))"
        return ModelkilnError(f"{self.repository}: {path}: {error}. {remedy}.")

    def error(self, path: str, answer: Answer, what: str = "") -> ModelkilnError:
        """The error that tells an answer, what the registry says about it, and the remedy."""
        host, name = self.repository.registry, self.repository.name
        remedy = {
            400: "The registry finds the request wrong, see what it says",
            401: f"Log in to {host} (docker login, skopeo login): there is no login, or it is wrong or has expired",
            403: f"Ask for the right to push to {name}",
            404: "Check the repository's name; some registries want it made in advance",
            405: f"{host} is read-only; push to another registry, or open it for writing",
            413: f"{host}, or a proxy before it, has a limit for one blob; raise it",
            429: "The registry is busy; try again later",
            507: "The registry's disk is full; make room and try again",
        }.get(answer.status, "Try again later, and look into the registry's log")
        said = what or _errors_of(answer)
        said = f" ({said})" if said else ""
        return ModelkilnError(f"{self.repository}: {path.partition('?')[0]}: status {answer.status}{said}. {remedy}.")

    def check_kind(self, path: str, answer: Answer) -> Answer:
        """Return the answer when a registry gave it; a web page is refused."""
        if answer.headers.get("content-type", "").startswith("text/html"):
            text = "It answers with a web page. Is there a registry at this address, and no login page before it"
            raise ModelkilnError(f"{self.repository}: {path}: status {answer.status}. {text}?")
        return answer

    def read_manifest(self, reference: str, accept: Iterable[str] = MANIFEST_TYPES) -> Optional[tuple[str, bytes]]:
        """Return media type and bytes of the manifest with a tag or digest; None when there is none.

        Raises ModelkilnError for what does not match its digest, the one asked for and the one
        that the registry tells.
        """
        path = f"manifests/{reference}"
        answer = self.request("GET", path, {"Accept": ", ".join(accept)}, follow=True)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self.error(path, answer)
        self.check_kind(path, answer)
        actual = sha256_bytes(answer.body)
        told = answer.headers.get("docker-content-digest")
        wanted = reference if ":" in reference else told and check_digest(told, f"{self.repository}: {path}")
        if wanted and wanted != actual:
            raise ModelkilnError(
                f"{self.repository}: {path}: the registry sent {actual}, want {wanted}. It, or a proxy "
                "before it, is broken or lies."
            )
        return answer.headers.get("content-type", "").partition(";")[0].strip(), answer.body


def _with_login(headers: Mapping[str, str], authorization: str) -> dict[str, str]:
    return {**headers, "Authorization": authorization} if authorization else dict(headers)


def _retry_after(answer: Answer) -> float:
    """Seconds that the registry asks us to wait; 0 when it does not tell a number."""
    text = answer.headers.get("retry-after", "")
    return min(float(text), _LONGEST_WAIT) if text.isdigit() else 0.0


def _errors_of(answer: Answer) -> str:
    """What the registry says (distribution-spec 1.1, "Error Codes"), short; "" when nothing."""
    import json

    try:
        errors = json.loads(answer.body)["errors"]
        told = [" ".join(str(one[key]) for key in ("code", "message") if one.get(key)) for one in errors]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return "; ".join(told)[:300]
