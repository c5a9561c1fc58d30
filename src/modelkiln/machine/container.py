"""Programs of a folder that is the root of a Linux system, in a container: for machines that are not Linux, as Macs.

podman and Docker run a virtual machine there, which has Linux' kernel. Nothing of the machine is seen in the container
but what is written to its standard input.
"""

import functools
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Mapping, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.machine.container_engine import ENGINES, Engine, run_engine, why_unusable

__all__ = ["check_containers", "container_command", "needs_container"]

# Those that take a tar of a root for an image, by the same command line.
_ENGINES = tuple(engine for engine in ENGINES if engine.program in ("podman", "docker"))


def needs_container() -> bool:
    """Whether programs of Linux run in a container alone."""
    return not sys.platform.startswith("linux")


def check_containers(env: Mapping[str, str], what: str) -> None:
    """Raise ModelkilnError where containers are needed and cannot be had. what: is to run in one, for messages.

    env: the engine's settings, HOME and PATH, see `machine.settings.load_machine_env`.
    """
    if needs_container():
        _engine(tuple(sorted(env.items())), what)


def container_command(
    root: Path, argv: Sequence[str], variables: Mapping[str, str], env: Mapping[str, str], what: str
) -> list[str]:
    """Return the command line that runs `argv` in a container whose files are those of `root`, and without a network.

    The engine keeps them as an image, by the names and sizes of files in `root`, whose own name is a hash of what they
    are of. variables: the program's whole environment, without HOME and PATH. env, what: as in `check_containers`.
    Raises ModelkilnError.
    """
    engine = _engine(tuple(sorted(env.items())), what)
    image = f"localhost/modelkiln:{_tag(root)}"
    if run_engine([engine.program, "image", "inspect", image], env=env).returncode:
        _import(engine, root, image, env)
    command = [engine.program, "run", "--rm", "--interactive", "--network=none", "--read-only", "--cap-drop=all"]
    command += ["--log-driver=none", *(f"--env={name}={value}" for name, value in variables.items())]
    return [*command, image, *argv]


# A build asks for each layer; a daemon that is started meanwhile is found by the next process.
@functools.lru_cache(maxsize=4)
def _engine(env: tuple[tuple[str, str], ...], what: str) -> Engine:
    tried = []
    for engine in _ENGINES:
        reason = why_unusable(engine, dict(env))
        if reason is None:
            return engine
        tried.append(f"{engine.program}: {reason}")
    raise ModelkilnError(
        f"{what} needs Linux: on {sys.platform} it runs in a container, and none can be had ({'; '.join(tried)}). "
        "Start Docker Desktop, colima or a podman machine, or build on Linux."
    )


def _tag(root: Path) -> str:
    paths = [path for path in root.rglob("*") if path.is_symlink() or not path.is_dir()]
    files = sorted((path.relative_to(root).as_posix(), path.lstat().st_size) for path in paths)
    return hashlib.sha256(repr((root.name, files)).encode()).hexdigest()


def _import(engine: Engine, root: Path, image: str, env: Mapping[str, str]) -> None:
    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(root, ".")
        archive.seek(0)
        command = [engine.program, "import", "-", image]
        made = subprocess.run(command, env=dict(env), stdin=archive, capture_output=True, check=False)
    if made.returncode:
        said = " ".join(made.stderr.decode("utf-8", "replace").split())[-500:]
        raise ModelkilnError(f"`{' '.join(command)}` ended with {made.returncode}: {said}")
