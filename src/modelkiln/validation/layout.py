"""Recomputes every digest, size, diff ID and reference of a layout.

It shares no code with what writes layouts: it parses on its own, so that an error of the writer
is found and not repeated.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterable, Iterator, Mapping, Optional

from modelkiln.layer import Layer
from modelkiln.layers.recipe import is_available_locally, open_layer
from modelkiln.store.store import Store
from modelkiln.validation.config import config_problems, descriptor_problems, index_problems, manifest_problems
from modelkiln.validation.elf import machine_problems
from modelkiln.validation.layer import LayerContents, read_layer
from modelkiln.validation.tree import (
    RECORDS,
    WEIGHTS,
    Tree,
    entrypoint_problems,
    privilege_notes,
    record_problems,
    weights_problems,
)

__all__ = ["Issue", "validate_layout"]

_OCI = "application/vnd.oci.image."
_INDEX, _CONFIG = f"{_OCI}index.v1+json", f"{_OCI}config.v1+json"
_MODEL = "application/vnd.cncf.model.manifest.v1+json"
# A manifest has at most 4 MiB (distribution-spec 1.1, "Pushing Manifests"); configs are smaller.
_MAX_DOCUMENT = 4 << 20
_MAX_DEPTH = 4
# What others put next to them: docker, containerd and regctl list images for `docker load`, and oras has a folder for
# blobs that it is getting.
_OF_OTHERS = ("manifest.json", "repositories")
_INGEST = "ingest"


@dataclass(frozen=True)
class Issue:
    """One finding. where: file, blob or layer. text: "NAME: got X, want Y.". is_note: the layout is
    right, but something could not be checked or should be known."""

    where: str
    text: str
    is_note: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


def validate_layout(
    path: os.PathLike,
    store: Optional[Store] = None,
    record: Optional[Mapping[str, Any]] = None,
    complete: bool = False,
    layers: Iterable[Layer] = (),
) -> list[Issue]:
    """Return all issues of the layout at `path`; empty when all is as it should be.

    store: where blobs that the layout does not hold are looked up. record: the package's record
    as it lies in dist/, which the one inside of the image must equal. complete: the layout must
    hold every blob itself; otherwise one that is nowhere gives a note. layers: those that the
    record lists; one of weights is read from its files in the store.
    """
    validation = _Validation(Path(path), store, record, complete, layers)
    validation.run()
    return validation.issues


class _Validation:
    def __init__(
        self,
        root: Path,
        store: Optional[Store],
        record: Optional[Mapping[str, Any]],
        complete: bool,
        layers: Iterable[Layer],
    ) -> None:
        self.root, self.store, self.record, self.complete = root, store, record, complete
        self.layers = {layer.descriptor.digest: layer for layer in layers}
        self.issues: list[Issue] = []
        self.referenced: set[str] = set()
        self.checked: set[str] = set()

    def report(self, where: str, problems: Iterator[str]) -> bool:
        """Add an issue for each problem; whether there were none."""
        before = len(self.issues)
        self.issues += [Issue(where, text) for text in problems]
        return len(self.issues) == before

    def run(self) -> None:
        version = self.parse(self.read_file("oci-layout"), "oci-layout")
        if version is not None and version.get("imageLayoutVersion") != "1.0.0":
            text = f"imageLayoutVersion: got {version.get('imageLayoutVersion')!r}, want '1.0.0'."
            self.issues.append(Issue("oci-layout", text))
        index = self.parse(self.read_file("index.json"), "index.json")
        if index is not None:
            self.check_index(index, "index.json", 0)
        self.check_files()

    def read_file(self, name: str) -> Optional[bytes]:
        try:
            return (self.root / name).read_bytes()
        except OSError as error:
            self.issues.append(Issue(name, f"got no such file ({error.strerror}), want one in an OCI layout."))
            return None

    def parse(self, data: Optional[bytes], where: str) -> Optional[dict[str, Any]]:
        if data is None:
            return None
        try:
            value = json.loads(data.decode("utf-8"), object_pairs_hook=_without_duplicates)
        except (ValueError, RecursionError) as error:
            self.issues.append(Issue(where, f"is not JSON: {error}."))
            return None
        if not isinstance(value, dict):
            self.issues.append(Issue(where, f"got a JSON {type(value).__name__}, want an object."))
            return None
        return value

    def check_index(self, index: Mapping[str, Any], where: str, depth: int) -> None:
        self.report(where, index_problems(index))
        entries = index.get("manifests")
        for number, entry in enumerate(entries if isinstance(entries, list) else []):
            here = f"{where}: manifests[{number}]"
            document = self.document(entry, here)
            # Tools list the children of an index next to it, too; a platform is compared where one is stated.
            if document is None or (entry["digest"] in self.checked and "platform" not in entry):
                continue
            self.checked.add(entry["digest"])
            if entry["mediaType"] == _INDEX and depth < _MAX_DEPTH:
                self.check_index(document, f"index {entry['digest']}", depth + 1)
            elif entry["mediaType"] == _INDEX:
                self.issues.append(Issue(here, f"got indexes nested deeper than {_MAX_DEPTH}, want less."))
            else:
                self.check_manifest(document, f"manifest {entry['digest']}", entry)

    def find(self, descriptor: Any, where: str) -> Optional[Callable[[], BinaryIO]]:
        """What opens a blob of the layout or the store; None, reported, when it is nowhere."""
        if any(True for _ in descriptor_problems(descriptor, "")):
            return None  # Reported where the descriptor stands.
        digest = descriptor["digest"]
        self.referenced.add(digest[7:])
        path = self.root / "blobs" / "sha256" / digest[7:]
        if path.is_file():
            return partial(path.open, "rb")
        if self.complete:
            self.issues.append(Issue(where, f"blob {digest}: is missing, want it in the layout."))
            return None
        layer = self.layers.get(digest)
        if self.store is not None and layer is not None and is_available_locally(layer, self.store):
            return partial(open_layer, layer, self.store)
        if self.store is not None and self.store.path(digest).is_file():
            return partial(self.store.path(digest).open, "rb")
        self.issues.append(Issue(where, f"blob {digest}: not checked, it is not here.", is_note=True))
        return None

    def document(self, descriptor: Any, where: str) -> Optional[dict[str, Any]]:
        """The JSON document that a descriptor names, checked against it."""
        opening = self.find(descriptor, where)
        if opening is None:
            return None
        here = f"{where}: blob {descriptor['digest']}"
        with opening() as stream:
            data = stream.read(_MAX_DOCUMENT + 1)
        if len(data) > _MAX_DOCUMENT:
            self.issues.append(Issue(here, f"got more than {_MAX_DOCUMENT} bytes, want at most as many."))
            return None
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.report(here, _blob_problems(digest, len(data), descriptor))
        return self.parse(data, here)

    def check_manifest(self, manifest: Mapping[str, Any], where: str, entry: Mapping[str, Any]) -> None:
        self.report(where, manifest_problems(manifest))
        layers = manifest.get("layers")
        layers = layers if isinstance(layers, list) else []
        config = self.document(manifest.get("config"), f"{where}: config")
        if config is None or manifest["config"]["mediaType"] != _CONFIG:
            diff_ids = ((config or {}).get("modelfs") or {}).get("diffIds")  # CNCF model-spec, config.md.
            diff_ids = diff_ids if isinstance(diff_ids, list) else []
            if manifest.get("artifactType") == _MODEL and config is not None and len(diff_ids) != len(layers):
                text = f"modelfs.diffIds: got {len(diff_ids)} diff IDs, want {len(layers)}, one for each layer."
                self.issues.append(Issue(f"{where}: config", text))
            for number, layer in enumerate(layers):
                wanted = diff_ids[number] if number < len(diff_ids) else None
                self.layer(layer, wanted, f"{where}: layers[{number}]", True)
            return
        self.report(f"{where}: config", config_problems(config, len(layers)))
        platform = entry.get("platform")
        if isinstance(platform, dict):
            got, want = ([one.get(key) for key in ("os", "architecture")] for one in (platform, config))
            if got != want:
                self.issues.append(Issue(where, f"platform: got {got} in the index, want {want} of the config."))
        self.check_image(config, layers, where)

    def check_image(self, config: Mapping[str, Any], layers: list, where: str) -> None:
        rootfs, history = config.get("rootfs"), config.get("history")
        diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
        diff_ids = diff_ids if isinstance(diff_ids, list) else []
        history = [one for one in history if isinstance(one, dict)] if isinstance(history, list) else []
        history = [one for one in history if one.get("empty_layer") is not True]
        tree, whole = Tree(), True
        for number, descriptor in enumerate(layers):
            title, ours = _origin(history[number] if number < len(history) else {})
            here = f"{where}: layers[{number}] ({title})"
            wanted = diff_ids[number] if number < len(diff_ids) else None
            contents = self.layer(descriptor, wanted, here, ours)
            whole = whole and contents is not None and contents.diff_id is not None
            if contents is not None:
                self.report(here, tree.add(f"layers[{number}] ({title})", contents, ours))
        settings = config.get("config")
        settings = settings if isinstance(settings, dict) else {}
        labels = settings.get("Labels")
        labels = labels if isinstance(labels, dict) else {}
        # Settings of a wrong type raise here; config_problems has reported them. Weights run nothing.
        with suppress(TypeError, AttributeError, ValueError):
            if WEIGHTS not in labels or settings.get("Entrypoint"):
                self.report(f"{where}: config", entrypoint_problems(tree, settings, whole))
        if not history and "modelkiln.package.digest" in labels:
            # Without it all layers would pass for somebody else's.
            self.issues.append(Issue(where, "config: history: got none, want an entry for each layer."))
        self.report(where, record_problems(tree, _variant(self.record, config), labels, whole))
        self.report(where, weights_problems(tree, labels, whole))
        self.report(where, machine_problems(tree, config))
        self.issues += [Issue(where, text, is_note=True) for text in privilege_notes(tree)]

    def layer(self, descriptor: Any, diff_id: Any, where: str, ours: bool) -> Optional[LayerContents]:
        """Read a layer and check it against its descriptor and diff ID; None when it is missing."""
        opening = self.find(descriptor, where)
        if opening is None:
            return None
        if ".tar" not in descriptor["mediaType"]:  # A document or a raw file of an artifact.
            with opening() as stream:
                hasher, size = hashlib.sha256(), 0
                for chunk in iter(lambda: stream.read(1 << 20), b""):
                    hasher.update(chunk)
                    size += len(chunk)
            self.report(where, _blob_problems("sha256:" + hasher.hexdigest(), size, descriptor))
            if diff_id not in (None, descriptor["digest"]):
                self.issues.append(Issue(where, f"diff ID: got {descriptor['digest']}, want {diff_id} of the config."))
            return None
        with opening() as stream:
            contents = read_layer(stream, descriptor["mediaType"], ours, set(RECORDS))
        self.report(where, _blob_problems(contents.digest, contents.size, descriptor))
        self.report(where, iter(contents.problems))
        if contents.diff_id is not None and diff_id is not None and contents.diff_id != diff_id:
            self.issues.append(Issue(where, f"diff ID: got {contents.diff_id}, want {diff_id} of the config."))
        return contents

    def check_files(self) -> None:
        """Report files that nothing refers to: left over, or put there by somebody."""
        allowed = {"oci-layout", "index.json", "blobs", *_OF_OTHERS}
        allowed |= set() if self.names(_INGEST) else {_INGEST}
        for folder, want in (("", allowed), ("blobs", {"sha256"})):
            for name in self.names(folder) - want:
                self.issues.append(
                    Issue(f"{folder}/{name}".lstrip("/"), "is not a part of an OCI layout, want it gone.")
                )
        for name in sorted(self.names("blobs/sha256") - self.referenced):
            self.issues.append(Issue(f"blobs/sha256/{name}", "nothing refers to it, want it gone."))

    def names(self, folder: str) -> set[str]:
        try:
            return set(os.listdir(self.root / folder))
        except OSError:
            return set()


def _blob_problems(digest: str, size: int, descriptor: Mapping[str, Any]) -> Iterator[str]:
    if size != descriptor["size"]:
        yield f"size of blob {descriptor['digest']}: got {size} bytes, want {descriptor['size']}."
    if digest != descriptor["digest"]:
        yield f"digest of blob: got {digest}, want {descriptor['digest']}."


def _origin(entry: Mapping[str, Any]) -> tuple[str, bool]:
    """A layer's title, and whether we packed it, by its history."""
    created_by = str(entry.get("created_by", "no history"))
    ours = created_by.startswith("modelkiln ") and not str(entry.get("comment")).startswith("registry/")
    return created_by.removeprefix("modelkiln "), ours


def _variant(record: Optional[Mapping[str, Any]], config: Mapping[str, Any]) -> Optional[Mapping[str, Any]]:
    """The given record, or where it is of several images that of the image's own."""
    platform = f"{config.get('os')}/{config.get('architecture')}"
    digest = ((config.get("config") or {}).get("Labels") or {}).get("modelkiln.package.digest")
    variants = (record or {}).get("variants") or ()
    # By platform too: an image whose label was changed is still compared with what it should be.
    for is_own in (
        lambda one: one.get("package_digest") == digest,
        lambda one: (one.get("variant") or {}).get("platform") == platform,
    ):
        for one in filter(is_own, variants):
            return one
    return record


def _without_duplicates(pairs: list) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError(f"a key is given twice among {', '.join(sorted(key for key, _ in pairs))}")
    return value
