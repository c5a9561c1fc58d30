"""Loads an exported image into a container engine of this machine."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Optional, Sequence

from modelkiln.errors import ModelkilnError

__all__ = [
    "ENGINES",
    "Engine",
    "choose_engine",
    "known_layers",
    "load_archive",
    "pull_layout",
    "run_engine",
    "why_unusable",
]

# Long enough for a daemon that is started by its socket; a missing one answers at once.
_PROBE_TIMEOUT = 30.0


@dataclass(frozen=True)
class Engine:
    """A way into a container engine. program: what is run. probe: arguments of a command that
    succeeds where the engine is usable. load: arguments before the archive's path. format: the
    archive that it takes. reads_layouts: whether it takes a folder too, see `pull_layout`."""

    name: str
    program: str
    probe: tuple[str, ...]
    load: tuple[str, ...]
    format: str
    reads_layouts: bool = False


# In the order in which `auto` tries them. Docker reads OCI archives only since 25 and with the
# containerd store, so it gets its own format.
ENGINES = (
    Engine("podman", "podman", ("info",), ("load", "-i"), "oci-archive", reads_layouts=True),
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


def why_unusable(engine: Engine, env: Optional[Mapping[str, str]] = None) -> Optional[str]:
    """Return why an engine does not serve on this machine, None where it does. One that hangs takes half a minute.

    env: as in `run_engine`.
    """
    program = shutil.which(engine.program, path=(os.environ if env is None else env).get("PATH"))
    if program is None:
        return "not installed"
    try:
        result = run_engine([program, *engine.probe], _PROBE_TIMEOUT, env=env)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"cannot be used ({error})"
    return None if result.returncode == 0 else f"cannot be used ({_last_line(result)})"


def load_archive(engine: Engine, archive: Path) -> str:
    """Load `archive` (in the engine's format) and return what the engine said."""
    command = [engine.program, *engine.load, str(archive)]
    result = run_engine(command, None)
    if result.returncode != 0:
        raise ModelkilnError(f"load: `{' '.join(command[:-1])}` ended with {result.returncode}: {_last_line(result)}")
    return result.stdout.strip()


def known_layers(engine: Engine) -> frozenset[str]:
    """Return the diff IDs of the layers of all images that an engine which reads layouts has."""
    images = sorted(set(run_engine([engine.program, "images", "--quiet", "--no-trunc"], None).stdout.split()))
    if not images:
        return frozenset()
    lines = run_engine(
        [engine.program, "image", "inspect", "--format", "{{json .RootFS.Layers}}", *images], None
    ).stdout
    return frozenset(layer for line in lines.splitlines() for layer in _texts(line))


def pull_layout(engine: Engine, folder: Path, name: str) -> bool:
    """Load the image in a layout's folder as `name`; False where the engine does not take it, as one on another
    machine, or one that lacks a layer which the folder lacks as well.

    It reads the layers that it lacks, and checks them; of an archive it reads and copies all. podman 4 calls what it
    reads by the folder's path as it is given, and takes none that is no image's name ("/tmp/tmp1_", "/tmp/Ada"): it
    is given the folder's name alone, which has to be one.
    """
    pulled = run_engine([engine.program, "pull", "--quiet", f"oci:{folder.name}:{name}"], None, folder.parent)
    image = pulled.stdout.strip().rpartition("\n")[2]
    if pulled.returncode != 0 or not image or run_engine([engine.program, "tag", image, name], None).returncode != 0:
        return False
    names = run_engine([engine.program, "image", "inspect", "--format", "{{json .RepoTags}}", image], None).stdout
    by_path = [one for one in _texts(names) if folder.name in one]
    if by_path:
        run_engine([engine.program, "untag", image, *by_path], None)
    return True


def _texts(text: str) -> list[str]:
    """A list of texts that an engine prints as JSON; none where it prints something else: it only saves work."""
    try:
        listed = json.loads(text or "null")
    except (ValueError, RecursionError):
        return []
    return [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []


def run_engine(
    command: Sequence[str],
    timeout: Optional[float] = None,
    folder: Optional[Path] = None,
    env: Optional[Mapping[str, str]] = None,
) -> "subprocess.CompletedProcess[str]":
    """Run a command of an engine. env: where its own configuration is (HOME, XDG_*, CONTAINERS_*, DOCKER_HOST) and
    PATH, those of this process by default."""
    return subprocess.run(
        command,
        env=dict(os.environ if env is None else env),
        cwd=folder,
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
