"""Whether a package, in a registry or in a layout, is what its record says, and what it would run."""

import io
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, Collection, Iterable, Iterator, Mapping, Optional, Sequence

from modelkiln.canonical import canonical_json
from modelkiln.descriptor import INDEX, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.image.blobs import layers_in
from modelkiln.image.contents import Document, contents_of, is_recompressed
from modelkiln.image.layout import Layout
from modelkiln.package.record import index_record, variant_records
from modelkiln.publication.remote_package import ChunkReader, RemotePackage, check_record
from modelkiln.store.store import Store
from modelkiln.validation.findings import CheckedImage, Issue, Opening
from modelkiln.validation.images import READERS_OF_NETWORK, Manifests
from modelkiln.validation.layout import check_layout

__all__ = ["RECOMPRESSED", "Verified", "shown", "unexpected", "verify_layout", "verify_remote"]

RECOMPRESSED = (
    "its layers were compressed again on the way: package digest and contents are those that were published, "
    "blobs and image digest are others. `skopeo copy --all --preserve-digests` keeps them."
)
_NO_RECORD = "has no record: nothing says what it should be"
_OLD_RECORD = (
    "its record, of an earlier release, names neither layers nor settings: code and weights are those of the record, "
    "and base, wheels and settings were compared with nothing"
)


@dataclass(frozen=True)
class Verified:
    """problems: what is wrong, one sentence each. unverified: what nothing is known to be wrong with, though it could
    not be held to a record. notes: what else is to be said. record: the package's, or None."""

    problems: list[str]
    unverified: list[str]
    notes: list[str]
    record: Optional[bytes]


def verify_remote(package: RemotePackage, progress: Callable[[int], None], expected: Sequence[str] = ()) -> Verified:
    """Read every blob once, several at a time, and return what is wrong. Nothing is written to disk.

    Each image is held to the record in it, and that to the one that refers to the package and to `expected`, package
    digests. progress: gets each number of bytes that were read.
    """
    documents = {one.descriptor.digest: one.data for one in package.contents.manifests}

    def open_blob(descriptor: Mapping[str, Any]) -> Opening:
        data = documents.get(descriptor["digest"])
        if data is not None:
            return partial(io.BytesIO, data)
        return lambda: _Stream(_counted(package.stream(Descriptor.from_json(descriptor)), progress))

    attached, problems = None, []
    try:
        attached = package.attached_record
    except ModelkilnError as error:
        problems.append(str(error))
    record = json.loads(attached) if attached else None
    manifests = Manifests(open_blob, record, trusts_diff_ids=True, readers=READERS_OF_NETWORK)
    root = package.contents.root.descriptor
    manifests.check_entry({**root.to_json()}, str(package.reference))
    found = _judge(manifests.issues, manifests.images, attached, expected)
    notes = list(found.notes)
    try:
        is_changed = any(is_recompressed(one.content, package.config(one)) for one in package.contents.manifests)
        notes += [RECOMPRESSED] if is_changed else []
    except ModelkilnError as error:
        problems.append(str(error))
    problems = list(dict.fromkeys([*problems, *found.problems]))
    return Verified(problems, found.unverified, [] if problems else notes, found.record)


class _Stream(ChunkReader):
    """A blob on its way, which is closed like a file."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _counted(chunks: Iterable[bytes], progress: Callable[[int], None]) -> Iterator[bytes]:
    for chunk in chunks:
        progress(len(chunk))
        yield chunk


def verify_layout(
    path: Path, store: Optional[Store], record: Optional[bytes], expected: Sequence[str] = (), **options: Any
) -> Verified:
    """Return what is wrong with the layout at `path`; record: the package's, which lies next to it.

    expected: see `verify_remote`. options: others of `check_layout`.
    """
    given, problems = None, []
    try:
        given = json.loads(check_record(record, "its record")) if record else None
    except ModelkilnError as error:
        problems.append(str(error))
    layers = layers_in(record, path)
    issues, images = check_layout(path, store, given, layers, **options)
    problems += [str(issue) for issue in issues if not issue.is_note]
    if problems:  # What could not even be read is among them.
        return Verified(problems, [], [str(issue) for issue in issues if issue.is_note], record)
    layout = Layout(path)
    own = [one for entry in layout.own for one in contents_of(layout, entry).manifests]
    if not own:
        lost = "index.json: what it lists refers to something else, want an image or an artifact."
        return Verified([lost], [], [], record)
    digests = {one.descriptor.digest for one in own}
    # An image that claims to refer to another one can be run as well.
    judged = [one for one in images if one.digest in digests or one.kind == "image"]
    found = _judge(issues, judged, record, expected)
    is_changed = any(_is_recompressed(one, layout) for one in own)
    return Verified(found.problems, found.unverified, found.notes + [RECOMPRESSED] * is_changed, found.record)


def _is_recompressed(document: Document, layout: Layout) -> bool:
    if document.descriptor.media_type == INDEX:
        return False
    config = Descriptor.from_json(document.content["config"])
    return is_recompressed(document.content, layout.read_config(config))


def _judge(
    issues: Sequence[Issue], images: Sequence[CheckedImage], given: Optional[bytes], expected: Collection[str]
) -> Verified:
    """What follows from what was found. given: the record next to the package."""
    problems = [str(issue) for issue in issues if not issue.is_note]
    unverified, notes = [str(issue) for issue in issues if issue.is_note], []
    programs = [one for one in images if one.kind not in ("weights", "statements")]
    for one in programs:
        if one.record is None:
            unverified.append(f"manifest {one.digest}: {_NO_RECORD}.")
        elif not problems and not json.loads(one.record).get("image"):
            unverified.append(f"manifest {one.digest}: {_OLD_RECORD}. Package it again.")
    record = given or _record_of([one.record for one in programs])
    if record is None and not programs:
        notes.append("it has no record; digests alone were checked.")
    elif given is None and record is not None:
        # As copies that leave out what refers to the package are.
        notes.append("no record refers to it; checked was the record in each image.")
    if expected and not problems:
        problems += unexpected(programs, record, expected)
    return Verified(problems, unverified, notes, record)


def _record_of(records: Sequence[Optional[bytes]]) -> Optional[bytes]:
    """The record of a package by those in its images; None where one lacks it."""
    found = [record for record in records if record is not None]
    if not found or len(found) < len(records):
        return None
    if len(found) == 1:
        return found[0]
    try:
        variants = [json.loads(one) for one in found]
        return canonical_json({**index_record(variants), "variants": variants})
    except (ValueError, KeyError, TypeError):
        return None  # What is no record is among the problems.


def shown(problems: Sequence[str]) -> str:
    """Return a few of `problems`, for one message."""
    more = f" And {len(problems) - 5} more." if len(problems) > 5 else ""
    return " ".join(problems[:5]) + more


def unexpected(programs: Sequence[CheckedImage], record: Optional[bytes], expected: Collection[str]) -> list[str]:
    """Return what is not one of the packages that are expected.

    An index is by its own digest, or by those of its images.
    """
    wanted = " or ".join(sorted(expected))
    if record is None:
        return [f"has no record, want that of package {wanted}."]
    content = json.loads(record)
    stated = content["package_digest"]
    # An index lists the packages of its images; that of several platforms of one package has only the first one's.
    listed = content.get("packages") or ([stated] if len(variant_records(content)) == 1 else [])
    allowed = {*expected, *(listed if stated in expected else ())}
    own = [json.loads(one.record or b"{}").get("package_digest") for one in programs] or [stated]
    return [f"is package {digest}, want {wanted}." for digest in own if digest not in allowed]
