"""A package as people name it: a layout, a PEX, a wheel, a record, or a reference to a registry."""

import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional

from modelkiln.conventions import OLD_RECORD_PATH, RECORD_PATH
from modelkiln.descriptor import Descriptor
from modelkiln.errors import ModelkilnError, reason
from modelkiln.formats.pex_contents import is_packed
from modelkiln.image.blobs import Blobs, find_record, record_beside
from modelkiln.image.contents import RECORD_TITLE, contents_of
from modelkiln.image.layout import Layout
from modelkiln.layer import Layer
from modelkiln.package.outside import LARGEST_RECORD, REMEDY, check_digests, load_record, read_record
from modelkiln.package.record import variant_records
from modelkiln.registry.reference import parse_image
from modelkiln.report.archive import read_member
from modelkiln.store.store import Store

if TYPE_CHECKING:
    from modelkiln.publication.remote_package import RemotePackage

__all__ = ["Package", "open_package"]

_NEEDS = ("package_digest", "name", "version")


@dataclass(frozen=True)
class Package:
    """What is known of a package without reading its layers.

    label: as the user named it. kind: "layout", "pex", "wheel", "record" or "registry". record: see
    `package.record`; with layers where it is that of dist/ or of a registry. manifests, blobs: what a registry would
    get, of images and artifacts alone. path: where it lies on this machine. store: where
    blobs and wheels are that are not with it. remote: the package, of one in a registry.
    """

    label: str
    kind: str
    record: Mapping[str, Any] = field(compare=False)
    manifests: tuple[Descriptor, ...] = ()
    blobs: tuple[Descriptor, ...] = ()
    path: Optional[Path] = None
    store: Optional[Store] = None
    remote: Optional["RemotePackage"] = field(default=None, compare=False)

    @property
    def variants(self) -> list[Mapping[str, Any]]:
        """The record of each variant."""
        return variant_records(self.record)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that the record lists, with their recipes; none where it does not."""
        try:
            return tuple(Layer.from_json(one) for one in self.record.get("layers") or ())
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ModelkilnError(f"{self.label}: its record has a layer that is none ({reason(error)}).") from None

    def open_blobs(self) -> Optional[Blobs]:
        """Return where the bytes of a layout's blobs are; None for what is not a layout."""
        if self.kind != "layout" or self.path is None:
            return None
        return Blobs(Layout(self.path), self.store, self.layers)


def open_package(
    text: str, store: Store, env: Callable[[], Mapping[str, str]], report: Callable[[str], None]
) -> Package:
    """Return the package that `text` names; raises ModelkilnError where there is none.

    env: gives the settings for speaking to registries, and is asked where `text` names one. Of a registry, manifests,
    configs and the record are read, and no layer but one that is the record.
    """
    path = Path(text)
    if path.is_dir():
        return _packed(text, path, store) if is_packed(path) else _layout(text, path, store)
    if path.is_file():
        return _record(text, path, store) if path.name.endswith(".json") else _archive(text, path, store)
    if path.parts[:1] in {("dist",), ("/",), ("..",)}:
        raise ModelkilnError(f"{path}: does not exist. Package it, or name an image of a registry.")
    # oras-py, below it, takes as long to import as other commands take to run.
    from modelkiln.publication.remote_package import RemotePackage

    return _remote(text, RemotePackage(parse_image(text), env(), report))


def _layout(text: str, path: Path, store: Store) -> Package:
    layout = Layout(path)
    contents = [contents_of(layout, entry) for entry in layout.own]
    manifests = {one.descriptor.digest: one.descriptor for part in contents for one in part.manifests}
    blobs = {blob.digest: blob for part in contents for blob in part.blobs}
    data = find_record(path)
    found = _parsed(data, text) if data is not None else _record_inside(layout, text)
    return Package(text, "layout", found, tuple(manifests.values()), tuple(blobs.values()), path, store)


def _record_inside(layout: Layout, text: str) -> Mapping[str, Any]:
    """The record that the layout's only image has in it: what copies of a package alone have."""
    found = []
    for manifest in layout.manifests():
        config, *layers = manifest.blobs
        listed = layout.read_config(config).get("history") or []
        history = [str(one.get("created_by", "")) for one in listed if not one.get("empty_layer")]
        for title, layer in zip(history, layers):
            blob = layout.blob_path(layer.digest)
            if title.startswith(RECORD_TITLE) and blob is not None and layer.size <= LARGEST_RECORD:
                data = read_member(blob, layer.media_type, (f"app/{RECORD_PATH}", f"app/{OLD_RECORD_PATH}"), text)
                found += [_parsed(data, text)] if data else []
    if len(found) != 1:
        raise ModelkilnError(f"{text}: has no record, so nothing says what it is made of. Name a package of Modelkiln.")
    return found[0]


def _record(text: str, path: Path, store: Store) -> Package:
    found = _whole(load_record(path, needs=_NEEDS), text)
    for name, made in sorted((found.get("formats") or {}).items()):
        beside = path.parent / str(made.get("path", ""))
        if name == "oci" and beside.is_dir():
            return _layout(text, beside, store)
        if name == "pex" and (beside.is_file() or is_packed(beside)):
            return Package(text, "pex", found, path=beside, store=store)
    return Package(text, "record", found, path=path, store=store)


def _archive(text: str, path: Path, store: Store) -> Package:
    """A PEX, a scie or a wheel: the record in it, or that of dist/ where it is of the same package."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [
                name for name in archive.namelist() if f"/{name}".endswith((f"/{RECORD_PATH}", f"/{OLD_RECORD_PATH}"))
            ]
            data = archive.read(min(names, key=len)) if names else None
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelkilnError(f"{path}: is neither a PEX, a wheel nor a record ({reason(error)}).") from None
    if data is None:
        raise ModelkilnError(f"{path}: has no record of a package in it. Name a package of Modelkiln.")
    record = _with_layers(_parsed(data, text), path)
    return Package(text, "wheel" if path.suffix == ".whl" else "pex", record, path=path, store=store)


def _packed(text: str, path: Path, store: Store) -> Package:
    """A PEX that is a folder, as a PEX."""
    record = _whole(load_record(path / RECORD_PATH, needs=_NEEDS), text)
    return Package(text, "pex", _with_layers(record, path), path=path, store=store)


def _with_layers(record: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The record of dist/ beside the package at `path`, where it is of the same one; else what is in it."""
    beside = record_beside(path)
    if beside is not None:
        with suppress(ModelkilnError):
            other = _whole(load_record(beside, needs=_NEEDS), str(beside))
            return other if other.get("package_digest") == record.get("package_digest") else record
    return record


def _remote(text: str, package: "RemotePackage") -> Package:
    data = package.record()
    if data is None:
        raise ModelkilnError(f"{text}: has no record, so nothing says what it is made of. Name a package of Modelkiln.")
    manifests = tuple(one.descriptor for one in package.contents.manifests)
    return Package(text, "registry", _parsed(data, text), manifests, package.contents.blobs, remote=package)


def _parsed(data: bytes, where: str) -> Mapping[str, Any]:
    return _whole(read_record(data, where, needs=_NEEDS), where)


def _whole(found: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    if not found.get("packages") and not found.get("signature"):
        raise ModelkilnError(f"{where}: is not the record of a package: it lacks 'signature'. {REMEDY}")
    check_digests(found, where)
    return found
