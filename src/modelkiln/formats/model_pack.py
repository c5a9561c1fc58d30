"""Weights next to a package: a ModelPack artifact and a plain image.

Both are functions of the weights and of what people call the model, and of nothing else: an edit of
the code changes neither. A layer of the artifact is a file as it is, whose digest everybody knows; the
image's layers are those of the package's own image, with the files under `models/`, and an artifact may
have them too.
"""

import json
import posixpath
import re
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from modelkiln.canonical import document_json
from modelkiln.conventions import ARTIFACT_TYPE, FILE_PATH, MODELS_MOUNT, TOKENIZER_FORMATS, WEIGHTS_LABEL
from modelkiln.descriptor import LARGEST_MANIFEST, LAYER, MANIFEST, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.image.image import Base, Image, Settings, build_image
from modelkiln.layer import Layer
from modelkiln.package.record import metadata_annotations

__all__ = ["ARTIFACT_CONFIG", "build_artifact", "build_tar_artifact", "build_weights_image", "raw_type"]

# CNCF model-spec 0.0.7, docs/spec.md, "OCI Image Manifest Specification For Model Artifacts".
ARTIFACT_CONFIG = "application/vnd.cncf.model.config.v1+json"
_TYPES = {
    kind: f"application/vnd.cncf.model.{name}.v1."
    for kind, name in (("weights", "weight"), ("config", "weight.config"), ("doc", "doc"), ("code", "code"))
}
# docs/annotations.md, "Layer Annotation Keys".
_FILE_METADATA = "org.cncf.model.file.metadata+json"
_TITLE = "org.opencontainers.image.title"
_UNTESTED = "org.cncf.model.file.mediatype.untested"

_DOC = re.compile(
    r"(readme|license|licence|notice|copying|changelog|model_?card)[^/]*|[^/]*\.(md|rst|pdf)", re.IGNORECASE
)
_CODE = re.compile(r"[^/]*\.(py|sh|ipynb|c|cc|cpp|cu|h|js)", re.IGNORECASE)
_CONFIG = re.compile(r"[^/]*\.(json|yaml|yml|toml|txt|jinja|model|tiktoken|vocab|bpe|xml|ini|cfg)", re.IGNORECASE)
# docs/config.md: keys of "descriptor" and the metadata that they are taken from; of "config".
_TEXTS = {
    "vendor": "vendor", "family": "family", "description": "description", "docURL": "documentation",
    "sourceURL": "source", "revision": "revision",
}  # fmt: skip
_LISTS = {"authors": ("authors",), "licenses": ("licenses", "license"), "datasetsURL": ("datasets",)}
_TECHNICAL = {
    "architecture": "architecture", "paramSize": "param_size", "precision": "precision", "quantization": "quantization",
}  # fmt: skip

# Formats of files that lie next to weights.
_NO_WEIGHTS = {"unknown", "safetensors-index", *TOKENIZER_FORMATS}


@dataclass(frozen=True)
class Artifact:
    """A ModelPack artifact without its layers' bytes: manifest and config, their descriptors."""

    manifest: bytes
    manifest_descriptor: Descriptor
    config: bytes
    config_descriptor: Descriptor


def build_artifact(files: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> Artifact:
    """Return the ModelPack artifact of the package of `record` with a layer for each file, as `modctl build` does.

    files: objects with path, sha256 (hex) and size (bytes). Raises ModelkilnError for a package without weights, and
    for more files than a manifest holds.
    """
    _check_any(files, record)
    listed = sorted(files, key=lambda file: file["path"])
    made = _artifact([_file_json(file) for file in listed], [f"sha256:{file['sha256']}" for file in listed], record)
    if len(made.manifest) > LARGEST_MANIFEST:
        raise ModelkilnError(
            f"{record['name']}: has {len(listed)} files, and a manifest of them has {len(made.manifest)} bytes; "
            f'registries take {LARGEST_MANIFEST}. Put files together with [modelkiln].artifact_layers = "tar".'
        )
    return made


def build_tar_artifact(layers: Sequence[Layer], record: Mapping[str, Any]) -> Artifact:
    """Return the ModelPack artifact of weights layers (lowest first) of the package of `record`.

    Raises ModelkilnError for a package without weights, and for layers that are not plain tars.
    """
    _check(layers, record)
    return _artifact([_layer_json(layer) for layer in layers], [layer.diff_id for layer in layers], record)


def _artifact(layers: list, diff_ids: list, record: Mapping[str, Any]) -> Artifact:
    config = document_json(
        {
            "descriptor": _descriptor(record),
            "config": _technical(record),
            "modelfs": {"type": "layers", "diffIds": diff_ids},
        }
    )
    config_descriptor = Descriptor.of(ARTIFACT_CONFIG, config)
    manifest = document_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ARTIFACT_TYPE,
            "config": config_descriptor.to_json(),
            "layers": layers,
            "annotations": metadata_annotations(record),
        }
    )
    return Artifact(manifest, Descriptor.of(MANIFEST, manifest), config, config_descriptor)


