"""pip, as the one that asks package indexes: it chooses wheels and fetches them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Iterable, Mapping, Optional, Sequence
from urllib.parse import unquote, urlsplit

from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import load_machine_env
from modelkiln.manifest.pip_settings import FETCHING, PipSettingsError, pip_environment
from modelkiln.store.store import Store

__all__ = [
    "PipResult",
    "ask_pip",
    "check_reachable",
    "index_lines",
    "index_lines_of",
    "index_settings",
    "pip_environ",
    "run_pip",
    "target_options",
]

# What pip says when an index did not answer. It then goes on as if the index had nothing, which
# must not be mistaken for a wheel that does not exist: that answer is remembered. 404 and 410 say
# that a package does not exist, and so does 403 on indexes that are storage buckets.
_UNREACHABLE = re.compile(
    r"Could not fetch URL (?!.*\b(?:403|404|410) Client Error).*|.*(?:Max retries exceeded"
    r"|Retrying \(Retry|Read timed out|Connection (?:refused|reset|broken|aborted)"
    r"|\b(?:401|407|429|5\d\d) (?:Client|Server) Error).*"
)
# What a proxy, or the way to it, said, out of what urllib3 and pip wrap it in.
_PROXYS = re.compile(
    r"(?:ProxyError|proxy connection error: )\(.*?(?:\[Errno -?\d+\] |Tunnel connection failed: )([^'\")]+)['\")]"
)


class PipResult:
    """How a run of pip ended: its exit code and what it said."""

    def __init__(self, code: int, messages: str) -> None:
        self.code = code
        self.messages = messages

    @property
    def errors(self) -> str:
        """pip's error lines, without its prefix, in one line."""
        lines = [line.strip() for line in self.messages.splitlines()]
        errors = [line[len("ERROR: ") :] for line in lines if line.startswith("ERROR: ")]
        return " ".join(errors or lines[-3:])


def target_options(python: str, platforms: Iterable[str]) -> list[str]:
    """pip's options for wheels of CPython `python` and these platform tags, and no sdists."""
    options = ["--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    return [*options, *(f"--platform={tag}" for tag in platforms)]


def index_lines(store: Store, resolve: Optional[str] = None) -> str:
    """Return the lines of a requirements file that name the project's own indexes.

    They are options of the project, by resolve; without `resolve` all of them, for files that are
    pinned by hash may come from any. In a file, and not on the command line, which others can read:
    an address may hold a password.
    """
    return index_lines_of(load_machine_env(store.root), resolve)


def index_lines_of(env: Mapping[str, str], resolve: Optional[str] = None) -> str:
    """Return the same by this machine's settings (see `machine.settings.load_machine_env`)."""
    lines = (
        f"--{option} {address}\n"
        for option, addresses in _project_indexes(env, resolve).items()
        for address in addresses
    )
    return "".join(lines)


def index_settings(store: Store, resolve: str) -> dict[str, str]:
    """Return the same as variables of pip's environment, for programs that start pip themselves."""
    named = _project_indexes(load_machine_env(store.root), resolve).items()
    return {f"PIP_{option.upper().replace('-', '_')}": " ".join(addresses) for option, addresses in named if addresses}


def _project_indexes(env: Mapping[str, str], resolve: Optional[str]) -> dict[str, list[str]]:
    settings = json.loads(env.get("MODELKILN_INDEXES", "{}"))
    found = {}
    for option, key in (("extra-index-url", "indexes"), ("find-links", "find_links")):
        by_resolve = settings.get(key, {})
        names = sorted(by_resolve) if resolve is None else [resolve]
        for name in names:
            for address in by_resolve.get(name, []):
                _check_address(address, f"[modelkiln.resolve_{key}], {name}", resolve is not None)
        found[option] = list(dict.fromkeys(address for name in names for address in by_resolve.get(name, [])))
    return found


def _check_address(address: str, where: str, is_needed: bool) -> None:
    """Refuse what pip passes over without a word: relative paths, and folders that are not there.

    is_needed: whether a folder must be there. To fetch what is pinned by hash, another place may serve.
    """
    if "://" not in address and not address.startswith("/"):
        raise ModelkilnError(
            f"{where}: {address!r} is neither an address nor an absolute path. For a folder of the repository write "
            f'"file://%(buildroot)s/{address}".'
        )
    local = unquote(urlsplit(address).path) if address.startswith("file:") else address
    if is_needed and local.startswith("/") and not os.path.exists(local):
        raise ModelkilnError(f"{where}: {local} does not exist. Correct the path.")


def pip_environ(store: Store, allowed: frozenset[str]) -> dict[str, str]:
    """Return the environment for a program that fetches by pip's settings, of which it sees `allowed`."""
    return _pip_environ(load_machine_env(store.root), allowed)


def _pip_environ(env: Mapping[str, str], allowed: frozenset[str]) -> dict[str, str]:
    try:
        return pip_environment(env, allowed)
    except PipSettingsError as error:
        raise ModelkilnError(str(error)) from None


def run_pip(arguments: Sequence[str], store: Store, cwd: Path, program: Sequence[str] = ("-m", "pip")) -> PipResult:
    """Run `pip <arguments>` in `cwd`, a temporary folder, with this machine's settings for fetching.

    program: what Python runs, for another one with pip's options. A run that fails because an index
    cannot be reached raises ModelkilnError; any other failure is for the caller to report.
    """
    cache = f"--cache-dir={os.path.abspath(store.root / 'pip-cache')}"
    return ask_pip([*arguments, cache], load_machine_env(store.root), cwd, program)


def ask_pip(
    arguments: Sequence[str], env: Mapping[str, str], cwd: Path, program: Sequence[str] = ("-m", "pip")
) -> PipResult:
    """Do the same by this machine's settings `env`, with the cache that the arguments name."""
    environ = _pip_environ(env, FETCHING)
    command = [sys.executable, "-I", *program, *arguments]
    log = cwd / "pip.log"
    log.unlink(missing_ok=True)
    command += ["--no-input", "--disable-pip-version-check", "--no-color", "--quiet", f"--log={log.absolute()}"]
    done = subprocess.run(command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    result = PipResult(done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace"))
    if result.code:
        check_reachable(result.messages + (log.read_text("utf-8", "replace") if log.exists() else ""))
    return result


def check_reachable(messages: str) -> None:
    """Raise ModelkilnError where pip's messages say that an index did not answer."""
    # pip reports failed index pages in its log alone.
    found = dict.fromkeys(match.group().strip() for match in _UNREACHABLE.finditer(messages))
    proxys = next(filter(None, map(_PROXYS.search, found)), None)
    if proxys:
        raise ModelkilnError(
            "A package index cannot be reached: the machine's proxy (HTTPS_PROXY, or pip's setting `proxy`) gives no "
            f"connection: {proxys[1]}. Start it, or correct the setting; NO_PROXY lists hosts that need none."
        )
    if found:
        raise ModelkilnError(
            "A package index cannot be reached or refuses this machine. pip says: "
            f"{' '.join(found)[:1000]} Fix the network, or pip's configuration (pip config list), "
            "and build again."
        )
