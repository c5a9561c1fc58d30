"""From a path to the subjects in it: one for each image of a layout, one for a wheel or a PEX."""

import posixpath
import re
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterable, Iterator, Mapping, Optional, Sequence

from modelkiln.conventions import CODE_FOLDER, FILE_PATH, MODELS_FOLDER, OLD_RECORD_PATH, PEX_MODELS, RECORD_PATH
from modelkiln.errors import ModelkilnError
from modelkiln.image.blobs import Blobs, find_record, layers_in
from modelkiln.image.layout import FoundManifest, Layout
from modelkiln.lint.packages.distributions import read_distributions
from modelkiln.lint.packages.files import PackageFile, layer_files, zip_files
from modelkiln.lint.subject import ArtifactFile, Distribution, RequirementFile, SourceFile, Subject
from modelkiln.package.outside import read_record
from modelkiln.package.record import PACKAGE_LABEL, recorded_environments, variant_records
from modelkiln.store.store import Store

__all__ = ["read_package"]

# Layers whose contents a record lists.
_LISTED = frozenset(("base", "venv", "wheels"))
_RECORDS = (RECORD_PATH, OLD_RECORD_PATH)
# Not first-party, in packages of anybody.
_FOREIGN = re.compile(
    r"(^|/)(site-packages|dist-packages|conda|lib/python[\d.]+|node_modules|__pycache__|\.bootstrap|\.deps|\.venv|pkgs)/"
    r"|^(usr|lib|lib64|bin|sbin|etc|proc|sys|dev|boot|var/(lib|cache|log)|root/\.cache|__pex__)/|^(__main__\.py|PEX-INFO)$"
)
_METADATA = re.compile(r"\.(dist-info|egg-info)/(METADATA|PKG-INFO|RECORD|top_level\.txt)$")
# Files beside code that are read, configuration for the most part.
_SMALL = 1 << 20
# Of a file of code its beginning is read, and of all files beside each other no more: zeros compress well.
_LARGEST_CODE, _MOST = 2 << 20, 256 << 20
# Of our own runtime, which travels in every package.
_RUNTIME = ("modelkiln/", "modelkiln.py")
# What an environment of inference was installed from; files for development and documents say nothing of it.
_REQUIREMENTS = re.compile(r"(?:.*/)?requirements(?:[\w.-]*|/[\w.-]+)\.txt", re.I)
_OTHER_REQUIREMENTS = re.compile(r"(?:^|[/_.-])(?:dev|docs?|tests?|testing|lint|examples?|build|ci)(?:[/_.-])", re.I)
_MODELS = re.compile(
    r"\.(pt|pth|onnx|pkl|pickle|joblib|h5|hdf5|keras|safetensors|bin|ckpt|pb|tflite|gguf|ubj|npy|npz|model|json|ya?ml|csv|"
    r"parquet|arrow|tfrecord|ipynb|txt|jinja|engine|msgpack|skops|spm|vocab)$", re.I)  # fmt: skip


def read_package(path: Path, store: Store, record: Optional[Path] = None, image: Optional[str] = None) -> list[Subject]:
    """Return what is in a layout, a wheel or a PEX; raises ModelkilnError for what is none of them.

    record: where a layout's record is, by default next to it. image: which one of several.
    """
    if path.is_file():
        files = list(zip_files(path))
        return [_program(str(path), files)]
    if (path / "index.json").is_file():
        return _layout(path, store, record, image)
    if path.is_dir() and (path / "PEX-INFO").is_file():
        return [_folder(path)]
    what = "is a folder" if path.is_dir() else "does not exist"
    raise ModelkilnError(f"{path}: {what}. Give an OCI image layout, a wheel or a PEX that `pants package` wrote.")


def _opener(path: Path) -> Callable[[], BinaryIO]:
    return lambda: path.open("rb")


def _folder(path: Path) -> Subject:
    files = [
        PackageFile(one.relative_to(path).as_posix(), one.stat().st_size, _opener(one))
        for one in sorted(path.rglob("*"))
        if one.is_file()
    ]
    return _program(str(path), files)


def _layout(path: Path, store: Store, record: Optional[Path], image: Optional[str]) -> list[Subject]:
    layout = Layout(path)
    found = layout.expand(layout.select(image)) if image else layout.manifests()
    data = find_record(path, record)
    blobs = Blobs(layout, store, layers_in(data, path, record))
    content = read_record(data, str(record or path), needs=()) if data else {}
    return [_image(one, blobs, content, several=len(found) > 1) for one in found]


