"""Structure of an image's JSON documents, for the validator.

Each function takes parsed JSON and yields sentences "NAME: got X, want Y". Sources: OCI image-spec
1.1, descriptor.md, manifest.md, image-index.md and config.md.
"""

import base64
import hashlib
import re
from typing import Any, Iterator, Mapping, Optional

__all__ = [
    "MODEL",
    "artifact_kind",
    "config_problems",
    "descriptor_problems",
    "foreign_problems",
    "index_problems",
    "manifest_problems",
    "platform_problems",
    "unconventional_settings",
]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# RFC 6838, section 4.2, which descriptor.md names for media types.
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_OCI = "application/vnd.oci.image."
_MANIFEST, _INDEX, _CONFIG = f"{_OCI}manifest.v1+json", f"{_OCI}index.v1+json", f"{_OCI}config.v1+json"
# What a package's image has: keys of its config, and names of labels and annotations.
_KEYS = frozenset(("architecture", "config", "created", "history", "os", "rootfs"))
_NAMES = ("modelkiln.", "org.opencontainers.image.")
_LAYERS = tuple(f"{_OCI}layer.v1.tar{ending}" for ending in ("", "+gzip", "+zstd"))

# CNCF model-spec 0.0.7, docs/spec.md: a ModelPack artifact.
MODEL = "application/vnd.cncf.model.manifest.v1+json"
_MODEL_CONFIG = "application/vnd.cncf.model.config.v1+json"
# What makes a document one of the kind, fsLayers and history that of Docker's first schema.
_OF_MANIFESTS, _OF_INDEXES = ("config", "layers", "fsLayers", "history"), ("manifests", "fsLayers", "history")
# BuildKit, docs/attestations/attestation-storage.md; image-spec 1.1, manifest.md, "Guidance for an Empty Descriptor".
_ATTESTATION = "application/vnd.docker.attestation.manifest.v1+json"
_EMPTY, _IN_TOTO = "application/vnd.oci.empty.v1+json", "application/vnd.in-toto+json"


def artifact_kind(manifest: Mapping[str, Any]) -> str:
    """Return what a manifest is that has no image's config, see `CheckedImage.kind`."""
    config, layers = manifest.get("config"), manifest.get("layers")
    kind = config.get("mediaType") if isinstance(config, dict) else None
    if manifest.get("artifactType") == MODEL and kind == _MODEL_CONFIG:  # Docker runs what has a config of its own.
        return "weights"
    if manifest.get("artifactType") != _ATTESTATION or not isinstance(config, dict) or not isinstance(layers, list):
        return "other"
    types = [layer.get("mediaType") if isinstance(layer, dict) else None for layer in layers]
    # No engine can run it; what is stated there is for a signature to vouch for.
    is_attestation = config.get("mediaType") == _EMPTY and all(kind == _IN_TOTO for kind in types)
    return "statements" if is_attestation else "other"


def platform_problems(entry: Mapping[str, Any], config: Optional[Mapping[str, Any]]) -> Iterator[str]:
    """Compare the platform that an index states for a manifest, if it does: by that engines take one for their image.

    config: the image's; None for statements, which are for no platform.
    """
    platform, whose = entry.get("platform"), "statements" if config is None else "the config"
    if isinstance(platform, dict):
        sides = (platform, {"os": "unknown", "architecture": "unknown"} if config is None else config)
        got, want = ([one.get(key) for key in ("os", "architecture")] for one in sides)
        if got != want:
            yield f"platform: got {got} in the index, want {want} of {whose}."


