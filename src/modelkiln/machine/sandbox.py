"""Runs a command in an unpacked image, without a container daemon.

The root is read-only and there is no network; /proc, a minimal /dev and an empty /tmp are the
only mounts. bubblewrap does it, as root or as a user with user namespaces.
"""

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Mapping, Optional, Sequence

from modelkiln.conventions import USER_ID
from modelkiln.errors import ModelkilnError

__all__ = [
    "BUILD_ROOT",
    "HOST_PROGRAMS",
    "Finished",
    "build_command",
    "hooks_command",
    "can_run",
    "find_bwrap",
    "run_command",
    "sandbox_command",
    "with_mounts",
    "with_read_only_disk",
    "without_network",
]

# Build processes run with an empty PATH, and system tools are where every distribution has them.
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
# Where a build finds its folder, on every machine.
BUILD_ROOT = "/build"
# What programs of this machine need to start, and no more: no home, no configuration.
HOST_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache")
# What a build sees as the machine's name.
_HOST_NAME = "build"


@dataclass(frozen=True)
class Finished:
    """What a command left: its exit code (negative: a signal) and all it wrote."""

    exit_code: int
    stdout: bytes
    stderr: bytes


def find_bwrap() -> Optional[str]:
    """Return the path of bubblewrap's `bwrap`, or None."""
    return shutil.which("bwrap", path=_PATH + ":" + os.environ.get("PATH", ""))


