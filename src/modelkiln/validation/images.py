"""Recomputes digests, sizes, diff IDs and references of manifests, and of all that they name.

The blobs are wherever the caller has them: in a layout, in a store, in a registry. It shares no code with what
writes images: it parses on its own, so that an error of the writer is found and not repeated.
"""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional

from modelkiln.errors import ModelkilnError
from modelkiln.validation.bom import SBOM
from modelkiln.validation.config import (
    MODEL,
    artifact_kind,
    config_problems,
    descriptor_problems,
    foreign_problems,
    index_problems,
    manifest_problems,
    platform_problems,
    unconventional_settings,
)
from modelkiln.validation.elf import machine_problems
from modelkiln.validation.findings import BlobMissing, CheckedImage, Issue, LayerMemory, Opening
from modelkiln.validation.layer import LayerContents, read_layer, read_raw
from modelkiln.validation.record import (
    PACKAGE,
    RECORDS,
    WEIGHTS,
    ReadImage,
    ReadLayer,
    artifact_problems,
    image_problems,
    pinned_ids,
    variant_of,
)
from modelkiln.validation.streams import CORES
from modelkiln.validation.strict_json import parse
from modelkiln.validation.tree import Tree, entrypoint_problems, privilege_notes

__all__ = ["READERS_OF_NETWORK", "Manifests"]

_OCI = "application/vnd.oci.image."
_INDEX, _CONFIG = f"{_OCI}index.v1+json", f"{_OCI}config.v1+json"
# The label of an image, and the annotation by which one of an index is chosen.
_ACCELERATOR = "modelkiln.package.accelerator"
# CNCF model-spec, docs/annotations.md: the path of a layer's file.
_FILE_PATH = "org.cncf.model.filepath"
# A manifest has at most 4 MiB (distribution-spec 1.1, "Pushing Manifests"); configs are smaller.
_MAX_DOCUMENT = 4 << 20
_MAX_DEPTH = 4
# The layer of a record alone: one with more is read in its turn.
_SMALL_LAYER = 64 << 20
# Layers at a time: more than cores of this machine only where they come from elsewhere, and more than these nowhere.
_MOST_READERS, READERS_OF_NETWORK = 8, 4


