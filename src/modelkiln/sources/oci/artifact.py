"""Model artifacts in OCI registries: ModelPack, KitOps, Docker's model runner, Ollama, ORAS; images with /models."""

import dataclasses
import threading
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, List, Mapping, Optional, Tuple

from modelkiln.conventions import FILE_PATH, MODELS_FOLDER, OPAQUE_WHITEOUT
from modelkiln.descriptor import CONFIG, MANIFEST
from modelkiln.digest import check_digest, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.network.http_file import HttpFile, ServedFile
from modelkiln.network.ranged_file import RangeReader
from modelkiln.registry.blobs import open_blob, read_blob
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.documents import descriptor_of, image_manifest, parse_document
from modelkiln.registry.reference import Reference, parse_image
from modelkiln.sources.oci.kit import KIT_CONFIG, kit_facts
from modelkiln.sources.oci.layers import MODEL_PACK, TITLE, SourceLayer, source_layers
from modelkiln.sources.oci.model_pack import config_facts
from modelkiln.sources.oci.tar_files import TarFile, tar_files
from modelkiln.sources.oci.unpacked_tar import Unpacked
from modelkiln.sources.source import Listing, Source, SourceFile, by_path

__all__ = ["open_source"]

# Files of an index for several platforms are those of this one: weights know no platform.
_PLATFORM = "linux/amd64"


def open_source(uri: str, env: Mapping[str, str], folder: Path) -> Source:
    """Return the source of `oci://registry/name:tag` or `oci://registry/name[:tag]@sha256:...`.

    Raises ModelkilnError for text that is not a reference, or has neither tag nor digest.
    """
    text = uri.partition("://")[2]
    return _Oci(uri, parse_image(text), env)