def descriptor_problems(value: Any, where: str) -> Iterator[str]:
    """Check a descriptor: the schemas of the specification let `sha256:xyz` pass, this does not."""
    if not isinstance(value, dict):
        yield f"{where}: got {value!r}, want a descriptor object."
        return
    media_type, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
    if not isinstance(media_type, str) or not _MEDIA_TYPE.fullmatch(media_type):
        yield f"{where}.mediaType: got {media_type!r}, want a media type."
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        yield f"{where}.digest: got {digest!r}, want sha256: and 64 lower-case hex digits."
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        yield f"{where}.size: got {size!r}, want a number of bytes."
    yield from _texts(value.get("annotations", {}), f"{where}.annotations")
    if "data" in value:  # image-spec, descriptor.md: it must be what digest and size say, since readers may take it.
        try:
            data = base64.b64decode(value["data"], validate=True)
        except (TypeError, ValueError):
            data = b""
        if ("sha256:" + hashlib.sha256(data).hexdigest(), len(data)) != (digest, size):
            yield f"{where}.data: is not the content that digest and size name."


def index_problems(index: Mapping[str, Any]) -> Iterator[str]:
    """Check an index without its descriptors."""
    yield from _head(index, _INDEX, required=False)
    yield from _double(index, _OF_MANIFESTS)
    entries = index.get("manifests")
    if not isinstance(entries, list) or not entries:
        yield f"manifests: got {entries!r}, want a list of at least one manifest."
        return
    names = []
    for number, entry in enumerate(entries):
        where = f"manifests[{number}]"
        yield from descriptor_problems(entry, where)
        if not isinstance(entry, dict):
            continue
        if entry.get("mediaType") not in (_MANIFEST, _INDEX):
            yield f"{where}.mediaType: got {entry.get('mediaType')!r}, want {_MANIFEST} or {_INDEX}."
        annotations = entry.get("annotations")
        if isinstance(annotations, dict):
            names.append(annotations.get("org.opencontainers.image.ref.name"))
        platform = entry.get("platform", {"architecture": "", "os": ""})
        keys = ("architecture", "os")
        if not isinstance(platform, dict) or not all(isinstance(platform.get(key), str) for key in keys):
            yield f"{where}.platform: got {platform!r}, want architecture and os."
    for name in dict.fromkeys(name for name in names if isinstance(name, str) and names.count(name) > 1):
        yield f"manifests: the name {name!r} is given {names.count(name)} times, want once."


def manifest_problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Check a manifest and its descriptors."""
    yield from _head(manifest, _MANIFEST, required=True)
    yield from _double(manifest, _OF_INDEXES)
    config, layers = manifest.get("config"), manifest.get("layers")
    yield from descriptor_problems(config, "config")
    is_image = isinstance(config, dict) and config.get("mediaType") == _CONFIG
    if not is_image and not manifest.get("artifactType"):
        found = config.get("mediaType") if isinstance(config, dict) else config
        yield f"config.mediaType: got {found!r}, want {_CONFIG} (or an artifactType)."
    if not isinstance(layers, list) or not layers:
        yield f"layers: got {layers!r}, want a list of at least one layer."
        return
    for number, layer in enumerate(layers):
        yield from descriptor_problems(layer, f"layers[{number}]")
        if is_image and isinstance(layer, dict) and layer.get("mediaType") not in _LAYERS:
            yield f"layers[{number}].mediaType: got {layer.get('mediaType')!r}, want one of {', '.join(_LAYERS)}."


def _double(document: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[str]:
    """A registry may serve as another kind of document what has the keys of both (CVE-2021-41190)."""
    for key in keys:
        if key in document:
            yield f"{key}: is there, want no document that is a manifest and an index."


def _head(document: Mapping[str, Any], media_type: str, required: bool) -> Iterator[str]:
    if document.get("schemaVersion") != 2 or document["schemaVersion"] is True:
        yield f"schemaVersion: got {document.get('schemaVersion')!r}, want 2."
    if document.get("mediaType", None if required else media_type) != media_type:
        yield f"mediaType: got {document.get('mediaType')!r}, want {media_type}."
    yield from _texts(document.get("annotations", {}), "annotations")


def _texts(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: got {value!r}, want an object of texts."
        return
    for key, text in value.items():
        if not isinstance(text, str):
            yield f"{where}: {key}: got {text!r}, want a text."


def config_problems(config: Mapping[str, Any], layers: int) -> Iterator[str]:
    """Check an image config; layers: how many its manifest has."""
    for key in ("architecture", "os"):
        if not isinstance(config.get(key), str) or not config[key]:
            yield f"{key}: got {config.get(key)!r}, want a name."
    rootfs = config.get("rootfs")
    rootfs = rootfs if isinstance(rootfs, dict) else {}
    if rootfs.get("type") != "layers":
        yield f"rootfs.type: got {rootfs.get('type')!r}, want 'layers'."
    diff_ids = rootfs.get("diff_ids")
    diff_ids = diff_ids if isinstance(diff_ids, list) else []
    if len(diff_ids) != layers:
        yield f"rootfs.diff_ids: got {len(diff_ids)} diff IDs, want {layers}, one for each layer."
    for number, diff_id in enumerate(diff_ids):
        if not isinstance(diff_id, str) or not _DIGEST.fullmatch(diff_id):
            yield f"rootfs.diff_ids[{number}]: got {diff_id!r}, want sha256: and 64 lower-case hex digits."
    history = config.get("history", [])
    if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
        yield f"history: got {history!r}, want a list of objects."
    elif history:
        count = sum(entry.get("empty_layer") is not True for entry in history)
        if count != layers:
            yield f"history: got {count} entries of layers, want {layers}."
    settings = config.get("config", {})
    if isinstance(settings, dict):
        yield from _settings_problems(settings)
    else:
        yield f"config: got {settings!r}, want an object."


def unconventional_settings(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what images of others may set, and Modelkiln's do not."""
    settings = config.get("config")
    user = settings.get("User", "") if isinstance(settings, dict) else "65532"
    if not isinstance(user, str) or not re.fullmatch(r"[0-9]+(:[0-9]+)?", user):
        yield f"config.User: got {user!r}, want a numeric uid or uid:gid."
    elif int(user.partition(":")[0]) == 0:
        yield f"config.User: got {user!r}, want another user than root."


