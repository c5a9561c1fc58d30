"""Logins for registries, from where docker, podman and skopeo keep them.

oras-py reads docker's file of the process's own user alone, by the host's name as it is written,
and asks credential helpers with the process's environment.
"""

import base64
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Optional

from modelkiln.errors import ModelkilnError
from modelkiln.registry.endpoint import Endpoint, endpoint_of
from modelkiln.runtime.weights.registry import HUB, find_auth, login_files

__all__ = ["Login", "find_login"]

# What a helper says in place of a user's name when the secret is an identity token (docker's
# credential helper protocol).
_TOKEN_USER = "<token>"
# Under which address docker asks its helpers for the login of docker.io.
_HUB_ADDRESS = "https://index.docker.io/v1/"


@dataclass(frozen=True)
class Login:
    """One of two proofs. basic: base64 of "user:password". identity_token: one that an OAuth2
    token server takes for a refresh token."""

    basic: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


def find_login(registry: str, env: Mapping[str, str], name: str = "") -> Optional[Login]:
    """Return the login for the repository `name` of `registry` (host with port), or None.

    Read are, in this order, $REGISTRY_AUTH_FILE, $XDG_RUNTIME_DIR/containers/auth.json,
    ~/.config/containers/auth.json, $DOCKER_CONFIG/config.json or ~/.docker/config.json
    (containers-auth.json(5); docker's `auths`, `credHelpers` and `credsStore`). In each the most
    specific key wins. Raises ModelkilnError for a broken file or a credential helper that fails.
    """
    endpoint = endpoint_of(registry, env)
    for path in map(Path, login_files(env)):
        try:
            config = json.loads(path.read_text("utf-8"))
        except OSError:
            continue
        except ValueError as error:
            raise ModelkilnError(f"{path}: not JSON ({error}). Log in to the registry again.") from None
        found = _from_config(config if isinstance(config, dict) else {}, endpoint, name, path, env)
        if found:
            return found
    return None


def _from_config(
    config: Mapping[str, Any], endpoint: Endpoint, name: str, path: Path, env: Mapping[str, str]
) -> Optional[Login]:
    auth = find_auth(config.get("auths") or {}, endpoint.name, name, endpoint.port) or {}
    if auth.get("identitytoken"):
        return Login(identity_token=auth["identitytoken"])
    if auth.get("auth"):
        return Login(auth["auth"])
    if auth.get("username"):
        return _basic(auth["username"], auth.get("password", ""))
    helper = find_auth(config.get("credHelpers") or {}, endpoint.name, "", endpoint.port) or config.get("credsStore")
    return _from_helper(helper, endpoint.name, path, env) if helper else None


def _basic(user: str, password: str) -> Login:
    if user == _TOKEN_USER:
        return Login(identity_token=password)
    return Login(base64.b64encode(f"{user}:{password}".encode()).decode())


def _from_helper(helper: str, registry: str, path: Path, env: Mapping[str, str]) -> Optional[Login]:
    """Ask docker-credential-<helper>: the registry on standard input, JSON on standard output."""
    command = [f"docker-credential-{helper}", "get"]
    address = _HUB_ADDRESS if registry == HUB else registry
    try:
        done = subprocess.run(command, input=address.encode(), env=dict(env), capture_output=True)
    except OSError as error:
        raise ModelkilnError(
            f"{path}: names the credential helper {command[0]}, which cannot be run ({error}). "
            "Install it, or log in to the registry without it."
        ) from None
    if done.returncode:
        return None  # The protocol's answer for "not logged in"; a registry may be public.
    try:
        answer = json.loads(done.stdout)
        return _basic(answer["Username"], answer["Secret"])
    except (ValueError, KeyError, TypeError):
        # What it said may hold a secret, and is not repeated.
        raise ModelkilnError(
            f"{path}: the credential helper {command[0]} did not answer with a login for {registry}. Log in again."
        ) from None