def raw_type(path: str) -> str:
    """Return the media type of a layer that is the file at `path`."""
    return _TYPES[_kind(path)] + "raw"


def build_weights_image(layers: Sequence[Layer], record: Mapping[str, Any], weights_digest: str) -> Image:
    """Return the image of weights layers alone, with the files under /models.

    Kubernetes mounts it as a volume (`volumes: [{image: {reference: ...}}]`). It has no program to
    run: KServe's modelcar container, which starts `sh`, `ln` and `sleep` of the image, cannot use it.
    weights_digest: the set digest of the files.
    """
    _check(layers, record)
    texts = {**metadata_annotations(record), WEIGHTS_LABEL: weights_digest}
    system, _, architecture = record["variant"]["platform"].partition("/")
    settings = Settings({}, working_dir=MODELS_MOUNT, labels=texts, annotations=texts)
    return build_image(Base((), architecture, system), layers, settings)


def _check_any(parts: Sequence[Any], record: Mapping[str, Any]) -> None:
    if not parts:
        raise ModelkilnError(
            f"{record['name']}: has no model artifact. Name one in the field `artifacts`, or leave "
            "'artifact' and 'weights-image' out of `formats`."
        )


def _check(layers: Sequence[Layer], record: Mapping[str, Any]) -> None:
    _check_any(layers, record)
    for layer in layers:
        if layer.descriptor.media_type != LAYER or not layer.recipe:
            raise ModelkilnError(f"{layer.title}: layer {layer.descriptor.digest} is not a plain tar with a recipe.")


def _files(layer: Layer) -> list:
    recipe = layer.recipe
    assert recipe is not None, "checked in `_check`"
    return [{**file, "path": posixpath.join(recipe["prefix"], file["path"])} for file in recipe["files"]]


def _file_json(file: Mapping[str, Any]) -> dict:
    path = file["path"]
    annotations = {
        FILE_PATH: path,
        _FILE_METADATA: _file_metadata(file),
        _UNTESTED: _untested(_kind(path)),
        # podman and oras name the file by it, and CRI-O too.
        _TITLE: path,
    }
    return {
        **Descriptor(raw_type(path), f"sha256:{file['sha256']}", file["size"]).to_json(),
        "annotations": annotations,
    }


def _untested(kind: str) -> str:
    return "false" if kind == "weights" else "true"


def _layer_json(layer: Layer) -> dict:
    files = _files(layer)
    kinds = {_kind(file["path"]) for file in files}
    kind = kinds.pop() if len(kinds) == 1 else "weights"
    # The path of a layer's one file in its tar, or of the folder that all of them are in.
    path = files[0]["path"] if len(files) == 1 else posixpath.commonpath([file["path"] for file in files])
    annotations = {FILE_PATH: path, _UNTESTED: _untested(kind)}
    if len(files) == 1:
        annotations[_FILE_METADATA] = _file_metadata(files[0])
    return {**layer.descriptor.to_json(), "mediaType": _TYPES[kind] + "tar", "annotations": annotations}


def _kind(path: str) -> str:
    name = posixpath.basename(path)
    for kind, pattern in (("doc", _DOC), ("code", _CODE), ("config", _CONFIG)):
        if pattern.fullmatch(name):
            return kind
    return "weights"


def _file_metadata(file: Mapping[str, Any]) -> str:
    # As a tar's header would say: mode 0644, owner 0:0, time 0, and "0" for a regular file. In model-spec's order.
    return json.dumps(
        {
            "name": posixpath.basename(file["path"]), "mode": 0o644, "uid": 0, "gid": 0, "size": file["size"],
            "mtime": "1970-01-01T00:00:00Z", "typeflag": ord("0"),
        },
        separators=(",", ":"),
        ensure_ascii=False,
    )  # fmt: skip


def _descriptor(record: Mapping[str, Any]) -> dict:
    metadata = record["metadata"]
    found: dict = {"name": record["name"], "version": record["version"]}
    found["title"] = str(metadata.get("title") or record["name"])
    found.update({key: metadata[name] for key, name in _TEXTS.items() if isinstance(metadata.get(name), str)})
    for key, names in _LISTS.items():
        value = next((metadata[name] for name in names if metadata.get(name)), None)
        values = [value] if isinstance(value, str) else value
        if isinstance(values, list) and all(isinstance(text, str) for text in values):
            found[key] = values
    return found


def _technical(record: Mapping[str, Any]) -> dict:
    metadata = record["metadata"]
    found = {key: metadata[name] for key, name in _TECHNICAL.items() if isinstance(metadata.get(name), str)}
    quantizations = {file.get("facts", {}).get("quantization") for file in record["artifacts"]} - {None}
    if len(quantizations) == 1:
        found.setdefault("quantization", quantizations.pop())
    formats = sorted({file.get("format", "unknown") for file in record["artifacts"]} - _NO_WEIGHTS)
    # The specification has one text, and no word for a mixture.
    if len(formats) == 1:
        found["format"] = formats[0]
    return found
