"""Git LFS pointers among the files of a model artifact, which is locked by them already."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from pants.base.build_environment import get_buildroot
from pants.engine.addresses import Address
from pants.engine.fs import CreateDigest, Digest, FileContent, RemovePrefix
from pants.engine.process import ProcessCacheScope
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.errors import ModelkilnError
from modelkiln.pinned_file import PinnedFile
from pants_modelkiln.compat.calls import create_digest, get_digest_contents, implicitly, remove_prefix, rule
from pants_modelkiln.engine.step import Step, run_step, try_step
from pants_modelkiln.engine.tool_install import STORE

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


@rule(desc="Fetch files from Git LFS", level=LogLevel.DEBUG)
async def fetch_pointer_files(request: PointerFilesRequest) -> Digest:
    """Have the files fetched by a step, which is cached by their pointers alone."""
    step = Step(
        argv=(
            "fetch-pointers", "--pointers=pointers.json", f"--where={_ADDRESS}", f"--store={STORE}", "--output=files",
        ),
        description=f"Fetch files of {request.address} from Git LFS",
        input_digest=await create_digest(CreateDigest([pointers_file(request.address, request.pointers)])),
        output_directories=("files",),
    )  # fmt: skip
    result = (await try_step(step, **implicitly())).result
    if result.exit_code != 0:
        message = result.stderr.decode(errors="replace").strip().replace(_ADDRESS, str(request.address))
        raise ModelkilnError(message or f"{request.address}: Git LFS lacks its files.")
    return await remove_prefix(RemovePrefix(result.output_digest, "files"))


@dataclass(frozen=True)
class CommittedPointersRequest:
    """Files of the repository, by their paths in it, whose pointers git may have: large ones, and empty ones."""

    address: Address
    paths: tuple[str, ...]


@dataclass(frozen=True)
class CommittedPointers:
    """Those that are unchanged files of Git LFS, by their paths in the repository."""

    found: tuple[PinnedFile, ...]


@rule(desc="Look for Git LFS pointers", level=LogLevel.DEBUG)
async def find_committed_pointers(request: CommittedPointersRequest) -> CommittedPointers:
    """Ask git for the pointers, again in each session."""
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
    result = await run_step(step, **implicitly())
    found = json.loads((await get_digest_contents(result.digest))[0].content)
    return CommittedPointers(tuple(PinnedFile.from_json(file) for file in found))


def rules():
    return collect_rules()
