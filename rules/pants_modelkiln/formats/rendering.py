"""What a format is to `pants package`: one request for each, told apart by Pants' unions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pants.engine.environment import EnvironmentName
from pants.engine.fs import Digest
from pants.engine.rules import Get
from pants.engine.unions import union

from pants_modelkiln.compat.known_artifact import KnownArtifact
from pants_modelkiln.package.inputs import PackageInputs

# The link in dist/ that leads to the store's blobs, and that links to large files go through.
STORE_BLOBS = ".store"


@union(in_scope_types=[EnvironmentName])
@dataclass(frozen=True)
class RenderingRequest:
    """A package in one format, at a path relative to `dist/`.

    A format's module subclasses it, gives a rule from its class to Rendering, and registers it
    with `UnionRule(RenderingRequest, ItsRequest)`. format: its name in the field `formats`.
    ending: of its file or folder in `dist/`.
    """

    format: ClassVar[str]
    ending: ClassVar[str]

    inputs: PackageInputs
    path: str


@dataclass(frozen=True)
class Rendering:
    """One format of a package for `dist/`: its files, what the record says, and log lines.

    facts: canonical JSON. layers: those whose recipes the record keeps.
    """

    digest: Digest
    facts: str
    layers: tuple
    artifact: KnownArtifact


def rendering(request: RenderingRequest) -> Get:
    """Rendering of a request."""
    return Get(Rendering, RenderingRequest, request)
