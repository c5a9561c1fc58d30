"""Exports an image: one file, or one folder, that holds all of its bytes, or that links to them."""

import shutil
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Callable, Container, Iterator, Optional, Sequence

from modelkiln.archives.decompression import compression_of, damage_errors, decompressed
from modelkiln.archives.tar import Entry as TarEntry
from modelkiln.archives.tar import bytes_entry, write_tar
from modelkiln.canonical import canonical_json
from modelkiln.descriptor import CONFIG, LAYER_MEDIA_TYPES, Descriptor
from modelkiln.digest import check_digest, hex_of, sha256_stream
from modelkiln.errors import ModelkilnError
from modelkiln.image.blobs import Blobs
from modelkiln.image.config import parse_config
from modelkiln.image.contents import contents_of
from modelkiln.image.entries import REF_NAME, Entry
from modelkiln.image.layout import blob_name, top_files
from modelkiln.image.name import ImageName
from modelkiln.machine.outputs import new_folder, replacing
from modelkiln.wording import counted

__all__ = ["FORMATS", "export", "link"]

FORMATS = ("oci-archive", "docker-archive", "oci-layout")
# containerd names an imported image by this annotation (containerd, images/annotations.go).
_CONTAINERD_NAME = "io.containerd.image.name"


def export(
    blobs: Blobs,
    entry: Entry,
    output: Path,
    format: str = "oci-archive",
    name: Optional[ImageName] = None,
) -> Path:
    """Write `entry`, an image, artifact or index, with all of its blobs to `output`, and return it.

    name: what the image is called in the archive; a docker-archive needs one. The output is
    whole or as it was; its bytes depend on image, format and name only. Every blob is checked against its descriptor,
    and a docker-archive's layers against their diff IDs.
    """
    if format not in FORMATS:
        raise ModelkilnError(f"export: unknown format {format!r}; use one of {', '.join(FORMATS)}.")
    with _replacing(output, format == "oci-layout") as temporary:
        if format == "docker-archive":
            entries = _docker_entries(blobs, entry, name, temporary.parent)
        else:
            entries = _oci_entries(blobs, entry, name)
        if format == "oci-layout":
            _write_folder(entries, temporary)
        else:
            with temporary.open("wb") as out:
                write_tar(entries, out, str(output))
    return output


def link(
    blobs: Blobs,
    entry: Entry,
    folder: Path,
    name: ImageName,
    known: Callable[[], Container[str]],
) -> None:
    """Make `folder`, a layout of the image `entry` for a program that checks what it reads and lacks little of it.

    A blob that is a file of this machine is a link to it. Of the others, which are made or fetched, those are left out
    whose diff IDs are in what `known` returns: layers that the program has. It is called where there are others.
    """
    contents = contents_of(blobs.layout, entry)
    places = {one.digest: place for one in contents.blobs if (place := blobs.file(one)) is not None}
    absent = set(places)
    config, *layers = blobs.layout.expand(entry)[0].blobs
    if any(layer.digest not in places for layer in layers) and config.media_type == CONFIG:
        has, content = known(), parse_config(blobs.layout.read_blob(config), config.digest)
        diff_ids = (content.get("rootfs") or {}).get("diff_ids") or ()
        absent.update(layer.digest for diff_id, layer in zip(diff_ids, layers) if diff_id in has)
    folder.mkdir()
    _write_folder(_oci_entries(blobs, entry, name, absent), folder)
    for digest, place in places.items():
        (folder / blob_name(digest)).symlink_to(place.resolve())


@contextmanager
def _replacing(output: Path, is_folder: bool) -> Iterator[Path]:
    """A temporary path next to `output` that takes its place when the block ends without an error."""
    if not is_folder and output.is_dir():
        raise ModelkilnError(f"{output}: is a folder. Name a file for the archive.")
    if not output.parent.is_dir():
        raise ModelkilnError(f"{output}: its folder does not exist. Make it first.")
    with new_folder(output) if is_folder else replacing(output) as made:
        yield made


def _blob_entry(name: str, descriptor: Descriptor, blobs: Blobs) -> TarEntry:
    blobs.ensure(descriptor)
    return TarEntry(name, size=descriptor.size, sha256=hex_of(descriptor.digest), open=partial(blobs.open, descriptor))


