"""From a target with locked Debian packages to its locks."""

from __future__ import annotations

from typing import Any

from pants.engine.fs import GlobExpansionConjunction, GlobMatchErrorBehavior, PathGlobs
from pants.engine.target import HydrateSourcesRequest, Target

from modelkiln.base.debian_lock import load_lock, lock_name
from modelkiln.errors import ModelkilnError
from pants_modelkiln.compat.calls import get_digest_contents, hydrate_sources, implicitly
from pants_modelkiln.target_types.base_image import BaseImageArchitecturesField, BaseImageLockField


async def debian_locks(target: Target) -> dict[str, dict[str, Any]]:
    """The locks of a target by architecture, in the order in which it names them."""
    architectures = tuple(dict.fromkeys(target[BaseImageArchitecturesField].value or ()))
    sources = await hydrate_sources(HydrateSourcesRequest(target[BaseImageLockField]), **implicitly())
    first = (await get_digest_contents(sources.snapshot.digest))[0]
    paths = [lock_name(first.path, architectures, name) for name in architectures[1:]]
    others = await get_digest_contents(
        **implicitly(
            PathGlobs(
                paths,
                glob_match_error_behavior=GlobMatchErrorBehavior.error,
                conjunction=GlobExpansionConjunction.all_match,
                description_of_origin=f"the locks of `architectures` of {target.address}; write them with pants lock",
            )
        )
    )
    texts = {file.path: file.content for file in (first, *others)}
    return {name: _load(target, path, texts[path], name) for name, path in zip(architectures, [first.path, *paths])}


def _load(target: Target, path: str, text: bytes, architecture: str) -> dict[str, Any]:
    lock = load_lock(text.decode("utf-8", "replace"), f"{target.address}: {path}")
    if lock["architecture"] != architecture:
        raise ModelkilnError(
            f"{target.address}: {path}: is a lock for {lock['architecture']}, want one for {architecture}. "
            f"Lock it again with ./pants lock {target.address}."
        )
    return lock
