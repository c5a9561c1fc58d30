"""Publishing: what a registry lacks of a package, then the tags that name it.

The order is what keeps readers safe: blobs, then manifests by digest (an index's children before
it), then the record and what is said of the package, signatures, and tags last. A publisher that dies
on the way leaves no tag, and the next one sends what is still missing.

What one package is published as, in several formats, repositories and tags, is one publication:
all of its tags are looked up before anything is sent, and all once more when everything is there,
before the first one is put. So a tag that is taken leaves all others alone. Tags that may move are
put after those that may not.

Each tag is looked up again just before it is put, and read back. Registries have no way to put a
tag only if it is free, so two publishers of different packages that put the same tag within that
last moment (one round trip) can still overwrite each other; the first of them gets an error when it reads
back. No tag ever names a package that is not complete.
"""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Mapping, Optional, Sequence

from modelkiln.attestation.statement import Statement
from modelkiln.conventions import RECORD_TYPE
from modelkiln.descriptor import Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.image.contents import Contents
from modelkiln.publication.attachments import Attachment, attach_missing, attached_statements, attachments_of
from modelkiln.publication.blob_source import BlobSource
from modelkiln.publication.signatures import Signed, Unsigned, attach_bundle, package_digest, sign_in_registries
from modelkiln.publication.transfer import Transfer
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.known_blobs import KnownBlobs
from modelkiln.registry.limits import check_limits
from modelkiln.registry.reference import Reference
from modelkiln.registry.referrers import attach_all
from modelkiln.registry.uploads import upload_bytes
from modelkiln.wording import counted

if TYPE_CHECKING:
    from modelkiln.attestation.signing.signer import Signer

__all__ = ["Publication", "Published", "publish_all"]


@dataclass(frozen=True)
class Publication:
    """What to publish and under which names.

    moving: those of `tags` that may change their meaning. record: the package's record, bytes of
    `package.json`, or None; it and what follows from it is put next to the package (see `attachments`).
    builder: who built it, for its provenance. statements: more that is said of what is published. signer:
    who signs it, or None; one for all that are published at once. bundles: statements that somebody has
    signed, with what they refer to. small_blobs: those of manifests that are in no layout.
    """

    contents: Contents
    source: BlobSource
    tags: tuple[str, ...]
    moving: frozenset[str] = frozenset()
    record: Optional[bytes] = None
    builder: str = ""
    statements: tuple[Statement, ...] = ()
    signer: Optional["Signer"] = None
    bundles: tuple[tuple[Descriptor, bytes], ...] = ()
    small_blobs: tuple[bytes, ...] = field(default=(), repr=False)

    def attachments(self) -> tuple[Attachment, ...]:
        """What refers to the package in a registry."""
        stated = attached_statements(self.contents, self.statements)
        if self.record is None:
            return stated
        return (*attachments_of(self.contents, self.source.read, self.record, self.builder), *stated)


@dataclass(frozen=True)
class Published:
    """What was done. digest: what the tags mean now. sizes in bytes. put: tags that were put;
    kept: tags that meant this package already. has_record: whether the record was added now. attested,
    signatures: how many statements about it, and how many signatures, were added now."""

    digest: str
    sent: int = 0
    sent_size: int = 0
    mounted: int = 0
    present: int = 0
    put: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    has_record: bool = False
    attested: int = 0
    signatures: int = 0

    def __str__(self) -> str:
        if not (self.sent or self.mounted or self.put or self.has_record or self.attested or self.signatures):
            return "was there already; nothing was sent"
        parts = [f"{counted(self.sent, 'blob')} sent ({self.sent_size / 1000:.1f} kB)"]
        parts += [f"{self.mounted} mounted"] if self.mounted else []
        parts += [f"{self.present} {'was' if self.present == 1 else 'were'} there"] if self.present else []
        parts += [f"{counted(self.signatures, 'signature')} added"] if self.signatures else []
        parts += [f"tagged {', '.join(self.put)}"] if self.put else []
        parts += [f"tag {', '.join(self.kept)} meant it already"] if self.kept else []
        return "; ".join(parts)


def publish_all(
    publications: Sequence[tuple[Publication, Reference]],
    env: Mapping[str, str],
    store_root: Optional[Path] = None,
    report: Callable[[str], None] = lambda line: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Published]:
    """Put a package into repositories, as several layouts; returns what had to be done for each.

    env: the machine's settings, see `load_machine_env`. store_root: where a cache records which
    repository holds what. progress: gets the bytes of a layout sent so far, and of how many.
    Raises ModelkilnError, with nothing tagged, for a tag that means something else, for bytes that
    are not what their descriptor says, and for what a registry refuses.
    """
    pushes = [_Push(publication, RegistryClient(repository, env, report)) for publication, repository in publications]
    for push in pushes:
        push.check_limits()
    for push in pushes:
        push.look_up()
    for push in pushes:
        push.bring(store_root, progress, report)
    _sign(pushes)
    if sum(len(push.missing) for push in pushes) > 1:  # One alone is looked up just before it is put.
        for push in pushes:
            push.look_up()
    for moving in (False, True):
        for push in pushes:
            push.put_tags(moving, report)
    return [push.done for push in pushes]


def _sign(pushes: Sequence["_Push"]) -> None:
    """Sign all that has a signer, at once: somebody may have to be asked for a passphrase."""
    wanted = [(push, push.unsigned) for push in pushes if push.signer]
    for signer in dict.fromkeys(push.signer for push, _ in wanted):
        assert signer is not None
        own = [(push, place) for push, place in wanted if push.signer == signer]
        done = sign_in_registries([place for _, place in own], signer, os.environ)
        for push, place in own:
            push.take_signed(done, place)


