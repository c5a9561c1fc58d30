"""Credentials for registries, from where docker, podman and skopeo keep them."""

import base64
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Optional

from modelkiln.errors import ModelkilnError

__all__ = ["Login", "find_login"]

# What a helper says in place of a user's name when the secret is an identity token (docker's
# credential helper protocol).
_TOKEN_USER = "<token>"


@dataclass(frozen=True)
class Login:
    """One of two proofs. basic: base64 of "user:password". identity_token: one that an OAuth2
    token server takes for a refresh token."""

    basic: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


def find_login(registry: str, env: Mapping[str, str]) -> Optional[Login]:
    """Return the login for `registry` (host with port), or None when there is none.

    Read are, in this order, $REGISTRY_AUTH_FILE, $DOCKER_CONFIG/config.json, and
    ~/.docker/config.json (containers-auth.json(5); docker's `auths`, `credHelpers` and
    `credsStore`). Raises ModelkilnError for a broken file or a credential helper that fails.
    """
    for path in _files(env):
        try:
            config = json.loads(path.read_text("utf-8"))
        except OSError:
            continue
        except ValueError as error:
            raise ModelkilnError(f"{path}: not JSON ({error}). Log in to the registry again.") from None
        found = _from_config(config, registry, path, env)
        if found:
            return found
    return None


def _files(env: Mapping[str, str]) -> list[Path]:
    files = []
    if env.get("REGISTRY_AUTH_FILE"):
        files.append(Path(env["REGISTRY_AUTH_FILE"]))
    if env.get("DOCKER_CONFIG"):
        files.append(Path(env["DOCKER_CONFIG"], "config.json"))
    elif env.get("HOME"):
        files.append(Path(env["HOME"], ".docker", "config.json"))
    return files


def _from_config(config: Any, registry: str, path: Path, env: Mapping[str, str]) -> Optional[Login]:
    config = config if isinstance(config, dict) else {}
    helper = (config.get("credHelpers") or {}).get(registry) or config.get("credsStore")
    auths = config.get("auths") or {}
    # docker login writes some registries with a scheme.
    for key in (registry, f"https://{registry}", f"https://{registry}/v2/"):
        auth = auths.get(key) or {}
        if auth.get("identitytoken"):
            return Login(identity_token=auth["identitytoken"])
        if auth.get("auth"):
            return Login(auth["auth"])
        if auth.get("username"):
            return _basic(auth["username"], auth.get("password", ""))
    return _from_helper(helper, registry, path, env) if helper else None


def _basic(user: str, password: str) -> Login:
    if user == _TOKEN_USER:
        return Login(identity_token=password)
    return Login(base64.b64encode(f"{user}:{password}".encode()).decode())


def _from_helper(helper: str, registry: str, path: Path, env: Mapping[str, str]) -> Optional[Login]:
    """Ask docker-credential-<helper>: the registry on standard input, JSON on standard output."""
    command = [f"docker-credential-{helper}", "get"]
    try:
        done = subprocess.run(command, input=registry.encode(), env=dict(env), capture_output=True)
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
