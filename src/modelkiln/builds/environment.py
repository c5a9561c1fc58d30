"""The environment that an sdist is built in: a virtual environment of locked wheels, and nothing else.

With a toolchain the build sees its packages as the whole system, its own folder at BUILD_ROOT, and
no network. Without one it sees, where bubblewrap can be used, this machine's interpreter and system
programs in the toolchain's place. Elsewhere it runs among the machine's files, with the same
variables, and without a network where user namespaces are permitted. Without a toolchain PATH holds
the environment's own programs alone: the machine's compilers are pinned by no lock.
"""

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Mapping, Optional, Sequence

from modelkiln.builds.toolchain import Toolchain
from modelkiln.errors import ModelkilnError
from modelkiln.machine.sandbox import BUILD_ROOT, HOST_PROGRAMS, build_command, can_run, run_command, without_network
from modelkiln.machine.settings import find_python
from modelkiln.manifest.sdists import EXTRA_OPTION
from modelkiln.manifest.wheels import open_wheels
from modelkiln.store.store import Store
from modelkiln.wheels.sdist import SOURCE_DATE, BuildSystem
from modelkiln.wheels.venv import Venv, check_conflicts, install

__all__ = ["BuildEnvironment", "Provide"]

# Puts locked wheels for a Python ("3.11") into a store, which is `builds.wheel.provide_wheels`: a wheel that
# an environment needs may have to be built itself, in an environment of its own.
Provide = Callable[[Sequence[Mapping[str, Any]], str, Store], None]

_TIMEOUT = 1800.0
# What a build may write. Not its environment: that is written from outside, where a link that a
# build left in it would lead elsewhere.
_WRITABLE = ("src", "out", "home", "tmp")
# Of what a failed backend wrote: its last lines say why.
_LINES = 12
_QUESTION = "import os, sys; print(sys.base_prefix, os.path.realpath(sys.executable), sep='\\n')"
# The environment of a compiler and of its callers. Sources lie at the same path on every machine, so
# that no path has to be mapped; those of temporary folders are in debug information, which goes. The
# number of jobs is not a machine's: what a build divides its work into must not depend on it.
_COMPILING = {
    "CMAKE_BUILD_PARALLEL_LEVEL": "4",
    "LDFLAGS": "-Wl,--strip-debug",
    "MAKEFLAGS": "-j4",
    "MAX_JOBS": "4",
}
_LACKING = re.compile(r"ModuleNotFoundError: No module named '([^']+)'")
_MISSING = re.compile(r"fatal error: (\S+): No such file or directory|cannot find (-l[^\s:]+)")


