"""What a registry is called, where it is served, where its logins lie, and what it asks for.

For the package's own reader of weights and for the engine alike; standard library alone.
"""

import os
import re

__all__ = ["HUB", "challenges", "find_auth", "host_name", "login_files", "served_at", "served_name"]

# A name that docker made: its images are served elsewhere, and its logins lie under an older address.
HUB = "docker.io"
_HUB_SERVER = "registry-1.docker.io"
_HUB_NAMES = (HUB, "index.docker.io", _HUB_SERVER)

# RFC 9110, 5.6.2 and 5.6.4; and 11.2, where a token68 may stand in place of parameters.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*')
_SCHEME = re.compile(rf"\s*({_TOKEN})(?:[ \t]+(?P<token68>[A-Za-z0-9._~+/-]+=*)(?=\s*(?:,|$))|(?=[ \t]|,|$))")

_SEPARATORS = re.compile(r"[\s,]*")
_AROUND_KEY = re.compile(r"^https?://|/(?:v[12]/?)?$")


def host_name(registry, port="443"):
    """Return the one name of a registry's host: lower case, without the scheme's own `port`."""
    host = registry.lower()
    if host.endswith(f":{port}"):
        host = host[: -len(port) - 1]
    return HUB if host in _HUB_NAMES else host


def served_at(registry, port="443"):
    """Return the host, with another port than the scheme's own, that answers for a registry."""
    host = host_name(registry, port)
    return _HUB_SERVER if host == HUB else host


def served_name(registry, name):
    """Return the repository as its registry knows it: Docker's own images lie under `library/`."""
    return f"library/{name}" if host_name(registry) == HUB and "/" not in name else name


def login_files(environ):
    """Yield the files that may hold logins, the first one first (containers-auth.json(5), then docker's)."""
    if environ.get("REGISTRY_AUTH_FILE"):
        yield environ["REGISTRY_AUTH_FILE"]
    if environ.get("XDG_RUNTIME_DIR"):
        yield os.path.join(environ["XDG_RUNTIME_DIR"], "containers", "auth.json")
    else:
        yield f"/run/containers/{os.getuid()}/auth.json"
    home = environ.get("HOME")
    config = environ.get("XDG_CONFIG_HOME") or (home and os.path.join(home, ".config"))
    if config:
        yield os.path.join(config, "containers", "auth.json")
    docker = environ.get("DOCKER_CONFIG") or (home and os.path.join(home, ".docker"))
    if docker:
        yield os.path.join(docker, "config.json")


def find_auth(entries, registry, name, port="443"):
    """Return the value of the most specific key of `entries` that stands for a repository, or None.

    A key is a host, or a host and the beginning of a repository's path; docker writes some with a
    scheme and the version of the protocol.
    """
    known = {}
    for key, value in entries.items():
        host, slash, path = _AROUND_KEY.sub("", key).partition("/")
        known.setdefault(host_name(host, port) + slash + path, value)
    parts = served_name(registry, name).split("/")
    for length in range(len(parts), -1, -1):
        key = "/".join([host_name(registry, port), *parts[:length]])
        if known.get(key):
            return known[key]
    return None


def challenges(line):
    """Return the challenges of WWW-Authenticate as (scheme in lower case, parameters) pairs.

    line: the header's value, of several headers joined by commas (RFC 9110, 11.6.1 and 5.3). What
    does not follow the grammar ends the list.
    """
    found, position = [], 0
    while position < len(line):
        position = _SEPARATORS.match(line, position).end()
        parameter = _PARAMETER.match(line, position)
        if parameter and found:
            quoted = parameter.group(2)
            value = parameter.group(3) if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found[-1][1].setdefault(parameter.group(1).lower(), value)
            position = parameter.end()
            continue
        scheme = _SCHEME.match(line, position)
        if not scheme:
            break
        found.append((scheme.group(1).lower(), {}))
        position = scheme.end()
    return found
