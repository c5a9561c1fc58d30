"""From `model_artifact` targets to hashed files and weights layers."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Collection, Iterable

from pants.base.build_environment import get_buildroot
from pants.engine.addresses import Address, Addresses
from pants.engine.fs import CreateDigest, Digest, MergeDigests, PathGlobs, RemovePrefix
from pants.engine.rules import collect_rules
from pants.engine.target import HydrateSourcesRequest
from pants.util.logging import LogLevel

from modelkiln.checks.allowed import Allowed
from modelkiln.checks.lfs_pointer import POINTER_LIMIT, is_pointer, parse_pointer
from modelkiln.errors import ModelkilnError
from modelkiln.layers.artifact import artifact_recipes
from modelkiln.machine.submodules import check_submodules
from modelkiln.pinned_file import PinnedFile, may_be_empty
from modelkiln.recipe import WEIGHTS, Recipe
from pants_modelkiln.compat.calls import (
    concurrently,
    create_digest,
    get_digest_contents,
    get_digest_entries,
    hydrate_sources,
    implicitly,
    merge_digests,
    path_globs_to_digest,
    path_globs_to_paths,
    remove_prefix,
    resolve_targets,
    rule,
)
from pants_modelkiln.compat.values import excludes_of
from pants_modelkiln.engine.layers import LayerRequest, make_layer
from pants_modelkiln.inputs.artifact import Artifact, ArtifactRequest, pinned_files
from pants_modelkiln.inputs.checks import ArtifactCheckRequest, check_artifact
from pants_modelkiln.inputs.lfs_pointers import (
    CommittedPointersRequest,
    PointerFilesRequest,
    fetch_pointer_files,
    find_committed_pointers,
)
from pants_modelkiln.inputs.locked_artifact import (
    LockedArtifactRequest,
    list_locked_artifact,
    read_locked_artifact,
)
from pants_modelkiln.inputs.named_files import check_inside, literal
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.artifact import (
    ModelArtifactAllowCodeField,
    ModelArtifactAllowPickleField,
    ModelArtifactBaseField,
    ModelArtifactFolderField,
    ModelArtifactLockField,
    ModelArtifactSignatureField,
    ModelArtifactSourceField,
    allowed_in,
)

# As `modelkiln.sources` reads them: "https://", "hf:", "models:/".
_URI = re.compile(r"[a-z][a-z0-9+.-]+:")
# Layers of up to this many bytes are carried by Pants next to their descriptor and lie in the
# layout itself; larger ones go through the store.
_CARRIED_BYTES = 1 << 20


@dataclass(frozen=True)
class ArtifactListRequest:
    """The files of the `model_artifact` at an address."""

    address: Address


@dataclass(frozen=True)
class ListedArtifact:
    """artifact: its files, unchecked, without layers. large: those that its digest lacks and pointers of Git LFS pin.
    allowed: what the target allows in them. locked: of a target with a lock, what reads it."""

    artifact: Artifact
    large: tuple[PinnedFile, ...]
    allowed: Allowed
    locked: LockedArtifactRequest | None = None


def check_request(listed: ListedArtifact) -> ArtifactCheckRequest:
    """The check of an artifact's files, which are not those of a lock."""
    found = listed.artifact
    has_onnx = any(file.path.endswith(".onnx") for file in found.files)
    return ArtifactCheckRequest(found.address, found.digest, listed.allowed, listed.large, has_onnx)


@dataclass(frozen=True)
class _Found:
    """What a target's field `source` names. digest: of the files that may pass through Pants, and of
    pointers. committed: pointers of large files that git has in place of them."""

    digest: Digest
    committed: tuple[PinnedFile, ...]


async def _below(address: Address, digest: Digest) -> Digest:
    return await remove_prefix(RemovePrefix(digest, address.spec_path)) if address.spec_path else digest


async def _find_files(address: Address, field: ModelArtifactSourceField, limit: int) -> _Found:
    spec = field.filespec
    for path in spec["includes"]:
        check_inside(address, field.alias, path, path, "Files of elsewhere are a source that a `lock` pins.")
    paths = await path_globs_to_paths(PathGlobs([*spec["includes"], *(f"!{path}" for path in excludes_of(spec))]))
    large = _large_files(paths.files, limit)
    if not large:
        sources = await hydrate_sources(HydrateSourcesRequest(field), **implicitly())
        return _Found(await _below(address, sources.snapshot.digest), ())
    committed = (await find_committed_pointers(CommittedPointersRequest(address, tuple(large)), **implicitly())).found
    for path in sorted(large.keys() - {file.path for file in committed}):
        raise _too_large(address, path, large[path], limit)
    digest = await path_globs_to_digest(PathGlobs([literal(path) for path in paths.files if path not in large]))
    pointers = (replace(file, path=os.path.relpath(file.path, address.spec_path or ".")) for file in committed)
    return _Found(await _below(address, digest), tuple(pointers))


