"""References to what lies in a registry: `registry[:port]/name[:tag][@sha256:<hex>]`."""

import re
from dataclasses import dataclass

from modelkiln.digest import check_digest
from modelkiln.errors import ModelkilnError

__all__ = [
    "HOST",
    "NAME",
    "TAG",
    "Reference",
    "check_tag",
    "is_host",
    "parse_image",
    "parse_reference",
    "parse_repository",
]

# The grammar that registries and engines share, as regular expressions: OCI distribution-spec 1.1,
# "Pulling manifests", <name> and <reference> (a tag); distribution/reference, regexp.go.
HOST = r"(?:[a-zA-Z0-9][a-zA-Z0-9.-]*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
NAME = rf"{_PART}(?:/{_PART})*"
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"


@dataclass(frozen=True)
class Reference:
    """A repository, or what lies in it. registry: host, with a port when it has one. name: the
    repository. tag: or "". digest: of a manifest or of an index, or ""."""

    registry: str
    name: str
    tag: str
    digest: str

    @property
    def image(self) -> str:
        """The registry and the repository, without what pins the image."""
        return f"{self.registry}/{self.name}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.image}{tag}{digest}"


def parse_reference(text: str) -> Reference:
    """Read a pinned reference; raises ModelkilnError that names what is missing and the remedy."""
    found = _parse(text, f"Image {text!r}")
    if not found.digest:
        raise ModelkilnError(
            f"Image {text!r} is not pinned: a tag can be moved to another image. Add its digest, "
            f"@sha256:..., as printed by: skopeo inspect --format '{{{{.Digest}}}}' docker://{text}"
        )
    return found


def parse_repository(text: str, where: str = "") -> Reference:
    """Read `registry/name`, without tag and digest; `where` says who names it."""
    where = where or f"Repository {text!r}"
    found = _parse(text, where)
    if found.tag or found.digest:
        raise ModelkilnError(f"{where}: names a tag or a digest. Give registry/name alone, and tags apart.")
    return found


def parse_image(text: str) -> Reference:
    """Read a reference that has a tag, a digest, or both."""
    found = _parse(text, f"Image {text!r}")
    if not found.tag and not found.digest:
        raise ModelkilnError(f"Image {text!r} has neither tag nor digest. Add one: {text}:TAG or {text}@sha256:...")
    return found


def check_tag(tag: str, where: str) -> str:
    """Return `tag` when registries take it, else raise ModelkilnError."""
    if not re.fullmatch(TAG, tag):
        raise ModelkilnError(
            f"{where}: {tag!r} is not a tag: it has 1 to 128 letters, digits, '_', '.' and '-', and does not "
            "start with '.' or '-'."
        )
    return tag


def is_host(text: str) -> bool:
    """Whether the first part of an image's name is a registry, as docker distinguishes it from a
    repository's path: it has a dot or a port, or is localhost."""
    return "." in text or ":" in text or text == "localhost"


def _parse(text: str, where: str) -> Reference:
    rest, at, digest = text.partition("@")
    registry, slash, path = rest.partition("/")
    # No registry is assumed where none is written, for that would pin an image to somebody's default.
    if not slash or not is_host(registry):
        raise ModelkilnError(
            f"{where}: names no registry. Write it in full, as in registry.example.com/name, "
            "also for images that docker finds by a short name."
        )
    name, colon, tag = path.partition(":")
    if not re.fullmatch(HOST, registry) or not re.fullmatch(NAME, name) or (colon and not re.fullmatch(TAG, tag)):
        raise ModelkilnError(
            f"{where}: {text!r} is not a reference: want registry[:port]/name[:tag][@sha256:...], with a "
            "lower-case name."
        )
    return Reference(registry, name, tag, check_digest(digest, where) if at else "")
