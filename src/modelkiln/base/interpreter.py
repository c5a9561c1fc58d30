"""The base's own interpreter, unpacked to run on this machine.

Its pinned packages are unpacked once and run through their own dynamic loader, so that nothing of
the host but its kernel takes part. Where that is not Linux' they run in a container (`machine.container`).
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Iterable, Iterator, Mapping, Optional, Sequence

from modelkiln.archives.spool import Spool
from modelkiln.archives.tar import Entry
from modelkiln.base.debian_lock import check_packages, python_of
from modelkiln.base.debian_mirrors import deb_digest, fetch_debs
from modelkiln.base.debian_package import iter_data
from modelkiln.base.portable_python import PREFIX, archive_entries, archive_package, fetch_archive, is_archive
from modelkiln.base.portable_python_lock import InterpreterLock
from modelkiln.canonical import canonical_json
from modelkiln.digest import iter_chunks
from modelkiln.errors import ModelkilnError
from modelkiln.machine.container import check_containers, container_command, needs_container
from modelkiln.machine.settings import load_machine_env
from modelkiln.store.store import Store
from modelkiln.store.users import register

__all__ = [
    "cpu_architecture",
    "host_architecture",
    "interpreter_packages",
    "interpreter_process",
    "making_folder",
    "making_interpreter",
    "packages_folder",
    "portable_packages",
    "unpack_entries",
    "unpacked_interpreter",
    "write_file",
]

# What `python3.N-minimal` needs to start and compile, and no more.
_CLOSURE = ("libc6", "libexpat1", "zlib1g")
_WHAT = "The base's Python, which compiles byte code,"


def interpreter_packages(lock: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the locked packages that make up the interpreter of a base, sorted by name."""
    release = python_of(lock)
    wanted = {f"python{release}-minimal", f"libpython{release}-minimal", *_CLOSURE}
    found = [package for package in lock["packages"] if package["name"] in wanted]
    missing = sorted(wanted - {package["name"] for package in found})
    if missing:
        raise ModelkilnError(
            f"The base's lock lacks {', '.join(missing)}, which its Python needs to compile byte "
            "code. Add them to its package list and lock it again with pants lock."
        )
    return found


def portable_packages(lock: Mapping[str, Any], interpreter: InterpreterLock) -> list[dict[str, Any]]:
    """Return what makes up a portable interpreter on a base's lock: the C library of Debian, and the archive."""
    library = [package for package in lock["packages"] if package["name"] == "libc6"]
    if not library:
        raise ModelkilnError(
            "The base's lock lacks libc6, which every CPython needs. Add it to its package list and lock it again with "
            "pants lock."
        )
    return [*library, archive_package(interpreter, lock["architecture"])]


def host_architecture() -> Optional[str]:
    """Return what Debian calls this machine, None where its name is unknown and elsewhere than on Linux."""
    return cpu_architecture() if sys.platform.startswith("linux") else None


def cpu_architecture() -> Optional[str]:
    """Return what Debian calls this machine's processor, None where its name is unknown."""
    names = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "s390x": "s390x", "ppc64le": "ppc64el"}
    return names.get(platform.machine())


def unpacked_interpreter(packages: Sequence[Mapping[str, Any]], store: Store) -> Path:
    """Return the folder in which the interpreter of `packages` is unpacked; it is made when it is missing.

    Raises ModelkilnError for packages of another architecture, and elsewhere than on Linux where there are no
    containers.
    """
    archives = [package for package in packages if is_archive(package)]
    debs = check_packages([package for package in packages if not is_archive(package)], "interpreter")
    packages = [*debs, *archives]
    with making_interpreter(packages, store) as folder:
        if folder is not None:
            env = load_machine_env(store.root)
            fetch_debs(debs, store, env)
            for package in debs:
                _unpack(package, store, folder)
            for package in archives:
                fetch_archive(package, store, env)
                with tempfile.TemporaryFile() as scratch:
                    unpack_entries(archive_entries(package, store, Spool(scratch)), folder)
    return packages_folder("interpreters", packages, store).absolute()


@contextmanager
def making_interpreter(packages: Sequence[Mapping[str, Any]], store: Store) -> Iterator[Optional[Path]]:
    """The empty folder in which to unpack an interpreter that `store` lacks; None where it has it.

    One of the processes that want it at the same time unpacks it, the others wait.
    """
    _check_runs_here(packages, store)
    with making_folder(packages_folder("interpreters", packages, store)) as temporary:
        yield temporary