class _Push:
    """One layout on its way into one repository. missing: the tags that have to be put."""

    def __init__(self, publication: Publication, client: RegistryClient) -> None:
        self._publication, self._client = publication, client
        self._digest = publication.contents.root.descriptor.digest
        self._current: dict[str, Optional[str]] = {}
        self._put: list[str] = []
        self._sent = Published(self._digest, present=len(publication.contents.blobs))
        self._attachments: tuple[Attachment, ...] = ()
        self._has_record, self._attested = False, 0
        self._signatures = 0

    @property
    def signer(self) -> Optional["Signer"]:
        return self._publication.signer

    @property
    def unsigned(self) -> Unsigned:
        """What is signed, when it is there: nothing that somebody else has put there."""
        digest = package_digest(self._publication.record)
        stated = ((one.subject, one.statement) for one in self._attachments)
        own = tuple((subject, statement) for subject, statement in stated if statement is not None)
        return Unsigned(self._client, self._publication.contents.signed, digest, own)

    def take_signed(self, done: Sequence[Signed], place: Unsigned) -> None:
        """Count the signatures that were added for this layout."""
        digests = {one.digest for one in place.subjects}
        own = [one for one in done if one.repository == self._client.repository.image and one.digest in digests]
        self._signatures += sum(one.is_new for one in own)

    @property
    def missing(self) -> list[str]:
        return [tag for tag, digest in self._current.items() if digest != self._digest]

    @property
    def done(self) -> Published:
        kept = tuple(tag for tag in self._publication.tags if tag not in self._put)
        return replace(
            self._sent,
            put=tuple(self._put),
            kept=kept,
            has_record=self._has_record,
            attested=self._attested,
            signatures=self._signatures,
        )

    def look_up(self) -> None:
        """Learn what the tags mean; raises ModelkilnError for one that must not change."""
        self._current = {tag: _digest_of(self._client, tag) for tag in self._publication.tags}
        for tag, digest in self._current.items():
            _check_tag(self._client, tag, digest, self._digest, self._publication.moving)

    def check_limits(self) -> None:
        """Raise ModelkilnError for blobs that the registry is known to refuse."""
        blobs = {self._publication.source.title_of(blob): blob for blob in self._publication.contents.blobs}
        check_limits(self._client.repository.registry, blobs, str(self._client.repository))

    def bring(
        self, store_root: Optional[Path], progress: Callable[[int, int], None], report: Callable[[str], None]
    ) -> None:
        """Bring blobs, manifests and record, as far as they are not there."""
        client, contents = self._client, self._publication.contents
        if self._digest not in self._current.values() and client.find_manifest(self._digest) is None:
            known = KnownBlobs(store_root, client.endpoint.name)
            sent = Transfer(client, self._publication.source, known, progress).run(contents.blobs, report)
            self._sent = Published(self._digest, sent.number, sent.size, sent.mounted, sent.present)
            for blob in self._publication.small_blobs:
                upload_bytes(client, blob)
            for document in contents.manifests:
                client.put_manifest(document.descriptor.digest, document.descriptor, document.data)
            attach_all(client, [(one.descriptor, one.data) for one in contents.manifests if one.is_attestation])
            known.remember((blob.digest for blob in contents.blobs), client.repository.name)
        self._attachments = self._publication.attachments()
        added = [one.artifact_type for one in attach_missing(client, self._attachments)]
        self._has_record = RECORD_TYPE in added
        self._attested = len(added) - self._has_record
        self._signatures = sum(attach_bundle(client, data, subject) for subject, data in self._publication.bundles)

    def put_tags(self, moving: bool, report: Callable[[str], None]) -> None:
        """Put the missing tags that may move, or those that may not."""
        for tag in self.missing:
            if (tag in self._publication.moving) == moving:
                _put_tag(self._client, tag, self._publication, report)
                self._put.append(tag)


def _digest_of(client: RegistryClient, tag: str) -> Optional[str]:
    """The digest that a tag means, None when it is free."""
    found = client.find_manifest(tag)
    return Descriptor.of(*found).digest if found else None


def _check_tag(client: RegistryClient, tag: str, found: Optional[str], wanted: str, moving: frozenset[str]) -> None:
    if found not in (None, wanted) and tag not in moving:
        raise ModelkilnError(
            f"{client.repository}:{tag}: means {found}, want {wanted}. A published tag does not change: "
            "raise the version, or list the tag in `moving_tags` (--moving-tag) if it is meant to move."
        )


def _put_tag(client: RegistryClient, tag: str, publication: Publication, report: Callable[[str], None]) -> None:
    root = publication.contents.root
    wanted = root.descriptor.digest
    before = _digest_of(client, tag)
    _check_tag(client, tag, before, wanted, publication.moving)
    if before == wanted:
        return  # Another publisher of the same package was quicker.
    if before is not None:
        report(f"{client.repository}:{tag}: moves from {before} to {wanted}")
    client.put_manifest(tag, root.descriptor, root.data)
    after = _digest_of(client, tag)
    if after != wanted and tag in publication.moving and after is not None:
        report(f"{client.repository}:{tag}: another publisher has moved it to {after} meanwhile")
    elif after != wanted:
        raise ModelkilnError(
            f"{client.repository}:{tag}: was put as {wanted} and reads back as {after}. Another publisher put it at "
            "the same time, or the registry lies: see which one it should be, and publish again."
        )
