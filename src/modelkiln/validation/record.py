"""What an image holds against its record, for the validator: files, layers, settings, labels."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, Iterator, Mapping, Optional, Sequence

from modelkiln.errors import reason
from modelkiln.validation.bom import SBOM, bom_problems
from modelkiln.validation.layer import LayerContents, Node
from modelkiln.validation.tree import Tree, describe

__all__ = [
    "PACKAGE",
    "RECORDS",
    "WEIGHTS",
    "ReadImage",
    "ReadLayer",
    "artifact_problems",
    "image_problems",
    "pinned_ids",
    "variant_of",
]

_RECORD, _OLD_RECORD = "app/.modelkiln/record.json", "app/.modelkiln/package.json"
# Where a package has its record, and where those had it that were made before.
RECORDS = (_RECORD, _OLD_RECORD)
_MODELS, _CODE = "models/", "app/"
_WEIGHTS_LOCK = ".modelkiln/weights.lock.json"
# Where an image with lazy weights has their store.
_STORE = "var/cache/modelkiln"
# The label of an image that is a package, and of one that holds the files of model artifacts and nothing else.
PACKAGE, WEIGHTS = "modelkiln.package.digest", "modelkiln.weights.digest"
# What the record in dist/ holds beyond the one inside of the package.
_OUTPUTS = ("formats", "layers", "sources", "variants")
# Labels that deployment tools select by, and the keys of the record's variant that they repeat.
_SELECTED_BY = {f"modelkiln.package.{key}": key for key in ("accelerator", "cuda", "rocm", "tpu", "driver")}


@dataclass(frozen=True)
class ReadLayer:
    """A layer of an image. diff_id: that of the config, or "". contents: None where the blob is not here."""

    title: str
    diff_id: str
    contents: Optional[LayerContents]


@dataclass(frozen=True)
class ReadImage:
    """An image as it was read. config: its JSON document; layers: lowest first."""

    config: Mapping[str, Any]
    tree: Tree
    layers: Sequence[ReadLayer] = field(default=())

    @property
    def whole(self) -> bool:
        """Whether all layers were read, so that what is not in the tree is missing."""
        return all(layer.contents is not None and layer.contents.diff_id is not None for layer in self.layers)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the config says of how it runs."""
        settings = self.config.get("config")
        return settings if isinstance(settings, dict) else {}

    @property
    def labels(self) -> Mapping[str, Any]:
        """The config's labels."""
        labels = self.settings.get("Labels")
        return labels if isinstance(labels, dict) else {}

    @property
    def is_weights(self) -> bool:
        """Whether it holds the files of model artifacts and nothing that runs."""
        runs = PACKAGE in self.labels or self.settings.get("Entrypoint") or self.settings.get("Cmd")
        others = (path for path, node in self.tree.nodes.items() if node.kind != "dir" and not path.startswith(_MODELS))
        return WEIGHTS in self.labels and not runs and next(others, None) is None

    @property
    def is_of_others(self) -> bool:
        """Whether nothing in it says that it is a package."""
        return self.own_record is None and not any(str(key).startswith("modelkiln.") for key in self.labels)

    @property
    def own_record(self) -> Optional[bytes]:
        """The record that lies in the image, as its program would read it; None without one."""
        node = next((self.tree.nodes[path] for path in RECORDS if path in self.tree.nodes), None)
        return node.content if node is not None else None


def image_problems(image: ReadImage, given: Optional[Mapping[str, Any]]) -> Iterator[str]:
    """Yield where the record inside the image, the given one, labels, settings and files differ."""
    place = next((path for path in RECORDS if path in image.tree.nodes), _RECORD)
    content = image.own_record
    if content is None:
        expected = given is not None or any(key.startswith("modelkiln.package.") for key in image.labels)
        if image.whole and expected:
            yield f"/{place}: is missing, want the package's record."
        return
    try:
        record = json.loads(content)
        found = [*_digest_problems(place, record, given, image.labels), *_file_problems(image, record)]
        found += _pinned_problems(image, record) if record.get("image") else ()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        yield f"/{place}: is not a record: {reason(error)}."
        return
    yield from found


