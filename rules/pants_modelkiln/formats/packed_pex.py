"""A PEX in Pex' packed layout, which a changed line makes anew without a process."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Iterable

from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestSubset,
    Directory,
    FileContent,
    FileEntry,
    PathGlobs,
    SymlinkEntry,
)
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.formats.pex_contents import BOOTSTRAP, DEPENDENCIES, MAIN, SCRIPT, check_packed
from modelkiln.formats.pex_parts import FILES, TEMPLATES, complete
from modelkiln.frozen_json import FrozenJson
from modelkiln.weights.lock import set_digest
from pants_modelkiln.compat.calls import (
    create_digest,
    digest_subset_to_digest,
    get_digest_contents,
    get_digest_entries,
    implicitly,
    rule,
)
from pants_modelkiln.engine.step import Step, run_step
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.formats.pex_request import PexRequest, own_files
from pants_modelkiln.formats.program import Program, StoredBlobsRequest, keep_blobs
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.fields import PACKED

_PARTS = "parts"


@dataclass(frozen=True)
class PackedPexRequest:
    """The PEX as a folder."""

    pex: PexRequest


async def _run_parts(request: PexRequest, options: ModelkilnSubsystem) -> Digest:
    """What the PEX has in common with every other of its environment; its wheels are in the store then."""
    step = Step(
        argv=("pex-parts", "--packed", "--spec=spec.json", f"--store={STORE}", f"--output={_PARTS}"),
        description=f"Prepare {request.title()}",
        input_digest=await create_digest(CreateDigest([request.spec()])),
        output_directories=(_PARTS,),
        tool=request.tool(options),
    )
    result = await run_step(step, **implicitly())
    blobs = tuple((f"sha256:{wheel.sha256}", wheel.size) for wheel in request.wheels)
    await keep_blobs(StoredBlobsRequest(step, blobs), **implicitly())
    return result.digest


async def _files_below(digest: Digest, folder: str = "") -> dict[str, FileEntry]:
    """Pants' entries of the files below a folder, by their paths in it; refuses what a PEX cannot carry."""
    found = {}
    for entry in await get_digest_entries(digest):
        if entry.path.startswith(folder) and not isinstance(entry, Directory):
            path = entry.path[len(folder) :]
            check_packed(path, isinstance(entry, FileEntry))
            if isinstance(entry, FileEntry):  # It is: what checks has raised.
                found[path] = entry
    return found


@rule(desc="Pack a PEX", level=LogLevel.DEBUG)
async def build_packed(request: PackedPexRequest, options: ModelkilnSubsystem) -> Program:
    """Put the folder together: the code, what Pex wrote once for its environment, and links to the wheels."""
    pex = request.pex
    pex.check(options)
    parts = await _run_parts(pex, options)
    wanted = PathGlobs([f"{_PARTS}/{TEMPLATES}"])
    (templates,) = await get_digest_contents(await digest_subset_to_digest(DigestSubset(parts, wanted)))
    own = {
        **await _files_below(await own_files(pex)),
        **await _files_below(parts, f"{_PARTS}/{FILES}/"),
    }
    wanted = PathGlobs([f"{_PARTS}/{BOOTSTRAP}"])
    (bootstrap,) = await get_digest_entries(await digest_subset_to_digest(DigestSubset(parts, wanted)))
    hashes = [(entry.file_digest.fingerprint, path) for path, entry in own.items()]
    written = complete(json.loads(templates.content), hashes)
    carried = {**own, BOOTSTRAP: bootstrap}
    top = pex.file_name
    entries = [
        # Run bits depend on how files came here.
        *(FileEntry(f"{top}/{path}", entry.file_digest) for path, entry in carried.items()),
        *(FileContent(f"{top}/{path}", data, path == MAIN) for path, data in written.items()),
        SymlinkEntry(f"{top}/{SCRIPT}", MAIN),
    ]
    wheels = [(f"{DEPENDENCIES}/{one.filename}", one.sha256, one.size) for one in pex.wheels]
    members = [
        *((path, entry.file_digest.fingerprint, entry.file_digest.serialized_bytes_length)
          for path, entry in carried.items()),
        *((path, hashlib.sha256(data).hexdigest(), len(data)) for path, data in written.items()),
        *wheels,
    ]  # fmt: skip
    return Program(
        await create_digest(CreateDigest(entries)),
        tuple((f"{top}/{path}", f"sha256:{sha256}") for path, sha256, _ in wheels),
        _facts(members),
    )


def _facts(members: Iterable[tuple[str, str, int]]) -> FrozenJson:
    """What the record says of a packed PEX; members: its files as (path, sha256 in hex, size)."""
    found = list(members)
    digest = set_digest((sha256, path) for path, sha256, _ in found)
    return FrozenJson.of({"layout": PACKED, "set_digest": digest, "size": sum(size for _, _, size in found)})


def rules():
    return collect_rules()
