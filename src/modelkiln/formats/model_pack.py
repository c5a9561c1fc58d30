"""Weights next to a package: a ModelPack artifact and a plain image, from the same layers.

Both are functions of the weights and of what people call the model, and of nothing else: an edit of
the code changes neither. Their layers are those of the package's own image, with the files under
`models/`.
"""

import posixpath
import re
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from modelkiln.canonical import canonical_json
from modelkiln.conventions import MODELS_MOUNT
from modelkiln.descriptor import LAYER, MANIFEST, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.image.image import Base, Image, Settings, build_image
from modelkiln.layer import Layer
from modelkiln.package.record import metadata_annotations

__all__ = ["ARTIFACT_CONFIG", "ARTIFACT_TYPE", "LAYER_TYPES", "WEIGHTS_LABEL", "build_artifact", "build_weights_image"]

# CNCF model-spec 0.0.7, docs/spec.md, "OCI Image Manifest Specification For Model Artifacts".
ARTIFACT_TYPE = "application/vnd.cncf.model.manifest.v1+json"
ARTIFACT_CONFIG = "application/vnd.cncf.model.config.v1+json"
LAYER_TYPES = {
    kind: f"application/vnd.cncf.model.{name}.v1.tar"
    for kind, name in (("weights", "weight"), ("config", "weight.config"), ("doc", "doc"), ("code", "code"))
}
# docs/annotations.md, "Layer Annotation Keys".
_FILE_PATH = "org.cncf.model.filepath"
_FILE_METADATA = "org.cncf.model.file.metadata+json"
_UNTESTED = "org.cncf.model.file.mediatype.untested"
# Of an image: the set digest of its files, as in a weights lock.
WEIGHTS_LABEL = "modelkiln.weights.digest"

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


@dataclass(frozen=True)
class Artifact:
    """A ModelPack artifact without its layers' bytes: manifest and config, their descriptors."""

    manifest: bytes
    manifest_descriptor: Descriptor
    config: bytes
    config_descriptor: Descriptor


def build_artifact(layers: Sequence[Layer], record: Mapping[str, Any]) -> Artifact:
    """Return the ModelPack artifact of weights layers (lowest first) of the package of `record`.

    Raises ModelkilnError for a package without weights, and for layers that are not plain tars.
    """
    _check(layers, record)
    config = canonical_json(
        {
            "descriptor": _descriptor(record),
            "config": _technical(record),
            "modelfs": {"type": "layers", "diffIds": [layer.diff_id for layer in layers]},
        }
    )
    config_descriptor = Descriptor.of(ARTIFACT_CONFIG, config)
    manifest = canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ARTIFACT_TYPE,
            "config": config_descriptor.to_json(),
            "layers": [_layer_json(layer) for layer in layers],
            "annotations": metadata_annotations(record),
        }
    )
    return Artifact(manifest, Descriptor.of(MANIFEST, manifest), config, config_descriptor)


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


def _check(layers: Sequence[Layer], record: Mapping[str, Any]) -> None:
    if not layers:
        raise ModelkilnError(
            f"{record['name']}: has no model artifact. Name one in the field `artifacts`, or leave "
            "'artifact' and 'weights-image' out of `formats`."
        )
    for layer in layers:
        if layer.descriptor.media_type != LAYER or not layer.recipe:
            raise ModelkilnError(f"{layer.title}: layer {layer.descriptor.digest} is not a plain tar with a recipe.")


def _files(layer: Layer) -> list:
    recipe = layer.recipe
    assert recipe is not None, "checked in `_check`"
    return [{**file, "path": posixpath.join(recipe["prefix"], file["path"])} for file in recipe["files"]]


def _layer_json(layer: Layer) -> dict:
    files = _files(layer)
    kinds = {_kind(file["path"]) for file in files}
    kind = kinds.pop() if len(kinds) == 1 else "weights"
    # The path of a layer's one file in its tar, or of the folder that all of them are in.
    path = files[0]["path"] if len(files) == 1 else posixpath.commonpath([file["path"] for file in files])
    annotations = {_FILE_PATH: path, _UNTESTED: "false" if kind == "weights" else "true"}
    if len(files) == 1:
        annotations[_FILE_METADATA] = canonical_json(_file_metadata(files[0])).decode()
    return {**layer.descriptor.to_json(), "mediaType": LAYER_TYPES[kind], "annotations": annotations}


def _kind(path: str) -> str:
    name = posixpath.basename(path)
    for kind, pattern in (("doc", _DOC), ("code", _CODE), ("config", _CONFIG)):
        if pattern.fullmatch(name):
            return kind
    return "weights"


def _file_metadata(file: Mapping[str, Any]) -> dict:
    # As the tar's header says: mode 0644, owner 0:0, time 0, and "0" for a regular file.
    return {
        "name": posixpath.basename(file["path"]), "mode": 0o644, "uid": 0, "gid": 0, "size": file["size"],
        "mtime": "1970-01-01T00:00:00Z", "typeflag": ord("0"),
    }  # fmt: skip


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
    formats = sorted({file.get("format", "unknown") for file in record["artifacts"]} - {"unknown", "safetensors-index"})
    # The specification has one text, and no word for a mixture.
    if len(formats) == 1:
        found["format"] = formats[0]
    return found