def _image(found: FoundManifest, blobs: Blobs, content: Mapping[str, Any], several: bool) -> Subject:
    layout = blobs.layout
    config_descriptor, *layers = found.blobs
    config = layout.read_config(config_descriptor)
    settings = config.get("config") or {}
    labels = settings.get("Labels") or found.content.get("annotations") or {}
    records = variant_records(content) if content else []
    digest = labels.get(PACKAGE_LABEL)
    record = next((one for one in records if one.get("package_digest") == digest), records[0] if records else {})
    name = f"{layout.path} ({found.label})" if several else str(layout.path)
    named = [(layer.get("annotations") or {}).get(FILE_PATH) for layer in found.content["layers"]]
    if any(named):
        files = [
            PackageFile(f"{MODELS_FOLDER}/{path}", layer.size, partial(blobs.open, layer))
            for path, layer in zip(named, layers)
            if path
        ]
        return _subject(name, files, record, f"{CODE_FOLDER}/")
    kinds = {one["descriptor"]["digest"]: one.get("kind") for one in content.get("layers") or ()}
    read = [one for one in layers if kinds.get(one.digest) not in _LISTED]
    files = layer_files(blobs, read, _is_wanted)
    record = record or _record_in(files)
    folder = CODE_FOLDER if record else str(settings.get("WorkingDir") or "/").strip("/")
    return _subject(name, files, record, f"{folder}/" if folder else "")


def _is_wanted(path: str) -> bool:
    return bool(_METADATA.search(path)) or not _FOREIGN.search(path)


def _record_in(files: Iterable[PackageFile]) -> Mapping[str, Any]:
    """The record that lies in a package, {} where there is none."""
    for file in files:
        if file.path.endswith(_RECORDS):
            with suppress(ModelkilnError):
                return read_record(file.read(), file.path)
    return {}


def _program(name: str, files: Sequence[PackageFile]) -> Subject:
    """A wheel or a PEX: the record says where the code lies, and the model artifacts lie beside it."""
    record = _record_in(files)
    path = next((one.path for one in files if record and one.path.endswith(_RECORDS)), "")
    root = posixpath.dirname(posixpath.dirname(path))
    prefix = f"{root}/" if root else ""
    return _subject(name, files, record, prefix, prefix + PEX_MODELS)


def _subject(
    name: str, files: Sequence[PackageFile], record: Mapping[str, Any], prefix: str, models: str = MODELS_FOLDER
) -> Subject:
    """Divide the files of a package into code, below `prefix`, model artifacts, below `models`, and distributions.

    In a package of others, what looks like a file of a model is one wherever it lies, and what lies beside `prefix` is
    looked at too, but for code: keys are left anywhere.
    """
    artifacts: list[tuple[str, PackageFile]] = []
    sources: list[SourceFile] = []
    others: list[str] = []
    left = _MOST
    for file in files:
        is_below = file.path.startswith(prefix)
        path = file.path[len(prefix) :] if is_below else file.path
        is_code = path.endswith((".py", ".ipynb"))
        if file.path.startswith(models + "/"):
            artifacts.append((file.path[len(models) + 1 :], file))
        elif (
            _METADATA.search(file.path)
            or _FOREIGN.search(file.path)
            or (not is_below and (record or is_code))
            or (record and path.startswith((*_RUNTIME, ".modelkiln/")))
        ):
            continue
        elif _MODELS.search(path) and not record and not is_code:
            artifacts.append((file.path, file))
        elif is_code or file.size <= min(_SMALL, left):
            content = file.read(min(_LARGEST_CODE, left))
            left -= len(content)
            sources.append(SourceFile(path, content, file.path, is_cut=len(content) < file.size))
        else:
            others.append(path)
    listed = {one["path"]: one for one in record.get("artifacts") or ()}
    return Subject(
        name=name,
        sources=tuple(sources),
        other_files=tuple(others),
        entry_point=str(record.get("entry_point") or ""),
        artifacts=_artifacts(artifacts, listed),
        distributions=_distributions(files, record),
        requirement_files=() if record else tuple(_requirement_files(artifacts)),
        record=record,
    )


def _requirement_files(files: Iterable[tuple[str, PackageFile]]) -> Iterator[RequirementFile]:
    """What is named as pip's files of requirements are. A package of ours has its lock in the record."""
    for path, file in files:
        if _REQUIREMENTS.fullmatch(path) and not _OTHER_REQUIREMENTS.search(path):
            yield RequirementFile(path, file.read(_SMALL))


def _artifacts(
    files: Sequence[tuple[str, PackageFile]], listed: Mapping[str, Mapping[str, Any]]
) -> tuple[ArtifactFile, ...]:
    here = dict(files)
    entries = dict(listed)
    for path, file in here.items():
        entries.setdefault(path, {"path": path, "size": file.size})
    return tuple(
        ArtifactFile.from_json(entries[path], here[path].open if path in here else None) for path in sorted(entries)
    )


def _distributions(files: Sequence[PackageFile], record: Mapping[str, Any]) -> Optional[tuple[Distribution, ...]]:
    found = {one.name: one for one in read_distributions(files)}
    others = recorded_environments(record).values()
    for one in (*(record.get("requirements") or ()), *(one for those in others for one in those)):
        found.setdefault(one["name"], Distribution(one["name"], one["version"]))
    if not found and "requirements" not in record:
        return None
    return tuple(found[name] for name in sorted(found))
