"""Fetching a package from a registry, or a part of it; every byte is checked against its digest."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Optional, Sequence

from modelkiln.archives.decompression import compression_of, damage_errors, decompressed
from modelkiln.archives.tar import check_path
from modelkiln.archives.tar_reader import open_tar
from modelkiln.canonical import document_json
from modelkiln.conventions import ARTIFACT_TYPE, FILE_PATH, MODELS_FOLDER, WEIGHTS_LABEL
from modelkiln.descriptor import INDEX, Descriptor
from modelkiln.digest import referrers_tag, sha256_bytes, sha256_stream
from modelkiln.errors import ModelkilnError
from modelkiln.image.contents import Document
from modelkiln.image.entries import REF_NAME
from modelkiln.image.layout import blob_name, top_files, write_layout
from modelkiln.machine.outputs import new_folder
from modelkiln.package.record import variant_records
from modelkiln.publication.remote_package import ChunkReader, RemotePackage
from modelkiln.publication.verify import shown, unexpected, verify_layout

__all__ = ["pull"]

_MODEL_PACK = "application/vnd.cncf.model."
_THREADS = 4


def pull(
    package: RemotePackage,
    part: str,
    folder: Path,
    progress: Callable[[int], None],
    expected: Sequence[str] = (),
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Write a part of the package into the new folder `folder`, and return what was written.

    part: "layout" (all of it, an OCI layout), "record" (package.json), "signature"
    (signature.json), "weights" (the model artifact's files). progress: gets each number of bytes
    that came. expected: package digests, one of which it has to have. report: gets what could not be held to a record.
    The folder is made next to its place and renamed, so that it is whole, and what its record says, or not there.
    Raises ModelkilnError.
    """
    with new_folder(folder) as made:
        if part == "layout":
            _pull_layout(package, made, progress)
            _hold_layout(package, made, expected, report)
            return folder
        record = package.record()
        _check_expected(package, record, expected)
        if record is None and part == "weights" and _pull_files(package, made, progress):
            return folder
        if record is None:
            raise ModelkilnError(
                f"{package.reference}: has no record: it is not a package of Modelkiln. Pull all of it, without --only."
            )
        content = json.loads(record)
        if part == "record":
            (made / "package.json").write_bytes(record)
        elif part == "signature":
            # Variants of one model answer the same requests.
            text = json.dumps(variant_records(content)[0]["signature"], indent=2, ensure_ascii=False) + "\n"
            (made / "signature.json").write_text(text, "utf-8")
        else:
            _pull_weights(package, content, made, progress)
    return folder


def _hold_layout(package: RemotePackage, folder: Path, expected: Sequence[str], report: Callable[[str], None]) -> None:
    """Refuse a layout that its record disowns, and with a digest that is expected one without a record."""
    found = verify_layout(folder, None, package.attached_record, expected)
    problems = [*found.problems, *(found.unverified if expected else ())]
    if problems:
        raise ModelkilnError(f"{package.reference}: " + shown(problems) + " Nothing of it is kept.")
    for sentence in found.unverified:
        report(f"{package.reference}: not verified: {sentence}")


def _check_expected(package: RemotePackage, record: Optional[bytes], expected: Sequence[str]) -> None:
    """A part comes with its record, or alone."""
    problems = unexpected((), record, expected) if expected else []
    if problems:
        raise ModelkilnError(f"{package.reference}: {problems[0]} Nothing of it is kept.")


@dataclass(frozen=True)
class _Taken:
    """What is taken of layers of weights. wanted: path -> file of the record; None for all that there are.

    progress: gets each number of bytes that came.
    """

    folder: Path
    wanted: Optional[Mapping[str, Any]]
    progress: Callable[[int], None]


def _pull_layout(package: RemotePackage, folder: Path, progress: Callable[[int], None]) -> None:
    root, referrers = package.contents.root.descriptor, package.referrers()
    annotations = {REF_NAME: package.reference.tag} if package.reference.tag else {}
    others = [one for _, documents in referrers for one in documents]
    lists = [_referrers_index(subject, documents) for subject, documents in referrers]
    # Both as oras finds them, listed, and as regctl does, under the tag of what they refer to.
    more = [*map(_listed, others), *(entry for entry, _ in lists)]
    files = top_files(root, annotations, artifact_type=package.contents.root.content.get("artifactType"), more=more)
    documents = [*package.contents.manifests, *others]
    files.update((blob_name(one.descriptor.digest), one.data) for one in documents)
    files.update((blob_name(entry["digest"]), data) for entry, data in lists)
    write_layout(folder, files)

    def fetch(blob: Descriptor) -> None:
        with (folder / blob_name(blob.digest)).open("wb") as out:
            for chunk in package.chunks(blob):
                out.write(chunk)
                progress(len(chunk))

    blobs = [*package.contents.blobs, *(blob for one in others for blob in package.blobs(one))]
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(fetch, {blob.digest: blob for blob in blobs}.values()):
            pass


