"""The files of a model artifact as its source offers them now, chosen and checked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import load_machine_env
from modelkiln.pinned_file import may_be_empty
from modelkiln.sources.addresses import check_files
from modelkiln.sources.in_folder import InFolder
from modelkiln.sources.patterns import select
from modelkiln.sources.source import Listing, Source, SourceFile, open_source, scheme_of
from modelkiln.store.store import Store
from modelkiln.wording import counted

__all__ = ["FoundFiles", "WeightsSource", "find_files", "parse_source"]


@dataclass(frozen=True)
class WeightsSource:
    """Where a model artifact comes from, as its target says it.

    uri: URI or path, relative to `folder`. include, exclude: patterns, see `patterns`. where: the
    target's address, for messages. inside: the folder of the artifact that its files lie in, or "".
    """

    uri: str
    folder: Path
    where: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    inside: str = ""


@dataclass(frozen=True)
class FoundFiles:
    """What was found, sorted by path. files: as they lie in the artifact; listing: as the source has them."""

    source: Source
    listing: Listing
    files: tuple[SourceFile, ...]
    wanted: WeightsSource

    def to_json(self) -> dict[str, Any]:
        """Return the "source" of a weights lock."""
        return {
            "uri": self.listing.uri,
            "revision": self.listing.revision,
            "include": list(self.wanted.include),
            "exclude": list(self.wanted.exclude),
            **({"folder": self.wanted.inside} if self.wanted.inside else {}),
        }

    def name_of(self, file: SourceFile) -> str:
        """Return a text that stands for these bytes wherever it is met, "" where no text does."""
        if file.version:
            return "\0".join((self.listing.uri, file.locator or file.path, file.version))
        return ""


def find_files(wanted: WeightsSource, store: Store) -> FoundFiles:
    """Ask the source what it has and choose from it; raises ModelkilnError for what cannot be packaged."""
    try:
        source = open_source(wanted.uri, load_machine_env(store.root), wanted.folder)
        listing = source.list()
    except ModelkilnError as error:
        raise ModelkilnError(f"{wanted.where}: {error}") from None
    chosen = set(select({file.path for file in listing.files}, wanted.include, wanted.exclude, wanted.where))
    if not chosen:
        raise ModelkilnError(
            f"{wanted.where}: {wanted.uri} holds {counted(len(listing.files), 'file')}, of which the fields "
            "`include` and `exclude` leave none. Correct `source` or the patterns."
        )
    where = f"{wanted.where}: {wanted.uri}"
    files = check_files((file for file in listing.files if file.path in chosen), where)
    for file in files:
        _check(file, wanted)
    if wanted.inside:
        source = InFolder(source, wanted.inside)
        files = tuple(map(source.inside, files))
    return FoundFiles(source, listing, files, wanted)


def _check(file: SourceFile, wanted: WeightsSource) -> None:
    if file.problem:
        raise ModelkilnError(f"{wanted.where}: {file.problem}")
    if not file.path.isascii() and any("\udc80" <= character <= "\udcff" for character in file.path):
        # So Python gives the bytes of a name that is not UTF-8 (PEP 383).
        raise ModelkilnError(
            f"{wanted.where}: {file.path!r}: its name is not UTF-8, and a lock is a text. Rename the file, or leave it "
            "out with the field `exclude`."
        )
    if file.size is not None and file.size <= 0 and not (file.is_meant_empty or may_be_empty(file.path)):
        raise ModelkilnError(
            f"{wanted.where}: {file.path}: is empty. Write the trained artifact there, or leave the file out "
            f'with exclude=["{file.path}"].'
        )


def parse_source(values: Sequence[str]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return (uri, include, exclude) of what a target's field `source` says.

    values: one URI, path or pattern; or several paths and patterns, of which those after `!` are
    left out. Several are a choice from the BUILD file's folder. Raises ModelkilnError for a list
    with a URI in it.
    """
    taken = [value for value in values if not value.startswith("!")]
    left_out = tuple("/" + value[1:] for value in values if value.startswith("!"))
    if len(taken) == 1:
        return taken[0], (), left_out
    remote = [value for value in taken if scheme_of(value)]
    if remote or not taken:
        raise ModelkilnError(
            f"source {list(values)!r}: a list is of paths and patterns next to the BUILD file. Lock each URI in a "
            "`model_artifact` of its own."
        )
    return ".", tuple(f"/{value}" for value in taken), left_out
