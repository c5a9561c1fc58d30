"""Logging in to a registry: a password, or a token that is asked for and asked for again.

Distribution's "Token Authentication Specification" and "Oauth2 Token Authentication". Which of
them a registry wants, its answers tell: nothing has to be said in advance, and a token that has
expired is replaced while an upload goes on.
"""

import json
import re
import threading
import urllib.parse
from typing import Mapping, Optional, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.network.http import open_url
from modelkiln.registry.credentials import Login, find_login
from modelkiln.registry.reference import Reference

__all__ = ["RegistryAuth"]

_CHALLENGE = re.compile(r'([a-zA-Z_]+)="([^"]*)"')


class RegistryAuth:
    """What proves to one registry who we are; for several threads."""

    def __init__(self, reference: Reference, env: Mapping[str, str], is_plain_allowed: bool) -> None:
        self._reference, self._env = reference, env
        self._is_plain_allowed = is_plain_allowed
        self._lock = threading.Lock()
        self._scopes: dict[str, None] = {}
        self.header = ""  # The Authorization header's value; "" before anything was asked.

    def renew(self, challenges: Sequence[str], used: str) -> bool:
        """Meet one of `challenges` (WWW-Authenticate lines); whether it is worth trying again.

        used: the header of the request that was refused. When another thread has replaced it
        meanwhile nothing is asked for. Raises one of `http.NETWORK_ERRORS`, and ModelkilnError
        for a token server that would be told secrets in the clear.
        """
        with self._lock:
            if self.header != used:
                return True
            header = self._answer(challenges)
            renewed = bool(header) and (header != used or header.startswith("Bearer "))
            if renewed:
                self.header = header
            return renewed

    def _answer(self, challenges: Sequence[str]) -> str:
        login = find_login(self._reference.registry, self._env)
        for challenge in challenges:
            scheme, _, rest = challenge.partition(" ")
            if scheme.lower() == "bearer":
                token = self._token(dict(_CHALLENGE.findall(rest)), login)
                if token:
                    return f"Bearer {token}"
            elif scheme.lower() == "basic" and login and login.basic:
                return f"Basic {login.basic}"
        return ""

    def _token(self, challenge: Mapping[str, str], login: Optional[Login]) -> str:
        """Ask for a token; without a login an anonymous one."""
        realm = challenge.get("realm", "")
        if not realm.startswith("https:") and not self._is_plain_allowed:
            raise ModelkilnError(
                f"{self._reference}: the registry sends its users to {realm!r} for a token, which "
                "is not encrypted. Refused."
            )
        # One token for all that was asked for so far: it is then asked for twice and not once a request.
        asked = (challenge.get("scope") or f"repository:{self._reference.name}:pull").split()
        scopes = list(dict.fromkeys([*self._scopes, *asked]))
        fields = [("scope", scope) for scope in scopes]
        if "service" in challenge:
            fields.append(("service", challenge["service"]))
        if login and login.identity_token:
            form = {"grant_type": "refresh_token", "refresh_token": login.identity_token, "client_id": "modelkiln"}
            form.update(service=challenge.get("service", ""), scope=" ".join(scopes))
            opened = open_url(realm, self._env, data=urllib.parse.urlencode(form).encode())
        else:
            url = f"{realm}{'&' if '?' in realm else '?'}{urllib.parse.urlencode(fields)}"
            opened = open_url(url, self._env, authorization=f"Basic {login.basic}" if login else "")
        with opened as response:
            answer = json.loads(response.read(1 << 20))
        self._scopes.update(dict.fromkeys(scopes))
        return answer.get("token") or answer.get("access_token") or ""