def _listed(document: Document) -> dict[str, Any]:
    content = document.content
    kind = content.get("artifactType") or (content.get("config") or {}).get("mediaType")
    found = {**document.descriptor.to_json(), "annotations": content.get("annotations"), "artifactType": kind}
    return {key: value for key, value in found.items() if value}


def _referrers_index(subject: Descriptor, documents: Sequence[Document]) -> tuple[dict[str, Any], bytes]:
    """The index of what refers to `subject`, and its entry in a layout's index."""
    data = document_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [_listed(one) for one in documents]})
    return {**Descriptor.of(INDEX, data).to_json(), "annotations": {REF_NAME: referrers_tag(subject.digest)}}, data


def _pull_weights(
    package: RemotePackage, record: Mapping[str, Any], folder: Path, progress: Callable[[int], None]
) -> None:
    """Write the model artifact's files, each with the sha256 that the record states."""
    wanted: dict[str, Any] = {}
    for file in (file for one in variant_records(record) for file in one.get("artifacts") or ()):
        other = wanted.setdefault(file["path"], file)
        if other["sha256"] != file["sha256"]:
            raise ModelkilnError(
                f"{package.reference}: its variants have different files {file['path']!r}. Pull the weights of one, by "
                "the digest of its image."
            )
    for document in package.contents.manifests:
        if document.descriptor.media_type == INDEX:
            continue
        for layer, path in _weights_layers(package, document):
            _take_layer(package, layer, path, _Taken(folder, wanted, progress))
        if all((folder / path).is_file() for path in wanted):
            return
    missing = sorted(path for path in wanted if not (folder / path).is_file())
    raise ModelkilnError(
        f"{package.reference}: {len(missing)} of {len(wanted)} files that the record lists are not in it, "
        f"{missing[0] if missing else ''} for one."
    )


def _pull_files(package: RemotePackage, folder: Path, progress: Callable[[int], None]) -> bool:
    """Write all files of an artifact or image of weights that came without its record; False for anything else.

    A file that is a layer is what its digest says; an image's files are held to the set digest in its label.
    """
    document = package.contents.root
    label = package.labels(document).get(WEIGHTS_LABEL)
    is_artifact = document.content.get("artifactType") == ARTIFACT_TYPE
    if not is_artifact and label is None:
        return False
    for layer, path in _weights_layers(package, document):
        _take_layer(package, layer, path, _Taken(folder, None, progress))
    found = [path for path in folder.rglob("*") if path.is_file()]
    lines = sorted(f"{_sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in found if label)
    actual = sha256_bytes("".join(lines).encode())
    if label not in (None, actual):
        raise ModelkilnError(f"{package.reference}: its files have set digest {actual}, want {label} of its label.")
    return bool(found)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return sha256_stream(stream)[0].rpartition(":")[2]


def _take_layer(package: RemotePackage, layer: Descriptor, path: str, taken: _Taken) -> None:
    try:
        _take_files(package, layer, path, taken)
    except damage_errors() as error:
        raise ModelkilnError(f"{package.reference}: layer {layer.digest}: is damaged ({error}).") from None


def _weights_layers(package: RemotePackage, document: Document) -> Iterator[tuple[Descriptor, str]]:
    """Layers that hold weights, each with the file's path where it is not a tar."""
    listed = document.content.get("layers") or ()
    for (layer, title), entry in zip(package.layers(document), listed):
        if title.startswith("modelkiln weights") or layer.media_type.startswith(_MODEL_PACK):
            yield layer, str((entry.get("annotations") or {}).get(FILE_PATH, ""))


def _take_files(package: RemotePackage, layer: Descriptor, path: str, taken: _Taken) -> None:
    """Write the layer's files that are wanted: those that the record lists, or all without one."""
    chunks, where = _counted(package.chunks(layer), taken.progress), str(package.reference)
    stream = ChunkReader(chunks)
    if compression_of(layer.media_type) is None:
        _take(stream, path, taken, where)
    else:
        with open_tar(decompressed(stream, layer.media_type, where), "r|") as archive:
            models = f"{MODELS_FOLDER}/"
            for member in archive:
                name = member.name[len(models) :] if member.name.startswith(models) else member.name
                is_wanted = member.isreg() and (taken.wanted is None or name in taken.wanted)
                content = archive.extractfile(member) if is_wanted else None
                if content is not None:
                    _take(content, name, taken, where)
    for _ in chunks:  # To the end, where the digest is compared.
        pass


def _take(stream: Any, path: str, taken: _Taken, where: str) -> None:
    wanted = taken.wanted
    if wanted is not None and path not in wanted:
        return
    check_path(path, where)
    target = taken.folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    hasher = hashlib.sha256()
    with target.open("wb") as out:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            hasher.update(chunk)
            out.write(chunk)
    if wanted is not None and hasher.hexdigest() != wanted[path]["sha256"]:
        raise ModelkilnError(
            f"{where}: {path}: got sha256 {hasher.hexdigest()}, want {wanted[path]['sha256']} of the record."
        )


def _counted(chunks: Iterator[bytes], progress: Callable[[int], None]) -> Iterator[bytes]:
    for chunk in chunks:
        progress(len(chunk))
        yield chunk