def _digest_problems(
    place: str, record: Mapping[str, Any], given: Optional[Mapping[str, Any]], labels: Mapping[str, str]
) -> Iterator[str]:
    inputs = {key: value for key, value in record.items() if key != "package_digest"}
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    actual, said = "sha256:" + hashlib.sha256(text.encode()).hexdigest(), record["package_digest"]
    if said != actual:
        yield f"/{place}: package_digest: got {said}, want {actual} of what it says."
    label = labels.get(PACKAGE)
    if label is not None and label != said:
        yield f"config.Labels: {PACKAGE}: got {label}, want {said} of /{place}."
    if given is None:
        return
    for key in sorted({*record, *given} - set(_OUTPUTS)):
        if record.get(key) != given.get(key):
            yield f"/{place}: {key}: got {_short(record.get(key))}, want {_short(given.get(key))} of the given record."


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:97] + "..."


def _wanted(record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The files below /models and those below /app that a record lists, by path."""
    models = {file["path"]: file for file in record["artifacts"]}
    if record.get("weights") in ("sidecar", "lazy"):
        models = {}  # They are mounted or fetched when the package starts.
    code = {file["path"]: file for file in record["code"]}
    if record.get("weights_lock"):
        code[_WEIGHTS_LOCK] = {"sha256": record["weights_lock"]}
    return models, code


def _has_all_files(image: ReadImage, pinned: Sequence[str]) -> bool:
    """Whether what is not in the tree is missing from the package's folders.

    So it is where the lowest layers alone were not read, and the record knows them: a base that stays in its registry.
    """
    unread = [n for n, layer in enumerate(image.layers) if layer.contents is None or layer.contents.diff_id is None]
    known = [n for n, layer in enumerate(image.layers) if layer.diff_id in pinned]
    return unread == list(range(len(unread))) and set(unread) <= set(known[:-1])


def _file_problems(image: ReadImage, record: Mapping[str, Any]) -> Iterator[str]:
    pinned, has_all = _pinned_nodes(image, record), _has_all_files(image, pinned_ids(record))
    for prefix, wanted in zip((_MODELS, _CODE), _wanted(record)):
        found = image.tree.files_below(prefix)
        for path, file in sorted(wanted.items()):
            node = found.pop(path, None)
            if node is None:
                if has_all:
                    yield f"/{prefix}{path}: is missing, want sha256 {file['sha256']} of the record."
            elif node.sha256 or pinned.get(prefix + path) is not node:
                yield from _node_problems(f"/{prefix}{path}", node, file)
        for path in sorted(found):
            if prefix + path not in RECORDS and not (prefix == _CODE and _source_of(path) in wanted):
                yield f"/{prefix}{path}: is not in the record, want only what it names."


def _node_problems(where: str, node: Node, file: Mapping[str, Any]) -> Iterator[str]:
    if node.sha256 != file["sha256"]:
        yield f"{where}: got sha256 {node.sha256 or node.kind}, want {file['sha256']} of the record."
    elif "size" in file and node.size != file["size"]:
        yield f"{where}: got {node.size} bytes, want {file['size']} of the record."


def _source_of(path: str) -> str:
    """The path of the source that byte code at `path` was compiled from (PEP 3147), else ""."""
    match = re.fullmatch(r"(.*/|)__pycache__/([^/]+)\.cpython-\d+\.pyc", path)
    return f"{match[1]}{match[2]}.py" if match else ""


def pinned_ids(record: Mapping[str, Any]) -> list[str]:
    """Return the diff IDs of layers that the record lists: base, environment, wheels and runtime, lowest first."""
    return list((record.get("image") or {}).get("diff_ids") or ())


def _pinned_nodes(image: ReadImage, record: Mapping[str, Any]) -> dict[str, Node]:
    """What layers hold that are, byte for byte, those of the record: their files need not be hashed."""
    pinned = set(pinned_ids(record))
    return {
        path: node
        for layer in image.layers
        if layer.contents is not None and layer.contents.diff_id in pinned
        for path, node in layer.contents.nodes.items()
    }


def _pinned_problems(image: ReadImage, record: Mapping[str, Any]) -> Iterator[str]:
    """Yield where an image differs from what its record says of it: layers, settings, platform, labels."""
    pinned = pinned_ids(record)
    found = [layer.diff_id for layer in image.layers if layer.diff_id in pinned]
    if found != pinned:
        yield (
            f"config.rootfs.diff_ids: got {_short(found)}, want {_short(pinned)} of the record: base, environment, "
            "wheels and runtime, in this order."
        )
    models, code = _wanted(record)
    allowed = {*RECORDS, SBOM, *(_MODELS + path for path in models), *(_CODE + path for path in code)}
    for layer in image.layers:
        if layer.contents is not None and layer.diff_id not in pinned:
            yield from _own_problems(layer, allowed)
            bom = layer.contents.nodes.get(SBOM)
            if bom is not None and bom.kind == "file":
                yield from bom_problems(bom.content or b"", record, f"/{SBOM}")
    wanted = record["image"]["config"]
    for key in sorted({*wanted, *image.settings} - {"Labels"}):
        if image.settings.get(key) != wanted.get(key):
            yield f"config.{key}: got {_short(image.settings.get(key))}, want {_short(wanted.get(key))} of the record."
    platform, variant = f"{image.config.get('os')}/{image.config.get('architecture')}", record["variant"]
    if platform != variant["platform"]:
        yield f"config: is for {platform}, want {variant['platform']} of the record."
    for label, want in _wanted_labels(record).items():
        if image.labels.get(label) != want:
            yield f"config.Labels: {label}: got {image.labels.get(label)!r}, want {want!r} of the record."


def _wanted_labels(record: Mapping[str, Any]) -> dict[str, Optional[str]]:
    """The labels that deployment tools select by, None for one that an image must not have."""
    variant, requires = record["variant"], (record.get("metadata") or {}).get("requires")
    found = {label: "true" if variant.get(key) is True else variant.get(key) for label, key in _SELECTED_BY.items()}
    provided = record.get("provided") or ()
    found["modelkiln.package.provided"] = " ".join(one["name"] + one["specifier"] for one in provided) or None
    for key in ("memory", "device_memory", "cpu"):
        value = requires.get(key) if isinstance(requires, dict) else None
        text = ",".join(value) if isinstance(value, list) else value
        found[f"modelkiln.package.requires.{key}"] = text or None
    return found


def _own_problems(layer: ReadLayer, allowed: set[str]) -> Iterator[str]:
    """Yield what a layer of weights, code or record has that is none of these: it lies over all others."""
    assert layer.contents is not None
    for path in layer.contents.removed:
        yield f"{layer.title}: hides /{path}, want layers of the package that only add files."
    folders = {
        path.rsplit("/", depth)[0] for path in (*allowed, f"{_STORE}/x") for depth in range(1, path.count("/") + 1)
    }
    for path, node in layer.contents.nodes.items():
        if path in allowed and node.kind == "file":
            continue
        if path in folders and node.kind == "dir" and node.mode != 0o755 and not path.startswith(_STORE):
            yield f"{layer.title}: /{path}: got mode {node.mode:04o}, want 0755."
        if node.kind != "dir" or path not in folders:
            yield f"{layer.title}: /{path}: is {describe(node)} that is not in the record, want only what it names."


def artifact_problems(
    files: Mapping[str, str], labels: Mapping[str, str], given: Optional[Mapping[str, Any]], whole: bool
) -> Iterator[str]:
    """Yield where the files of an artifact or an image of weights are not those of its label or of the given record.

    files: sha256 (hex) by path. whole: all layers were read.
    """
    if not whole:
        return
    said = labels.get(WEIGHTS)
    lines = sorted(f"{sha256}  {path}\n" for path, sha256 in files.items())
    actual = "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()
    if said not in (None, actual):
        yield f"config.Labels: {WEIGHTS}: got {said!r}, want {actual} of the files."
    if given is None:
        return
    records = given.get("variants") or [given]
    wanted = {file["path"]: file["sha256"] for one in records for file in one.get("artifacts") or ()}
    for path in sorted({*files, *wanted}):
        if files.get(path) != wanted.get(path):
            got, want = (f"sha256 {one[path]}" if path in one else "no such file" for one in (files, wanted))
            yield f"{path}: got {got}, want {want} of the given record."


def variant_of(record: Optional[Mapping[str, Any]], image: ReadImage) -> Optional[Mapping[str, Any]]:
    """Return the given record, or where it is of several images that of the image's own."""
    platform = f"{image.config.get('os')}/{image.config.get('architecture')}"
    digest = image.labels.get(PACKAGE)
    variants = (record or {}).get("variants") or ()
    # By platform too: an image whose label was changed is still compared with what it should be.
    for is_own in (
        lambda one: one.get("package_digest") == digest,
        lambda one: (one.get("variant") or {}).get("platform") == platform,
    ):
        for one in filter(is_own, variants):
            return one
    return record
