# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.option.bootstrap_options import BootstrapOptions as BootstrapOptions
from enum import Enum as Enum
from pants.option.scope import GLOBAL_SCOPE as GLOBAL_SCOPE
from pathlib import PurePath as PurePath
from pants.option.subsystem import Subsystem as Subsystem
from pants.util.memo import memoized_property as memoized_property
class KeepSandboxes(Enum):
    always = ...
    on_failure = ...
    never = ...
class GlobalOptions(BootstrapOptions, Subsystem):
    options_scope = GLOBAL_SCOPE
    help: ClassVar[str]
    colors: ClassVar[Any]
    dynamic_ui: ClassVar[Any]
    dynamic_ui_renderer: ClassVar[Any]
    tag: ClassVar[Any]
    unmatched_build_file_globs: ClassVar[Any]
    unmatched_cli_globs: ClassVar[Any]
    build_patterns: ClassVar[Any]
    build_ignore: ClassVar[Any]
    build_file_prelude_globs: ClassVar[Any]
    subproject_roots: ClassVar[Any]
    enable_target_origin_sources_blocks: ClassVar[Any]
    loop: ClassVar[Any]
    loop_max: ClassVar[Any]
    streaming_workunits_report_interval: ClassVar[Any]
    streaming_workunits_level: ClassVar[Any]
    streaming_workunits_complete_async: ClassVar[Any]
    process_cleanup: ClassVar[Any]
    keep_sandboxes: ClassVar[Any]
    docker_execution: ClassVar[Any]
    remote_execution_extra_platform_properties: ClassVar[Any]

    @memoized_property
    def named_caches_dir(self) -> PurePath:
        ...
