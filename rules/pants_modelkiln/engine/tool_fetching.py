"""From where the engine's own PEX takes its wheels: Pants' options, and pip's settings of this machine.

Pants' Pex ignores the settings that people make for pip, and passes on the system-wide ones, whatever
they do. Here it is the other way round: all that say how an index is reached, and no others.
"""

from __future__ import annotations

from dataclasses import dataclass

from pants.backend.python.subsystems.repos import PythonRepos
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.rules import collect_rules
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.pip_settings import FETCHING, NoPipError, PipSettingsError, pip_environment
from pants_modelkiln.compat.calls import rule

_LISTS = ("extra-index-url", "find-links", "trusted-host")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


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


@rule(level=LogLevel.DEBUG)
async def find_fetching(request: ToolFetchingRequest, env: CompleteEnvironmentVars) -> ToolFetching:
    try:
        allowed = pip_environment(env, FETCHING)
    except NoPipError:
        allowed = {}
    except PipSettingsError as error:
        raise ModelkilnError(str(error)) from None
    settings = {name[4:]: value for name, value in allowed.items() if name.startswith("PIP_")}
    lines = [f"--{option} {one}" for option in _LISTS for one in settings.get(_variable(option), "").split()]
    # Pants' own default is not a choice of the user.
    if "INDEX_URL" in settings and request.indexes == (PythonRepos.pypi_index,):
        lines.insert(0, f"--index-url {settings['INDEX_URL']}")
    if settings.get("NO_INDEX", "").lower() in ("1", "on", "t", "true", "y", "yes"):
        lines.insert(0, "--no-index")
    settings.setdefault("RETRIES", "2")  # By default pip tries for half a minute where there is no network.
    options = {"--client-cert": "CLIENT_CERT", "--retries": "RETRIES", "--timeout": "TIMEOUT"}
    args = [word for option, name in options.items() if name in settings for word in (option, settings[name])]
    variables = {name: value for name, value in env.items() if name.lower() in _PROXIES}
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
