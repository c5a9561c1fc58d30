"""Python byte code, compiled by the interpreter of the base it will run in.

A pyc's bytes depend on the interpreter's release, so the build's own Python will not do: the
pinned packages of the base's interpreter are unpacked once and run through their own dynamic
loader, and nothing of the host but its kernel takes part. Byte code does not depend on the
architecture: packages of the host's architecture compile for any other.
"""

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional, Sequence

from modelkiln.canonical import canonical_json
from modelkiln.deb import iter_data
from modelkiln.debian_lock import check_packages, python_of
from modelkiln.digest import iter_chunks
from modelkiln.errors import ModelkilnError
from modelkiln.machine import load_machine_env
from modelkiln.sources.debian import deb_digest, fetch_debs
from modelkiln.store import Store
from modelkiln.tar import Entry

__all__ = [
    "bytecode_recipe",
    "cache_path",
    "compile_entries",
    "compile_tree",
    "host_packages",
    "interpreter_packages",
]

# What `python3.N-minimal` needs to start and compile, and no more.
_CLOSURE = ("libc6", "libexpat1", "zlib1g")

# Runs inside the base's interpreter: paths come NUL-separated on standard input. Unchecked-hash
# pycs (PEP 552) hold no time stamp and are never compared with their source. Only modules that
# are frozen into the interpreter are imported. What does not compile (templates, test data in
# the syntax of Python 2) has no byte code, as with pip.
_SCRIPT = """
import sys
sys.path[:] = [path for path in sys.path if path]
import _imp, os
from importlib import _bootstrap_external as external
magic = int.from_bytes(external.MAGIC_NUMBER, "little")
prefix = sys.argv[1]
for name in sys.stdin.buffer.read().split(b"\\0"):
    if not name:
        continue
    path = os.fsdecode(name)
    with open(path, "rb") as stream:
        source = stream.read()
    try:
        code = compile(source, prefix + "/" + path, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        continue
    data = external._code_to_hash_pyc(code, _imp.source_hash(magic, source), False)
    target = external.cache_from_source(path, optimization="")
    folder = external._path_split(target)[0]
    try:
        os.mkdir(folder, 0o755)
    except FileExistsError:
        pass
    with open(target, "wb") as stream:
        stream.write(data)
"""


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


def bytecode_recipe(interpreter: Any) -> Optional[dict[str, Any]]:
    """Return what a recipe's "bytecode" says of an interpreter.

    interpreter: its locked packages as a list, or by the architecture that they run on, or the JSON
    text of either; nothing means no byte code.
    """
    packages = json.loads(interpreter) if isinstance(interpreter, str) and interpreter else interpreter
    if not packages:
        return None
    return {"architectures" if isinstance(packages, Mapping) else "packages": packages}


