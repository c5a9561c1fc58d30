"""From where the engine's tool takes its wheels: Pants' options, and pip's settings of this machine.

Pants' own tools ignore the settings that people make for pip, and pass on the system-wide ones, whatever
they do. Here it is the other way round: all that say how an index is reached, and no others.
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Mapping

from pants.backend.python.subsystems.repos import PythonRepos
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.rules import collect_rules
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.pip_settings import FETCHING, PROXIES, NoPipError, PipSettingsError, pip_environment
from pants_modelkiln.compat.calls import rule

# Of the environment, what else says where pip finds its files and itself.
_SEEN = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "USER", "VIRTUAL_ENV")


@dataclass(frozen=True)
class ToolFetchingRequest:
    """How wheels are fetched where `[python-repos]` has these `indexes` and `find_links`, and `[GLOBAL]` this
    `ca_certs_path`."""

    indexes: tuple[str, ...]
    find_links: tuple[str, ...] = ()
    ca_certs_path: str | None = None


@dataclass(frozen=True)
class ToolFetching:
    """How wheels are fetched.

    env: variables of pip and of proxies: an address may hold a password, and a command line can be read by others.
    authorities: a file of them, which is Pants' own.
    """

    env: FrozenDict[str, str]
    authorities: bytes = b""


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
    """How pip's settings on this machine reach an index, under what Pants' options say."""
    # In order: the environment comes in another one with each command, and equal variables must be equal keys.
    seen = sorted((name, value) for name, value in env.items() if name.startswith(("PIP_", "XDG_")) or name in _SEEN)
    try:
        settings = dict(_settings(tuple(seen), _files(env)))
    except PipSettingsError as error:
        raise ModelkilnError(str(error)) from None
    # Pants' own default is not a choice of the user.
    indexes = () if request.indexes == (PythonRepos.pypi_index,) and "INDEX_URL" in settings else request.indexes
    more = [*indexes[1:], *settings.get("EXTRA_INDEX_URL", "").split()]
    settings.update({"INDEX_URL": indexes[0]} if indexes else {})
    if not request.indexes and "INDEX_URL" not in settings:
        settings.update({"INDEX_URL": more.pop(0)} if more else {"NO_INDEX": "1"})
    settings["EXTRA_INDEX_URL"] = " ".join(more)
    settings["FIND_LINKS"] = " ".join([*request.find_links, *settings.get("FIND_LINKS", "").split()])
    variables = {name: value for name, value in env.items() if name.lower() in PROXIES}
    # Pants' file is for all of its tools. Where neither has one, requests reads these, in this order.
    others = env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE")
    if request.ca_certs_path:
        settings.pop("CERT", None)
    elif others:
        variables["REQUESTS_CA_BUNDLE"] = others
    variables.update((f"PIP_{name}", value) for name, value in settings.items() if value)
    content = Path(request.ca_certs_path).read_bytes() if request.ca_certs_path else b""
    return ToolFetching(FrozenDict(variables), content)


def rules():
    return collect_rules()
