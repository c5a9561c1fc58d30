"""Where model artifacts come from: one protocol, and the module for each scheme of a URI."""

import importlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Iterable, Mapping, NamedTuple, Optional

from modelkiln.digest import read_up_to
from modelkiln.errors import ModelkilnError

__all__ = ["SCHEMES", "Listing", "Source", "SourceFile", "Stamp", "by_path", "open_source", "scheme_of"]

# Scheme of a URI -> module with `open_source(uri, env, folder) -> Source`.
SCHEMES = {
    "file": "modelkiln.sources.local",
    "http": "modelkiln.sources.web",
    "https": "modelkiln.sources.web",
    "oci": "modelkiln.sources.oci.artifact",
    "models": "modelkiln.sources.mlflow.models",
    "runs": "modelkiln.sources.mlflow.models",
    "hf": "modelkiln.sources.hugging_face",
    "lfs": "modelkiln.sources.git_lfs",
    "pypi": "modelkiln.sources.distribution",
    "s3": "modelkiln.sources.filesystem",
    "gs": "modelkiln.sources.filesystem",
    "gcs": "modelkiln.sources.filesystem",
    "az": "modelkiln.sources.filesystem",
    "abfs": "modelkiln.sources.filesystem",
    "memory": "modelkiln.sources.filesystem",
}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)


@dataclass(frozen=True)
class SourceFile:
    """A file that a source offers.

    path: relative, clean, as it will lie in the package. size: bytes, or None where only reading
    shows it. sha256: hex where the source states it, else None; it is checked and not believed.
    version: what names these very bytes at the source (ETag, object version, blob digest, commit),
    or "" where nothing does. locator: where the source finds it, when that is not its path. problem: why it
    cannot be taken, "" where it can; an error only where it is chosen. is_meant_empty: whether the source states of
    an empty file that it is one, as Git LFS does.
    """

    path: str
    size: Optional[int] = None
    sha256: Optional[str] = None
    version: str = ""
    locator: str = ""
    problem: str = ""
    is_meant_empty: bool = False


@dataclass(frozen=True)
class Listing:
    """What a source held when it was asked.

    files: all of them, sorted by path; what cannot be packaged among them is refused when it is chosen.
    uri: as it goes into the lock, without credentials. revision: the exact state (a commit, a
    model version, a manifest digest), or "" where the files' versions are all there is.

    facts: what the source states about the model, each key only where it does:
    signature {"inputs", "outputs"} and input_example {"inputs"} (a request), as in the Open
    Inference Protocol v2; requirements [PEP 508 strings], python ("3.11.7"); metrics {name: finite
    number}, params and tags {name: text}; name, version, description, license (SPDX), family,
    vendor, library, task: texts; authors [text]; lineage {"run_id", "experiment", "git_commit",
    "datasets": [...], "base_model", ...}; not_taken [text]: what it states in none of these forms.
    """

    uri: str
    revision: str
    files: tuple[SourceFile, ...]
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)


def by_path(files: Iterable[SourceFile]) -> tuple[SourceFile, ...]:
    """Return `files` sorted by path."""
    return tuple(sorted(files, key=lambda file: file.path))


class Stamp(NamedTuple):
    """text: another one when a file was changed, "" where that cannot be known. is_conclusive: whether a
    later change is sure to give another text."""

    text: str = ""
    is_conclusive: bool = False


class Source:
    """A place that holds model artifacts. Its methods may be called from several threads."""

    def list(self) -> Listing:
        """Return what is there now; raises ModelkilnError when it can't be listed."""
        raise NotImplementedError

    def open(self, file: SourceFile, offset: int = 0) -> BinaryIO:
        """Open `file` for reading from byte `offset`.

        Raises ModelkilnError when the file is gone or has another version than `file.version`.
        """
        raise NotImplementedError

    def read(self, file: SourceFile) -> bytes:
        """Return the content of a small file whose size is known, and one byte of what is too much.

        Raises ModelkilnError where `stamp` would show that it has changed since it was listed.
        """
        with self.open(file) as stream:
            return read_up_to(stream, (file.size or 0) + 1)

    def stamp(self, file: SourceFile) -> Stamp:
        """Return what shows, on this machine, whether a file without a version is still the same."""
        return Stamp()

    def listed_stamp(self, file: SourceFile) -> Stamp:
        """Return what `stamp` returned when the file was listed, or returns now."""
        return self.stamp(file)

    def place(self, file: SourceFile) -> str:
        """Return the path of `file` on this machine, or "" when it is elsewhere."""
        return ""


def scheme_of(uri: str) -> str:
    """Return the scheme of a URI in lower case, "" for a path."""
    match = _SCHEME.match(uri)
    return match.group(1).lower() if match else ""


def open_source(uri: str, env: Mapping[str, str], folder: Path) -> Source:
    """Return the source that `uri` names.

    env: this machine's settings for fetching (see `machine.settings.load_machine_env`). folder: what a
    path without a scheme is relative to. Raises ModelkilnError for an unknown scheme.
    """
    scheme = scheme_of(uri) or "file"
    if scheme not in SCHEMES:
        raise ModelkilnError(f"source {uri!r}: unknown scheme {scheme!r}; use a path or one of {', '.join(SCHEMES)}.")
    return importlib.import_module(SCHEMES[scheme]).open_source(uri, env, folder)
