# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from typing import Any as Any
from enum import Enum as Enum
from pants.base.glob_match_error_behavior import GlobMatchErrorBehavior as GlobMatchErrorBehavior
from typing import TypeVar as TypeVar
from dataclasses import dataclass as dataclass
import enum
_G = TypeVar('_G', bound='_GlobMatchErrorBehaviorOptionBase')
class RemoteProvider(Enum):
    reapi = ...
    experimental_file = ...
    experimental_github_actions_cache = ...
@dataclass(frozen=True)
class _GlobMatchErrorBehaviorOptionBase:
    error_behavior: GlobMatchErrorBehavior

    @classmethod
    def ignore(cls: type[_G]) -> _G:
        ...

    @classmethod
    def warn(cls: type[_G]) -> _G:
        ...

    @classmethod
    def error(cls: type[_G]) -> _G:
        ...
class UnmatchedBuildFileGlobs(_GlobMatchErrorBehaviorOptionBase):
    ...
@enum.unique
class RemoteCacheWarningsBehavior(Enum):
    ignore = ...
    first_only = ...
    backoff = ...
    always = ...
@enum.unique
class CacheContentBehavior(Enum):
    fetch = ...
    validate = ...
    defer = ...
@dataclass(frozen=True)
class ExecutionOptions:
    remote_provider: RemoteProvider
    remote_execution: bool
    remote_cache_read: bool
    remote_cache_write: bool
    remote_instance_name: str | None
    remote_ca_certs_path: str | None
    remote_client_certs_path: str | None
    remote_client_key_path: str | None
    use_sandboxer: bool
    local_cache: bool
    process_execution_local_parallelism: int
    process_execution_local_enable_nailgun: bool
    process_execution_remote_parallelism: int
    process_execution_cache_namespace: str | None
    process_execution_graceful_shutdown_timeout: int
    cache_content_behavior: CacheContentBehavior
    process_total_child_memory_usage: int | None
    process_per_child_memory_usage: int
    remote_store_address: str | None
    remote_store_headers: dict[str, str]
    remote_store_chunk_bytes: Any
    remote_store_rpc_retries: int
    remote_store_rpc_concurrency: int
    remote_store_batch_api_size_limit: int
    remote_store_batch_load_enabled: bool
    remote_store_rpc_timeout_millis: int
    remote_cache_warnings: RemoteCacheWarningsBehavior
    remote_cache_rpc_concurrency: int
    remote_cache_rpc_timeout_millis: int
    remote_execution_address: str | None
    remote_execution_headers: dict[str, str]
    remote_execution_overall_deadline_secs: int
    remote_execution_rpc_concurrency: int
    remote_execution_append_only_caches_base_path: str | None
@dataclass(frozen=True)
class LocalStoreOptions:
    store_dir: str = ...
    processes_max_size_bytes: int = ...
    files_max_size_bytes: int = ...
    directories_max_size_bytes: int = ...
    shard_count: int = ...
class BootstrapOptions:
    _default_distdir_name: ClassVar[str]
    _default_rel_distdir: ClassVar[Any]
    backend_packages: ClassVar[Any]
    plugins: ClassVar[Any]
    plugins_force_resolve: ClassVar[Any]
    level: ClassVar[Any]
    show_log_target: ClassVar[Any]
    log_levels_by_target: ClassVar[Any]
    log_show_rust_3rdparty: ClassVar[Any]
    ignore_warnings: ClassVar[Any]
    pants_version: ClassVar[Any]
    pants_bin_name: ClassVar[Any]
    pants_workdir: ClassVar[Any]
    pants_physical_workdir_base: ClassVar[Any]
    pants_distdir: ClassVar[Any]
    pants_subprocessdir: ClassVar[Any]
    pants_config_files: ClassVar[Any]
    pantsrc: ClassVar[Any]
    pantsrc_files: ClassVar[Any]
    pythonpath: ClassVar[Any]
    spec_files: ClassVar[Any]
    verify_config: ClassVar[Any]
    stats_record_option_scopes: ClassVar[Any]
    pants_ignore: ClassVar[Any]
    pants_ignore_use_gitignore: ClassVar[Any]
    logdir: ClassVar[Any]
    pantsd: ClassVar[Any]
    sandboxer: ClassVar[Any]
    concurrent: ClassVar[Any]
    pantsd_timeout_when_multiple_invocations: ClassVar[Any]
    pantsd_max_memory_usage: ClassVar[Any]
    print_stacktrace: ClassVar[Any]
    engine_visualize_to: ClassVar[Any]
    pantsd_nailgun_port: ClassVar[Any]
    pantsd_invalidation_globs: ClassVar[Any]
    rule_threads_core: ClassVar[Any]
    rule_threads_max: ClassVar[Any]
    cache_instructions: ClassVar[Any]
    local_store_dir: ClassVar[Any]
    local_store_shard_count: ClassVar[Any]
    local_store_processes_max_size_bytes: ClassVar[Any]
    local_store_files_max_size_bytes: ClassVar[Any]
    local_store_directories_max_size_bytes: ClassVar[Any]
    _named_caches_dir: ClassVar[Any]
    local_execution_root_dir: ClassVar[Any]
    local_cache: ClassVar[Any]
    cache_content_behavior: ClassVar[Any]
    ca_certs_path: ClassVar[Any]
    process_total_child_memory_usage: ClassVar[Any]
    process_per_child_memory_usage: ClassVar[Any]
    process_execution_local_parallelism: ClassVar[Any]
    process_execution_remote_parallelism: ClassVar[Any]
    process_execution_cache_namespace: ClassVar[Any]
    process_execution_local_enable_nailgun: ClassVar[Any]
    process_execution_graceful_shutdown_timeout: ClassVar[Any]
    session_end_tasks_timeout: ClassVar[Any]
    remote_provider: ClassVar[Any]
    remote_execution: ClassVar[Any]
    remote_cache_read: ClassVar[Any]
    remote_cache_write: ClassVar[Any]
    remote_instance_name: ClassVar[Any]
    remote_ca_certs_path: ClassVar[Any]
    remote_client_certs_path: ClassVar[Any]
    remote_client_key_path: ClassVar[Any]
    remote_oauth_bearer_token: ClassVar[Any]
    remote_store_address: ClassVar[Any]
    remote_store_headers: ClassVar[Any]
    remote_store_chunk_bytes: ClassVar[Any]
    remote_store_rpc_retries: ClassVar[Any]
    remote_store_rpc_concurrency: ClassVar[Any]
    remote_store_rpc_timeout_millis: ClassVar[Any]
    remote_store_batch_api_size_limit: ClassVar[Any]
    remote_store_batch_load_enabled: ClassVar[Any]
    remote_cache_warnings: ClassVar[Any]
    remote_cache_rpc_concurrency: ClassVar[Any]
    remote_cache_rpc_timeout_millis: ClassVar[Any]
    remote_execution_address: ClassVar[Any]
    remote_execution_headers: ClassVar[Any]
    remote_execution_overall_deadline_secs: ClassVar[Any]
    remote_execution_rpc_concurrency: ClassVar[Any]
    remote_execution_append_only_caches_base_path: ClassVar[Any]
    watch_filesystem: ClassVar[Any]
    _file_downloads_retry_delay: ClassVar[Any]
    _file_downloads_max_attempts: ClassVar[Any]
    allow_deprecated_macos_versions: ClassVar[Any]
