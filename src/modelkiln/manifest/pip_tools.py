"""pip-tools, as the one that compiles locks of Python environments.

It runs under the CPython of the resolve, because it evaluates markers for the one it runs on; for which
of its patch releases, and on which platform, does not matter, see programs/compile_lock.py.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import urllib.parse
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Optional, Sequence

from packaging.utils import canonicalize_name

from modelkiln.errors import ModelkilnError
from modelkiln.machine.sandbox import hooks_command
from modelkiln.machine.settings import load_machine_env
from modelkiln.manifest.lock import Pin, logical_lines
from modelkiln.manifest.pip import check_reachable, index_lines, index_settings, pip_environ, run_pip, target_options
from modelkiln.manifest.pip_settings import LOCKING
from modelkiln.manifest.sdists import EXTRA_OPTION
from modelkiln.network.http import NETWORK_ERRORS, open_url
from modelkiln.network.ranged_file import open_ranged
from modelkiln.store.store import Store
from modelkiln.wheels.platforms import Target
from modelkiln.wheels.wheel import data_issue
from modelkiln.wheels.zip_member import DAMAGE

__all__ = ["PipTools", "SeenWheel", "see_wheels", "seed_lock"]

_OPTIONS = (
    "--no-config", "--quiet", "--no-header", "--generate-hashes", "--allow-unsafe", "--strip-extras",
    "--no-emit-options", "--no-emit-index-url", "--no-emit-trusted-host", "--no-emit-find-links",
)  # fmt: skip
# Those of markers' names (PEP 508) that are not about the Python.
_PLATFORM = frozenset(
    ("os_name", "platform_machine", "platform_release", "platform_system", "platform_version", "sys_platform")
)
_INDEXES = "indexes.in"
_ASKING = Path(__file__).absolute().with_name("programs") / "ask_backend.py"
_COMPILING = _ASKING.with_name("compile_lock.py")
_PROGRAMS = ".programs"
# What backends (meson-python, scikit-build-core) take from the machine where it has them, and ask for as
# wheels elsewhere.
_TOOLS = frozenset({"cmake", "cmake3", "meson", "ninja", "ninja-build", "patchelf", "samu", "swig"})

_RAISED = re.compile(r"[\w.]+(Error|Exception|Found|Impossible)\b")
# pip lists releases for other Pythons of every project that it looked at, before it says which one it lacks.
_ASIDE, _ASIDE_LENGTH = "ERROR: Ignored the following", 200
_NOWHERE = re.compile(r"\(from versions: none\)")
_MISSING = re.compile(r"\b(?:ModuleNotFoundError|ImportError): .*")
# Characters of what a program said, from its end.
_REASON = 1500
# Servers that are asked at once what they have, and what comes of one that does not give parts of a zip file.
_READERS = 4
_UNREADABLE: tuple[type[Exception], ...] = (*NETWORK_ERRORS, *DAMAGE, OSError, ValueError)


@dataclass(frozen=True)
class PipTools:
    """Compiles locks of a resolve for a target; all paths are relative to `folder`, where pip-tools runs.

    Pins that are in a lock already stay where they still fit; `upgrade` takes the newest of everything. What
    fails raises ModelkilnError with what pip says: no such version, a conflict, an index that cannot be reached.
    """

    folder: Path
    resolve: str
    target: Target
    store: Store
    upgrade: bool = False

    def lock(self, sources: Sequence[str], output: str, extra: Mapping[str, Sequence[str]] = {}) -> None:
        """Compile files of requirements to the lock `output`.

        extra: further requirements that sdists are built with, by the name of the package.
        """
        more = {name: list(requirements) for name, requirements in extra.items()}
        indexes = self.folder / _INDEXES
        indexes.write_text(index_lines(self.store, self.resolve))
        try:
            self._run(sources, output, self._env(MODELKILN_EXTRA_BUILD_REQUIREMENTS=json.dumps(more)), [_INDEXES])
        finally:
            indexes.unlink()

    def lock_builds(self, projects: Sequence[str], output: str, extra: Mapping[str, Sequence[str]] = {}) -> None:
        """Compile what the wheels of projects (pyproject.toml, setup.py) are built with to the lock `output`.

        extra: requirements besides those that a project's backend asks for, by the project's file.
        """
        # In the environment, since it reaches the one that a backend is asked in, too.
        env = self._env(**index_settings(self.store, self.resolve))
        self._run(_asked(self.folder, projects, env, extra), output, env)

    def _env(self, **more: str) -> dict[str, str]:
        env = {**pip_environ(self.store, LOCKING), "PIP_CACHE_DIR": os.path.abspath(self.store.root / "pip-cache")}
        markers = {name: value for name, value in self.target.marker_environment().items() if name in _PLATFORM}
        target = json.dumps({"markers": markers, "platforms": self.target.pip_platforms()})
        return {**env, "MODELKILN_HOOKS": _hooks(self.store, self.resolve), "MODELKILN_TARGET": target, **more}

    def _run(self, sources: Sequence[str], output: str, env: Mapping[str, str], more: Sequence[str] = ()) -> None:
        arguments = [*_OPTIONS, "--upgrade" if self.upgrade else "--no-upgrade"]
        arguments += ["--no-reuse-hashes" if self.upgrade else "--reuse-hashes", f"--output-file={output}"]
        arguments += [f"--cache-dir={os.path.abspath(self.store.root / 'pip-tools-cache')}", *sources, *more]
        command = [sys.executable, "-I", str(_COMPILING), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if done.returncode:
            messages = (done.stdout + done.stderr).decode("utf-8", "replace")
            check_reachable(messages)
            names = ", ".join(source for source in sources if not source.startswith("-"))
            raise ModelkilnError(f"{names}: cannot be locked. pip-tools says: {_reason(messages)}{_way_out(messages)}")


def _way_out(messages: str) -> str:
    """What to do about a project that no index has, and an sdist that does not say what it is built with."""
    if _NOWHERE.search(messages):
        return (
            " Where it is a package of your own, name its index in [modelkiln.resolve_indexes], or a folder that has a "
            "wheel of it for this Python in [modelkiln.resolve_find_links]."
        )
    if not _MISSING.search(messages):
        return ""
    return f" An sdist that lacks a build requirement gets it from {EXTRA_OPTION}: its name = [the requirement]."


def _hooks(store: Store, resolve: str) -> str:
    """What programs/sandboxed_hooks.py is to run the code of sdists in."""
    command, reason = hooks_command()
    by_resolve = json.loads(load_machine_env(store.root).get("MODELKILN_UNSANDBOXED_SDISTS", "{}"))
    allowed = [canonicalize_name(name) for name in by_resolve.get(resolve, [])]
    return json.dumps({"command": command, "reason": f"Here there is none: {reason}", "allowed": allowed})


def _asked(
    folder: Path, sources: Sequence[str], env: Mapping[str, str], extra: Mapping[str, Sequence[str]]
) -> list[str]:
    """Files in addition to those of projects, with the requirements that their backends ask for."""
    asked = []
    env = {**env, "PATH": _without_tools(folder, env.get("PATH", ""))}
    for source in sources:
        answer = os.path.join(os.path.dirname(source), "build.in")
        command = [sys.executable, "-I", str(_ASKING), os.path.dirname(source), answer, *extra.get(source, ())]
        done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            messages = (done.stdout + done.stderr).decode("utf-8", "replace")
            check_reachable(messages)
            raise ModelkilnError(
                f"{source}: what it is built with cannot be found out. Its build backend or pip says: "
                f"{_reason(messages)}{_way_out(messages)}"
            )
        asked.append(answer)
    shutil.rmtree(folder / _PROGRAMS)
    return asked


def _without_tools(folder: Path, path: str) -> str:
    """A PATH with all programs of `path` but those that wheels have, too.

    Where the sdist is built there are none of this machine's: what a lock says must not depend on them.
    """
    programs = (folder / _PROGRAMS).absolute()
    programs.mkdir(exist_ok=True)
    for name in filter(os.path.isdir, path.split(os.pathsep)):
        for program in os.listdir(name):
            if program not in _TOOLS and not os.path.lexists(programs / program):
                (programs / program).symlink_to(os.path.abspath(os.path.join(name, program)))
    return str(programs)


def _reason(messages: str) -> str:
    """What pip and a build backend logged, and the exception that pip-tools ended with, without tracebacks.

    A backend's traceback is indented in what pip logs, and the module that it lacks is always named.
    """
    logged, *traceback = re.split(r"^Traceback \(most recent call last\)", messages, maxsplit=1, flags=re.MULTILINE)
    ended = [line for line in "".join(traceback).splitlines() if _RAISED.match(line)]
    said = _without_frames(logged)
    aside = [textwrap.shorten(line, _ASIDE_LENGTH, placeholder=" ...") for line in said if line.startswith(_ASIDE)]
    lines = [
        *(line for line in said if not line.startswith(_ASIDE)),
        *aside,
        *(line.split(": ", 1)[-1] for line in ended[-1:]),
    ]
    reason = " ".join(lines or messages.split())[-_REASON:]
    missing = [match[0] for match in _MISSING.finditer(messages)][-1:]
    return " ".join([*(line for line in missing if line not in reason), reason])


def _without_frames(text: str) -> list[str]:
    """The lines of a text that are not empty, without the frames of the tracebacks in it."""
    found, depth = [], None
    for line in filter(str.strip, text.splitlines()):
        indent = len(line) - len(line.lstrip())
        if line.lstrip().startswith("Traceback (most recent call last)"):
            depth = indent
        elif depth is None or indent <= depth:
            depth = None
            found.append(line.strip())
    return found


def seed_lock(own: str, shared: Sequence[str], upgrade: bool) -> str:
    """Return the pins to start from: those of other variants' locks, then the resolve's own.

    pip-tools keeps each where it fits and drops it where it does not, so that variants differ in
    what must differ only. Local versions (`+cpu`, `+cu126`) are another variant's business.
    """
    found: dict[str, str] = {}
    for text, is_own in [*((text, False) for text in shared), *([] if upgrade else [(own, True)])]:
        for line in logical_lines(text):
            match = re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", line)
            if match and not is_own:
                version, _, local = match[2].partition("+")
                # Hashes of the same files, but for a local version's.
                line = f"{match[1]}=={version}" if local else line
            if match:
                found.setdefault(canonicalize_name(match[1]), line)
    return "".join(f"{line}\n" for _, line in sorted(found.items()))


@dataclass(frozen=True)
class SeenWheel:
    """Of the wheel that a pin gives a target, seen from outside: its size in bytes, and what packages that need it
    will be refused for. None and "" where that is not known."""

    size: Optional[int] = None
    issue: str = ""


def see_wheels(
    pins: Sequence[Pin], python: str, platforms: Sequence[str], store: Store, folder: Path
) -> dict[str, SeenWheel]:
    """Return what can be seen of the pins' wheels for a target without fetching them, by name.

    For people only: pip names the files, and their servers the sizes and the directories of the zip files.
    """
    if not pins:
        return {}
    (folder / "sizes.txt").write_text(index_lines(store) + "".join(pin.line() for pin in pins))
    arguments = ["install", "--dry-run", "--no-deps", "--require-hashes", "--target=target", "--report=report.json"]
    arguments += [*target_options(python, platforms), "--requirement=sizes.txt"]
    if run_pip(arguments, store, folder).code:
        return {}
    env = load_machine_env(store.root)
    items = json.loads((folder / "report.json").read_text("utf-8"))["install"]
    with ThreadPoolExecutor(_READERS) as readers:
        seen = list(readers.map(lambda item: _see(item["download_info"]["url"], env), items))
    return {canonicalize_name(item["metadata"]["name"]): one for item, one in zip(items, seen)}


def _see(url: str, env: dict) -> SeenWheel:
    return SeenWheel(_size(url, env), _issue(url, env))


def _issue(url: str, env: dict) -> str:
    if not urllib.parse.urlsplit(url).path.endswith(".whl"):
        return ""
    try:
        with open_ranged(url, env) as stream, zipfile.ZipFile(stream) as archive:
            return data_issue(name.partition("/")[0] for name in archive.namelist() if "/" in name)
    except _UNREADABLE:
        return ""  # Said when a package that needs it has the wheel.


def _size(url: str, env: dict) -> Optional[int]:
    try:
        with open_url(url, env) as response:
            length = response.headers.get("Content-Length")
    except NETWORK_ERRORS:
        return None
    return int(length) if length and length.isdigit() else None
