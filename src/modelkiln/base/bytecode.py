"""Python byte code, compiled by the interpreter of the base it will run in.

A pyc's bytes depend on the interpreter's release, so the build's own Python will not do. They do
not depend on the architecture: packages of the host's architecture compile for any other.
"""

import io
import os
import subprocess
import tempfile
from threading import Thread
from typing import Any, BinaryIO, Callable, Iterable, Iterator, Mapping, Optional, Sequence

from modelkiln.archives.spool import Spool
from modelkiln.archives.tar import Entry
from modelkiln.base.interpreter import (
    cpu_architecture,
    interpreter_process,
    unpacked_interpreter,
)
from modelkiln.errors import ModelkilnError
from modelkiln.store.store import Store

__all__ = ["bytecode_recipe", "cache_path", "compile_entries", "compile_sources", "host_packages"]

# Runs inside the base's interpreter. On standard input come, for each file, the lengths of its path
# and its source and then both; on standard output go the length of its byte code and that, nothing
# for what does not compile (templates, test data in the syntax of Python 2), as with pip.
# Unchecked-hash pycs (PEP 552) hold no time stamp and are never compared with their source. Only
# modules that are frozen into the interpreter are imported. Nothing that a compiler makes has cycles.
_SCRIPT = """
import sys
sys.path[:] = [path for path in sys.path if path]
import _imp, gc
from importlib import _bootstrap_external as external
gc.disable()
magic = int.from_bytes(external.MAGIC_NUMBER, "little")
prefix = sys.argv[1]
taken, given = sys.stdin.buffer, sys.stdout.buffer
while True:
    head = taken.read(8)
    if not head:
        break
    path = taken.read(int.from_bytes(head[:4], "little")).decode("utf-8", "surrogateescape")
    source = taken.read(int.from_bytes(head[4:], "little"))
    try:
        code = compile(source, prefix + "/" + path, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        data = b""
    else:
        data = external._code_to_hash_pyc(code, _imp.source_hash(magic, source), False)
    given.write(len(data).to_bytes(4, "little"))
    given.write(data)
"""


def bytecode_recipe(interpreters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a recipe's "bytecode" says of an interpreter.

    interpreters: its locked packages, by the architecture that they run on.
    """
    if len(interpreters) > 1:
        return {"architectures": dict(interpreters)}
    return {"packages": next(iter(interpreters.values()))}


def host_packages(bytecode: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the interpreter's packages that this machine can run.

    bytecode: that of a recipe: {"packages": [...]}, or for a base of several architectures
    {"architectures": {"amd64": [...], "arm64": [...]}}, of which the machine's own is taken. Byte
    code does not depend on it, so the recipe is the same on every machine.
    """
    if "packages" in bytecode:
        return bytecode["packages"]
    architectures = bytecode["architectures"]
    return architectures.get(cpu_architecture() or "") or architectures[min(architectures)]


def cache_path(path: str, release: str) -> str:
    """Return where the byte code of `path` lies: "a/b.py" and "3.11" give
    "a/__pycache__/b.cpython-311.pyc" (PEP 3147)."""
    folder, _, name = path.rpartition("/")
    cached = f"__pycache__/{name[: -len('.py')]}.cpython-{release.replace('.', '')}.pyc"
    return f"{folder}/{cached}" if folder else cached


class _Feeder(Thread):
    """Writes sources to a pipe while its other end is read; `error` is what came in the way."""

    def __init__(self, sources: Sequence[tuple[str, Callable[[], BinaryIO]]], pipe: BinaryIO) -> None:
        super().__init__(daemon=True)
        self._sources, self._pipe = sources, pipe
        self.error: Optional[BaseException] = None

    def run(self) -> None:
        try:
            with self._pipe:
                for path, open_source in self._sources:
                    with open_source() as stream:
                        source = stream.read()
                    name = os.fsencode(path)
                    self._pipe.write(len(name).to_bytes(4, "little") + len(source).to_bytes(4, "little") + name)
                    self._pipe.write(source)
        except BrokenPipeError:
            pass  # The reader reports why the interpreter has ended.
        except BaseException as error:
            self.error = error


def compile_sources(
    sources: Sequence[tuple[str, Callable[[], BinaryIO]]],
    prefix: str,
    packages: Sequence[Mapping[str, Any]],
    store: Store,
) -> Iterator[tuple[str, bytes]]:
    """Yield path and byte code of each of `sources` that compiles, sorted by path.

    sources: paths that end in .py, in any order, and what opens each. prefix: where they will be in
    the image, for tracebacks ("/opt/venv/lib/python3.11/site-packages"). packages: the interpreter,
    see `interpreter_packages`. Equal arguments give equal bytes anywhere. Raises ModelkilnError where
    the interpreter cannot run: with packages of another architecture, or elsewhere than on Linux without containers.
    """
    if not sources:
        return
    ordered = sorted(sources, key=lambda source: source[0])
    interpreter = unpacked_interpreter(packages, store)
    arguments = ["-S", "-s", "-B", "-W", "ignore", "-c", _SCRIPT, prefix]
    command, env = interpreter_process(interpreter, arguments, store)
    with (
        tempfile.TemporaryFile() as messages,
        subprocess.Popen(
            command,
            cwd=interpreter,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
        ) as process,
    ):
        assert process.stdin and process.stdout
        feeder = _Feeder(ordered, process.stdin)
        feeder.start()
        try:
            yield from _received(ordered, process.stdout)
        finally:
            process.stdout.close()
            feeder.join()
        if feeder.error is not None:
            raise feeder.error
        if process.wait():
            messages.seek(0)
            raise ModelkilnError(
                f"{prefix}: the base's Python failed to compile byte code (exit {process.returncode}): "
                f"{messages.read().decode('utf-8', 'replace').strip()[-2000:]}"
            )


def _received(sources: Sequence[tuple[str, Any]], pipe: BinaryIO) -> Iterator[tuple[str, bytes]]:
    for path, _ in sources:
        size = int.from_bytes(pipe.read(4), "little")
        data = pipe.read(size)
        if size:
            yield path, data


def compile_entries(
    entries: Iterable[Entry],
    folder: str,
    release: str,
    packages: Sequence[Mapping[str, Any]],
    store: Store,
    spool: Spool,
) -> dict[str, Entry]:
    """Return the pycs of the Python files among `entries`, by the path of their source.

    folder: where in the image the sources lie ("app"); others are left alone, and so are folders
    of tests, which nothing imports that serves: they are more than half of numpy's byte code.
    release: "3.11". packages: the interpreter, see `interpreter_packages`. spool: takes the byte code.
    """
    prefix = folder + "/"
    sources = [
        (entry.path[len(prefix) :], entry.open)
        for entry in entries
        if entry.kind == "file" and entry.path.startswith(prefix) and entry.path.endswith(".py") and entry.open
    ]
    sources = [source for source in sources if "tests" not in source[0].split("/")[:-1]]
    return {
        prefix + path: spool.add(prefix + cache_path(path, release), io.BytesIO(data))
        for path, data in compile_sources(sources, f"/{folder}", packages, store)
    }