def host_packages(bytecode: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the interpreter's packages that this machine can run.

    bytecode: that of a recipe: {"packages": [...]}, or for a base of several architectures
    {"architectures": {"amd64": [...], "arm64": [...]}}, of which the machine's own is taken. Byte
    code does not depend on it, so the recipe is the same on every machine.
    """
    if "packages" in bytecode:
        return bytecode["packages"]
    architectures = bytecode["architectures"]
    return architectures.get(_host_architecture()) or architectures[min(architectures)]


def cache_path(path: str, release: str) -> str:
    """Return where the byte code of `path` lies: "a/b.py" and "3.11" give
    "a/__pycache__/b.cpython-311.pyc" (PEP 3147)."""
    folder, _, name = path.rpartition("/")
    cached = f"__pycache__/{name[: -len('.py')]}.cpython-{release.replace('.', '')}.pyc"
    return f"{folder}/{cached}" if folder else cached


def compile_tree(
    root: Path, files: Sequence[str], prefix: str, packages: Sequence[Mapping[str, Any]], store: Store
) -> None:
    """Write the byte code of `files` into `__pycache__` folders beside them.

    root: folder of the files. files: paths below it that end in .py, in any order. prefix: where
    `root` will be in the image, for tracebacks ("/opt/venv/lib/python3.11/site-packages").
    packages: the interpreter, see `interpreter_packages`. Files that do not compile get none.
    Equal arguments give equal bytes anywhere. Raises ModelkilnError where the interpreter cannot
    run: elsewhere than on Linux, or with packages of another architecture.
    """
    if not files:
        return
    interpreter = _interpreter(check_packages(list(packages), "interpreter"), store)
    # os.fsencode refuses nothing here, and NUL cannot be in a path.
    listed = b"\0".join(os.fsencode(path) for path in sorted(files))
    command = [*_command(interpreter), "-S", "-s", "-B", "-W", "ignore", "-c", _SCRIPT, prefix]
    done = subprocess.run(command, cwd=root, env=_environment(interpreter), input=listed, stderr=subprocess.PIPE)
    if done.returncode:
        raise ModelkilnError(
            f"{prefix}: the base's Python failed to compile byte code (exit {done.returncode}): "
            f"{done.stderr.decode('utf-8', 'replace').strip()[-2000:]}"
        )


def compile_entries(
    entries: Iterable[Entry],
    folder: str,
    release: str,
    packages: Sequence[Mapping[str, Any]],
    store: Store,
    scratch: Path,
) -> dict[str, Entry]:
    """Return the pycs of the Python files among `entries`, by the path of their source.

    folder: where in the image the sources lie ("app"); others are left alone, and so are folders
    of tests, which nothing imports that serves: they are more than half of numpy's byte code.
    release: "3.11". packages: the interpreter, see `interpreter_packages`. scratch: an empty
    folder, which the returned entries read from and which has to stay until they are packed.
    """
    prefix = folder + "/"
    sources = {
        entry.path[len(prefix) :]: entry
        for entry in entries
        if entry.kind == "file" and entry.path.startswith(prefix) and entry.path.endswith(".py")
    }
    sources = {path: entry for path, entry in sources.items() if "tests" not in path.split("/")[:-1]}
    for path, entry in sources.items():
        _extract(entry, scratch / path)
    compile_tree(scratch, sorted(sources), f"/{folder}", packages, store)
    found = {}
    for path in sources:
        compiled = cache_path(path, release)
        if (scratch / compiled).is_file():
            size = (scratch / compiled).stat().st_size
            stream = partial((scratch / compiled).open, "rb")
            found[prefix + path] = Entry(prefix + compiled, size=size, open=stream)
    return found


def _extract(entry: Entry, path: Path) -> None:
    assert entry.open is not None, entry.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with entry.open() as source:
        try:
            with path.open("xb") as target:
                for chunk in iter_chunks(source):
                    target.write(chunk)
        except OSError as error:
            raise ModelkilnError(f"{entry.path}: cannot be unpacked to be compiled ({error}).") from None


def _host_architecture() -> Optional[str]:
    if not sys.platform.startswith("linux"):
        return None
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64", "s390x": "s390x", "ppc64le": "ppc64el"}.get(machine)


def _interpreter(packages: Sequence[Mapping[str, Any]], store: Store) -> Path:
    """The folder in which the interpreter is unpacked, made when it is missing."""
    host = _host_architecture()
    for package in packages:
        if package["architecture"] not in ("all", host):
            raise ModelkilnError(
                f"Byte code: {package['name']} is for {package['architecture']}, and this machine "
                f"({host or sys.platform}) cannot run it. Add this machine's architecture to the field "
                "`architectures` of the `oci_base_image` and lock it with pants lock."
            )
    name = hashlib.sha256(canonical_json([package["sha256"] for package in packages])).hexdigest()
    folder = store.root / "interpreters" / name
    if folder.is_dir():
        return folder.absolute()
    fetch_debs(packages, store, load_machine_env(store.root))
    folder.parent.mkdir(parents=True, exist_ok=True)
    # One of the layers that want it at the same time unpacks it, the others wait.
    with (folder.parent / f"{name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _make_interpreter(packages, folder, store)
    return folder.absolute()


def _make_interpreter(packages: Sequence[Mapping[str, Any]], folder: Path, store: Store) -> None:
    # Renamed when it is whole: a killed or a second process never leaves half an interpreter.
    temporary = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        for package in packages:
            _unpack(package, store, temporary)
        temporary.chmod(0o755)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unpack(package: Mapping[str, Any], store: Store, folder: Path) -> None:
    """Unpack the programs, libraries and modules of a package; links between them only."""
    with store.open(deb_digest(package)) as stream:
        for entry, content in iter_data(stream, f"{package['name']} {package['version']}"):
            target = folder / entry.path
            if not re.match(r"(usr/)?(bin|lib|lib64)/", entry.path) or entry.path.startswith("usr/lib/debug/"):
                continue
            if entry.kind == "symlink" and not entry.link.startswith("/"):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(entry.link)
            elif entry.kind == "file":
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as out:
                    for chunk in iter_chunks(content):
                        out.write(chunk)
                target.chmod(0o755 if entry.executable else 0o644)


def _command(interpreter: Path) -> list[str]:
    """The start of a command line that runs Python by its own loader and libraries."""
    loaders = sorted(interpreter.glob("lib/*-linux-gnu*/ld*.so.*")) + sorted(
        interpreter.glob("usr/lib/*-linux-gnu*/ld*.so.*")
    )
    pythons = sorted(interpreter.glob("usr/bin/python3.*"))
    if not loaders or not pythons:
        raise ModelkilnError(
            f"{interpreter}: holds no dynamic loader or no Python. The interpreter's packages are "
            "incomplete: lock the base again with pants lock."
        )
    folders = sorted(interpreter.glob("lib/*-linux-gnu*")) + sorted(interpreter.glob("usr/lib/*-linux-gnu*"))
    libraries = ":".join(str(folder) for folder in folders)
    return [str(loaders[0]), "--library-path", libraries, str(pythons[0])]


def _environment(interpreter: Path) -> dict[str, str]:
    """All that the interpreter gets to see. A fixed hash seed keeps the order of sets in constants."""
    return {
        "PYTHONHOME": str(interpreter / "usr"),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "LC_ALL": "C",
    }
