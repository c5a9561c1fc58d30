"""Lazy weights: what a package carries in place of its weights, so that it can fetch them at start.

The document says of each file what it is and where it can be read, in terms that the runtime
knows (`modelkiln.runtime.weights.lock`): it has no client libraries, and computes nothing.
"""

import base64
import fnmatch
import urllib.parse
from typing import Any, Iterable, Mapping, Sequence

from modelkiln.archives.tar import Entry, sorted_entries, tar_header, tar_padding
from modelkiln.canonical import canonical_json
from modelkiln.digest import hex_of, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.registry.reference import parse_reference
from modelkiln.weights.chunks import CHUNK_BYTES, chunk_list
from modelkiln.weights.lock import set_digest

__all__ = ["MIRROR_SCHEMES", "lazy_document"]

SCHEMA = 1
MIRROR_SCHEMES = ("http", "https", "file", "oci", "s3", "gs")
_LAZY = "http(s)://, oci://, hf://, s3://, gs:// and file:///"


def lazy_document(
    layers: Sequence[Layer],
    where: str,
    mirrors: Sequence[str] = (),
    on_demand: Sequence[str] = (),
    own: Sequence[tuple[str, bytes]] = (),
) -> bytes:
    """Return the document of a package with these layers of locked weights, canonical JSON.

    own: paths and bytes of files that it has itself, such as the signature of the others. mirrors: bases that are
    asked before the sources (see `runtime.weights.places.places_of`). on_demand: patterns (fnmatch) of paths that a
    start does not fetch. Raises ModelkilnError that names `where` for a source that the runtime cannot read, when no
    mirror is named.
    """
    _check_mirrors(mirrors, where)
    files = [file for layer in layers for file in _files(layer, where, mirrors)]
    for pattern in on_demand:
        found = [file for file in files if fnmatch.fnmatchcase(file["path"], pattern)]
        if not found:
            names = ", ".join(sorted(file["path"] for file in files)[:10])
            raise ModelkilnError(f"{where}: `on_demand`: {pattern!r} matches no file; there are {names}.")
        for file in found:
            file["on_demand"] = True
            if file["size"] <= CHUNK_BYTES:  # It is a single chunk, whose digest is its own.
                file["chunks"] = {"size": file["size"], "sha256": [file["sha256"]]}
    files += [_own_file(path, content) for path, content in own]
    return canonical_json(
        {
            "schema": SCHEMA,
            "set_digest": set_digest((file["sha256"], file["path"]) for file in files),
            "mirrors": list(mirrors),
            "files": sorted(files, key=lambda file: file["path"]),
        }
    )


def _check_mirrors(mirrors: Iterable[str], where: str) -> None:
    for mirror in mirrors:
        scheme = urllib.parse.urlsplit(mirror).scheme
        if scheme not in MIRROR_SCHEMES or "," in mirror or "?" in mirror:
            raise ModelkilnError(
                f"{where}: `weights_mirrors`: {mirror!r} is not an address of a mirror; write one that starts with "
                f"{', '.join(f'{one}://' for one in MIRROR_SCHEMES)}."
            )


def _files(layer: Layer, where: str, mirrors: Sequence[str]) -> Iterable[dict[str, Any]]:
    recipe = layer.recipe
    assert recipe is not None, "a layer of locked weights"
    offsets = _offsets(recipe)
    for file in recipe["files"]:
        found = {
            "path": file["path"],
            "size": file["size"],
            "sha256": file["sha256"],
            "places": _places(recipe["source"], file, where, bool(mirrors)),
            "layer": {"digest": layer.descriptor.digest, "offset": offsets[file["path"]]},
        }
        yield {**found, **({"chunks": chunk_list(file["chunks"])} if file.get("chunks") else {})}


def _own_file(path: str, content: bytes) -> dict[str, Any]:
    url = f"data:;base64,{base64.b64encode(content).decode('ascii')}"
    return {"path": path, "size": len(content), "sha256": hex_of(sha256_bytes(content)), "places": [{"url": url}]}


def _offsets(recipe: Mapping[str, Any]) -> dict[str, int]:
    """Where each file's content begins in the layer's tar, in bytes."""
    prefix, position, found = recipe["prefix"], 0, {}
    entries = (Entry(f"{prefix}/{file['path']}", size=file["size"]) for file in recipe["files"])
    for entry in sorted_entries(entries, recipe["title"]):
        position += len(tar_header(entry))
        if entry.kind == "file":
            found[entry.path[len(prefix) + 1 :]] = position
            position += entry.size + len(tar_padding(entry.size))
    return found


def _places(source: Mapping[str, Any], file: Mapping[str, Any], where: str, has_mirrors: bool) -> list[dict[str, Any]]:
    uri, scheme = source["uri"], urllib.parse.urlsplit(source["uri"]).scheme.lower()
    at_source = file["path"][len(source["folder"]) + 1 :] if source.get("folder") else file["path"]
    try:
        if scheme in _PLACES:
            return [_PLACES[scheme](source, {**file, "path": at_source})]
        reason = "cannot be read by a package that has only Python's standard library"
    except _NotLazy as error:
        reason = str(error)
    if has_mirrors:
        return []
    raise ModelkilnError(
        f'{where}: weights="lazy": {file["path"]}: its source {uri} {reason}. Lock it from one of {_LAZY}, name a '
        "place that will have the files in `weights_mirrors` (a registry that the package's artifact is published "
        'to, say), or bundle the weights (weights="bundled").'
    )


class _NotLazy(Exception):
    """Why a source cannot be read at start."""


def _web(source: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
    return {"url": file.get("locator") or source["uri"].partition("#")[0]}


def _oci(source: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
    # The locator's form is that of sources/oci.py: `<digest>`, `<digest>+<offset>` in a tar as it
    # is, or `<digest>+<compression>+<name>`.
    digest, _, place = file["locator"].partition("+")
    if place and not place.isdigit():
        raise _NotLazy("has it in a compressed layer, which cannot be read in parts")
    text = source["uri"].partition("://")[2]
    reference = parse_reference(text if "@" in text else f"{text}@{digest}")
    return {"url": f"oci://{reference.image}@{digest}", **({"offset": int(place)} if place else {})}


def _hugging_face(source: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
    # The locator is the commit: sources/hugging_face.py.
    name = source["uri"].partition(":")[2].lstrip("/").partition("@")[0]
    if not name or name.count("/") > 1:
        raise _NotLazy("is not a model repository (hf://owner/name)")
    commit = file.get("locator") or source["revision"]
    return {"url": f"hf://{name}@{commit}/{urllib.parse.quote(file['path'])}"}


def _bucket(source: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
    # The locator is `bucket/key`: sources/filesystem.py.
    scheme, _, rest = source["uri"].partition("://")
    name = file.get("locator") or f"{rest.rstrip('/')}/{file['path']}"
    return {"url": f"{'gs' if scheme == 'gcs' else scheme}://{urllib.parse.quote(name)}"}


def _local(source: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
    path = urllib.parse.urlsplit(source["uri"]).path
    if not path.startswith("/"):
        raise _NotLazy("is a path of the repository, which hosts that run the package do not have")
    name = file.get("locator") or f"{path.rstrip('/')}/{file['path']}"
    return {"url": name if name.startswith("file:") else f"file://{urllib.parse.quote(name)}"}


_PLACES = {
    "http": _web,
    "https": _web,
    "oci": _oci,
    "hf": _hugging_face,
    "s3": _bucket,
    "gs": _bucket,
    "gcs": _bucket,
    "file": _local,
}
