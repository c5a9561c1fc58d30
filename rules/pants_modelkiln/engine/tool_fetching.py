"""From where the engine's own PEX takes its wheels: Pants' options, and pip's settings of this machine.

Pants' Pex ignores the settings that people make for pip, and passes on the system-wide ones, whatever
they do. Here it is the other way round: all that say how an index is reached, and no others.
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Mapping

from pants.backend.python.subsystems.repos import PythonRepos
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.rules import collect_rules
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.pip_settings import FETCHING, PROXIES, NoPipError, PipSettingsError, pip_environment
from pants_modelkiln.compat.calls import rule

_LISTS = ("extra-index-url", "find-links", "trusted-host")
# Of the environment, what else says where pip finds its files and itself.
_SEEN = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "USER", "VIRTUAL_ENV")


@dataclass(frozen=True)
class ToolFetchingRequest:
    """How wheels are fetched where `[python-repos].indexes` has these."""

    indexes: tuple[str, ...]


@dataclass(frozen=True)
class ToolFetching:
    """How wheels are fetched.

    lines: go before a lock, in a file, and not on a command line that others can read: an address
    may hold a password. args: options of Pex. env: its variables.
    """

    lines: str
    args: tuple[str, ...]
    env: FrozenDict[str, str]


def _files(env: Mapping[str, str]) -> tuple[tuple[str, int, int], ...]:
    """The files of pip's that there are (pip's user guide, "Configuration"), each with its time and size."""
    home = env.get("HOME", "")
    user = env.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    folders = [*(env.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep), user]
    folders += ["/Library/Application Support", os.path.join(home, "Library/Application Support")]
    places = [os.path.join(folder, "pip", "pip.conf") for folder in folders]
    places += ["/etc/pip.conf", os.path.join(home, ".pip", "pip.conf"), os.path.join(sys.prefix, "pip.conf")]
    found = []
    for path in (*places, env.get("PIP_CONFIG_FILE", "")):
        with contextlib.suppress(OSError):
            stat = os.stat(path)
            found.append((path, stat.st_mtime_ns, stat.st_size))
    return tuple(found)


# Pants asks again for each command, and pip takes a second to start.
@lru_cache(maxsize=4)
def _settings(variables: tuple[tuple[str, str], ...], files: tuple[tuple[str, int, int], ...]) -> FrozenDict[str, str]:
    """pip's settings by their variables' names without `PIP_`; files: what they were read from."""
    try:
        allowed = pip_environment(dict(variables), FETCHING)
    except NoPipError:
        allowed = {}
    return FrozenDict({name[4:]: value for name, value in allowed.items() if name.startswith("PIP_")})


@rule(level=LogLevel.DEBUG)
async def find_fetching(request: ToolFetchingRequest, env: CompleteEnvironmentVars) -> ToolFetching:
    """How pip's settings on this machine reach an index, in the terms of Pex."""
    # In order: the environment comes in another one with each command, and equal variables must be equal keys.
    seen = sorted((name, value) for name, value in env.items() if name.startswith(("PIP_", "XDG_")) or name in _SEEN)
    try:
        settings = dict(_settings(tuple(seen), _files(env)))
    except PipSettingsError as error:
        raise ModelkilnError(str(error)) from None
    lines = [f"--{option} {one}" for option in _LISTS for one in settings.get(_variable(option), "").split()]
    # Pants' own default is not a choice of the user.
    if "INDEX_URL" in settings and request.indexes == (PythonRepos.pypi_index,):
        lines.insert(0, f"--index-url {settings['INDEX_URL']}")
    if settings.get("NO_INDEX", "").lower() in ("1", "on", "t", "true", "y", "yes"):
        lines.insert(0, "--no-index")
    settings.setdefault("RETRIES", "2")  # By default pip tries for half a minute where there is no network.
    options = {"--client-cert": "CLIENT_CERT", "--retries": "RETRIES", "--timeout": "TIMEOUT"}
    args = [word for option, name in options.items() if name in settings for word in (option, settings[name])]
    variables = {name: value for name, value in env.items() if name.lower() in PROXIES}
    if "PROXY" in settings:
        variables.update(dict.fromkeys(("http_proxy", "https_proxy"), settings["PROXY"]))
    # Where Pants has `ca_certs_path`, Pex sets this variable itself.
    authorities = settings.get("CERT") or env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE")
    if authorities:
        variables["REQUESTS_CA_BUNDLE"] = authorities
    return ToolFetching("".join(f"{line}\n" for line in lines), tuple(args), FrozenDict(variables))


def _variable(option: str) -> str:
    return option.upper().replace("-", "_")


def rules():
    return collect_rules()