@dataclass
class BuildEnvironment:
    """A folder with `src` (an sdist's tree), `env` (what builds it) and `out`.

    title: the sdist, for messages. root: what the build sees `folder` as. programs: what it sees
    besides, path -> folder of this machine. provide: what puts wheels into a store.
    """

    title: str
    folder: Path
    python: str
    is_isolated: bool
    programs: Mapping[str, Path]
    provide: Provide
    toolchain: Optional[Toolchain] = None
    installed: set = field(default_factory=set)

    @classmethod
    def make(
        cls,
        title: str,
        folder: Path,
        python: str,
        store: Store,
        provide: Provide,
        toolchain: Optional[Toolchain] = None,
    ) -> "BuildEnvironment":
        """Lay out the folders; the interpreter is the toolchain's, else this machine's CPython `python` ("3.11")."""
        if toolchain:
            program, programs = toolchain.python, toolchain.programs()
        else:
            prefix, program = _own_python(find_python(store.root, python))
            programs = {path: Path(path) for path in (*HOST_PROGRAMS, prefix, os.path.dirname(program))}
        made = cls(title, folder, python, can_run() is None, programs, provide, toolchain)
        for name in ("env/bin", *_WRITABLE):
            (folder / name).mkdir(parents=True, exist_ok=True)
        # What makes a virtual environment (PEP 405), without the programs that the interpreter brings.
        home = os.path.dirname(program)
        (folder / "env/pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
        for name in ("python", "python3", f"python{python}"):
            (folder / "env/bin" / name).symlink_to(program)
        return made

    @property
    def root(self) -> str:
        """The folder as the build sees it."""
        return BUILD_ROOT if self.is_isolated else str(self.folder)

    def install(self, wheels: Sequence[Mapping[str, Any]], store: Store) -> None:
        """Put wheels (name, version, filename, sha256) into the environment; those that it has stay."""
        missing = [wheel for wheel in wheels if wheel["name"] not in self.installed]
        self.provide(missing, self.python, store)
        venv = Venv(self.python, f"{self.root[1:]}/env")
        with open_wheels(missing, store) as opened:
            trees = [install(wheel, venv) for wheel in opened]
            check_conflicts(trees)
            for tree in trees:
                for entry in (*tree.entries, tree.record()):
                    self._write(entry)
        self.installed.update(wheel["name"] for wheel in missing)

    def _write(self, entry: Any) -> None:
        target = self.folder / os.path.relpath(f"/{entry.path}", self.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        with entry.open() as source, target.open("wb") as stream:
            shutil.copyfileobj(source, stream, 1 << 20)
        target.chmod(0o755 if entry.executable else 0o644)

    def backend(self, system: BuildSystem) -> Any:
        """Return pyproject-hooks' caller of the sdist's build backend."""
        from pyproject_hooks import BuildBackendHookCaller

        try:
            return BuildBackendHookCaller(
                f"{self.root}/src", system.backend, system.backend_path, self._run, f"{self.root}/env/bin/python"
            )
        except ValueError as error:
            raise ModelkilnError(f"{self.title}: pyproject.toml: backend-path: {error}.") from None

    def _run(
        self, cmd: Sequence[str], cwd: Optional[str] = None, extra_environ: Optional[Mapping[str, str]] = None
    ) -> None:
        """Run a hook, as pyproject-hooks wants it: its answer is a file in the folder that `cmd` ends with."""
        python, script, hook, answers = cmd
        env = {**self._variables(), **(extra_environ or {})}
        if self.is_isolated:
            writable = {**{name: self.folder / name for name in _WRITABLE}, "answers": Path(answers)}
            readable = {"env": self.folder / "env", "hook.py": Path(script)}
            argv = [python, f"{self.root}/hook.py", hook, f"{self.root}/answers"]
            command, where = build_command(writable, readable, self.programs, argv, cwd or self.root), None
        else:
            command, where = without_network(cmd), Path(cwd or self.root)
        before = os.umask(0o022)
        try:
            done = run_command(command, env, b"", _TIMEOUT, where)
        finally:
            os.umask(before)
        if done.exit_code:
            raise ModelkilnError(self._failure(hook, done.stdout + b"\n" + done.stderr))
        self.check_file(Path(answers, "output.json"))

    def check_file(self, path: Path) -> Path:
        """Return a file that a build left; a link could lead to any file of this machine, and is refused."""
        if path.is_symlink() or not path.is_file():
            raise ModelkilnError(f"{self.title}: its build backend left no file {path.name}. Lock another version.")
        return path

    def _variables(self) -> dict[str, str]:
        more = {**_COMPILING, "PATH": f"{self.root}/env/bin:/usr/bin:/bin"} if self.toolchain else {}
        return {
            "HOME": f"{self.root}/home",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "PATH": f"{self.root}/env/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONNOUSERSITE": "1",
            "SOURCE_DATE_EPOCH": str(SOURCE_DATE),
            "TMPDIR": f"{self.root}/tmp",
            "TZ": "UTC",
            **more,
        }

    def _failure(self, hook: str, output: bytes) -> str:
        lines = _without_frames(output.decode("utf-8", "replace").splitlines())
        lacking = _LACKING.search("\n".join(lines))
        named = f"{lacking[1]} is a module that it lacks: {EXTRA_OPTION} names what has it. " if lacking else ""
        excerpt = "\n".join(f"    {line}" for line in lines[-_LINES:])
        if not self.toolchain:
            return (
                f"{self.title}: its build backend failed in {hook}. It ran without a network and without a compiler, "
                f"and saw its own locked build requirements alone. {named}Where it needs a compiler, name a "
                "`build_toolchain` in [modelkiln].build_toolchains; where it needs more, lock a version that has a "
                "wheel, or put a wheel of your own into a folder that [modelkiln.resolve_find_links] names. It says:\n"
                f"{excerpt}"
            )
        missing = _MISSING.search("\n".join(lines))
        hint = f"{missing[1] or missing[2]} is not there. " if missing else ""
        return (
            f"{self.title}: its build backend failed in {hook}. It ran without a network, and saw the toolchain "
            f"{self.toolchain.name} and its own locked build requirements alone. {named}{hint}Where it needs more of "
            "Debian, add that to the toolchain's package list and lock it with pants lock; else lock a version that "
            f"has a wheel. It says:\n{excerpt}"
        )


def _own_python(program: Path) -> tuple[str, str]:
    """The prefix and the real path of one of this machine's interpreters."""
    asked = run_command([str(program), "-I", "-c", _QUESTION], {}, b"", 60)
    if asked.exit_code:
        raise ModelkilnError(f"{program}: cannot be started ({asked.stderr.decode('utf-8', 'replace').strip()}).")
    prefix, real = os.fsdecode(asked.stdout).splitlines()[:2]
    return prefix, real


def _without_frames(lines: Sequence[str]) -> list[str]:
    """Lines with something in them, but for where Python's tracebacks lead: a compiler's words come before."""
    found, is_trace = [], False
    for line in lines:
        is_trace = line.lstrip().startswith("Traceback (most recent call last)") or (is_trace and line.startswith(" "))
        if line.strip() and not is_trace:
            found.append(line)
    return found
