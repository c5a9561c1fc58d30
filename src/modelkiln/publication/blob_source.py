"""Where the bytes of a blob that is to be published come from."""

from typing import BinaryIO, Iterator, Mapping, Optional

from modelkiln.descriptor import Descriptor
from modelkiln.digest import iter_chunks, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.image.blobs import Blobs
from modelkiln.recipe import REGISTRY, WEIGHTS_FILE
from modelkiln.registry.blobs import blob_chunks
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.reference import Reference, parse_image, parse_repository

__all__ = ["BlobSource"]


class BlobSource:
    """The layout's own bytes and the store's; and other registries', from where they pass through
    without touching the disk. env: the machine's settings, see `load_machine_env`."""

    def __init__(self, blobs: Blobs, env: Mapping[str, str]) -> None:
        self._blobs, self._env = blobs, env

    def repository_of(self, descriptor: Descriptor) -> Optional[Reference]:
        """Return the repository that the blob was pinned in, as a base image's layers and the files of a model
        artifact from a registry are."""
        layer = self._blobs.layer(descriptor)
        recipe = layer.recipe if layer is not None else None
        if recipe is not None and recipe.packer == REGISTRY:
            return parse_repository(recipe["image"])
        if recipe is None or recipe.packer != WEIGHTS_FILE or recipe["files"][0].get("locator") != descriptor.digest:
            return None
        found = parse_image(recipe["source"]["uri"].partition("://")[2])
        return Reference(found.registry, found.name, "", "")

    def title_of(self, descriptor: Descriptor) -> str:
        """Return what people call the blob, else its digest."""
        layer = self._blobs.layer(descriptor)
        return layer.title if layer is not None else descriptor.digest

    def chunks(self, descriptor: Descriptor) -> Iterator[bytes]:
        """Yield the blob's bytes, which are for the caller to verify; raises ModelkilnError."""
        origin = self.repository_of(descriptor)
        if origin is not None and self._blobs.state(descriptor) == "missing":
            yield from blob_chunks(RegistryClient(origin, self._env), descriptor)
            return
        try:
            with self._open(descriptor) as stream:
                yield from iter_chunks(stream)
        except OSError as error:
            raise ModelkilnError(f"blob {descriptor.digest}: cannot be read ({error}). Repair the disk.") from error

    def read(self, descriptor: Descriptor) -> bytes:
        """Return a small blob, checked; raises ModelkilnError for one that is damaged."""
        data = b"".join(self.chunks(descriptor))
        if sha256_bytes(data) != descriptor.digest:
            raise ModelkilnError(f"blob {descriptor.digest}: is damaged. Package the target again.")
        return data

    def _open(self, descriptor: Descriptor) -> BinaryIO:
        layer, store = self._blobs.layer(descriptor), self._blobs.store
        recipe = layer.recipe if layer is not None and layer.is_virtual else None
        if recipe and store is not None and self._blobs.state(descriptor) == "missing":
            from modelkiln.layers.weights import stream_from_source

            return stream_from_source(recipe, store, self._env)
        return self._blobs.open(descriptor)
