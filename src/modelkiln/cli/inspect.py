"""`modelkiln inspect`: what a layout holds, or a registry of a package."""

import argparse
from typing import Any, Iterator, Mapping, Optional

from modelkiln.cli.attestation.package import add_package, is_registry, layout_of
from modelkiln.cli.attestation.referrers import inspect_remote
from modelkiln.cli.options import store_of
from modelkiln.cli.tables import Column, Part, Table, print_all, word_table
from modelkiln.conventions import FILE_PATH
from modelkiln.image.blobs import Blobs, find_record, layers_in
from modelkiln.image.layout import FoundManifest, Layout
from modelkiln.package.outside import read_record
from modelkiln.package.record import PACKAGE_LABEL, variant_records
from modelkiln.runtime.weights.progress import readable_size

HELP = "Show name, digest, platform, layers and labels of the images in a layout; in a registry, what refers to them."
EXAMPLES = (
    "inspect dist/models.digits/digits.oci",
    "inspect digits.oci --image 1.2.0 --json",
    "inspect registry.example.com/models/digits:1.2.0",
)
_HEAD = 9
_LAYERS = (
    Column("layer", 12),
    Column("size", 10, is_number=True),
    Column("unpacked", 8, is_number=True),
    Column("where", 6),
    Column("title", is_text=True),
)
_FILES = (
    Column("size", 10, is_number=True),
    Column("format", 10),
    Column("file of the model artifacts", is_text=True),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln inspect`."""
    add_package(parser, "a layout's folder, or registry.example.com/name:tag")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print a JSON list, one object an image (docs/schemas/inspect.json, of a registry inspect-registry.json)",
    )


def run(args: argparse.Namespace) -> int:
    """Print a table, or JSON, of each image."""
    if is_registry(args.package):
        return inspect_remote(args)
    layout = layout_of(args)
    found = layout.expand(layout.select(args.image)) if args.image else layout.manifests()
    record = find_record(layout.path, args.record)
    layers = layers_in(record, layout.path, args.record)
    unpacked = {layer.descriptor.digest: layer.unpacked_size for layer in layers}
    blobs = Blobs(layout, store_of(args), layers)
    described = [_describe(one, layout, blobs, unpacked) for one in found]
    for one in described:
        recorded = _recorded(record, one["package_digest"])
        one["files"] = list(recorded.get("artifacts") or ())
        one["members"] = _members(recorded)
    print_all(described, _parts, args.json)
    return 0


def _describe(found: FoundManifest, layout: Layout, blobs: Blobs, unpacked: dict) -> dict[str, Any]:
    """sizes: bytes; an unpacked size is None where neither record nor media type states it."""
    config_descriptor, *descriptors = found.blobs
    config = layout.read_config(config_descriptor)
    history = [one for one in config.get("history") or () if not one.get("empty_layer")]
    layers = []
    named = [(layer.get("annotations") or {}).get(FILE_PATH) for layer in found.content["layers"]]
    for number, one in enumerate(descriptors):
        title = str(history[number].get("created_by", "")) if number < len(history) else ""
        plain = one.size if one.media_type.endswith(".tar") else None
        layers.append(
            {
                **one.to_json(),
                "title": title.removeprefix("modelkiln ") or named[number] or one.media_type,
                "unpacked_size": unpacked.get(one.digest, plain),
                "where": blobs.state(one),
            }
        )
    sizes = [layer["unpacked_size"] for layer in layers]
    settings = config.get("config") or {}
    labels = settings.get("Labels") or found.content.get("annotations") or {}
    return {
        "name": found.name,
        "title": labels.get("org.opencontainers.image.title", ""),
        "digest": found.descriptor.digest,
        "config": config_descriptor.digest,
        "platform": f"{config['os']}/{config['architecture']}" if config.get("os") else found.platform,
        "package_digest": labels.get(PACKAGE_LABEL, ""),
        "artifact_type": found.content.get("artifactType", ""),
        "size": sum(layer["size"] for layer in layers),
        "unpacked_size": None if None in sizes else sum(sizes),
        "layers": layers,
        "labels": labels,
        "entrypoint": settings.get("Entrypoint") or [],
        "cmd": settings.get("Cmd") or [],
        "user": settings.get("User", ""),
    }


def _recorded(record: Optional[bytes], package_digest: str) -> Mapping[str, Any]:
    """What a record says of the package with a digest; of one without, of all that it describes."""
    found = read_record(record, "the record", needs=()) if record else {}
    variants = [one for one in variant_records(found) if one.get("package_digest") == package_digest]
    return (variants or [found])[0]


def _members(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """The members of an ensemble: what steps call them, which packages they are."""
    members = (record.get("ensemble") or {}).get("members") or {}
    keys = ("name", "version", "package_digest")
    return [{"member": name, **{key: one[key] for key in keys}} for name, one in sorted(members.items())]


def _parts(image: dict[str, Any]) -> Iterator[Part]:
    command = " ".join([*image["entrypoint"], *image["cmd"]])
    head = (
        ("name", " ".join(filter(None, (image["title"], image["name"])))),
        ("digest", image["digest"]),
        ("package", image["package_digest"]),
        ("artifact", image["artifact_type"]),
        ("platform", image["platform"]),
        ("user", image["user"]),
        ("runs", command),
        ("size", f"{_size(image['size'])} ({_size(image['unpacked_size'])} unpacked)"),
    )
    members = (
        ("member", f"{one['member']}: {one['name']} {one['version']} {one['package_digest']}")
        for one in image["members"]
    )
    yield word_table((*head, *members), _HEAD)
    yield ""
    layers = [
        (one["digest"][7:19], _size(one["size"]), _size(one["unpacked_size"]), one["where"], _short(one["title"]))
        for one in image["layers"]
    ]
    yield Table(_LAYERS, layers)
    if image["files"]:
        yield ""
        yield Table(_FILES, [_file(one) for one in image["files"]])
    if image["labels"]:
        labels = sorted(image["labels"].items())
        yield from ("", "labels")
        yield Table((Column(), Column(is_text=True)), labels, [f"  {key}={value}" for key, value in labels])


def _file(file: Mapping[str, Any]) -> tuple[str, str, str]:
    code = f" (code: {', '.join(file['code'])})" if file.get("code") else ""
    return _size(file["size"]), file.get("format", "unknown"), f"{file['path']}{code}"


def _size(size) -> str:
    return "?" if size is None else readable_size(size)


def _short(title: str) -> str:
    return title if len(title) <= 60 else title[:57] + "..."
