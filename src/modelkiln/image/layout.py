"""OCI image layouts: a folder of `oci-layout`, `index.json` and `blobs/` (image-spec 1.1, image-layout.md)."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional, Sequence

from modelkiln.canonical import canonical_json, document_json
from modelkiln.descriptor import CONFIG, INDEX, MANIFEST, Descriptor
from modelkiln.digest import hex_of, sha256_bytes
from modelkiln.document import read_document
from modelkiln.errors import ModelkilnError
from modelkiln.image.config import parse_config, parse_document
from modelkiln.image.entries import Entry, is_attestation, own_entries, read_entries, referring
from modelkiln.machine.outputs import new_folder
from modelkiln.wording import counted

__all__ = [
    "FoundManifest",
    "Layout",
    "blob_name",
    "layout_files",
    "platform_index",
    "top_files",
    "write_layout",
]

# Registries take manifests of up to 4 MiB (OCI distribution-spec 1.1, "Pushing Manifests"), and
# configs of large images are a few KiB. More than this is not a document but an attack.
_MAX_DOCUMENT = 16 << 20
# Of an image in an index that has zstd layers (containers/image, internal/image and manifest).
_ZSTD = "io.github.containers.compression.zstd"
# An index of indexes is allowed; nobody nests deeper, and a limit ends cycles.
_MAX_DEPTH = 4


@dataclass(frozen=True)
class FoundManifest:
    """A manifest that an index names, with what the index says of it.

    descriptor: of the manifest. content: its parsed JSON. name: the tag, or "". platform:
    "linux/amd64", or "" where the index does not name one.
    """

    descriptor: Descriptor
    content: Mapping[str, Any] = field(compare=False)
    name: str = ""
    platform: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """What people call it in addition to its digest: tag, platform and accelerator, or "" for each."""
        return self.name, self.platform, self.annotations.get("modelkiln.package.accelerator", "")

    @property
    def label(self) -> str:
        """All of `names` in one text, else the digest."""
        return " ".join(filter(None, self.names)) or self.descriptor.digest

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The descriptors of config and layers, in that order."""
        where = f"manifest {self.descriptor.digest}"
        layers = self.content.get("layers")
        if not isinstance(layers, list):
            raise ModelkilnError(f"{where}: layers {layers!r} is not a list. Package the target again.")
        return (
            Descriptor.from_json(self.content.get("config"), f"{where}: config"),
            *(Descriptor.from_json(value, f"{where}: layers[{i}]") for i, value in enumerate(layers)),
        )


