"""What to report of a registry that says no, or that cannot be reached: the reason and the remedy."""

from typing import Any, Optional

from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.network.proxies import Proxy
from modelkiln.registry.libraries import requests
from modelkiln.registry.reference import Reference

__all__ = ["check_kind", "errors_of", "refused", "unreachable"]


def refused(client: Any, answer: requests.Response, what: str = "") -> ModelkilnError:
    """The error for an answer, with what the registry says about it. client: a RegistryClient."""
    host, name = client.repository.registry, client.repository.name
    is_reading = answer.request.method in ("GET", "HEAD")
    remedy = {
        400: "The registry finds the request wrong, see what it says",
        401: f"Log in to {host} (docker login, skopeo login): there is no login, or it is wrong or has expired",
        403: f"Ask for the right to {'pull from' if is_reading else 'push to'} {name}, or log in to {host}",
        404: "Check the repository's name; some registries want it made in advance",
        405: f"{host} is read-only; push to another registry, or open it for writing",
        413: f"{host}, or a proxy before it, has a limit for one blob; raise it",
        429: "The registry is busy; try again later",
        507: "The registry's disk is full; make room and try again",
    }.get(answer.status_code, "Try again later, and look into the registry's log")
    if is_reading and answer.status_code == 404:
        remedy = "Check the reference; the image may have been deleted. Pin one that exists"
    said = what or errors_of(answer)
    said = f" ({said})" if said else ""
    path = client.path(answer.url)
    return ModelkilnError(f"{client.repository}: {path}: status {answer.status_code}{said}. {remedy}.")


def unreachable(
    repository: Reference, path: str, error: BaseException, proxy: Optional[Proxy] = None
) -> ModelkilnError:
    """The error for a network that fails. proxy: the one that gives no connection."""
    if proxy is not None:
        said = getattr(error, "strerror", None) or error
        return ModelkilnError(f"{repository}: {path}: {proxy} gives no connection: {said}. {proxy.remedy}")
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
    return ModelkilnError(f"{repository}: {path}: {error}. {remedy}.")


def check_kind(client: Any, answer: requests.Response) -> requests.Response:
    """Return the answer when a registry gave it; a web page is refused."""
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        text = "It answers with a web page. Is there a registry at this address, and no login page before it"
        raise ModelkilnError(f"{client.repository}: {client.path(answer.url)}: status {answer.status_code}. {text}?")
    return answer


def errors_of(answer: requests.Response) -> str:
    """Return what the registry says (distribution-spec 1.1, "Error Codes"), short; "" when nothing."""
    try:
        errors = answer.json()["errors"]
        said = [" ".join(str(one[key]) for key in ("code", "message") if one.get(key)) for one in errors]
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError):
        return ""
    return "; ".join(said)[:300]
