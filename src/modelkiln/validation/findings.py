"""What the validator finds, and what it needs to know of where blobs are."""

from dataclasses import dataclass
from typing import BinaryIO, Callable, ContextManager, Optional, Protocol

from modelkiln.validation.layer import LayerContents

__all__ = ["BlobMissing", "CheckedImage", "Issue", "LayerMemory", "Opening"]

Opening = Callable[[], ContextManager[BinaryIO]]


@dataclass(frozen=True)
class Issue:
    """One finding. where: file, blob or layer. text: "NAME: got X, want Y.". is_note: nothing is
    wrong, but something could not be checked or should be known. is_convention: it is wrong in an image of Modelkiln's,
    and of no matter in one of others."""

    where: str
    text: str
    is_note: bool = False
    is_convention: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


class BlobMissing(Exception):
    """A blob that cannot be read. is_note: nothing is wrong with that, see `Issue`."""

    def __init__(self, text: str, is_note: bool = False) -> None:
        super().__init__(text)
        self.text, self.is_note = text, is_note


class LayerMemory(Protocol):
    """What was found in a layer's blob before; see `read_layer` for the arguments."""

    def get(self, digest: str, media_type: str, ours: bool, hashed: bool) -> Optional[LayerContents]:
        """Return the contents of a layer that had no problems, or None."""

    def put(self, digest: str, media_type: str, ours: bool, hashed: bool, contents: LayerContents) -> None:
        """Keep the contents of a layer."""


@dataclass(frozen=True)
class CheckedImage:
    """A manifest that was checked. digest: its own. kind: "image"; "weights", of an image or artifact that holds the
    files of model artifacts and nothing that runs; "statements", of a manifest of statements about an image in the same
    index; or "other". record: the one in it, or None."""

    digest: str
    kind: str
    record: Optional[bytes] = None
