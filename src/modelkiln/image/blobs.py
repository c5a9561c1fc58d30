"""The bytes of a layout's blobs, wherever they are."""

import copy
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Callable, Optional, Sequence

from modelkiln.conventions import RECORD_TYPE
from modelkiln.descriptor import Descriptor
from modelkiln.document import read_document
from modelkiln.errors import ModelkilnError
from modelkiln.image.layout import Layout
from modelkiln.layer import Layer
from modelkiln.layers.recipe import is_available_locally, open_layer
from modelkiln.package.outside import LARGEST_RECORD, read_record
from modelkiln.store.files import StoredFile
from modelkiln.store.store import Store

__all__ = ["Blobs", "find_record", "layers_in", "record_beside", "recorded_layers"]


class Blobs:
    """The bytes of a layout's blobs: in the layout, in the store, or made again by their recipes.

    layers: those that the record lists, with recipes. sources: the folder of the files that
    "files" recipes name, where they are at hand.
    """

    def __init__(
        self,
        layout: Layout,
        store: Optional[Store] = None,
        layers: Sequence[Layer] = (),
        sources: Optional[Path] = None,
    ) -> None:
        self.layout, self.store = layout, store
        self._sources = sources
        self._layers = {layer.descriptor.digest: layer for layer in layers}
        self._progress: Optional[Callable[[int], None]] = None

    def counted(self, progress: Callable[[int], None]) -> "Blobs":
        """Return the same blobs, whose streams report each number of bytes that was read to `progress`."""
        found = copy.copy(self)
        found._progress = progress
        return found

    def state(self, descriptor: Descriptor) -> str:
        """Return "here" (in the layout), "store" or "missing"."""
        if self.layout.blob_path(descriptor.digest) is not None:
            return "here"
        if self.store is None:
            return "missing"
        layer = self._layers.get(descriptor.digest)
        if layer is not None and is_available_locally(layer, self.store):
            return "store"
        return "store" if self.store.path(descriptor.digest).is_file() else "missing"

    def layer(self, descriptor: Descriptor) -> Optional[Layer]:
        """Return what the record holds of a layer: its title and its recipe."""
        return self._layers.get(descriptor.digest)

    def files(self, descriptor: Descriptor) -> Optional[dict[str, StoredFile]]:
        """Return path -> where it lies, of a layer of weights whose files lie in the store; None for another
        blob. Missing ones are fetched, see `stored_files`."""
        layer = self._layers.get(descriptor.digest)
        if self.store is None or layer is None or self.layout.blob_path(descriptor.digest) is not None:
            return None
        from modelkiln.layers.weights_files import stored_files  # Few images need it: it brings sandboxes and SQLite.

        return stored_files(layer, self.store)

    def file(self, descriptor: Descriptor) -> Optional[Path]:
        """Return the file that is the blob, in the layout or in the store; None for one that has to be made or fetched.
        Its content is not checked."""
        path = self.layout.blob_path(descriptor.digest)
        if path is None and self.store is not None and self.store.has(descriptor.digest, descriptor.size):
            path = self.store.path(descriptor.digest)
        return path

    def ensure(self, descriptor: Descriptor) -> None:
        """Fetch or make again what `open` needs; raises ModelkilnError when that cannot be done."""
        self.open(descriptor).close()

    def open(self, descriptor: Descriptor) -> BinaryIO:
        """Open a blob for reading, made again when it is missing; the stream can seek.

        Contents are not checked: the caller compares digest and size at the end. Raises
        ModelkilnError for a blob that is nowhere and has no recipe.
        """
        stream = self._open(descriptor)
        return stream if self._progress is None else _CountedFile(stream, self._progress)  # type: ignore[return-value]

    def _open(self, descriptor: Descriptor) -> BinaryIO:
        path = self.layout.blob_path(descriptor.digest)
        if path is not None:
            return path.open("rb")
        layer = self._layers.get(descriptor.digest)
        if self.store is not None and layer is not None:
            return open_layer(layer, self.store, self._sources)
        if self.store is not None and self.store.has(descriptor.digest, descriptor.size):
            return self.store.open(descriptor.digest)
        raise ModelkilnError(
            f"{self.layout.path}: blob {descriptor.digest} ({descriptor.size} bytes) is neither in the "
            f"layout nor in the store {self.store.root if self.store else '(none)'}. Give the store with "
            "--store and the record with --record, or package the target again (`pants package`)."
        )


class _CountedFile:
    def __init__(self, stream: BinaryIO, progress: Callable[[int], None]) -> None:
        self._stream, self._progress = stream, progress

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._progress(len(data))
        return data

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> "_CountedFile":
        return self

    def __exit__(self, *details) -> None:
        self.close()


def record_beside(layout: Path) -> Optional[Path]:
    """Return where the record of the layout in dist/ lies: `NAME.package.json` next to `NAME.oci`,
    `NAME.artifact` or `NAME.weights.oci`; None when it is not there."""
    path = layout.resolve()
    name = path.name
    while "." in name:
        name = name.rpartition(".")[0]
        if path.with_name(f"{name}.package.json").is_file():
            return path.with_name(f"{name}.package.json")
    return None


def find_record(layout: Path, given: Optional[Path] = None) -> Optional[bytes]:
    """Return the record of the package in the folder `layout`: of the file `given`, else of the one next to it, else
    of an artifact in it that refers to what it is of. None where there is none; what it says is not checked."""
    path = given or record_beside(layout)
    if path is not None:
        try:
            return read_document(path, LARGEST_RECORD)
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or error
            raise ModelkilnError(f"{path}: {problem}. Give the record of a package with --record.") from None
    with suppress(ModelkilnError):  # A layout that is broken is reported by those who read it.
        opened = Layout(layout)
        for entry in opened.own:
            for manifest in map(opened.read_json, opened.referrers(entry.descriptor.digest)):
                for layer in manifest.get("layers") or ():
                    if layer.get("mediaType") == RECORD_TYPE == manifest.get("artifactType"):
                        return opened.read_blob(Descriptor.from_json(layer))
    return None


def recorded_layers(layout: Path, record: Optional[Path] = None) -> tuple[Layer, ...]:
    """Return the layers of the record that `find_record` finds; none without one."""
    return layers_in(find_record(layout, record), layout, record)


def layers_in(data: Optional[bytes], layout: Path, given: Optional[Path] = None) -> tuple[Layer, ...]:
    """Return the layers of a record that `find_record` found, none of None; layout, given: as there."""
    if data is None:
        return ()
    content = read_record(data, str(given or record_beside(layout) or layout), "Give one with --record.", ())
    return tuple(Layer.from_json(layer) for layer in content.get("layers") or ())
