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
    def of_labels(cls, labels: Mapping[str, str], fallback: str) -> "ImageName":
        """Return the name that an image's labels give it: its title and version."""
        prefix = "org.opencontainers.image."
        title = labels.get(prefix + "title", fallback)
        return cls.parse(f"{title}:{labels.get(prefix + 'version', 'latest')}")

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
