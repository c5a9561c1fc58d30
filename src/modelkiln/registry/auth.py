"""Logging in to a registry: a password, or a token that is asked for and asked for again.

oras-py's `TokenAuth` asks a token server (distribution, "Token Authentication Specification").
What it lacks: which of password and token a registry wants is read from its answers, of which one
may hold several challenges (RFC 9110, 11.6.1); a token that has expired is replaced, by one thread
for all; one token is for all that was asked for so far, a mount's other repository among it;
identity tokens ("Oauth2 Token Authentication"); and no secret is sent in the clear.
"""

import threading
from typing import Any, Mapping, Optional

from modelkiln.errors import ModelkilnError
from modelkiln.registry.credentials import Login, find_login
from modelkiln.registry.endpoint import Endpoint
from modelkiln.registry.libraries import TokenAuth, authHeader, requests
from modelkiln.registry.reference import Reference
from modelkiln.registry.session import MachineSession
from modelkiln.runtime.weights.registry import challenges, served_name

__all__ = ["BUSY", "RegistryAuth"]

# What a server answers that may answer otherwise a little later.
BUSY = (408, 429, 500, 502, 503, 504)


class RegistryAuth(TokenAuth):
    """What proves to one registry who we are; for several threads."""

    def __init__(self, repository: Reference, endpoint: Endpoint, env: Mapping[str, str]) -> None:
        super().__init__()
        self._repository, self._endpoint, self._env = repository, endpoint, env
        self.session, self.prefix, self._tls_verify = _TokenSession(env), endpoint.scheme, True
        self._lock = threading.Lock()
        self._scopes: dict[str, None] = {}
        self._login: Optional[Login] = None
        self._header = ""

    def get_auth_header(self) -> dict[str, str]:
        """What to send with each request; empty before anything was asked for."""
        return {"Authorization": self._header} if self._header else {}

    def authenticate_request(self, original: requests.Response, headers: Any, refresh: bool = False) -> Any:
        """Meet one of the challenges of `original`; returns (headers, whether it is worth trying again).

        When another thread has replaced the login meanwhile nothing is asked for. Raises requests'
        errors, and ModelkilnError for a token server that would receive secrets in the clear.
        """
        used = original.request.headers.get("Authorization", "")
        with self._lock:
            is_new = self._header != used
            if not is_new:
                answer = self._answer(original.headers.get("WWW-Authenticate", ""))
                is_new = bool(answer) and (answer != used or answer.startswith("Bearer "))
                self._header = answer if is_new else used
            return {**(headers or {}), **self.get_auth_header()}, is_new

    def _answer(self, asked: str) -> str:
        self._login = find_login(self._repository.registry, self._env, self._repository.name)
        for scheme, parameters in challenges(asked):
            if scheme == "bearer" and parameters.get("realm"):
                token = self.request_token(authHeader(parameters))
                if token:
                    return f"Bearer {token}"
            elif scheme == "basic" and self._login and self._login.basic:
                return f"Basic {self._login.basic}"
        return ""

    def request_token(self, h: authHeader) -> Any:
        """Ask for a token; without a login an anonymous one. None when the server has none for us."""
        realm = str(h.realm)
        if not realm.startswith("https:") and self._endpoint.scheme == "https":
            raise ModelkilnError(
                f"{self._repository}: the registry sends its users to {realm!r} for a token, which "
                "is not encrypted. Refused."
            )
        name = served_name(self._repository.registry, self._repository.name)
        asked = str(h.scope or f"repository:{name}:pull").split()
        scopes = list(dict.fromkeys([*self._scopes, *asked]))
        if self._login and self._login.identity_token:
            token = self._refresh(realm, h.service or "", scopes, self._login.identity_token)
        else:
            self._basic_auth = self._login.basic if self._login else None
            token = _of_json(super().request_token, authHeader({**vars(h), "scope": scopes}))
        if isinstance(token, str) and token:
            self._scopes = dict.fromkeys(scopes)
            return token
        return None

    def _refresh(self, realm: str, service: str, scopes: list[str], identity_token: str) -> Any:
        form = {"grant_type": "refresh_token", "refresh_token": identity_token, "client_id": "modelkiln"}
        form.update(service=service, scope=" ".join(scopes))
        # The secret is for this server, and not for one that it names.
        answer = self.session.post(realm, data=form, allow_redirects=False)
        return _of_json(lambda: answer.json().get("access_token")) if answer.status_code == 200 else None


class _TokenSession(MachineSession):
    """oras-py takes a token server that is busy for one that says no."""

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        response = super().send(request, **settings)
        if response.status_code in BUSY:
            response.raise_for_status()
        return response


def _of_json(ask: Any, *arguments: Any) -> Any:
    """What `ask` returns; None when the answer is JSON, but not an object."""
    try:
        return ask(*arguments)
    except AttributeError:
        return None