def _oci_entries(
    blobs: Blobs,
    entry: Entry,
    name: Optional[ImageName],
    absent: Container[str] = (),
) -> list[TarEntry]:
    annotations = dict(entry.annotations)
    if entry.tags:
        annotations[REF_NAME] = entry.tags[0]
    if name is not None:
        annotations[REF_NAME] = annotations[_CONTAINERD_NAME] = name.full
    platform = None
    if entry.platform:
        platform = dict(zip(("os", "architecture", "variant"), entry.platform.split("/")))
    contents = contents_of(blobs.layout, entry)
    top = top_files(entry.descriptor, annotations, platform, contents.root.content.get("artifactType"))
    entries = [bytes_entry(path, data) for path, data in top.items()]
    documents = [document.descriptor for document in contents.manifests]
    wanted = {one.digest: one for one in (*documents, *contents.blobs) if one.digest not in absent}
    for descriptor in wanted.values():
        entries.append(_blob_entry(blob_name(descriptor.digest), descriptor, blobs))
    return entries


def _docker_entries(blobs: Blobs, entry: Entry, name: Optional[ImageName], scratch: Path) -> list[TarEntry]:
    """The entries of what `docker load` reads (moby, image/spec/v1.2.md, "Combined Image JSON").

    Layers are stored as plain tars: the format knows no zstd, and plain they can be checked
    against their diff IDs by any reader of the archive.
    """
    found = blobs.layout.expand(entry)
    if len(found) != 1:
        listed = ", ".join(one.label for one in found)
        raise ModelkilnError(
            f"{blobs.layout.path}: has {counted(len(found), 'image')} ({listed}), and a docker-archive holds one. Name "
            "it with --image, or use --format oci-archive."
        )
    config, *layers = found[0].blobs
    if config.media_type != CONFIG:
        raise ModelkilnError(
            f"{blobs.layout.path}: is an artifact ({config.media_type}) and not an image; a docker-archive "
            "holds images only. Use --format oci-archive."
        )
    if name is None:
        raise ModelkilnError("export: a docker-archive needs a name. Give one with --name NAME:TAG.")
    diff_ids = blobs.layout.read_json(config)["rootfs"]["diff_ids"]
    if len(diff_ids) != len(layers):
        raise ModelkilnError(f"config {config.digest}: got {len(diff_ids)} diff IDs, want {len(layers)}.")
    entries = [_blob_entry(f"{hex_of(config.digest)}.json", config, blobs)]
    names = []
    for diff_id, layer in zip(diff_ids, layers):
        names.append(f"{hex_of(check_digest(diff_id, f'config {config.digest}'))}.tar")
        if names[-1] not in names[:-1]:
            entries.append(_plain_entry(names[-1], diff_id, layer, blobs, scratch))
    manifest = [{"Config": entries[0].path, "RepoTags": [name.short], "Layers": names}]
    return [*entries, bytes_entry("manifest.json", canonical_json(manifest))]


def _plain_entry(name: str, diff_id: str, layer: Descriptor, blobs: Blobs, scratch: Path) -> TarEntry:
    if layer.media_type not in LAYER_MEDIA_TYPES:
        raise ModelkilnError(f"layer {layer.digest}: media type {layer.media_type!r} is not a layer's.")
    compressed = _blob_entry(name, layer, blobs)
    compression = compression_of(layer.media_type) or "none"
    if compression == "none":
        if layer.digest != diff_id:
            raise ModelkilnError(f"layer {layer.digest}: got diff ID {layer.digest}, want {diff_id} of the config.")
        return compressed
    # A tar header holds its file's size, which only decompressing gives.
    path = scratch / name
    with compressed.open() as source, path.open("wb") as out:
        _decompress(source, layer.media_type, out, f"layer {layer.digest}")
    with path.open("rb") as stream:
        digest, size = sha256_stream(stream)
    if digest != diff_id:
        raise ModelkilnError(f"layer {layer.digest}: got diff ID {digest}, want {diff_id} of the config.")
    return replace(compressed, size=size, sha256=hex_of(diff_id), open=partial(path.open, "rb"))


def _decompress(source: BinaryIO, media_type: str, out: BinaryIO, where: str) -> None:
    try:
        shutil.copyfileobj(decompressed(source, media_type, where), out, 1 << 20)
    except damage_errors() as error:
        raise ModelkilnError(f"{where}: is not {media_type} data: {error}. It is damaged; build it again.") from None


def _write_folder(entries: Sequence[TarEntry], folder: Path) -> None:
    for entry in entries:
        path = folder / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with entry.open() as source, path.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
        path.chmod(0o644)
        with path.open("rb") as stream:
            digest, size = sha256_stream(stream)
        if (hex_of(digest), size) != (entry.sha256, entry.size):
            raise ModelkilnError(
                f"{entry.path}: got {size} bytes with {digest}, want {entry.size}. The blob is damaged; "
                "package the target again."
            )
