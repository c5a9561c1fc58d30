"""Which settings of pip's and uv's a process may see: how an index is reached, and no others.

What is locked decides what is chosen and where it goes. A machine's `constraint`, `no-binary`, `user` or
`target`, and whatever later releases of pip add, must not: so there is a list of what is let in. pip
itself is asked for the settings (its files, global, user and site, and `PIP_*`); what passes goes on as
`PIP_*` variables together with `PIP_CONFIG_FILE=/dev/null`, with which pip reads no file. An address may hold a
password, which is safe in an environment and not on a command line.

This is a program as well, of the standard library alone, for the launcher `pants`, which runs it under
any CPython from 3.8 on, with whatever pip is there:

    python -I pip_settings.py pip ARGUMENTS       runs that pip
    python -I pip_settings.py uv UV ARGUMENTS     runs uv, with the same settings by uv's names
    python -I pip_settings.py list                prints pip's settings, as JSON in the last line

Where that CPython has no pip, the environment variable MODELKILN_OTHER_PIP may name a folder that has one.
"""

from __future__ import annotations

import contextlib
import glob
import importlib
import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

__all__ = ["FETCHING", "LOCKING", "PROXIES", "NoPipError", "PipSettingsError", "pip_environment", "uv_environment"]

# What a process sees that decides what is locked. Two machines would lock two things if they had other
# folders of wheels, or further indexes, so these are options of the project.
LOCKING = frozenset(
    {
        "cert", "client-cert", "index-url", "keyring-provider", "no-index", "no-proxy-env", "proxy",
        "resume-retries", "retries", "timeout", "trusted-host", "use-deprecated", "use-feature",
    }
)  # fmt: skip
# What a process sees that fetches files which are pinned by hash: they may come from anywhere.
FETCHING = LOCKING | {"extra-index-url", "find-links"}

# Of settings that do several things, the values that say how an index is reached, with the oldest pip
# and the oldest Python that know them: others end in an error.
_VALUES = {
    "use-deprecated": {"legacy-certs": ((24, 2), (3, 9))},
    "use-feature": {"truststore": ((22, 2), (3, 10))},
}
_LISTS = frozenset({"extra-index-url", "find-links", "trusted-host", *_VALUES})
_OTHER_NAMES = {"default-timeout": "timeout", "pypi-url": "index-url"}
# Later ones win (pip's user guide, "Configuration"). Whatever command runs here, what somebody has set
# for `pip install` is what counts on this machine.
_SECTIONS = ("global", "download", "install", ":env:")

# uv's own variables that say how something is reached, and where uv keeps things.
_UV_REACHING = frozenset(
    "UV_" + name
    for name in (
        "CACHE_DIR", "CONCURRENT_DOWNLOADS", "HTTP_CONNECT_TIMEOUT", "HTTP_RETRIES", "HTTP_TIMEOUT", "INSECURE_HOST",
        "LINK_MODE", "NATIVE_TLS", "PYTHON_DOWNLOADS_JSON_URL", "PYTHON_INSTALL_DIR", "PYTHON_INSTALL_MIRROR",
        "REQUEST_TIMEOUT", "SYSTEM_CERTS",
    )
)  # fmt: skip
# Of the environment, in either case, what names proxies.
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
# The program's exit code where this Python cannot run pip at all, so that another one may be tried.
_NO_PIP = 3


class PipSettingsError(Exception):
    """pip's settings cannot be read, or do not lead to an index."""


class NoPipError(PipSettingsError):
    """This Python cannot run pip, and so there is nobody to ask."""


def pip_environment(environ: Mapping[str, str], allowed: frozenset[str]) -> dict[str, str]:
    """Return `environ` for a run of this interpreter's pip that sees the settings `allowed` and no others.

    environ: where pip looks for its settings (PIP_*, HOME, XDG_CONFIG_*). Raises PipSettingsError where a
    file cannot be read.
    """
    settings = _ask(environ)
    return _with_settings(environ, {name: value for name, value in settings.items() if name in allowed})