class Manifests:
    """Checks manifests and indexes with all that they name.

    issues: what was found. images: each manifest, in the order in which it was met.
    """

    def __init__(
        self,
        open_blob: Callable[[Mapping[str, Any]], Opening],
        record: Optional[Mapping[str, Any]] = None,
        trusts_diff_ids: bool = False,
        memory: Optional[LayerMemory] = None,
        readers: int = 1,
    ) -> None:
        """open_blob: returns what opens the blob of a descriptor; raises BlobMissing. record: that of the package as
        it lies in dist/ or next to it in a registry, which each image's own must equal. trusts_diff_ids: files of
        layers that an image's record names by their diff IDs are not hashed one by one, and images of others need not
        keep to our conventions. memory: of layers that were read before. readers: layers at a time, at least."""
        self._open, self._record, self._trusts, self._memory = open_blob, record, trusts_diff_ids, memory
        self._readers = max(readers, min(CORES, _MOST_READERS))
        self._read: dict[tuple[str, bool, bool], LayerContents] = {}
        self._checked: set[str] = set()
        self._accelerators: dict[Any, Any] = {}
        self.issues: list[Issue] = []
        self.images: list[CheckedImage] = []

    def report(self, where: str, problems: Iterable[str], is_convention: bool = False) -> None:
        """Add an issue for each problem."""
        self.issues += [Issue(where, text, is_convention=is_convention) for text in problems]

    def parse(self, data: Optional[bytes], where: str) -> Optional[dict[str, Any]]:
        """Return a JSON object; None, reported, for anything else."""
        if data is None:
            return None
        try:
            value = parse(data)
        except (ValueError, RecursionError) as error:
            self.issues.append(Issue(where, f"is not JSON: {error}."))
            return None
        if not isinstance(value, dict):
            self.issues.append(Issue(where, f"got a JSON {type(value).__name__}, want an object."))
            return None
        return value

    def check_index(self, index: Mapping[str, Any], where: str, depth: int = 0) -> None:
        """Check an index and all that it lists."""
        self.report(where, index_problems(index))
        for number, entry in enumerate(_list(index.get("manifests"))):
            self.check_entry(entry, f"{where}: manifests[{number}]", depth)

    def check_entry(self, entry: Any, where: str, depth: int = 0) -> None:
        """Check the manifest or index that a descriptor names."""
        document = self._document(entry, where)
        # Tools list the children of an index next to it, too; a platform is compared where one is stated.
        if document is None or (entry["digest"] in self._checked and "platform" not in entry):
            self._check_accelerator(entry, where)
            return
        self._checked.add(entry["digest"])
        if entry["mediaType"] == _INDEX and depth < _MAX_DEPTH:
            self.check_index(document, f"index {entry['digest']}", depth + 1)
        elif entry["mediaType"] == _INDEX:
            self.issues.append(Issue(where, f"got indexes nested deeper than {_MAX_DEPTH}, want less."))
        else:
            self._check_manifest(document, f"manifest {entry['digest']}", entry)
            self._check_accelerator(entry, where)

    def _check_accelerator(self, entry: Any, where: str) -> None:
        """Compare by what an image of an index is chosen with what it is for."""
        want = self._accelerators.get(_object(entry).get("digest"))
        got = _object(_object(entry).get("annotations")).get(_ACCELERATOR)
        if want is not None and got not in (None, want):
            self.report(where, [f"annotations: {_ACCELERATOR}: got {got!r}, want {want!r} of the image."])

    def _find(self, descriptor: Any, where: str) -> Optional[Opening]:
        """What opens a blob; None, reported, when it is nowhere."""
        if any(True for _ in descriptor_problems(descriptor, "")):
            return None  # Reported where the descriptor stands.
        try:
            return self._open(descriptor)
        except BlobMissing as missing:
            self.issues.append(Issue(where, f"blob {descriptor['digest']}: {missing.text}", missing.is_note))
            return None

    def _document(self, descriptor: Any, where: str) -> Optional[dict[str, Any]]:
        """The JSON document that a descriptor names, checked against it."""
        opening = self._find(descriptor, where)
        if opening is None:
            return None
        here = f"{where}: blob {descriptor['digest']}"
        try:
            with opening() as stream:
                data = stream.read(_MAX_DOCUMENT + 1)
        except ModelkilnError as error:
            self.issues.append(Issue(where, str(error)))
            return None
        if len(data) > _MAX_DOCUMENT:
            self.issues.append(Issue(here, f"got more than {_MAX_DOCUMENT} bytes, want at most as many."))
            return None
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.report(here, _blob_problems(digest, len(data), descriptor))
        return self.parse(data, here)

    def _check_manifest(self, manifest: Mapping[str, Any], where: str, entry: Mapping[str, Any]) -> None:
        first = len(self.issues)
        self.report(where, manifest_problems(manifest))
        layers = _list(manifest.get("layers"))
        config = self._document(manifest.get("config"), f"{where}: config")
        if config is None or manifest["config"]["mediaType"] != _CONFIG:
            self._check_artifact(manifest, config or {}, layers, where)
            kind = artifact_kind(manifest)
            if kind == "statements":
                self.report(where, platform_problems(entry, None))
            self.images.append(CheckedImage(entry["digest"], kind))
            return
        self.report(f"{where}: config", config_problems(config, len(layers)))
        self.report(f"{where}: config", unconventional_settings(config), is_convention=True)
        self.report(where, platform_problems(entry, config))
        image = self._read_image(config, layers, where)
        self._check_image(image, where)
        if image.own_record is not None:
            self._accelerators[entry["digest"]] = image.labels.get(_ACCELERATOR)
            self.report(where, foreign_problems(manifest, config))
        if self._trusts and self._record is None and image.is_of_others:
            self.issues[first:] = [one for one in self.issues[first:] if not one.is_convention]
        self.images.append(CheckedImage(entry["digest"], "weights" if image.is_weights else "image", image.own_record))

    def _check_artifact(self, manifest: Mapping[str, Any], config: Mapping[str, Any], layers: list, where: str) -> None:
        """Check what is not an image: of a ModelPack artifact the files, too."""
        is_model = manifest.get("artifactType") == MODEL
        diff_ids = _list(_object(config.get("modelfs")).get("diffIds"))  # CNCF model-spec, config.md.
        if is_model and config and len(diff_ids) != len(layers):
            text = f"modelfs.diffIds: got {len(diff_ids)} diff IDs, want {len(layers)}, one for each layer."
            self.issues.append(Issue(f"{where}: config", text))
        wanted = [*diff_ids, *[None] * len(layers)]
        places = [f"{where}: layers[{number}]" for number in range(len(layers))]
        found = self._read_layers([(layer, wanted[n], places[n], True, True) for n, layer in enumerate(layers)])
        if is_model:
            files = {path: sha for layer, one in zip(layers, found) if one for path, sha in _artifact_files(layer, one)}
            self.report(where, artifact_problems(files, {}, self._record, all(found)))

    def _read_image(self, config: Mapping[str, Any], layers: list, where: str) -> ReadImage:
        """Read all layers of an image, and put them over each other."""
        listed = _list(_object(config.get("rootfs")).get("diff_ids"))
        diff_ids = [one if isinstance(one, str) else None for one in listed] + [None] * len(layers)
        history = [one for one in _list(config.get("history")) if isinstance(one, dict)]
        history = [one for one in history if one.get("empty_layer") is not True]
        origins = [_origin(history[n] if n < len(history) else {}) for n in range(len(layers))]
        places = [f"layers[{number}] ({title})" for number, (title, _) in enumerate(origins)]
        tasks = [(layer, diff_ids[n], f"{where}: {places[n]}", origins[n][1], True) for n, layer in enumerate(layers)]
        pinned = self._pinned(tasks)
        labels = _object(_object(config.get("config")).get("Labels"))
        is_weights = WEIGHTS in labels and PACKAGE not in labels
        # What the record does not pin lies over what it does: ours to the last bit, whatever its history claims. So is
        # all of an image of weights.
        ours = [origins[n][1] or is_weights or bool(pinned and one[1] not in pinned) for n, one in enumerate(tasks)]
        found = self._read_layers(
            [(*task[:3], ours[n], not (self._trusts and task[1] in pinned)) for n, task in enumerate(tasks)]
        )
        tree = Tree()
        for place, is_ours, contents in zip(places, ours, found):
            if contents is not None:
                self.report(f"{where}: {place}", tree.add(place, contents, is_ours))
        image = ReadImage(config, tree, [ReadLayer(n, one or "", c) for n, one, c in zip(places, diff_ids, found)])
        if not history and PACKAGE in image.labels:
            # Without it all layers would pass for somebody else's.
            self.issues.append(Issue(where, "config: history: got none, want an entry for each layer."))
        return image

    def _pinned(self, tasks: list) -> frozenset[str]:
        """The diff IDs that the record of an image names. Its layer is the last one, unless somebody added some."""
        for task in reversed(tasks):
            if _size(task[0]) > _SMALL_LAYER:
                continue
            contents, _ = self._layer(*task)
            nodes = contents.nodes if contents is not None else {}
            with suppress(StopIteration, ValueError, TypeError, AttributeError, KeyError):
                content = next(nodes[path].content for path in RECORDS if path in nodes)
                if pinned := pinned_ids(json.loads(content or b"{}")):
                    return frozenset(pinned)
        return frozenset()

    def _check_image(self, image: ReadImage, where: str) -> None:
        # Settings of a wrong type raise here; config_problems has reported them. Weights run nothing.
        with suppress(TypeError, AttributeError, ValueError):
            if not image.is_weights:
                problems = entrypoint_problems(image.tree, image.settings, image.whole)
                self.report(f"{where}: config", list(problems), is_convention=True)
        if WEIGHTS in image.labels:
            nodes = image.tree.files_below("models/")
            files = {path: node.sha256 for path, node in nodes.items()}
            self.report(where, artifact_problems(files, image.labels, self._record, image.whole))
        if not image.is_weights:
            self.report(where, image_problems(image, variant_of(self._record, image)))
        self.report(where, machine_problems(image.tree, image.config), is_convention=True)
        if not self._trusts:  # What a base may do is for its users to judge, and is not what a record could disown.
            self.issues += [Issue(where, text, is_note=True) for text in privilege_notes(image.tree)]

    def _read_layers(self, tasks: list) -> list[Optional[LayerContents]]:
        """Read layers, several at once, large ones first; tasks: the arguments of `_layer` for each."""
        order = sorted(range(len(tasks)), key=lambda number: -_size(tasks[number][0]))
        with ThreadPoolExecutor(self._readers) as pool:
            pending = {number: pool.submit(self._layer, *tasks[number]) for number in order}
            try:
                results = [pending[number].result() for number in range(len(tasks))]
            except BaseException:  # Also an interrupt, which else would wait for gigabytes.
                for one in pending.values():
                    one.cancel()
                raise
        self.issues += [issue for _, issues in results for issue in issues]
        return [contents for contents, _ in results]

    def _layer(
        self, descriptor: Any, diff_id: Any, where: str, ours: bool, hashed: bool
    ) -> tuple[Optional[LayerContents], list[Issue]]:
        """Read a layer and check it against its descriptor and diff ID; None when it is missing."""
        if any(True for _ in descriptor_problems(descriptor, "")):
            return None, []  # Reported where the descriptor stands.
        try:
            contents = self._contents(descriptor, ours, hashed)
        except BlobMissing as missing:
            return None, [Issue(where, f"blob {descriptor['digest']}: {missing.text}", missing.is_note)]
        except ModelkilnError as error:
            return None, [Issue(where, str(error))]
        problems = [*_blob_problems(contents.digest, contents.size, descriptor), *contents.problems]
        actual = contents.diff_id if ".tar" in descriptor["mediaType"] else descriptor["digest"]
        if None not in (actual, diff_id) and actual != diff_id:
            problems.append(f"diff ID: got {actual}, want {diff_id} of the config.")
        others = [Issue(where, text, is_convention=True) for text in contents.unconventional]
        return contents, [*(Issue(where, text) for text in problems), *others]

    def _contents(self, descriptor: Mapping[str, Any], ours: bool, hashed: bool) -> LayerContents:
        media_type, key = descriptor["mediaType"], (descriptor["digest"], ours, hashed)
        if key in self._read:
            return self._read[key]
        found = self._memory.get(descriptor["digest"], media_type, ours, hashed) if self._memory else None
        try:
            opening = self._open(descriptor)  # A layout learns from it what is referred to.
        except BlobMissing:
            if found is None:
                raise
        if found is None:
            with opening() as stream:
                is_tar = ".tar" in media_type  # Else a document or a raw file of an artifact.
                found = read_layer(stream, media_type, ours, {*RECORDS, SBOM}, hashed) if is_tar else read_raw(stream)
            if self._memory and found.digest == descriptor["digest"] and not (found.problems or found.unconventional):
                self._memory.put(descriptor["digest"], media_type, ours, hashed, found)
        self._read[key] = found
        return found


def _artifact_files(layer: Mapping[str, Any], contents: LayerContents) -> Iterator[tuple[str, str]]:
    """The path and the sha256 of each file in a layer of a ModelPack artifact: it is one, or a tar of some."""
    if ".tar" not in layer["mediaType"]:
        yield str(_object(layer.get("annotations")).get(_FILE_PATH)), contents.digest.rpartition(":")[2]
        return
    for path, node in contents.nodes.items():
        if node.kind != "dir":
            yield path[len("models/") :] if path.startswith("models/") else path, node.sha256


def _size(descriptor: Any) -> int:
    size = _object(descriptor).get("size")
    return size if isinstance(size, int) else 0


def _list(value: Any) -> list:
    return value if isinstance(value, list) else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


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