class Layout:
    """Reads the layout in the folder `path`; raises ModelkilnError when there is none.

    Blobs may be missing, as the specification allows: large layers stay in the store.
    """

    def __init__(self, path: os.PathLike) -> None:
        self.path = Path(path)
        version = self._document("oci-layout").get("imageLayoutVersion")
        if version != "1.0.0":
            raise ModelkilnError(f"{self.path}/oci-layout: imageLayoutVersion is {version!r}, want '1.0.0'.")
        self.index = self._document("index.json")

    def _document(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            data = read_document(path)
        except (FileNotFoundError, NotADirectoryError):
            raise ModelkilnError(
                f"{self.path}: is not an OCI image layout, it has no {name}. "
                "Give a folder that `pants package` wrote, such as dist/models/digits/digits.oci."
            ) from None
        except ValueError as error:
            raise ModelkilnError(f"{path}: cannot be read: {error}. Package the target again.") from None
        return parse_document(data, str(path))

    def blob_path(self, digest: str) -> Optional[Path]:
        """Return where the blob of `digest` lies, or None when it is missing.

        A link that leads nowhere counts as missing; contents are not checked.
        """
        path = self.path / blob_name(digest)
        return path if path.is_file() else None

    def read_blob(self, descriptor: Descriptor) -> bytes:
        """Return a document's bytes (not a layer's), checked against its descriptor."""
        where = f"{self.path}: blob {descriptor.digest}"
        path = self.blob_path(descriptor.digest)
        if path is None:
            raise ModelkilnError(f"{where} ({descriptor.media_type}) is missing. Package the target again.")
        if descriptor.size > _MAX_DOCUMENT:
            raise ModelkilnError(f"{where}: {descriptor.size} bytes, a document has at most {_MAX_DOCUMENT}.")
        with path.open("rb") as stream:
            data = stream.read(descriptor.size + 1)
        if len(data) != descriptor.size or sha256_bytes(data) != descriptor.digest:
            raise ModelkilnError(
                f"{where}: got {len(data)} bytes with {sha256_bytes(data)}, want {descriptor.size}. "
                "It is damaged or was changed; package the target again."
            )
        return data

    def read_json(self, descriptor: Descriptor) -> dict[str, Any]:
        """Return the JSON object that `descriptor` names."""
        return parse_document(self.read_blob(descriptor), f"{self.path}: blob {descriptor.digest}")

    def read_config(self, descriptor: Descriptor) -> dict[str, Any]:
        """Return the config of an image that `descriptor` names; {} for that of an artifact."""
        if descriptor.media_type != CONFIG:
            return {}
        return parse_config(self.read_blob(descriptor), f"{self.path}: config {descriptor.digest}")

    @cached_property
    def entries(self) -> list[Entry]:
        """All that `index.json` names, each once; raises ModelkilnError where it is not an index."""
        listed = self.index.get("manifests")
        if not isinstance(listed, list):
            raise ModelkilnError(f"{self.path}/index.json: manifests {listed!r} is not a list.")
        return read_entries(listed, f"{self.path}/index.json")

    @cached_property
    def own(self) -> list[Entry]:
        """The images, artifacts and indexes that the layout is of, see `entries.own_entries`."""
        return own_entries(self.entries, self.read_json)

    def referrers(self, digest: str) -> list[Descriptor]:
        """Return the manifests that refer to `digest`, in both forms in which tools write them."""
        return referring(digest, self.entries, self.read_json)

    def manifests(self) -> list[FoundManifest]:
        """Return the manifests of `own` in its order, those of indexes included."""
        return [one for entry in self.own for one in self.expand(entry)]

    def expand(self, entry: Entry) -> list[FoundManifest]:
        """Return the manifests that an entry is or leads to."""
        return list(self._expand(entry, f"{self.path}/index.json", 0))

    def _expand(self, entry: Entry, where: str, depth: int) -> Iterator[FoundManifest]:
        descriptor = entry.descriptor
        content = self.read_json(descriptor)
        if descriptor.media_type == MANIFEST:
            name = (entry.tags or ("",))[0]
            yield FoundManifest(descriptor, content, name, entry.platform, entry.annotations)
        elif descriptor.media_type != INDEX:
            here = f"{where}: {descriptor.digest}"
            raise ModelkilnError(f"{here}: mediaType {descriptor.media_type!r}, want {MANIFEST!r} or {INDEX!r}.")
        elif depth >= _MAX_DEPTH:
            raise ModelkilnError(f"{where}: indexes are nested more than {_MAX_DEPTH} deep. Refused.")
        else:
            here, listed = f"{self.path}: index {descriptor.digest}", content.get("manifests")
            if not isinstance(listed, list):
                raise ModelkilnError(f"{here}: manifests {listed!r} is not a list.")
            for child in read_entries(listed, here):
                found = self._expand(child, here, depth + 1)
                yield from (one for one in found if not is_attestation(one.content))

    def select(self, name: Optional[str] = None) -> Entry:
        """Return the image, artifact or index of a tag, digest, platform or accelerator.

        Without `name` it is the only one there is, or the only one that has a tag. Raises ModelkilnError that lists
        what there is.
        """
        if name is None:
            tagged = [entry for entry in self.own if entry.tags]
            found = self.own if len(self.own) == 1 else tagged
        else:
            found = [one for one in self.entries if name in (one.descriptor.digest, *one.tags)]
        if name is not None and not found:
            children = [Entry(one.descriptor, (), one.platform, one.annotations) for one in self._named(name)]
            found = list({entry.descriptor.digest: entry for entry in children}.values())
        if len(found) == 1:
            return found[0]
        names = ", ".join(" ".join(one.tags) or one.descriptor.digest for one in self.own) or "none"
        if name is None:
            what = counted(len(self.own), "image or artifact", "images and artifacts")
            raise ModelkilnError(f"{self.path}: holds {what} ({names}), want one. Name it with --image.")
        there = ", ".join(self._names()) or "none"
        raise ModelkilnError(f"{self.path}: {counted(len(found), 'manifest')} named {name!r}; there are: {there}.")

    def _named(self, name: str) -> Iterator[FoundManifest]:
        for one in self.manifests():
            if name in (one.descriptor.digest, *one.names):
                yield one

    def _names(self) -> list[str]:
        indexes = [" ".join(entry.tags) for entry in self.own if entry.descriptor.media_type == INDEX]
        found = [one.label for one in self.manifests()]
        return [name for name in dict.fromkeys([*indexes, *found]) if name]

    def manifest(self, name: Optional[str] = None) -> FoundManifest:
        """Return the one manifest that `select` leads to; raises ModelkilnError for an index of several."""
        found = self.expand(self.select(name))
        if len(found) == 1:
            return found[0]
        names = ", ".join(one.label for one in found)
        raise ModelkilnError(
            f"{self.path}: holds {counted(len(found), 'manifest')} ({names}), want one. Name it with --image."
        )


def layout_files(
    manifest_descriptor: Descriptor, blobs: Mapping[str, bytes], annotations: Mapping[str, str]
) -> dict[str, bytes]:
    """Return the files of a layout of one manifest, path -> content, with `blobs` in it.

    blobs: digest -> content, the manifest among them; its config's platform goes into the index
    when the config is among them too. annotations: those of the index's entry, such as the tag.
    """
    for digest, data in blobs.items():
        if sha256_bytes(data) != digest:
            raise ModelkilnError(f"layout: got a blob of {sha256_bytes(data)}, want {digest}.")
    manifest = parse_document(blobs[manifest_descriptor.digest], f"manifest {manifest_descriptor.digest}")
    config = Descriptor.from_json(manifest.get("config"), f"manifest {manifest_descriptor.digest}: config")
    platform = None
    if config.media_type == CONFIG and config.digest in blobs:
        content = parse_config(blobs[config.digest], f"config {config.digest}")
        platform = {key: content[key] for key in ("architecture", "os", "variant") if key in content}
    files = top_files(manifest_descriptor, annotations, platform, manifest.get("artifactType"))
    files.update((blob_name(digest), blobs[digest]) for digest in sorted(blobs))
    return files


def blob_name(digest: str) -> str:
    """Return the path of a blob in a layout."""
    return f"blobs/sha256/{hex_of(digest)}"


def top_files(
    manifest: Descriptor,
    annotations: Mapping[str, str],
    platform: Optional[Mapping[str, str]] = None,
    artifact_type: Optional[str] = None,
    more: Sequence[Mapping[str, Any]] = (),
) -> dict[str, bytes]:
    """Return `oci-layout` and an `index.json` that names one manifest, and what refers to it in `more`
    (image-spec 1.1, image-index.md): all of a layout but its blobs."""
    entry = manifest.to_json()
    if artifact_type:
        entry["artifactType"] = artifact_type
    if platform:
        entry["platform"] = dict(platform)
    if annotations:
        entry["annotations"] = dict(annotations)
    return {
        "oci-layout": canonical_json({"imageLayoutVersion": "1.0.0"}),
        "index.json": document_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry, *more]}),
    }


