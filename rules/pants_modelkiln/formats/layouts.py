"""OCI image layouts of packages: what Pants carries of them, and how they lie in `dist/`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Mapping, Sequence

from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileContent, FileEntry, MergeDigests, SymlinkEntry

from modelkiln.descriptor import Descriptor
from modelkiln.digest import hex_of
from modelkiln.frozen_json import FrozenJson
from modelkiln.image.entries import REF_NAME
from modelkiln.image.layout import blob_name, layout_files
from modelkiln.layer import Layer
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.store.store import Store
from modelkiln.wording import counted
from pants_modelkiln.compat.calls import add_prefix, concurrently, create_digest, implicitly, merge_digests
from pants_modelkiln.compat.known_artifact import KnownArtifact
from pants_modelkiln.engine.layers import BuiltLayer, LayerBlobRequest, fetch_blob
from pants_modelkiln.formats.rendering import Rendering, blob_link, store_link

# Where layouts in dist/ find copies of the blobs that they share, relative to dist/.
SHARED_BLOBS = ".blobs/sha256"


@dataclass(frozen=True)
class PackageImage:
    """An image as a layout that holds only what Pants carries.

    layout: a Digest of `oci-layout`, `index.json` and `blobs/`. layers: all of them, lowest
    first, and for several platforms each once. stored: the part of them whose bytes are in the
    store alone. manifest: the descriptor of the manifest, or of the index of several.
    """

    layout: Digest
    layers: tuple[Layer, ...]
    stored: tuple[Layer, ...]
    manifest: Descriptor


async def sparse_image(
    manifest: Descriptor,
    documents: Mapping[str, bytes],
    tag: str,
    layers: Sequence[Layer],
    built: Iterable[BuiltLayer],
) -> PackageImage:
    """PackageImage of a manifest. documents: content by digest, the manifest and small layers among
    them. layers: all, lowest first. built: those made by processes, some carried by Pants."""
    written = layout_files(manifest, documents, {REF_NAME: tag})
    carried = {one.layer.descriptor.digest: one.blob for one in built if one.blob}
    layout = await create_digest(
        CreateDigest(
            [
                *(FileContent(path, data) for path, data in written.items()),
                *(FileEntry(blob_name(digest), blob) for digest, blob in carried.items()),
            ]
        )
    )
    return PackageImage(
        layout=layout,
        layers=tuple(layers),
        stored=tuple(layer for layer in layers if layer.descriptor.digest not in {*documents, *carried}),
        manifest=manifest,
    )


@dataclass(frozen=True)
class DistImage:
    """A Digest of the layout at its path, and of what it shares with others.

    missing: layers whose blobs this machine's store lacks, because another machine made them.
    virtual: layers of weights, which are not blobs but files of the store. shared: paths relative to
    `dist/` outside of the layout.
    """

    digest: Digest
    missing: tuple[Layer, ...]
    virtual: tuple[Layer, ...]
    shared: tuple[str, ...]


async def lay_out_image(image: PackageImage, path: str, limit: int, machine_store: Path) -> DistImage:
    """Put an image's layout at `path` relative to `dist/`, with links to blobs of the machine's store instead of copies
    of those that are larger than `limit`."""
    # `package` copies its outputs on every run, and Pants keeps a copy of its own before. So blobs
    # of the store are not copied: layouts link to one link in dist/ that leads to the store.
    layout = await add_prefix(AddPrefix(image.layout, path))
    copied = [layer for layer in image.stored if layer.descriptor.size <= limit]
    linked = [layer for layer in image.stored if layer.descriptor.size > limit and not layer.is_virtual]
    bare = [layer for layer in image.stored if layer.descriptor.size > limit and layer.is_virtual]
    blobs = await concurrently(fetch_blob(LayerBlobRequest(layer), **implicitly()) for layer in copied)
    entries: list = []
    for layer, found in zip(copied, blobs):
        shared, link = f"{SHARED_BLOBS}/{hex_of(layer.descriptor.digest)}", _place(path, layer)
        entries += [FileEntry(shared, found.blob), SymlinkEntry(link, os.path.relpath(shared, os.path.dirname(link)))]
    store = Store(machine_store.absolute())
    if linked:
        entries.append(store_link(store.root))
        entries += [blob_link(_place(path, layer), layer.descriptor.digest) for layer in linked]
    digest = await merge_digests(MergeDigests((layout, await create_digest(CreateDigest(entries)))))
    # Only reported, and so it does no harm that Pants may remember the answer.
    gone = [layer for layer in linked if not store.path(layer.descriptor.digest).exists()]
    outside = [entry.path for entry in entries if not entry.path.startswith(f"{path}/")]
    return DistImage(digest, tuple(gone), tuple(bare), tuple(outside))


def _place(path: str, layer: Layer) -> str:
    """Where the layout at `path` has a layer's blob; both are relative to dist/."""
    return f"{path}/{blob_name(layer.descriptor.digest)}"


def layout_rendering(what: str, path: str, image: PackageImage, laid_out: DistImage) -> Rendering:
    """The Rendering of a layout, with a note of layers that it names without holding them."""
    size = sum(layer.descriptor.size for layer in image.layers)
    lines = [f"  {what} {image.manifest.digest}, {counted(len(image.layers), 'layer')}, {readable_size(size)}"]
    if laid_out.missing:
        names = ", ".join(layer.title for layer in laid_out.missing)
        lines.append(f"  not on this machine yet (`modelkiln export` gets them): {names}")
    if laid_out.virtual:
        size = sum(layer.descriptor.size for layer in laid_out.virtual)
        lines.append(f"  {readable_size(size)} of weights are in the store (`modelkiln export` puts them in)")
    return Rendering(
        digest=laid_out.digest,
        facts=FrozenJson.of({"path": os.path.basename(path), "manifest": image.manifest.to_json()}),
        layers=image.layers,
        artifact=KnownArtifact(path, tuple(lines), laid_out.shared),
    )
