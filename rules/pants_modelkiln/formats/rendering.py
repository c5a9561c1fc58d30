"""What a format is to `pants package`: one request for each, distinguished by Pants' unions."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pants.engine.environment import EnvironmentName
from pants.engine.fs import Digest, SymlinkEntry
from pants.engine.rules import collect_rules
from pants.engine.unions import union

from modelkiln.frozen_json import FrozenJson
from modelkiln.layer import Layer
from modelkiln.store.store import BLOBS, blob_path
from pants_modelkiln.compat.calls import rule
from pants_modelkiln.compat.known_artifact import KnownArtifact
from pants_modelkiln.package.inputs import PackageInputs

# The link in dist/ that leads to the store's blobs, and that links to large files go through.
STORE_BLOBS = ".store"


def store_link(store: Path) -> SymlinkEntry:
    """That link, for the store at an absolute path."""
    return SymlinkEntry(STORE_BLOBS, str(store / BLOBS))


def blob_link(path: str, digest: str) -> SymlinkEntry:
    """The link from `path` to a blob of the store; both are relative to dist/."""
    blob = STORE_BLOBS + blob_path(digest)[len(BLOBS) :]
    return SymlinkEntry(path, os.path.relpath(blob, os.path.dirname(path)))


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

    facts: of the record's "formats". layers: those whose recipes the record keeps.
    """

    digest: Digest
    facts: FrozenJson
    layers: tuple[Layer, ...]
    artifact: KnownArtifact


@rule(polymorphic=True)
async def render(request: RenderingRequest) -> Rendering:
    """Render a package, by the rule of its format."""
    raise NotImplementedError


def rules():
    return collect_rules()
