"""Whether a layout that is to be published is what its record says: found out once for each layout and layer."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Optional

import modelkiln.archives.tar_reader
import modelkiln.validation
from modelkiln.descriptor import Descriptor
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.image.blobs import Blobs
from modelkiln.image.contents import layout_size
from modelkiln.layer import Layer
from modelkiln.progress import Progress
from modelkiln.publication.verify import shown, verify_layout
from modelkiln.recipe import WEIGHTS
from modelkiln.store.result_cache import ResultCache
from modelkiln.validation.layer import LayerContents, Node

__all__ = ["hold_to_record"]

# The folder of a store where it is remembered.
_KIND = "verified"


def hold_to_record(blobs: Blobs, record: Optional[bytes]) -> None:
    """Raise ModelkilnError for a layout that the record in it, or `record`, which lies next to it, disowns.

    The answer for a layout and its record is remembered, and so is what was found in a layer: an edit of the code
    reads nothing of the wheels. Weights that lie in the store as files are not read, and have the digests that their
    recipe names: whatever is sent of them is compared with it. A layer that is not on this machine is sent unread.
    """
    layout, store = blobs.layout, blobs.store
    index = layout.path / "index.json"
    memory, cache, engine = None, None, _fingerprint()
    if store is not None and store.root.is_dir():
        cache = ResultCache(store, _KIND)
        memory = _Memory(cache, blobs, engine)
    question = {
        "engine": engine,
        "index": sha256_bytes(index.read_bytes() if index.is_file() else b""),
        "record": sha256_bytes(record or b""),
    }
    if cache is not None and cache.get(question):
        return
    with Progress(f"check {layout.path}", layout_size(layout.path)) as progress:
        found = verify_layout(layout.path, store, record, memory=memory, progress=progress.add)
    if found.problems:
        raise ModelkilnError(
            f"{layout.path}: is not what its record says, and is not published: {shown(found.problems)} Package it "
            "again."
        )
    if cache is not None:
        with suppress(OSError):  # A store that cannot be written remembers nothing.
            cache.put(question, {"verified": True})


def _fingerprint() -> str:
    """Of the validator's own code, and of what reads tars for it: later ones may find more."""
    (folder,) = modelkiln.validation.__path__
    modules = [*sorted(Path(folder).glob("*.py")), Path(modelkiln.archives.tar_reader.__file__)]
    return sha256_bytes(b"".join(path.read_bytes() for path in modules))


class _Memory:
    """What layers of blobs hold, as the validator found it (see `validation.findings.LayerMemory`)."""

    def __init__(self, cache: ResultCache, blobs: Blobs, engine: str) -> None:
        self._cache, self._blobs, self._engine = cache, blobs, engine

    def get(self, digest: str, media_type: str, ours: bool, hashed: bool) -> Optional[LayerContents]:
        """Return what a layer holds by its recipe, or what was found in it before."""
        layer = self._blobs.layer(Descriptor(media_type, digest, 0))
        if layer is not None and layer.is_virtual and self._blobs.layout.blob_path(digest) is None:
            return _by_recipe(layer)
        return _read(self._cache.get(self._question(digest, media_type, ours, hashed)))

    def put(self, digest: str, media_type: str, ours: bool, hashed: bool, contents: LayerContents) -> None:
        """Remember a layer; one with a content that is kept is small, and read again."""
        if any(node.content is not None for node in contents.nodes.values()):
            return
        value = asdict(contents)
        for node in value["nodes"].values():
            del node["content"]
            node["head"] = node["head"].hex()
        with suppress(OSError):
            self._cache.put(self._question(digest, media_type, ours, hashed), value)

    def _question(self, *layer: Any) -> dict[str, Any]:
        return {"engine": self._engine, "layer": list(layer)}


def _read(value: Optional[dict]) -> Optional[LayerContents]:
    try:
        if value is None:
            return None
        nodes = {path: Node(**{**node, "head": bytes.fromhex(node["head"])}) for path, node in value["nodes"].items()}
        return LayerContents(**{**value, "nodes": nodes})
    except (KeyError, TypeError, ValueError, AttributeError):
        return None  # Damaged: it is read again.


def _by_recipe(layer: Layer) -> LayerContents:
    """A layer of weights as its recipe makes it from files of the store."""
    recipe, descriptor = layer.recipe, layer.descriptor
    assert recipe is not None, "a virtual layer has one"
    found = LayerContents(descriptor.digest, descriptor.size)
    if recipe.packer != WEIGHTS:
        return found  # A file as it is, of which the descriptor says all.
    found.diff_id, found.unpacked_size = layer.diff_id, layer.unpacked_size
    for file in recipe["files"]:
        path = f"{recipe['prefix']}/{file['path']}"
        found.nodes[path] = Node("file", 0o644, file["sha256"], file["size"])
    return found
