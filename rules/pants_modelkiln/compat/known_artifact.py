"""An output of a package whose text is known."""

from __future__ import annotations

from dataclasses import dataclass

from pants.core.goals.package import BuiltPackageArtifact


@dataclass(frozen=True)
class KnownArtifact(BuiltPackageArtifact):
    """An artifact whose package has nothing in dist/ but the artifacts' own paths and `shared`, paths
    relative to dist/ which several packages may have. explained: of a record that is to be compared with the one that
    it replaces, its bytes."""

    shared: tuple[str, ...] = ()
    explained: bytes = b""