@functools.cache
def can_run() -> Optional[str]:
    """Return None where this machine can run images, else the reason and the remedy."""
    if not sys.platform.startswith("linux"):
        return f"the sandbox is bubblewrap, which needs Linux, and this is {sys.platform}; use a Linux machine for it."
    bwrap = find_bwrap()
    if bwrap is None:
        return "bwrap is not installed; install the package bubblewrap to run images."
    # The whole of the host as the root: any program of it will do to try the namespaces.
    trial = [*_isolation(bwrap), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "/bin/true"]
    result = subprocess.run(trial, env={}, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if result.returncode == 0:
        return None
    return (
        f"bwrap cannot make namespaces here ({result.stderr.decode(errors='replace').strip()}); "
        "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, or an AppArmor profile "
        "for bwrap) or, in a container, run it with the seccomp and capability settings for them."
    )


def _isolation(bwrap: str) -> list[str]:
    return [bwrap, "--unshare-all", "--die-with-parent", "--uid", str(USER_ID), "--gid", str(USER_ID)]


def sandbox_command(
    root: Path,
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: str = "/",
    mounts: Optional[Mapping[str, Path]] = None,
    options: Sequence[str] = (),
) -> list[str]:
    """Return the command line that runs `argv` in `root`; raises ModelkilnError where it cannot.

    `env` is the whole environment. Files that only their owner may read are readable: uid 65532
    is mapped to the user that unpacked them.
    mounts: path in the root -> folder of this machine, to be seen there read-only, or file over a file that is
    there. `options` are bubblewrap's own, for further ones.
    """
    reason = can_run()
    if reason:
        raise ModelkilnError(f"cannot run an image: {reason}")
    mounts = mounts or {}
    for name in ("proc", "dev", "tmp", *(path.strip("/") for path, source in mounts.items() if source.is_dir())):
        mount = root / name
        if mount.is_symlink() or (mount.exists() and not mount.is_dir()):
            raise ModelkilnError(f"image: /{name} is not a folder, so nothing can be mounted there. Use another base.")
        mount.mkdir(parents=True, exist_ok=True)
    command = [*_isolation(str(find_bwrap())), "--ro-bind", str(root), "/"]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", *options, "--chdir", cwd or "/"]
    for path, folder in mounts.items():
        command += ["--ro-bind", os.path.abspath(folder), path]
    for name, value in env.items():
        command += ["--setenv", name, value]
    # Without a session of its own, a program could type into our terminal (TIOCSTI).
    return [*command, "--new-session", "--", *argv]


# Of util-linux, from 2.36 on. Where bubblewrap is missing it takes away the network, and no more.
_UNSHARE = ("/usr/bin/unshare", "--map-current-user", "--net", "--")


# The whole disk of this machine as it is.
_DISK = ("--dev-bind", "/", "/")


@functools.cache
def _can_unshare() -> bool:
    try:
        return subprocess.run([*_UNSHARE, "/bin/true"], env={}, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def without_network(argv: Sequence[str], mounts: Optional[Mapping[Path, Path]] = None) -> list[str]:
    """Return the command line that runs `argv` on this machine without a network, where it can be
    had; else `argv` itself. mounts: as in `with_mounts`."""
    if can_run():
        return [*(_UNSHARE if _can_unshare() else ()), *argv]
    return _on_this_machine(argv, mounts or {}, "--unshare-net", *_DISK)


def with_read_only_disk(argv: Sequence[str], writable: Iterable[Path], mounts: Mapping[Path, Path]) -> list[str]:
    """Return the command line that runs `argv` on this machine as it would be deployed: with a disk that it can
    write to in the folders `writable` alone, and without a network; as `without_network` where there is no sandbox.

    mounts: as in `with_mounts`.
    """
    if can_run():
        return without_network(argv, mounts)
    # What is not on a disk is as it was: devices, shared memory and a process's own files in /proc.
    options = ["--unshare-net", "--ro-bind", "/", "/", "--dev-bind", "/dev", "/dev", "--bind", "/proc", "/proc"]
    for folder in map(os.path.realpath, writable):
        options += ["--bind", folder, folder]
    return _on_this_machine(argv, mounts, *options)


def with_mounts(argv: Sequence[str], mounts: Mapping[Path, Path]) -> list[str]:
    """Return the command line that runs `argv` on this machine with files seen read-only over others.

    mounts: file -> what is seen there; where there are some, this machine can run images (`can_run`).
    """
    return _on_this_machine(argv, mounts, *_DISK) if mounts else list(argv)


def _on_this_machine(argv: Sequence[str], mounts: Mapping[Path, Path], *options: str) -> list[str]:
    command = [str(find_bwrap()), "--die-with-parent", *options]
    for path, source in mounts.items():
        # bubblewrap mounts nothing behind a link; Pants' caches lie behind one.
        command += ["--ro-bind", os.path.realpath(source), os.path.realpath(path)]
    return [*command, "--", *argv]


def _build_isolation() -> list[str]:
    """What every build process gets: namespaces of its own, and an empty root but for these mounts."""
    isolation = [*_isolation(str(find_bwrap())), "--hostname", _HOST_NAME]
    return [*isolation, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]


def build_command(
    writable: Mapping[str, Path],
    readable: Mapping[str, Path],
    programs: Mapping[str, Path],
    argv: Sequence[str],
    cwd: str,
) -> list[str]:
    """Return the command line that runs `argv` in a root of its own, without a network.

    writable, readable: name below BUILD_ROOT -> folder or file of this machine to be seen there.
    programs: path in the root -> folder or file of this machine, where there is one. cwd: a path in the root.
    """
    command = _build_isolation()
    for path, source in programs.items():
        command += ["--ro-bind-try", os.path.abspath(source), path]
    for option, mounts in (("--bind", writable), ("--ro-bind", readable)):
        for name, source in mounts.items():
            command += [option, os.path.abspath(source), f"{BUILD_ROOT}/{name}"]
    return [*command, "--chdir", cwd, "--new-session", "--", *argv]


def hooks_command() -> tuple[Optional[list[str]], str]:
    """Return the start of a command line for a build backend's hook, and "", or None and why there is no sandbox.

    It sees programs of this machine and nothing else, and no network; the caller binds what the hook needs, in the
    places where it lies here.
    """
    reason = can_run()
    if reason:
        return None, reason
    command = _build_isolation()
    for path in HOST_PROGRAMS:
        command += ["--ro-bind-try", path, path]
    return command, ""


def run_command(
    argv: Sequence[str], env: Mapping[str, str], stdin: bytes, timeout: float, cwd: Optional[Path] = None
) -> Finished:
    """Run `argv` with the environment `env` and return what it left.

    Raises ModelkilnError when it cannot be started or runs longer than `timeout` seconds; it and
    the processes that it started are then killed.
    """
    with tempfile.TemporaryFile() as request, _start(argv, env, request, stdin, cwd) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except BaseException as error:
            _kill_group(process)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise ModelkilnError(
                f"{argv[-1]}: no answer after {timeout:g} s; it was ended. Give it more time with --timeout."
            ) from None
    return Finished(process.returncode, stdout, stderr)


def _start(argv: Sequence[str], env: Mapping[str, str], request, stdin: bytes, cwd: Optional[Path]):
    # A file instead of a pipe: a program that does not read its input must not break ours.
    request.write(stdin)
    request.seek(0)
    try:
        return subprocess.Popen(
            argv, env=dict(env), cwd=cwd, stdin=request, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise ModelkilnError(f"{argv[0]}: {error.strerror}.") from None


def _kill_group(process: subprocess.Popen) -> None:
    import signal

    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