async def _part(digest: Digest, paths: Collection[str]) -> Digest:
    # Not as globs: a path may look like one.
    return await create_digest(
        CreateDigest([entry for entry in await get_digest_entries(digest) if entry.path in paths])
    )


async def _refuse_empty(address: Address, paths: Iterable[str]) -> None:
    """Refuse empty files, but for those that say something and those that Git LFS has as they are."""
    empty = {os.path.normpath(os.path.join(address.spec_path, path)): path for path in paths if not may_be_empty(path)}
    if not empty:
        return
    known = (await find_committed_pointers(CommittedPointersRequest(address, tuple(empty)), **implicitly())).found
    for path in sorted(empty.keys() - {file.path for file in known if not file.size}):
        raise ModelkilnError(
            f"{address}: {empty[path]}: is empty. Write the trained artifact there, or leave the "
            "file out of the field `source`."
        )


async def _find_pointers(address: Address, digest: Digest) -> tuple[PinnedFile, ...]:
    suspects = {file.path for file in pinned_files(await get_digest_entries(digest)) if file.size < POINTER_LIMIT}
    contents = await get_digest_contents(await _part(digest, suspects)) if suspects else ()
    await _refuse_empty(address, [file.path for file in contents if not file.content])
    return tuple(
        parse_pointer(file.content, file.path, f"{address}: {file.path}")
        for file in contents
        if file.content and is_pointer(file.content)
    )


async def _put_in_place(address: Address, digest: Digest, pointers: tuple[PinnedFile, ...], limit: int) -> Digest:
    """The Digest with the files that small pointers stand for, and without the large ones."""
    if not pointers:
        return digest
    paths = {pointer.path for pointer in pointers}
    others = await create_digest(
        CreateDigest([entry for entry in await get_digest_entries(digest) if entry.path not in paths])
    )
    small = tuple(pointer for pointer in pointers if pointer.size <= limit)
    if not small:
        return others
    return await merge_digests(
        MergeDigests((others, await fetch_pointer_files(PointerFilesRequest(address, small), **implicitly())))
    )


async def _request_layer(digest: Digest, recipe: Recipe) -> LayerRequest:
    sources = await _part(digest, {file["path"] for file in recipe["files"]})
    is_carried = recipe.packer != WEIGHTS and sum(file["size"] for file in recipe["files"]) <= _CARRIED_BYTES
    return LayerRequest(recipe, recipe["title"], sources, is_carried)


async def _find_layers(artifact: Artifact, stored: Collection[str], allowed: Allowed) -> Artifact:
    """The artifact with its layers; those of files in the store, whose paths are `stored`, are made."""
    address = artifact.address
    recipes = artifact_recipes(str(address), address.spec_path, artifact.files, stored, allowed)
    requests = [await _request_layer(artifact.digest, recipe) for recipe in recipes]
    of_store = [request for request in requests if request.recipe.packer == WEIGHTS]
    made = dict(zip(of_store, await concurrently(make_layer(request, **implicitly()) for request in of_store)))
    parts = tuple(made[request].layer if request in made else request for request in requests)
    digest = await merge_digests(MergeDigests(part.sources for part in parts if isinstance(part, LayerRequest)))
    return replace(artifact, digest=digest, parts=parts)


