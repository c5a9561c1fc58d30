"""Documents of images that others wrote, held to the kinds of values that all who read them rely on."""

from typing import Any, Mapping

from modelkiln.document import ANYTHING, TEXT, Shape, mismatch, parse_object
from modelkiln.errors import ModelkilnError

__all__ = ["parse_config", "parse_document"]

_TEXTS = {"*": TEXT}
# OCI image-spec 1.1, descriptor.md, beside what `Descriptor.from_json` reads.
_DESCRIPTOR = {"annotations": _TEXTS, "artifactType": TEXT}
# manifest.md and image-index.md.
_DOCUMENT = {
    "annotations": _TEXTS,
    "artifactType": TEXT,
    "config": _DESCRIPTOR,
    "layers": [_DESCRIPTOR],
    "manifests": [_DESCRIPTOR],
    "subject": _DESCRIPTOR,
}
# OCI image-spec 1.1, config.md, "Properties".
_CONFIG: Mapping[str, Any] = {
    "architecture": TEXT,
    "os": TEXT,
    "variant": TEXT,
    "config": {"Labels": _TEXTS, "Env": [TEXT], "Entrypoint": [TEXT], "Cmd": [TEXT], "User": TEXT, "WorkingDir": TEXT},
    "rootfs": {"type": TEXT, "diff_ids": [TEXT]},
    "history": [{"created_by": TEXT, "empty_layer": ANYTHING}],
}


def parse_document(data: bytes, where: str, remedy: str = "Package the target again.") -> dict[str, Any]:
    """Return a manifest, an index or another JSON object of a layout; raises ModelkilnError that names `where`."""
    return _parse(data, where, _DOCUMENT, remedy)


def parse_config(data: bytes, where: str) -> dict[str, Any]:
    """Return an image's config; raises ModelkilnError that names `where` for what is not one."""
    return _parse(data, where, _CONFIG, "Build or package the image again.")


def _parse(data: bytes, where: str, shape: Shape, remedy: str) -> dict[str, Any]:
    try:
        value = parse_object(data)
    except ValueError as error:
        raise ModelkilnError(f"{where}: is not a JSON object: {error}. {remedy}") from None
    problem = mismatch(value, shape)
    if problem:
        raise ModelkilnError(f"{where}: {problem}. {remedy}")
    return value
