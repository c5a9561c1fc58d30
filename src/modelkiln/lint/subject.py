"""What rules look at: a package, or one artifact, as far as it is known."""

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, BinaryIO, Callable, Mapping, Optional

from modelkiln.checks.traits.facts import traits_of_facts
from modelkiln.checks.traits.trait import Survey

__all__ = ["ArtifactFile", "ArtifactTarget", "Distribution", "RequirementFile", "SourceFile", "Subject"]

_UNKNOWN = "unknown"


@dataclass(frozen=True)
class SourceFile:
    """A file of first-party code. path: in the package, relative to the folder that modules lie in
    ("rain/forecast.py"). origin: as the user knows it ("src/rain/forecast.py"), for messages. is_cut: whether it is
    larger than what is read of a file, so that `content` is its beginning."""

    path: str
    content: bytes
    origin: str = ""
    is_cut: bool = False

    @property
    def shown(self) -> str:
        """The path that findings name."""
        return self.origin or self.path


@dataclass(frozen=True)
class ArtifactFile:
    """A file of a model artifact. path: below the folder of models. format, facts, code: what checks found in it, as
    records hold it (see docs/schemas/record.json); "unknown", {} and () where that is not known. open: gives a
    seekable stream of its bytes, None where they are not at hand; what a file says is remembered as long as that is
    the same."""

    path: str
    size: int = 0
    sha256: str = ""
    format: str = _UNKNOWN
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    code: tuple[str, ...] = ()
    open: Optional[Callable[[], BinaryIO]] = field(default=None, hash=False)

    def survey(self) -> Survey:
        """Return what the file states of its writer, for its reader: of one that is not at hand, what its facts say.

        What checks have found of format and code comes first.
        """
        if self.open is not None:
            # Readers of every format are a large part of what starting takes, and many packages have no file at hand.
            from modelkiln.checks.traits.file import survey

            found = survey(self.path, self.open, self.size)
            format = self.format if self.format != _UNKNOWN else found.format or _UNKNOWN
            return replace(found, format=format, code=frozenset(self.code) or found.code)
        traits = traits_of_facts(self.format, self.facts)
        return Survey(traits, self.format, frozenset(self.code))

    @classmethod
    def from_json(cls, value: Mapping[str, Any], open: Optional[Callable[[], BinaryIO]] = None) -> "ArtifactFile":
        """Read an object of a record's "artifacts"."""
        return cls(
            str(value["path"]),
            int(value.get("size", 0)),
            str(value.get("sha256", "")),
            str(value.get("format", "unknown")),
            value.get("facts") or {},
            tuple(value.get("code") or ()),
            open,
        )


@lru_cache(maxsize=256)
def _survey_of(file: ArtifactFile) -> Survey:
    """What a file states, which is looked at with its artifact and with each package of that."""
    return file.survey()


@dataclass(frozen=True)
class Distribution:
    """A Python distribution of the package. name: canonical (PEP 503). requires: PEP 508 strings, None where they are
    not known. modules: what can be imported from it, None where that is not known."""

    name: str
    version: str
    requires: Optional[tuple[str, ...]] = None
    modules: Optional[tuple[str, ...]] = None


@dataclass(frozen=True)
class RequirementFile:
    """A file that names requirements, as the user knows it: a lock, or what it is made from."""

    path: str
    content: bytes
    is_lock: bool = True


@dataclass(frozen=True)
class ArtifactTarget:
    """A `model_artifact` of a package, by its address, with the paths of its files below the folder of models. folder:
    the field, which its patterns do not name."""

    address: str
    paths: tuple[str, ...]
    is_locked: bool = False
    folder: str = ""


@dataclass(frozen=True)
class Subject:
    """A package, or a part of one.

    name: what the user calls it, an address or a path. other_files: paths in the package of first-party files that are
    not code, and lie beside it. entry_point: "models.fraud.predict:predict", or "".
    distributions: the closure of one variant, in the order of names; None where it is not known, () where there is
    none. record: the record, or as much of it as is known, with the keys of docs/schemas/record.json; a key that is
    not known is absent. target: fields of the target that a record lacks, by their names in BUILD files.
    artifact_targets: which targets the files of the artifacts are from, where that is known.
    """

    name: str
    sources: tuple[SourceFile, ...] = ()
    other_files: tuple[str, ...] = ()
    entry_point: str = ""
    artifacts: tuple[ArtifactFile, ...] = ()
    distributions: Optional[tuple[Distribution, ...]] = None
    requirement_files: tuple[RequirementFile, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict, hash=False)
    target: Mapping[str, Any] = field(default_factory=dict, hash=False)
    artifact_targets: tuple[ArtifactTarget, ...] = ()

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """The versions of the distributions that are known, by canonical name."""
        return {one.name: one.version for one in self.distributions or ()}

    @cached_property
    def surveys(self) -> Mapping[str, Survey]:
        """What each file of the artifacts states, by its path; read once for all rules."""
        return {file.path: _survey_of(file) for file in self.artifacts}

    @cached_property
    def artifact_paths(self) -> Mapping[str, list[str]]:
        """The paths of files and folders of the artifacts by their last part."""
        files = [file.path for file in self.artifacts]
        folders = {"/".join(path.split("/")[:size]) for path in files for size in range(1, path.count("/") + 1)}
        found: dict[str, list[str]] = {}
        for path in (*files, *sorted(folders)):
            found.setdefault(path.rpartition("/")[2], []).append(path)
        return found

    @property
    def variant(self) -> Mapping[str, Any]:
        """The record's "variant": accelerator, platform, python, ..."""
        return self.record.get("variant") or {}