@rule(desc="List a model artifact", level=LogLevel.DEBUG)
async def list_artifact(request: ArtifactListRequest, options: ModelkilnSubsystem) -> ListedArtifact:
    """Find and pin the files; none of them is looked into but for pointers of Git LFS."""
    address, limit = request.address, options.large_blob_limit
    target = (await resolve_targets(**implicitly(Addresses([address])))).expect_single()
    if not target.has_field(ModelArtifactSourceField):
        raise ModelkilnError(f"{address}: is a `{target.alias}`, but `artifacts` must name `model_artifact` targets.")
    allowed = allowed_in(target[ModelArtifactAllowPickleField], target[ModelArtifactAllowCodeField])
    base = target[ModelArtifactBaseField].value or ""
    folder = target[ModelArtifactFolderField].value or ""
    lock, signature = target[ModelArtifactLockField].value, target[ModelArtifactSignatureField].value
    if lock:
        locked = LockedArtifactRequest(address, lock, allowed, signature or "")
        artifact, read, _ = await list_locked_artifact(locked)
        _check_folder(address, folder, read.source.get("folder") or "")
        return ListedArtifact(replace(artifact, base=base), (), allowed, locked)
    if signature:
        raise ModelkilnError(
            f"{address}: the field `model_signature` is for the files of a lock. Name one in the field `lock`, or add "
            f"{signature} to the field `source`."
        )
    if folder:
        raise ModelkilnError(
            f"{address}: the field `folder` is for the files of a lock. Put these into a folder next to the BUILD "
            f'file, or name a lock in the target, lock="{address.target_name}.lock.json".'
        )
    field = target[ModelArtifactSourceField]
    if not field.value:
        raise ModelkilnError(f"{address}: name its files in the field `source`, or its lock in the field `lock`.")
    _refuse_without_lock(address, field.value)
    files_found = await _find_files(address, field, limit)
    pointers = await _find_pointers(address, files_found.digest)
    digest = await _put_in_place(address, files_found.digest, pointers, limit)
    large = (*files_found.committed, *(pointer for pointer in pointers if pointer.size > limit))
    files = (*pinned_files(await get_digest_entries(digest)), *large)
    if not files:
        raise ModelkilnError(
            f"{address}: the field `source` matches no file. Check its path, which is relative to "
            f"{address.spec_path or 'the root'}."
        )
    artifact = Artifact(address, tuple(sorted(files, key=lambda file: file.path)), digest, base=base)
    return ListedArtifact(artifact, large, allowed)


@rule(desc="Hash a model artifact", level=LogLevel.DEBUG)
async def hash_artifact(request: ArtifactRequest, options: ModelkilnSubsystem) -> Artifact:
    """Find, check and pin the files, and say which layers they make."""
    listed = await list_artifact(ArtifactListRequest(request.address), **implicitly())
    found = listed.artifact
    if listed.locked:
        return replace(await read_locked_artifact(listed.locked, **implicitly()), base=found.base)
    checked = await check_artifact(check_request(listed), options)
    large = {pointer.path for pointer in listed.large}
    return await _find_layers(replace(found, formats=checked.formats), large, listed.allowed)


def _check_folder(address: Address, field: str, locked: str) -> None:
    if field != locked:
        raise ModelkilnError(
            f"{address}: the field `folder` is {field!r}, and its lock has the files in {locked!r}. Lock it again: "
            f"`pants lock {address}`."
        )


def _refuse_without_lock(address: Address, values: Iterable[str]) -> None:
    """Refuse what matches no file: folders and URIs, for which a lock can stand, and submodules that are empty."""
    lock = f'lock="{address.target_name}.lock.json"'
    for value in values:
        path = Path(get_buildroot(), address.spec_path, value)
        check_submodules(path, f"{address}: the field `source`")
        if path.is_dir():
            remedy = _folder_remedy(os.path.normpath(value), lock)
        elif _URI.match(value):
            remedy = f"For that, name a lock in the target, {lock}"
        else:
            continue
        raise ModelkilnError(
            f"{address}: the field `source` names the {'folder' if path.is_dir() else 'URI'} {value!r}. {remedy}, and "
            f"write the lock with `pants lock {address}`."
        )


def _folder_remedy(folder: str, lock: str) -> str:
    """How a folder's files get into an artifact: in both ways under the same paths, where they can be."""
    if folder.split("/")[0] in ("", os.pardir):
        return f"For that, name a lock in the target, {lock}"
    if folder == os.curdir:
        return f'Name its files, such as source="*.onnx", or a lock in the target, {lock}'
    return f'Name its files, source="{folder}/**/*", or a lock in the target, {lock} with folder="{folder}"'


def _large_files(paths: Iterable[str], limit: int) -> dict[str, int]:
    # Before Pants reads them: it takes half a minute for each GB, at every start of its daemon.
    sizes = {path: os.stat(os.path.join(get_buildroot(), path)).st_size for path in paths}
    return {path: size for path, size in sizes.items() if size > limit}


def _too_large(address: Address, path: str, size: int, limit: int) -> ModelkilnError:
    return ModelkilnError(
        f"{address}: {path}: has {size} bytes, and files of more than {limit} must not pass through Pants. "
        f'Name a lock in the target, lock="{address.target_name}.lock.json", and write it with '
        f"`pants lock {address}`, or commit it with Git LFS. (The limit is [modelkiln].large_blob_limit.)"
    )


def rules():
    return collect_rules()
