"""Git LFS pointers among the files of a model artifact, which is locked by them already."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from pants.base.build_environment import get_buildroot
from pants.engine.addresses import Address
from pants.engine.fs import Digest, FileContent
from pants.engine.process import ProcessCacheScope
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.errors import ModelkilnError
from modelkiln.pinned_file import PinnedFile
from pants_modelkiln.engine.api import create_digest, read_digest, remove_prefix
from pants_modelkiln.engine.step import Step, attempt_step, perform_step
from pants_modelkiln.engine.tool import STORE

# Stands for the address in the step's messages: equal files of two targets are one process.
_ADDRESS = "@artifact"


def pointers_file(address: Address, pointers: tuple[PinnedFile, ...]) -> FileContent:
    """The file pointers.json that build steps read, see `modelkiln.weights.pointers`."""
    folder = address.spec_path
    described = [{**file.to_json(), "uri": f"lfs:{os.path.join(folder, file.path)}"} for file in pointers]
    return FileContent("pointers.json", canonical_json(described))


@dataclass(frozen=True)
class PointerFilesRequest:
    """The files that pointers of the `model_artifact` at an address stand for, by their paths in it."""

    address: Address
    pointers: tuple[PinnedFile, ...]


def pointer_files(address: Address, pointers: tuple[PinnedFile, ...]) -> Get:
    """Digest of what pointers stand for, at the paths in the artifact: for files that may pass through Pants."""
    return Get(Digest, PointerFilesRequest(address, pointers))


@rule(desc="Fetch files from Git LFS", level=LogLevel.DEBUG)
async def fetch_pointer_files(request: PointerFilesRequest) -> Digest:
    step = Step(
        argv=(
            "fetch-pointers", "--pointers=pointers.json", f"--where={_ADDRESS}", f"--store={STORE}", "--output=files",
        ),
        description=f"Fetch files of {request.address} from Git LFS",
        input_digest=await create_digest([pointers_file(request.address, request.pointers)]),
        output_directories=("files",),
    )  # fmt: skip
    result = (await attempt_step(step)).result
    if result.exit_code != 0:
        message = result.stderr.decode(errors="replace").strip().replace(_ADDRESS, str(request.address))
        raise ModelkilnError(message or f"{request.address}: Git LFS lacks its files.")
    return await remove_prefix(result.output_digest, "files")


@dataclass(frozen=True)
class CommittedPointersRequest:
    """Large files of the repository, whose pointers git may have."""

    address: Address
    paths: tuple[str, ...]


@dataclass(frozen=True)
class CommittedPointers:
    """Those that are unchanged files of Git LFS, by their paths in the repository."""

    found: tuple[PinnedFile, ...]


def committed_pointers(address: Address, paths: tuple[str, ...]) -> Get:
    """CommittedPointers of large files, whose bytes are not read."""
    return Get(CommittedPointers, CommittedPointersRequest(address, paths))


@rule(desc="Look for Git LFS pointers of large files", level=LogLevel.DEBUG)
async def find_committed_pointers(request: CommittedPointersRequest) -> CommittedPointers:
    step = Step(
        argv=(
            "committed-pointers", f"--store={STORE}", f"--checkout={get_buildroot()}", "--output=pointers.json", "--",
            *request.paths,
        ),
        description=f"Look for Git LFS pointers of {request.address}",
        output_files=("pointers.json",),
        # What it reads is not an input of the process: the checkout's index.
        cache_scope=ProcessCacheScope.PER_SESSION,
    )  # fmt: skip
    result = await perform_step(step)
    found = json.loads((await read_digest(result.digest))[0].content)
    return CommittedPointers(tuple(PinnedFile.from_json(file) for file in found))


def rules():
    return collect_rules()
