# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.fs import AddPrefix as AddPrefix
from pants.engine.fs import CreateDigest as CreateDigest
from pants.engine.fs import Digest as Digest
from pants.engine.fs import DigestContents as DigestContents
from pants.engine.fs import DigestEntries as DigestEntries
from pants.engine.fs import DigestSubset as DigestSubset
from pants.engine.process import FallibleProcessResult as FallibleProcessResult
from pants.engine.process import InteractiveProcess as InteractiveProcess
from pants.engine.process import InteractiveProcessResult as InteractiveProcessResult
from pants.engine.fs import MergeDigests as MergeDigests
from pants.engine.fs import PathGlobs as PathGlobs
from pants.engine.fs import Paths as Paths
from pants.engine.process import Process as Process
from pants.engine.process import ProcessExecutionEnvironment as ProcessExecutionEnvironment
from pants.engine.fs import RemovePrefix as RemovePrefix
from pants.engine.fs import Snapshot as Snapshot
from pants.engine.rules import rule as rule
@rule
async def create_digest(create_digest: CreateDigest) -> Digest:
    ...
@rule
async def path_globs_to_digest(path_globs: PathGlobs) -> Digest:
    ...
@rule
async def path_globs_to_paths(path_globs: PathGlobs) -> Paths:
    ...
@rule
async def digest_to_snapshot(digest: Digest) -> Snapshot:
    ...
@rule
async def get_digest_contents(digest: Digest) -> DigestContents:
    ...
@rule
async def get_digest_entries(digest: Digest) -> DigestEntries:
    ...
@rule
async def merge_digests(merge_digests: MergeDigests) -> Digest:
    ...
@rule
async def remove_prefix(remove_prefix: RemovePrefix) -> Digest:
    ...
@rule
async def add_prefix(add_prefix: AddPrefix) -> Digest:
    ...
@rule
async def execute_process(process: Process, process_execution_environment: ProcessExecutionEnvironment) -> FallibleProcessResult:
    ...
@rule
async def digest_subset_to_digest(digest_subset: DigestSubset) -> Digest:
    ...
async def run_interactive_process(process: InteractiveProcess) -> InteractiveProcessResult:
    ...