def _with_settings(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    found = {name: value for name, value in environ.items() if not name.startswith("PIP_")}
    found.update(("PIP_" + name.upper().replace("-", "_"), value) for name, value in settings.items())
    return {**found, "PIP_CONFIG_FILE": os.devnull}


def _ask(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings that pip finds in an environment which is not this process's."""
    command = [sys.executable, "-I", os.path.abspath(__file__), "list"]
    done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        kind = NoPipError if done.returncode == _NO_PIP else PipSettingsError
        raise kind(done.stderr.decode("utf-8", "replace").strip())
    return json.loads(done.stdout.splitlines()[-1])


def read_settings() -> dict[str, str]:
    """Return those of pip's settings in this process's environment that say how something is reached."""
    from pip._internal.configuration import Configuration
    from pip._internal.exceptions import PipError

    configuration = Configuration(isolated=False)
    try:
        configuration.load()
    except (PipError, ValueError) as error:  # Old ones let an UnicodeDecodeError pass.
        raise PipSettingsError(
            f"pip's configuration cannot be read: {' '.join(str(error).split())} Correct or remove that file; "
            "`pip config debug` lists all."
        ) from None
    found: dict[str, str] = {}
    # From the least to the most important one; newer releases keep them by file.
    flat = [pair for one in configuration.items() for pair in (one[1].items() if isinstance(one[1], dict) else [one])]
    for section in _SECTIONS:
        for key, value in flat:
            name = key[len(section) + 1 :]
            name = _OTHER_NAMES.get(name, name)
            if key.startswith(f"{section}.") and name in FETCHING and value:
                found[name] = value
    return {name: value for name, value in ((name, _reduced(name, value)) for name, value in found.items()) if value}


def _reduced(name: str, value: str) -> str:
    """A setting's value, lists in one line and without what does not say how an index is reached."""
    if name not in _LISTS:
        return value.strip()
    values = value.split()
    if name in _VALUES:
        import pip

        release = tuple(int(part) for part in pip.__version__.split(".")[:2] if part.isdigit())
        oldest = _VALUES[name]
        values = [one for one in values if one in oldest]
        values = [one for one in values if release >= oldest[one][0] and sys.version_info >= oldest[one][1]]
    return " ".join(values)


def uv_environment(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` for a run of uv with pip's settings, by uv's names and nothing of uv's own files.

    Where pip's default is another than uv's (authorities that requests is given, several indexes), it is
    pip's that counts.
    """
    found = {name: value for name, value in environ.items() if not name.startswith(("PIP_", "UV_"))}
    found.update((name, value) for name, value in environ.items() if name in _UV_REACHING)
    found.update(UV_NO_CONFIG="1", UV_INDEX_STRATEGY="unsafe-best-match")
    names = {
        "client-cert": "SSL_CLIENT_CERT", "extra-index-url": "UV_INDEX", "index-url": "UV_DEFAULT_INDEX",
        "retries": "UV_HTTP_RETRIES", "trusted-host": "UV_INSECURE_HOST",
    }  # fmt: skip
    found.update((names[name], os.path.expanduser(value)) for name, value in settings.items() if name in names)
    with contextlib.suppress(KeyError, ValueError):
        found["UV_HTTP_TIMEOUT"] = str(max(1, round(float(settings["timeout"]))))  # pip takes parts of a second.
    authorities = (
        os.path.expanduser(settings.get("cert", ""))
        or environ.get("REQUESTS_CA_BUNDLE")
        or environ.get("CURL_CA_BUNDLE")
    )
    if authorities:
        found.pop("SSL_CERT_DIR", None)
        found.pop("SSL_CERT_FILE", None)
        found["SSL_CERT_DIR" if os.path.isdir(authorities) else "SSL_CERT_FILE"] = authorities
    if "proxy" in settings or _is_true(settings.get("no-proxy-env")):
        found = {name: value for name, value in found.items() if name.lower() not in PROXIES}
    if "proxy" in settings:
        address = settings["proxy"] if "://" in settings["proxy"] else f"http://{settings['proxy']}"
        found.update(HTTP_PROXY=address, http_proxy=address, HTTPS_PROXY=address, https_proxy=address)
    provider = settings.get("keyring-provider")
    if provider == "subprocess" or (
        provider in {"auto", "import"} and shutil.which("keyring", path=environ.get("PATH"))
    ):
        found["UV_KEYRING_PROVIDER"] = "subprocess"  # The only one that uv has.
    links = [os.path.expanduser(one) for one in settings.get("find-links", "").split()]
    links = [one for one in links if "://" in one or os.path.exists(one)]
    if links:
        found["UV_FIND_LINKS"] = ",".join(link.replace(",", "%2C") if "://" in link else link for link in links)
    return found


def _is_true(value: str | None) -> bool:
    return (value or "").lower() in {"1", "on", "t", "true", "y", "yes"}


def check_reachable(settings: Mapping[str, str]) -> None:
    """Raise PipSettingsError where no index can be connected to, which pip finds out after minutes of trying."""
    from pip._internal.models.index import PyPI

    if _is_true(settings.get("no-index")):
        return
    reasons = []
    for address in [settings.get("index-url", PyPI.simple_url), *settings.get("extra-index-url", "").split()]:
        reason = _failure(address, settings)
        if reason is None:
            return
        reasons.append(f"the package index {_shown(address)} cannot be reached: {reason}")
    raise PipSettingsError(
        f"{'; '.join(reasons)}. Connect this machine, name its proxy in HTTPS_PROXY (or pip's setting `proxy`), or an "
        "index that is in reach in PIP_INDEX_URL (or pip's setting `index-url`)."
    )


def _failure(address: str, settings: Mapping[str, str]) -> str | None:
    """Why there is no connection to the host of an address, or to the proxy in between; None where there is one."""
    # They take longer to import than all the rest, and every step that packs wheels imports this module.
    import socket
    from urllib.request import getproxies, proxy_bypass

    url, proxies = urlsplit(address), {} if _is_true(settings.get("no-proxy-env")) else getproxies()
    through = settings.get("proxy") or proxies.get(url.scheme) or proxies.get("all")
    if not settings.get("proxy") and through and proxy_bypass(url.netloc.rpartition("@")[2]):
        through = None
    target = urlsplit(through if "://" in through else f"http://{through}") if through else url
    if not target.hostname:
        return None
    try:
        port = target.port or {"http": 80, "socks": 1080, "socks4": 1080, "socks5": 1080}.get(target.scheme, 443)
        socket.create_connection((target.hostname, port), timeout=10).close()
    except (OSError, ValueError) as error:
        return f"the proxy {_shown(through)} does not answer ({error})" if through else str(error)
    return None


def _shown(address: str) -> str:
    """An address without the password that may be in it."""
    url = urlsplit(address)
    return urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2]))


def _find_pip() -> None:
    """Make pip importable: this Python's own, else the one that it has for new virtual environments."""
    # Debian's, for the system's own Python: an older pip cannot run under a Python that came much later.
    folders = ["/usr/share/python-wheels"] if sys.version_info < (3, 12) or _is_systems_own() else []
    with contextlib.suppress(ImportError):
        folders.insert(
            0, os.path.join(os.path.dirname(importlib.import_module("ensurepip").__file__ or ""), "_bundled")
        )
    wheels = [path for folder in folders for path in sorted(glob.glob(os.path.join(folder, "pip-*.whl")))]
    wheels += filter(None, [os.environ.get("MODELKILN_OTHER_PIP")])
    reason = "32 bit" if sys.maxsize < 2**32 else ""
    for wheel in [] if reason else ["", *wheels]:
        for name in [name for name in sys.modules if name.partition(".")[0] == "pip"]:
            del sys.modules[name]
        sys.path[:0] = [wheel] if wheel else []
        try:
            for name in ("ssl", "pip._internal.configuration", "pip._internal.models.index"):
                importlib.import_module(name)
            return
        except Exception as error:  # What another release left half there says anything.
            reason = reason or str(error)
            sys.path[:1] = [] if wheel else sys.path[:1]
    sys.stderr.write(f"{reason}\n")
    raise SystemExit(_NO_PIP)


def _is_systems_own() -> bool:
    return sys.base_prefix == "/usr"


def _run_pip(arguments: list[str], settings: Mapping[str, str]) -> None:
    """Run the pip that was asked, in this process: it takes longest to import."""
    has_folders = "find-links" in settings  # They may hold all that is wanted, and then the index does not matter.
    if not has_folders:
        check_reachable(settings)
    environ = _with_settings(os.environ, {"retries": "2", **settings})  # By default it tries for a minute and more.
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["pip", *arguments]
    try:
        runpy.run_module("pip", run_name="__main__", alter_sys=True)
    except SystemExit as done:
        if done.code and has_folders:
            check_reachable(settings)
        raise


def _run_uv(arguments: list[str], settings: Mapping[str, str]) -> None:
    """Become uv."""
    if arguments[1:2] == ["pip"] and _is_true(settings.get("no-index")):
        arguments = [*arguments, "--no-index"]
    os.execve(arguments[0], arguments, uv_environment(os.environ, settings))


def main(arguments: list[str]) -> int:
    """Run the program, and return its exit code."""
    _find_pip()
    try:
        settings = read_settings()
        if arguments[0] == "list":
            print(json.dumps(settings))
        else:
            {"pip": _run_pip, "uv": _run_uv}[arguments[0]](arguments[1:], settings)
    except PipSettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