def platform_index(
    images: Sequence[tuple[Descriptor, str, Mapping[str, str], bool]], annotations: Mapping[str, str]
) -> bytes:
    """Return the index of one image for several platforms or variants (image-spec 1.1, image-index.md).

    images: the manifests with their platforms ("linux/arm64"), what distinguishes them beyond that, and whether
    they have layers compressed with zstd, in the order in which a runtime that is content with several takes them.
    """
    entries = []
    for descriptor, platform, own, has_zstd in images:
        parts = dict(zip(("os", "architecture", "variant"), platform.split("/")))
        # Without it containers/image, and so skopeo and podman, would not copy the index with its digest.
        own = {**own, **({_ZSTD: "true"} if has_zstd else {})}
        entries.append({**descriptor.to_json(), "platform": parts, **({"annotations": dict(own)} if own else {})})
    index: dict[str, Any] = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    index.update({"annotations": dict(annotations)} if annotations else {})
    return document_json(index)


def write_layout(folder: os.PathLike, files: Mapping[str, bytes]) -> Path:
    """Write `files` (see `layout_files`) as the folder `folder` and return it.

    It is whole or not there; one that exists, and is not empty, is refused.
    """
    target = Path(folder)
    with new_folder(target) as made:
        for name, data in files.items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return target