class _Oci(Source):
    def __init__(self, uri: str, reference: Reference, env: Mapping[str, str]) -> None:
        self._uri, self._reference = uri, reference
        self._client = RegistryClient(reference, env)
        self._login = f"Log in to {reference.registry} (docker login, skopeo login), or ask for the right to pull."
        self._lock = threading.Lock()
        self._unpacked: Dict[Tuple[str, str], Unpacked] = {}

    def list(self) -> Listing:
        where = f"source {self._uri}"
        digest, manifest = self._manifest()
        config = descriptor_of(manifest.get("config"), self._reference)
        layers = source_layers(manifest.get("layers") or [], self._reference)
        if not any(layer.name for layer in layers) and config.media_type == CONFIG:
            files = self._image_files(layers)
        else:
            files = [file for layer in layers for file in self._named_files(layer)]
        if not files:
            raise ModelkilnError(f"{where}: holds no files (an image has them under /{MODELS_FOLDER}). Name another.")
        facts: Dict[str, Any] = {}
        read_facts = config_facts if config.media_type.startswith(MODEL_PACK) else None
        read_facts = kit_facts if config.media_type == KIT_CONFIG else read_facts
        if read_facts is not None:
            facts = read_facts(parse_document(read_blob(self._client, config.digest), self._reference))
        return Listing(self._uri, digest, by_path(_below_models(files)), facts)

    def open(self, file: SourceFile, offset: int = 0) -> BinaryIO:
        digest, _, place = file.locator.partition("+")
        check_digest(digest, f"source {self._uri}")
        if not place:
            return self._open_blob(digest, offset, None, file.size)
        if place.isdigit() and file.size is not None:
            return self._open_blob(digest, int(place) + offset, int(place) + file.size, None)
        compression, _, name = place.partition("+")
        prefix = f"{MODELS_FOLDER}/" if name.startswith(f"{MODELS_FOLDER}/") else ""
        return self._compressed(digest, compression, prefix).open(name, offset)

    def _open_blob(self, digest: str, begin: int, stop: Optional[int], size: Optional[int]) -> BinaryIO:
        return HttpFile(
            lambda headers: open_blob(self._client, digest, headers),
            f"source {self._uri}: blob {digest}",
            ServedFile(self._login, size, is_immutable=True),
            begin,
            stop,
        )

    def _manifest(self) -> Tuple[str, Mapping[str, Any]]:
        """The digest of what the reference names, and the manifest that it leads to."""
        digest = self._reference.digest
        data = self._client.read_manifest(digest or self._reference.tag)
        kind, document = image_manifest(self._client, data, _PLATFORM)
        if kind != MANIFEST:
            raise ModelkilnError(f"source {self._uri}: is a {kind!r}; want an image or an artifact.")
        return digest or sha256_bytes(data), document

    def _named_files(self, layer: SourceLayer) -> Iterator[SourceFile]:
        where = f"source {self._uri}: layer {layer.descriptor.digest}"
        if not layer.name and not layer.is_whole:
            raise ModelkilnError(
                f"{where}: is neither of an image nor has it a name (annotation {FILE_PATH} or {TITLE}). "
                "Push it with a tool that names files, such as modctl or oras."
            )
        if not layer.compression:
            digest = layer.descriptor.digest
            yield SourceFile(layer.name, layer.descriptor.size, digest.partition(":")[2], digest, digest)
            return
        files = self._tar_files(layer)
        for file in files:
            _check_kind(file, where)
            # A ModelPack tar around one file says where the file was; its annotation says where it goes.
            is_alone = len(files) == 1 and layer.descriptor.media_type.startswith(MODEL_PACK)
            path = layer.name if is_alone and not file.name.startswith(f"{layer.name}/") else file.name
            yield _source_file(path, file, layer)

    def _image_files(self, layers: List[SourceLayer]) -> List[SourceFile]:
        """The files under /models of an image: later layers overlay earlier ones (image-spec 1.1, layer.md)."""
        found: Dict[str, SourceFile] = {}
        for layer in layers:
            where = f"source {self._uri}: layer {layer.descriptor.digest}"
            files = self._tar_files(layer, f"{MODELS_FOLDER}/")
            for file in files:
                folder, _, name = file.name.rpartition("/")
                if name.startswith(".wh."):
                    hidden = folder if name == OPAQUE_WHITEOUT else f"{folder}/{name[4:]}"
                    for path in [path for path in found if path == hidden or path.startswith(f"{hidden}/")]:
                        del found[path]
            for file in files:
                if not file.name.rpartition("/")[2].startswith(".wh."):
                    _check_kind(file, where)
                    found[file.name] = _source_file(file.name, file, layer)
        return list(found.values())

    def _tar_files(self, layer: SourceLayer, prefix: str = "") -> List[TarFile]:
        digest = layer.descriptor.digest
        if layer.compression != "none":
            return self._compressed(digest, layer.compression, prefix).files()
        size = layer.descriptor.size
        reader = RangeReader(lambda start, stop: self._open_blob(digest, start, stop, None), size)
        files = tar_files(reader, size, f"source {self._uri}: layer {digest}")
        return [file for file in files if file.name.startswith(prefix)]

    def _compressed(self, digest: str, compression: str, prefix: str) -> Unpacked:
        with self._lock:
            if (digest, "") in self._unpacked:
                prefix = ""
            if (digest, prefix) not in self._unpacked:
                where = f"source {self._uri}: layer {digest}"
                blob = partial(self._open_blob, digest, 0, None, None)
                self._unpacked[digest, prefix] = Unpacked(blob, digest, compression, prefix, where)
            return self._unpacked[digest, prefix]


def _check_kind(file: TarFile, where: str) -> None:
    if file.kind != "file":
        raise ModelkilnError(
            f"{where}: {file.name!r} is a {file.kind}, not a file. Push the files themselves, without links."
        )


def _source_file(path: str, file: TarFile, layer: SourceLayer) -> SourceFile:
    digest = layer.descriptor.digest
    place = f"{file.offset}" if layer.compression == "none" else f"{layer.compression}+{file.name}"
    return SourceFile(path, file.size, None, digest, f"{digest}+{place}")


def _below_models(files: List[SourceFile]) -> List[SourceFile]:
    """`files` without the folder `models/` that all of them lie in, as in an image."""
    start = f"{MODELS_FOLDER}/"
    if not all(file.path.startswith(start) for file in files):
        return files
    return [dataclasses.replace(file, path=file.path[len(start) :]) for file in files]
