"""Loads an exported image into a container engine of this machine."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence

from modelkiln.errors import ModelkilnError

__all__ = ["ENGINES", "Engine", "choose_engine", "load_archive", "why_unusable"]

# Long enough for a daemon that is started by its socket; a missing one answers at once.
_PROBE_TIMEOUT = 30.0


@dataclass(frozen=True)
class Engine:
    """A way into a container engine. program: what is run. probe: arguments of a command that
    succeeds where the engine is usable. load: arguments before the archive's path. format: the
    archive that it takes."""

    name: str
    program: str
    probe: tuple[str, ...]
    load: tuple[str, ...]
    format: str


# In the order in which `auto` tries them. Docker reads OCI archives only since 25 and with the
# containerd store, so it gets its own format.
ENGINES = (
    Engine("podman", "podman", ("info",), ("load", "-i"), "oci-archive"),
    Engine("docker", "docker", ("version", "--format", "{{.Server.Version}}"), ("load", "-i"), "docker-archive"),
    Engine("containerd", "nerdctl", ("info",), ("load", "-i"), "oci-archive"),
    Engine("containerd", "ctr", ("version",), ("images", "import"), "oci-archive"),
)


def choose_engine(into: str = "auto") -> Engine:
    """Return the first usable engine that is called `into`; raises ModelkilnError that names what
    was tried and why it does not serve."""
    tried = []
    for engine in ENGINES:
        if into in ("auto", engine.name):
            reason = why_unusable(engine)
            if reason is None:
                return engine
            tried.append(f"{engine.program}: {reason}")
    if not tried:
        names = ", ".join(dict.fromkeys(engine.name for engine in ENGINES))
        raise ModelkilnError(f"load: unknown engine {into!r}; use auto or one of {names}.")
    raise ModelkilnError(
        f"load: no usable container engine ({'; '.join(tried)}). Start or install one, or write an archive "
        "with modelkiln export."
    )


def why_unusable(engine: Engine) -> Optional[str]:
    """Return why an engine does not serve on this machine, None where it does. One that hangs takes half a minute."""
    program = shutil.which(engine.program)
    if program is None:
        return "not installed"
    try:
        result = _run([program, *engine.probe], _PROBE_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"cannot be used ({error})"
    return None if result.returncode == 0 else f"cannot be used ({_last_line(result)})"


def load_archive(engine: Engine, archive: Path) -> str:
    """Load `archive` (in the engine's format) and return what the engine said."""
    command = [engine.program, *engine.load, str(archive)]
    result = _run(command, None)
    if result.returncode != 0:
        raise ModelkilnError(f"load: `{' '.join(command[:-1])}` ended with {result.returncode}: {_last_line(result)}")
    return result.stdout.strip()


def _run(command: Sequence[str], timeout: Optional[float]) -> "subprocess.CompletedProcess[str]":
    # The engine's own configuration (HOME, XDG_*, CONTAINERS_*, DOCKER_HOST) says where it is.
    return subprocess.run(
        command,
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def _last_line(result: "subprocess.CompletedProcess[str]") -> str:
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit code {result.returncode}"
