"""Blobs of an OCI registry, by range (OCI distribution-spec 1.1), with docker's or podman's login."""

import base64
import json
import os
import re
import ssl
import urllib.error
import urllib.parse
from pathlib import Path

from modelkiln.runtime.weights.http import Refused, open_part, open_url, origin
from modelkiln.runtime.weights.registry import challenges, find_auth, login_files, served_at, served_name

__all__ = ["open_blob"]

_LOOPBACK = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]+)?")
# What was answered to a repository's last challenge, by repository.
_authorizations: dict = {}
_plain: set = set()


def open_blob(name, start, end, total):
    """Return a Stream of a part of the blob `registry/name@sha256:<hex>`; see http.open_part."""
    repository, _, digest = name.partition("@")
    registry, _, path = repository.partition("/")

    def url():
        scheme = "http" if registry in _plain else "https"
        return f"{scheme}://{served_at(registry, _port(registry))}/v2/{served_name(registry, path)}/blobs/{digest}"

    def open_it():
        return open_part(url(), _authorizations.get(repository, ""), start, end, total)

    try:
        return _or_plain(registry, open_it)
    except urllib.error.HTTPError as error:
        # Another server, to which the registry redirected, may not ask for its login.
        if error.code != 401 or origin(error.url) != origin(url()):
            raise
        # None yet, or a token that has expired.
        _authorizations[repository] = _answer(registry, path, error.headers.get_all("WWW-Authenticate") or [])
        if not _authorizations[repository]:
            raise
        return open_it()


def _or_plain(registry, open_it):
    """A registry on this machine may do without TLS. No other may: it would see credentials."""
    try:
        return open_it()
    except urllib.error.URLError as error:
        reason = getattr(error, "reason", None)
        if not isinstance(reason, ssl.SSLError) or isinstance(reason, ssl.SSLCertVerificationError):
            raise
        if registry in _plain or not _LOOPBACK.fullmatch(registry):
            raise
        _plain.add(registry)
        return open_it()


def _port(registry):
    """The scheme's own port."""
    return "80" if registry in _plain else "443"


def _answer(registry, path, lines):
    basic = _credentials(registry, path)
    for scheme, parameters in challenges(", ".join(lines)):
        if scheme == "bearer" and parameters.get("realm"):
            token = _token(registry, served_name(registry, path), parameters, basic)
            if token:
                return f"Bearer {token}"
        elif scheme == "basic" and basic:
            return f"Basic {basic}"
    return ""


def _token(registry, path, challenge, basic):
    """Ask for a token (distribution's token authentication); without `basic` an anonymous one."""
    realm = challenge.get("realm", "")
    if not realm.startswith("https://") and not (_LOOPBACK.fullmatch(registry) and _is_loopback(realm)):
        raise Refused(f"the registry sends its users to {realm!r} for a token, which is not encrypted")
    query = {"scope": challenge.get("scope") or f"repository:{path}:pull"}
    if "service" in challenge:
        query["service"] = challenge["service"]
    url = f"{realm}{'&' if '?' in realm else '?'}{urllib.parse.urlencode(query)}"
    with open_url(url, {}, f"Basic {basic}" if basic else "") as response:
        data = response.read(1 << 20)
    try:
        answer = json.loads(data)
        token = answer.get("token") or answer.get("access_token") or ""
    except (ValueError, AttributeError, RecursionError):
        token = None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise Refused(f"{realm.partition('?')[0]!r}, where the registry sends its users for a token, gave none")
    return token


def _is_loopback(realm):
    scheme, _, rest = realm.partition("://")
    return scheme == "http" and bool(_LOOPBACK.fullmatch(rest.partition("/")[0]))


def _credentials(registry, path):
    """Base64 of "user:password" for a repository, or "".

    Only what stands in the files themselves: an image has no credential helpers.
    """
    for file in login_files({**os.environ, "HOME": os.path.expanduser("~")}):
        try:
            auth = find_auth(json.loads(Path(file).read_bytes()).get("auths") or {}, registry, path, _port(registry))
        except (OSError, ValueError, AttributeError):
            continue
        if auth and auth.get("auth"):
            return auth["auth"]
        if auth and auth.get("username"):
            return base64.b64encode(f"{auth['username']}:{auth.get('password', '')}".encode()).decode()
    return ""
