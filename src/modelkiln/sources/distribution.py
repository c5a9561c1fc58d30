"""Model artifacts inside of Python distributions, as package indexes have them: `pypi:name==version#folder`.

The index is the machine's own, as for dependencies; a lock names none. One wheel is read, a pure one, so that it is the
same for all machines.
"""

import hashlib
import re
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Mapping, Optional

from modelkiln.digest import CHUNK
from modelkiln.errors import ModelkilnError
from modelkiln.manifest.pip import ask_pip, index_lines_of, target_options
from modelkiln.sources.source import Listing, Source, SourceFile, by_path
from modelkiln.wheels.wheel import Wheel, open_wheel

__all__ = ["open_source"]

# PEP 508's name, and a version of PEP 440 without a wildcard.
_URI = re.compile(r"pypi:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.!+_-]+)(?:#(?P<inside>.+))?")
# Any release of Python will do for a pure wheel: nothing of it is run.
_PYTHON = "3.13"


def open_source(uri: str, env: Mapping[str, str], folder: Path) -> Source:
    """Return the source of files in the wheel of `pypi:name==version`, of one file of it or of a folder.

    Raises ModelkilnError for other URIs. The wheel is fetched when it is first asked for, once.
    """
    match = _URI.fullmatch(uri)
    inside = (match["inside"] or "").rstrip("/") if match else ""
    if not match or (match["inside"] and not inside) or ".." in inside.split("/") or inside.startswith("/"):
        raise ModelkilnError(
            f"source {uri!r}: want pypi:name==version, or pypi:name==version#path of a file or folder in its wheel."
        )
    return _Distribution(uri, match["name"], match["version"], inside, env)


class _Distribution(Source):
    def __init__(self, uri: str, name: str, version: str, inside: str, env: Mapping[str, str]) -> None:
        self._uri, self._name, self._version, self._inside, self._env = uri, name, version, inside, env
        self._where = f"source {uri}"
        self._lock, self._stack = threading.Lock(), ExitStack()
        self._opened: Optional[tuple[Wheel, str]] = None

    def list(self) -> Listing:
        wheel, sha256 = self._wheel()
        revision = f"sha256:{sha256}"
        is_file = wheel.has(self._inside)
        prefix = f"{self._inside}/" if self._inside and not is_file else ""
        files = [
            SourceFile(self._relative(file.path, prefix, is_file), file.size, file.sha256, revision, file.path)
            for file in wheel.files
            if (file.path == self._inside if is_file else file.path.startswith(prefix))
        ]
        if not files:
            folders = sorted({file.path.rpartition("/")[0] for file in wheel.files} - {""})
            raise ModelkilnError(
                f"{self._where}: {wheel.title} has neither a file nor a folder {self._inside!r}. Its folders are "
                f"{', '.join(folders[:20])}."
            )
        return Listing(self._uri, revision, by_path(files))

    def open(self, file: SourceFile, offset: int = 0) -> BinaryIO:
        wheel, sha256 = self._wheel()
        if file.version != f"sha256:{sha256}":
            raise ModelkilnError(
                f"{self._where}: {file.path}: the package index has {wheel.title} with sha256 {sha256}, want "
                f"{file.version[7:]}. Use the index that it was locked with, or run `pants lock` to take the new one."
            )
        stream = wheel.open(file.locator)
        while offset:  # It is compressed, and read forward.
            skipped = len(stream.read(min(offset, CHUNK)))
            if not skipped:
                break
            offset -= skipped
        return stream

    @staticmethod
    def _relative(path: str, prefix: str, is_file: bool) -> str:
        return path.rpartition("/")[2] if is_file else path[len(prefix) :]

    def _wheel(self) -> tuple[Wheel, str]:
        """The wheel and its sha256, fetched by the first thread that asks."""
        with self._lock:
            if self._opened is None:
                folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="modelkiln-wheel-")))
                path = self._fetch(folder)
                with path.open("rb") as stream:
                    sha256 = _sha256(stream)
                wheel = self._stack.enter_context(open_wheel(path, path.name, self._name, self._version))
                self._opened = wheel, sha256
            return self._opened

    def _fetch(self, folder: Path) -> Path:
        (folder / "wanted.txt").write_text(f"{index_lines_of(self._env)}{self._name}=={self._version}\n")
        arguments = ["download", "--no-deps", "--dest=wheels", "--progress-bar=off", "--no-cache-dir"]
        # Whatever Python it would run on: its files alone are taken.
        arguments += ["--ignore-requires-python", *target_options(_PYTHON, ["any"]), "--requirement=wanted.txt"]
        try:
            result = ask_pip(arguments, self._env, folder)
        except ModelkilnError as error:
            raise ModelkilnError(f"{self._where}: {error}") from None
        found = sorted(folder.glob("wheels/*.whl"))
        if result.code or len(found) != 1:
            raise ModelkilnError(
                f"{self._where}: no index of this machine has a pure wheel of it (py3-none-any). pip says: "
                f"{result.errors or 'nothing'} Check name and version, and pip's configuration (pip config list)."
            )
        return found[0]


def _sha256(stream: Any) -> str:
    hasher = hashlib.sha256()
    for chunk in iter(lambda: stream.read(CHUNK), b""):
        hasher.update(chunk)
    return hasher.hexdigest()