def _settings_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    for key in ("Env", "Entrypoint", "Cmd"):
        value = settings.get(key) or []
        if not isinstance(value, list) or not all(isinstance(text, str) and "\0" not in text for text in value):
            yield f"config.{key}: got {value!r}, want a list of texts."
        elif key == "Env":
            names = [text.partition("=")[0] if "=" in text[1:] else None for text in value]
            for number, name in enumerate(names):
                if name is None:
                    yield f"config.Env: got {value[number]!r}, want NAME=value."
                elif names.index(name) != number:
                    yield f"config.Env: {name} is set twice, want once."
    folder = settings.get("WorkingDir", "/")
    if not isinstance(folder, str) or not folder.startswith("/"):
        yield f"config.WorkingDir: got {folder!r}, want an absolute path."
    volumes = settings.get("Volumes") or {}
    if not isinstance(volumes, dict) or not all(path.startswith("/") and volumes[path] == {} for path in volumes):
        yield f"config.Volumes: got {volumes!r}, want an object of absolute paths and empty objects."
    yield from _texts(settings.get("Labels") or {}, "config.Labels")


def foreign_problems(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an image says beside what packages say: engines act on it, and no record names it.

    A label can be a command for `podman container runlabel`, an annotation the handler of a runtime. By annotations of
    a layer (zstd:chunked, eStargz) its files are taken from a table in its blob, which no diff ID covers.
    """
    for key in sorted(set(config) - _KEYS):
        yield f"config: has the key {key!r}, which no package has."
    settings = config.get("config")
    labels = settings.get("Labels") if isinstance(settings, dict) else None
    yield from (f"config.Labels: has {name!r}, which no package has." for name in _foreign(labels))
    yield from (f"annotations: has {name!r}, which no package has." for name in _foreign(manifest.get("annotations")))
    layers = manifest.get("layers")
    for number, layer in enumerate(layers if isinstance(layers, list) else []):
        for name in _foreign(layer.get("annotations") if isinstance(layer, dict) else None):
            yield f"layers[{number}].annotations: has {name!r}, which no package has; copy the package as it is."


def _foreign(texts: Any) -> list[str]:
    return sorted(name for name in texts if not name.startswith(_NAMES)) if isinstance(texts, dict) else []
