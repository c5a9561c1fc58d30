"""The environment that an sdist is built in: a virtual environment of locked wheels, and nothing else.

Where bubblewrap can be used, the build sees a file system with its own folder at BUILD_ROOT, the
interpreter and the system's programs, and no network. Elsewhere it runs among the machine's files,
with the same variables, and without a network where user namespaces are permitted. PATH holds the
environment's own programs alone: compilers are pinned by no lock.
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.machine import find_python
from modelkiln.sandbox import BUILD_ROOT, build_command, can_run, run_command, without_network
from modelkiln.sdist import SOURCE_DATE, BuildSystem
from modelkiln.sources.wheels import fetch_wheels, open_wheels
from modelkiln.store import Store
from modelkiln.venv import Venv, check_conflicts, install

__all__ = ["BuildEnvironment"]

_TIMEOUT = 1800.0
# What a build may write. Not its environment: that is written from outside, where a link that a
# build left in it would lead elsewhere.
_WRITABLE = ("src", "out", "home", "tmp")
# Of what a failed backend wrote: its last lines tell why.
_LINES = 12
_QUESTION = "import os, sys; print(sys.base_prefix, os.path.realpath(sys.executable), sep='\\n')"


@dataclass
class BuildEnvironment:
    """A folder with `src` (an sdist's tree), `env` (what builds it) and `out`.

    title: the sdist, for messages. root: what the build sees `folder` as.
    """

    title: str
    folder: Path
    python: str
    is_isolated: bool
    prefixes: tuple[str, ...] = ()
    installed: set = field(default_factory=set)

    @classmethod
    def make(cls, title: str, folder: Path, python: str, store: Store) -> "BuildEnvironment":
        """Lay out the folders; the interpreter is this machine's CPython `python` ("3.11")."""
        program = find_python(store.root, python)
        asked = run_command([str(program), "-I", "-c", _QUESTION], {}, b"", 60)
        if asked.exit_code:
            raise ModelkilnError(f"{program}: cannot be started ({asked.stderr.decode('utf-8', 'replace').strip()}).")
        prefix, real = os.fsdecode(asked.stdout).splitlines()[:2]
        home = os.path.dirname(real)
        made = cls(title, folder, python, can_run() is None, (prefix, home))
        for name in ("env/bin", *_WRITABLE):
            (folder / name).mkdir(parents=True, exist_ok=True)
        # What makes a virtual environment (PEP 405), without the programs that the interpreter brings.
        (folder / "env/pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
        for name in ("python", "python3", f"python{python}"):
            (folder / "env/bin" / name).symlink_to(real)
        return made

    @property
    def root(self) -> str:
        """The folder as the build sees it."""
        return BUILD_ROOT if self.is_isolated else str(self.folder)

    def install(self, wheels: Sequence[Mapping[str, Any]], store: Store) -> None:
        """Put wheels (name, version, filename, sha256) into the environment; those that it has stay."""
        missing = [wheel for wheel in wheels if wheel["name"] not in self.installed]
        fetch_wheels(missing, self.python, store)
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
            command, where = build_command(writable, readable, self.prefixes, argv, cwd or self.root), None
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
        }

    def _failure(self, hook: str, output: bytes) -> str:
        lines = [line for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
        told = "\n".join(f"    {line}" for line in lines[-_LINES:])
        return (
            f"{self.title}: its build backend failed in {hook}. It ran without a network and without a compiler, and "
            "saw its own locked build requirements alone. Where it needs more, lock a version that has a wheel, or "
            f"put a wheel of your own into a folder that [modelkiln.resolve_find_links] names. It says:\n{told}"
        )
