"""What the layers of an artifact are called, and how they hold files: by annotations, or by the tool's media types."""

import dataclasses
import re
from collections import Counter
from typing import Any, Dict, Iterable, List

from modelkiln.archives.decompression import compression_of
from modelkiln.conventions import FILE_PATH
from modelkiln.descriptor import LAYER, Descriptor
from modelkiln.registry.documents import descriptor_of
from modelkiln.registry.reference import Reference

__all__ = ["MODEL_PACK", "TITLE", "SourceLayer", "source_layers"]

# As modctl wrote FILE_PATH before.
_OLD_FILE_PATH = "org.cnai.model.filepath"
# ORAS: the file's name; and that a layer is a folder in a tar ("oras push FOLDER").
TITLE = "org.opencontainers.image.title"
_UNPACK = "io.deis.oras.content.unpack"
MODEL_PACK = ("application/vnd.cncf.model.", "application/vnd.cnai.model.")
# KitOps (pkg/lib/constants/mediatype): tars with their files at the paths that they had next to the Kitfile.
_KIT = re.compile(r"application/vnd\.kitops\.modelkit\.\w+\.v1\.tar(\+\w+)?")
# Docker's model runner (docker/model-distribution, types) and Ollama: files without a name, and tars of several.
_DOCKER, _OLLAMA = "application/vnd.docker.ai.", "application/vnd.ollama.image."
_FOLDERS = (f"{_DOCKER}vllm.config.tar", f"{_DOCKER}dir.tar")
_NAMES = {
    f"{_DOCKER}gguf.v3": "model.gguf",
    f"{_DOCKER}safetensors": "model.safetensors",
    f"{_DOCKER}mmproj": "mmproj.gguf",
    f"{_DOCKER}chat.template.jinja": "chat_template.jinja",
    f"{_DOCKER}license": "LICENSE",
    f"{_OLLAMA}model": "model.gguf",
    f"{_OLLAMA}projector": "mmproj.gguf",
    f"{_OLLAMA}adapter": "adapter.gguf",
    f"{_OLLAMA}draft": "draft.gguf",
    f"{_OLLAMA}template": "template.gotmpl",
    f"{_OLLAMA}system": "system.txt",
    f"{_OLLAMA}messages": "messages.json",
    f"{_OLLAMA}params": "params.json",
    f"{_OLLAMA}license": "LICENSE",
}


@dataclasses.dataclass(frozen=True)
class SourceLayer:
    """A layer of a manifest. name: of its file, or of the folder of a tar, "" where it has none. compression: "none",
    "gzip", "zstd", or "" for what is not a tar. is_whole: a tar that has its files at the paths where they belong."""

    descriptor: Descriptor
    name: str
    compression: str
    is_whole: bool = False


def source_layers(listed: Iterable[Any], reference: Reference) -> List[SourceLayer]:
    """Return the layers of a manifest's list; raises ModelkilnError for what is not a descriptor."""
    layers = [_layer(value, reference) for value in listed]
    # Shards have no names of their own: their order is that of the manifest.
    totals = Counter(_NAMES.get(layer.descriptor.media_type) for layer in layers if not layer.name)
    seen: Dict[str, int] = {}
    found = []
    for layer in layers:
        name = "" if layer.name else _NAMES.get(layer.descriptor.media_type, "")
        if name:
            seen[name] = seen.get(name, 0) + 1
            layer = dataclasses.replace(layer, name=_numbered(name, seen[name], totals[name]))
        found.append(layer)
    return found


def _numbered(name: str, number: int, total: int) -> str:
    """As llama.cpp and transformers name the shards of a model; other files get a number."""
    stem, dot, ending = name.partition(".")
    if total == 1:
        return name
    if name.startswith("model."):
        return f"{stem}-{number:05}-of-{total:05}.{ending}"
    return f"{stem}-{number}{dot}{ending}"


def _layer(value: Any, reference: Reference) -> SourceLayer:
    descriptor = descriptor_of(value, reference)
    annotations = value.get("annotations") or {}
    name = next(filter(None, map(annotations.get, (FILE_PATH, _OLD_FILE_PATH, TITLE))), "")
    kind = descriptor.media_type
    # oras-py packs a folder without the annotation; and all of ORAS calls a plain file a "tar".
    is_folder = annotations.get(_UNPACK) == "true" or (kind == LAYER + "+gzip" and not name.endswith("gz"))
    is_whole = bool(_KIT.fullmatch(kind)) or kind in _FOLDERS
    is_tar = is_folder or is_whole or not name or kind.startswith(MODEL_PACK)
    compression = compression_of(kind) if is_tar else None
    return SourceLayer(descriptor, name, compression or "", is_whole)
