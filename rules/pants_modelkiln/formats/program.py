"""A program that `dist/` gets: a file or a folder, what of it Pants carries, and what of it lies in the store."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace

from pants.engine.fs import AddPrefix, CreateDigest, Digest, MergeDigests, SymlinkEntry
from pants.engine.internals.session import RunId
from pants.engine.process import ProcessCacheScope
from pants.engine.rules import collect_rules
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from modelkiln.digest import hex_of
from modelkiln.frozen_json import FrozenJson
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.store.store import blob_path
from modelkiln.store.users import keep_for_run
from pants_modelkiln.compat.calls import (
    add_prefix,
    create_digest,
    get_digest_contents,
    get_digest_entries,
    implicitly,
    merge_digests,
    rule,
)
from pants_modelkiln.compat.known_artifact import KnownArtifact
from pants_modelkiln.engine.step import Step, run_step
from pants_modelkiln.engine.tool import machine_store
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.formats.rendering import STORE_BLOBS, Rendering, blob_link, store_link


@dataclass(frozen=True)
class Program:
    """What runs: a file of `size` bytes, or a folder of so many.

    digest: what Pants carries, at the program's name. links: what lies in the store, as (path, digest of the blob); a
    large file is one. facts: of the record's "formats", without its path.
    """

    digest: Digest
    links: tuple[tuple[str, str], ...]
    facts: FrozenJson

    @property
    def size(self) -> int:
        """Bytes of all of its files."""
        return int(self.facts["size"])


@dataclass(frozen=True)
class StoredBlobsRequest:
    """Blobs, as (digest, size), that `step` has put into the store."""

    step: Step
    blobs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class StoredBlobs:
    """These are in this machine's store, for as long as this run of Pants."""

    digests: tuple[str, ...]


@rule(level=LogLevel.DEBUG)
async def keep_blobs(request: StoredBlobsRequest, run_id: RunId, global_options: GlobalOptions) -> StoredBlobs:
    """Look for the blobs, again in each run: they may be made on another machine, whose result a remote cache held,
    or be removed from the store since. Then they are made again."""
    store = machine_store(global_options)
    kept = [keep_for_run(store, blob_path(digest), size) for digest, size in request.blobs]
    if not all(kept):
        await run_step(replace(request.step, cache_scope=ProcessCacheScope.PER_SESSION), **implicitly())
    return StoredBlobs(tuple(digest for digest, _ in request.blobs))


async def program_of(step: Step, file_name: str, is_stored: bool) -> Program:
    """What a step made: its output file, or the blob that its output file names."""
    result = await run_step(step, **implicitly())
    if not is_stored:
        file = (await get_digest_entries(result.digest))[0].file_digest
        facts = {"sha256": file.fingerprint, "size": file.serialized_bytes_length}
        return Program(result.digest, (), FrozenJson.of(facts))
    blob = json.loads((await get_digest_contents(result.digest))[0].content)
    digest, size = blob["digest"], blob["size"]
    await keep_blobs(StoredBlobsRequest(step, ((digest, size),)), **implicitly())
    nothing = await create_digest(CreateDigest([]))
    return Program(nothing, ((file_name, digest),), FrozenJson.of({"sha256": hex_of(digest), "size": size}))


async def program_in_sandbox(program: Program) -> Digest:
    """The program for a build step, at its name, with links into the store as steps see it."""
    links = [
        SymlinkEntry(path, os.path.relpath(f"{STORE}/{blob_path(digest)}", os.path.dirname(path)))
        for path, digest in program.links
    ]
    return await merge_digests(MergeDigests((program.digest, await create_digest(CreateDigest(links)))))


async def render_program(program: Program, path: str, what: str, global_options: GlobalOptions) -> Rendering:
    """Rendering of a program at `path` of dist/, whose name is the program's own; what: a word for people."""
    folder, name = os.path.split(path)
    lines = [f"  {what}, {readable_size(program.size)}"]
    digest = await add_prefix(AddPrefix(program.digest, folder))
    if program.links:
        store = machine_store(global_options).absolute()
        links = [blob_link(os.path.join(folder, place), blob) for place, blob in program.links]
        linked = await create_digest(CreateDigest([store_link(store), *links]))
        digest = await merge_digests(MergeDigests((digest, linked)))
        is_folder = program.links[0][0] != name
        lines.append(
            f"  its wheels are in the store, {name} links to them (`cp -rL` makes a folder for other machines)"
            if is_folder
            else "  in the store, dist/ links to it (`cp -L` makes a file of it)"
        )
    return Rendering(
        digest=digest,
        facts=FrozenJson.of({"path": name, **program.facts.to_json()}),
        layers=(),
        artifact=KnownArtifact(path, tuple(lines), (STORE_BLOBS,) if program.links else ()),
    )


def rules():
    return collect_rules()
