"""What an image is called where people use it: a repository and a tag."""

import re
from dataclasses import dataclass
from typing import Mapping

from modelkiln.errors import ModelkilnError
from modelkiln.registry.reference import HOST, NAME, TAG, is_host

__all__ = ["ImageName"]

_IMAGE = re.compile(rf"(?P<repository>(?:{HOST}/)?{NAME})(?::(?P<tag>{TAG}))?")


@dataclass(frozen=True)
class ImageName:
    """repository: "digits" or "registry.example:5000/team/digits". tag: "1.2.0"."""

    repository: str
    tag: str

    @classmethod
    def parse(cls, text: str) -> "ImageName":
        """Read "NAME:TAG" ("latest" without a tag); raises ModelkilnError that names the remedy."""
        match = _IMAGE.fullmatch(text)
        if not match:
            raise ModelkilnError(
                f"image name {text!r} is not NAME:TAG; names are lower case, tags have at most 128 letters, "
                "digits, '_', '.' and '-'. Give one with --name NAME:TAG."
            )
        return cls(match["repository"], match["tag"] or "latest")

    @classmethod
    def of_package(cls, name: str, version: str, annotations: Mapping[str, str], folder: str) -> "ImageName":
        """Return the name of a package: `name` and `version`, those of its record, or "" for what its annotations
        call it, else for the name of its layout's folder. What no engine takes in a name becomes a dash."""
        prefix = "org.opencontainers.image."
        title = name or annotations.get(prefix + "title") or folder.partition(".")[0].partition("@")[0]
        version = version or annotations.get(prefix + "version") or "latest"
        repository = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "model"
        return cls(repository, re.sub(r"[^a-zA-Z0-9._-]", "-", version)[:128].lstrip(".-") or "latest")

    @property
    def short(self) -> str:
        """As `docker images` shows it."""
        return f"{self.repository}:{self.tag}"

    @property
    def full(self) -> str:
        """With a host: what has none was made on this machine, which engines call localhost."""
        host, slash, _ = self.repository.partition("/")
        has_host = bool(slash) and is_host(host)
        return self.short if has_host else f"localhost/{self.short}"
