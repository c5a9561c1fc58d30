# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.engine.fs import Digest as Digest
from pants.option.bootstrap_options import ExecutionOptions as ExecutionOptions
from collections.abc import Iterable as Iterable
from pants.option.bootstrap_options import LocalStoreOptions as LocalStoreOptions
from pants.engine.internals.native_engine import PyExecutor as PyExecutor
from pants.engine.internals.native_engine import PySession as PySession
from pants.engine.rules import Rule as Rule
from collections.abc import Sequence as Sequence
from pants.engine.unions import UnionMembership as UnionMembership
class Scheduler:

    def __init__(self, *, ignore_patterns: list[str], use_gitignore: bool, build_root: str, pants_workdir: str, local_execution_root_dir: str, named_caches_dir: str, ca_certs_path: str | None, rules: Iterable[Rule], union_membership: UnionMembership, execution_options: ExecutionOptions, local_store_options: LocalStoreOptions, executor: PyExecutor, include_trace_on_error: bool=..., visualize_to_dir: str | None=..., validate_reachability: bool=..., watch_filesystem: bool=...) -> None:
        ...
class SchedulerSession:

    def __init__(self, scheduler: Scheduler, session: PySession) -> None:
        ...

    def write_digest(self, digest: Digest, *, path_prefix: str | None=..., clear_paths: Sequence[str]=...) -> None:
        ...
