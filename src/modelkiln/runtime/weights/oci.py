"""Blobs of an OCI registry, by range (OCI distribution-spec 1.1), with docker's or podman's login."""

import json
import os
import re
import ssl
import urllib.error
import urllib.parse
from pathlib import Path

from modelkiln.runtime.weights.http import Refused, open_part, open_url

__all__ = ["open_blob"]

_CHALLENGE = re.compile(r'([a-zA-Z_]+)="([^"]*)"')
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]+)?")
# What was answered to a repository's last challenge, by repository.
_authorizations: dict = {}
_plain: set = set()


def open_blob(name, start, end, total):
    """Return a Stream of a part of the blob `registry/name@sha256:<hex>`; see http.open_part."""
    repository, _, digest = name.partition("@")
    registry, _, path = repository.partition("/")

    def open_it():
        scheme = "http" if registry in _plain else "https"
        url = f"{scheme}://{registry}/v2/{path}/blobs/{digest}"
        return open_part(url, _authorizations.get(repository, ""), start, end, total)

    try:
        return _or_plain(registry, open_it)
    except urllib.error.HTTPError as error:
        if error.code != 401:
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


def _answer(registry, path, challenges):
    basic = _credentials(registry)
    for challenge in challenges:
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "bearer":
            token = _token(registry, path, dict(_CHALLENGE.findall(rest)), basic)
            if token:
                return f"Bearer {token}"
        elif scheme.lower() == "basic" and basic:
            return f"Basic {basic}"
    return ""


def _token(registry, path, challenge, basic):
    """Ask for a token (distribution's token authentication); without `basic` an anonymous one."""
    realm = challenge.get("realm", "")
    if not realm.startswith("https:") and not _LOOPBACK.fullmatch(registry):
        raise Refused(f"the registry sends its users to {realm!r} for a token, which is not encrypted")
    query = {"scope": challenge.get("scope") or f"repository:{path}:pull"}
    if "service" in challenge:
        query["service"] = challenge["service"]
    url = f"{realm}{'&' if '?' in realm else '?'}{urllib.parse.urlencode(query)}"
    with open_url(url, {}, f"Basic {basic}" if basic else "") as response:
        answer = json.loads(response.read(1 << 20))
    return answer.get("token") or answer.get("access_token") or ""


def _credentials(registry):
    """Base64 of "user:password" for a registry, or "" (containers-auth.json(5), docker's config.json).

    Only what stands in the files themselves: an image has no credential helpers.
    """
    import base64

    for file in _files():
        try:
            auths = json.loads(Path(file).read_bytes()).get("auths") or {}
        except (OSError, ValueError, AttributeError):
            continue
        for key in (registry, f"https://{registry}", f"https://{registry}/v2/"):
            auth = auths.get(key) or {}
            if auth.get("auth"):
                return auth["auth"]
            if auth.get("username"):
                return base64.b64encode(f"{auth['username']}:{auth.get('password', '')}".encode()).decode()
    return ""


def _files():
    if os.environ.get("REGISTRY_AUTH_FILE"):
        yield os.environ["REGISTRY_AUTH_FILE"]
    folder = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    yield os.path.join(folder, "config.json")
