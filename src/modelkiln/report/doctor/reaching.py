"""How this machine reaches servers: proxies, certificates, the package index, logins of registries."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Iterator, Mapping
from urllib.parse import urlsplit, urlunsplit

from modelkiln.manifest.pip_settings import FETCHING, NoPipError, PipSettingsError, pip_environment
from modelkiln.report.doctor.condition import Condition
from modelkiln.runtime.weights.registry import login_files
from modelkiln.wording import counted

__all__ = ["reaching", "without_password"]

_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def reaching(env: Mapping[str, str]) -> Iterator[Condition]:
    """Yield what the settings `env` say, and what is wrong with them."""
    yield from _proxies(env)
    yield from _certificates(env)
    yield from _index(env)
    yield from _logins(env)


def without_password(address: str) -> str:
    """Return an address as people may see it: user and password of a URL are left out."""
    parts = urlsplit(address)
    if "@" not in parts.netloc:
        return address
    return urlunsplit(parts._replace(netloc=f"...@{parts.netloc.rpartition('@')[2]}"))


def _proxies(env: Mapping[str, str]) -> Iterator[Condition]:
    found = [f"{name}={without_password(env[name])}" for name in _PROXIES if env.get(name)]
    yield Condition("proxy", "ok", ", ".join(found) if found else "none is set")
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        lower = env.get(name.lower())
        if env.get(name) and lower and lower != env[name]:
            remedy = f"Set {name} and {name.lower()} to one value: programs differ in which one they read."
            yield Condition("proxy", "problem", f"{name} and {name.lower()} differ", remedy)


def _certificates(env: Mapping[str, str]) -> Iterator[Condition]:
    for name in _CERTIFICATES:
        path = env.get(name)
        if path and os.path.exists(path):
            yield Condition("certificates", "ok", f"{name}={path}")
        elif path:
            remedy = f"Unset {name}, or let it name the bundle of this machine's certificate authorities."
            yield Condition("certificates", "problem", f"{name}={path} does not exist", remedy)


def _index(env: Mapping[str, str]) -> Iterator[Condition]:
    try:
        settings = pip_environment(env, FETCHING)
    except NoPipError:
        remedy = f"Install pip for {sys.executable}, if you lock or fetch wheels with this Python."
        yield Condition("package index", "none", "this Python has no pip", remedy)
        return
    except PipSettingsError as error:
        yield Condition("package index", "problem", str(error), "Correct the file; `pip config debug` lists all.")
        return
    names = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_PROXY", "PIP_CERT")
    found = []
    for name in names:
        values = " ".join(map(without_password, settings.get(name, "").split()))
        found += [f"{name[4:].lower().replace('_', '-')} {values}"] if values else []
    yield Condition("package index", "ok", f"pip's settings: {', '.join(found)}" if found else "pip's own")


def _logins(env: Mapping[str, str]) -> Iterator[Condition]:
    hosts: dict[str, None] = {}
    for path in map(Path, login_files(env)):
        try:
            config = json.loads(path.read_text("utf-8"))
        except OSError:
            continue
        except ValueError:
            yield Condition("registry logins", "problem", f"{path}: is not JSON", "Log in to the registry again.")
            continue
        if not isinstance(config, dict):
            continue
        helpers = {**(config.get("credHelpers") or {}), "": config.get("credsStore")}
        for host, helper in helpers.items():
            if helper and not shutil.which(f"docker-credential-{helper}", path=env.get("PATH", "")):
                what = f"{path}: names docker-credential-{helper}{f' for {host}' if host else ''}, which is not on PATH"
                yield Condition("registry logins", "problem", what, "Install it, or log in without it.")
        hosts.update(dict.fromkeys([*(config.get("auths") or {}), *(host for host in helpers if host)]))
    if hosts:
        yield Condition("registry logins", "ok", f"{counted(len(hosts), 'login')}: {', '.join(sorted(hosts))}")
    else:
        remedy = "Log in with podman, skopeo or docker before you publish to a registry that asks for it."
        yield Condition("registry logins", "none", "no login of a registry", remedy)
