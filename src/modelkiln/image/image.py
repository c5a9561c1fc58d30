"""Images: config and manifest as a pure function of descriptors (OCI image-spec 1.1)."""

import re
from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence

from modelkiln.canonical import document_json
from modelkiln.conventions import USER_ID
from modelkiln.descriptor import CONFIG, LAYER_MEDIA_TYPES, MANIFEST, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.wording import counted

__all__ = ["CREATED", "Base", "Image", "Settings", "build_image", "merge_env", "settings_config"]

# Docker's layer store refuses longer chains (moby, layer/layer_store.go, maxLayerDepth): overlay
# mounts hold up to 127 lower folders and a container adds two of its own.
MAX_LAYERS = 125
# An image is a function of its inputs and has no time. Readers want one, in the config and in the history, and take its
# absence for the year 1: this is the one that other reproducible builders write.
CREATED = "1970-01-01T00:00:00Z"
# Kubernetes' runAsNonRoot can only be checked for a number (a name would need the image's
# /etc/passwd).
_USER = re.compile(r"[0-9]+(:[0-9]+)?")


@dataclass(frozen=True)
class Base:
    """What an image is built on.

    layers: lowest first. env: "NAME=value" strings of the base's own config.
    """

    layers: tuple[Layer, ...]
    architecture: str
    os: str
    env: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """How an image runs, and what people and tools know it by.

    env: replaces variables of the base by name. user: "uid:gid", numeric. volumes: absolute paths
    of folders that outlive a container.
    """

    env: Mapping[str, str]
    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    working_dir: str = "/"
    user: str = f"{USER_ID}:{USER_ID}"
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    volumes: Sequence[str] = ()


@dataclass(frozen=True)
class Image:
    """An image without its layers' bytes: manifest and config, their descriptors, the layers."""

    manifest: bytes
    manifest_descriptor: Descriptor
    config: bytes
    config_descriptor: Descriptor
    layers: tuple[Layer, ...]


def build_image(base: Base, layers: Sequence[Layer], settings: Settings) -> Image:
    """Return the image of `layers` (lowest first) on `base`; it reads nothing else.

    Raises ModelkilnError for settings that no runtime would take.
    """
    stack = (*base.layers, *layers)
    _check_layers(stack)
    _check_settings(base, settings)
    _check_texts("label", settings.labels)
    _check_texts("annotation", settings.annotations)
    config = document_json(
        {
            "created": CREATED,
            "architecture": base.architecture,
            "os": base.os,
            "config": _config(base, settings),
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in stack]},
            "history": [_history(layer) for layer in stack],
        }
    )
    config_descriptor = Descriptor.of(CONFIG, config)
    content: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config_descriptor.to_json(),
        "layers": [layer.descriptor.to_json() for layer in stack],
    }
    content.update({"annotations": dict(settings.annotations)} if settings.annotations else {})
    manifest = document_json(content)
    return Image(manifest, Descriptor.of(MANIFEST, manifest), config, config_descriptor, stack)


def settings_config(base_env: Sequence[str], settings: Settings) -> dict[str, Any]:
    """Return what runtimes read of an image (OCI image-spec 1.1, config.md), without labels; what is empty is left out.

    base_env: see `Base`.
    """
    optional = {
        "Entrypoint": list(settings.entrypoint),
        "Cmd": list(settings.cmd),
        "Volumes": {path: {} for path in settings.volumes},
    }
    return {
        "User": settings.user,
        "Env": merge_env(base_env, settings.env),
        "WorkingDir": settings.working_dir,
        **{key: value for key, value in optional.items() if value},
    }


def _config(base: Base, settings: Settings) -> dict[str, Any]:
    labels = {"Labels": dict(settings.labels)} if settings.labels else {}
    return {**settings_config(base.env, settings), **labels}


def _history(layer: Layer) -> dict[str, str]:
    entry = {"created": CREATED, "created_by": f"modelkiln {layer.kind}: {layer.title}"}
    if layer.recipe:
        # Distinguishes our own layers from those of other registries, which keep other conventions.
        entry["comment"] = layer.recipe.packer
    return entry


def merge_env(base: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Return "NAME=value" strings: those of `base` in their order with `env` put over them, then
    what only `env` has, sorted."""
    merged: dict[str, str] = {}
    for text in base:
        name, equals, value = text.partition("=")
        if not equals:
            raise ModelkilnError(f"base image: environment {text!r} is not NAME=value. Use another base.")
        merged[name] = value
    for name in sorted(env):
        merged[name] = env[name]
    for name, value in merged.items():
        if not name or "=" in name or "\0" in name + value:
            raise ModelkilnError(f"image: environment variable {name!r}={value!r}: no such name or value can be set.")
    return [f"{name}={value}" for name, value in merged.items()]


def _check_layers(stack: Sequence[Layer]) -> None:
    if not stack:
        raise ModelkilnError("image: has no layers. Give it a base image or a model artifact.")
    if len(stack) > MAX_LAYERS:
        raise ModelkilnError(
            f"image: has {counted(len(stack), 'layer')}, container engines mount at most {MAX_LAYERS}. "
            "Raise the size below which wheels are merged into one layer, or use fewer artifacts."
        )
    for layer in stack:
        if layer.descriptor.media_type not in LAYER_MEDIA_TYPES:
            raise ModelkilnError(
                f"image: layer {layer.title!r} has media type {layer.descriptor.media_type!r}; "
                f"want one of {', '.join(sorted(LAYER_MEDIA_TYPES))}."
            )


def _check_settings(base: Base, settings: Settings) -> None:
    entrypoint, cmd = settings.entrypoint, settings.cmd
    if not base.architecture or not base.os:
        raise ModelkilnError(f"image: platform {base.os!r}/{base.architecture!r} is not complete. Set the base's.")
    if not _USER.fullmatch(settings.user):
        raise ModelkilnError(
            f"image: user {settings.user!r} is not numeric; write uid or uid:gid, such as 65532:65532."
        )
    if not settings.working_dir.startswith("/"):
        raise ModelkilnError(f"image: working directory {settings.working_dir!r} is not absolute.")
    if isinstance(entrypoint, str) or isinstance(cmd, str):
        raise ModelkilnError("image: entrypoint and cmd are lists of arguments, not one string.")
    for argument in (*entrypoint, *cmd):
        if not isinstance(argument, str) or "\0" in argument:
            raise ModelkilnError(f"image: argument {argument!r} of entrypoint or cmd is not a text without NUL.")
    if entrypoint and not entrypoint[0]:
        raise ModelkilnError("image: the entrypoint's program is empty.")


def _check_texts(what: str, texts: Mapping[str, str]) -> None:
    for name, value in texts.items():
        if not isinstance(name, str) or not name or not isinstance(value, str):
            raise ModelkilnError(f"image: {what} {name!r}: {value!r} is not a text; write it in quotes.")
