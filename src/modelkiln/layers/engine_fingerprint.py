"""A digest of the engine's own code, for what depends on it."""

import hashlib
import importlib
import sys
from pathlib import Path
from typing import Sequence

__all__ = ["IRRELEVANT_ROOMS", "engine_fingerprint"]

# Rooms that cannot change a layer's bytes, because no packer that is remembered imports them. All others count,
# the runtime among them: packers fetch with its rules of redirects and logins.
IRRELEVANT_ROOMS = (
    "checks/",
    "cli/",
    "formats/",
    "image/",
    "library/",
    "package/",
    "publication/",
    "registry/",
    "smoke/",
    "sources/",
    "validation/",
    "weights/",
)


def engine_fingerprint(libraries: Sequence[str]) -> str:
    """Return the digest of what turns a recipe into bytes: the engine's modules, and `libraries` by name."""
    root, hasher = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(IRRELEVANT_ROOMS):
            hasher.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    # Not by importlib.metadata, which would be half of a step's start; the packer needs them anyway.
    versions = [f"{name} {importlib.import_module(name).__version__}" for name in libraries]
    hasher.update(" ".join([*versions, sys.version]).encode())
    return hasher.hexdigest()