@contextmanager
def making_folder(folder: Path) -> Iterator[Optional[Path]]:
    """The empty folder that becomes `folder`, of `packages_folder`, when the block ends; None where that exists.

    One of the processes that want it at the same time fills it, the others wait. It stays while this process lives.
    """
    user = register(folder.parent.parent)
    # Marked at once, see `store.caches`: between a look and a mark it might be cleaned away.
    if user.touch(os.fspath(folder)):
        yield None
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if user.touch(os.fspath(folder)):
            yield None
            return
        # Renamed when it is whole: a killed process never leaves half of it.
        incoming, prefix = Store(folder.parent.parent).temporary_location("incoming")
        temporary = Path(tempfile.mkdtemp(dir=incoming, prefix=prefix))
        try:
            yield temporary
            temporary.chmod(0o755)
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def packages_folder(kind: str, packages: Sequence[Mapping[str, Any]], store: Store) -> Path:
    """Return where locked packages are unpacked as a `kind` of thing; see `making_folder`."""
    name = hashlib.sha256(canonical_json([package["sha256"] for package in packages])).hexdigest()
    return store.root / kind / name


def _check_runs_here(packages: Sequence[Mapping[str, Any]], store: Store) -> None:
    if needs_container():  # Its engine runs other architectures, too, by emulation.
        check_containers(load_machine_env(store.root), _WHAT)
        return
    host = host_architecture()
    for package in packages:
        if package["architecture"] not in ("all", host):
            raise ModelkilnError(
                f"Byte code: {package['name']} is for {package['architecture']}, and this machine "
                f"({host or platform.machine()}) cannot run it. Add this machine's architecture to the field "
                "`architectures` of the `oci_base_image` and lock it with pants lock."
            )


def _unpack(package: Mapping[str, Any], store: Store, folder: Path) -> None:
    with store.open(deb_digest(package)) as stream:
        for entry, content in iter_data(stream, f"{package['name']} {package['version']}"):
            if entry.kind == "symlink":
                _link(folder, entry.path, entry.link)
            elif entry.kind == "file":
                _write(folder, entry.path, content, entry.executable)


def unpack_entries(entries: Iterable[Entry], folder: Path) -> None:
    """Unpack the part of a root's entries that an interpreter needs to run."""
    for entry in entries:
        if entry.kind == "symlink":
            _link(folder, entry.path, entry.link)
        elif entry.kind == "file":
            assert entry.open is not None, entry.path
            with entry.open() as content:
                _write(folder, entry.path, content, entry.executable)


def _is_needed(path: str) -> bool:
    """Whether a path is one of programs, libraries and modules."""
    return bool(re.match(r"(usr/(local/)?)?(bin|lib|lib64)/", path)) and not path.startswith("usr/lib/debug/")


def _link(folder: Path, path: str, link: str) -> None:
    # Links between what is unpacked only.
    if _is_needed(path) and not link.startswith("/"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(link)


def _write(folder: Path, path: str, content: BinaryIO, executable: bool) -> None:
    if _is_needed(path):
        write_file(folder / path, content, executable)


def write_file(target: Path, content: BinaryIO, executable: bool) -> None:
    """Write a file that is not there yet, with the mode that a layer gives it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as out:
        for chunk in iter_chunks(content):
            out.write(chunk)
    target.chmod(0o755 if executable else 0o644)


def interpreter_process(
    interpreter: Path, arguments: Sequence[str], store: Store
) -> tuple[list[str], Mapping[str, str]]:
    """Return the command line that runs Python with `arguments`, and its environment.

    interpreter: the folder of `unpacked_interpreter`. It runs by its own loader and libraries, and gets to see no
    variable of this machine.
    """
    root = Path("/") if needs_container() else interpreter
    command = [*_command(interpreter, root), *arguments]
    variables = _environment(interpreter, root)
    if root == interpreter:
        return command, variables
    env = load_machine_env(store.root)
    return container_command(interpreter, command, variables, env, _WHAT), env


def _command(interpreter: Path, root: Path) -> list[str]:
    """The start of a command line that runs Python where `interpreter` is seen as `root`."""

    def found(*patterns: str) -> list[str]:
        paths = [path for pattern in patterns for path in sorted(interpreter.glob(pattern))]
        return [str(root / path.relative_to(interpreter)) for path in paths]

    loaders = found("lib/*-linux-gnu*/ld*.so.*", "usr/lib/*-linux-gnu*/ld*.so.*")
    pythons = found("usr/local/bin/python3.*", "usr/bin/python3.*")
    if not loaders or not pythons:
        raise ModelkilnError(
            f"{interpreter}: holds no dynamic loader or no Python. The interpreter's packages are "
            "incomplete: lock the base again with pants lock."
        )
    libraries = ":".join(found("lib/*-linux-gnu*", "usr/lib/*-linux-gnu*"))
    return [loaders[0], "--library-path", libraries, pythons[0]]


def _environment(interpreter: Path, root: Path) -> dict[str, str]:
    """All that Python gets to see. A fixed hash seed keeps the order of sets in constants."""
    is_portable = (interpreter / PREFIX / "bin").is_dir()
    return {
        "PYTHONHOME": str(root / (PREFIX if is_portable else "usr")),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "LC_ALL": "C",
    }
