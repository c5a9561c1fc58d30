# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from pants.option.subsystem import Subsystem as Subsystem
from pants.util.memo import memoized_property as memoized_property
class PythonSetup(Subsystem):
    options_scope: ClassVar[str]
    help: ClassVar[str]
    default_interpreter_universe: ClassVar[Any]
    _interpreter_constraints: ClassVar[Any]
    warn_on_python2_usage: ClassVar[Any]

    @memoized_property
    def interpreter_constraints(self) -> tuple[str, ...]:
        ...
    interpreter_versions_universe: ClassVar[Any]
    enable_resolves: ClassVar[Any]
    resolves: ClassVar[Any]
    default_resolve: ClassVar[Any]
    _default_to_resolve_interpreter_constraints: ClassVar[Any]
    separate_lockfile_metadata_file: ClassVar[Any]
    default_run_goal_use_sandbox: ClassVar[Any]
    pip_version: ClassVar[Any]
    resolver: ClassVar[Any]
    _resolves_to_interpreter_constraints: ClassVar[Any]
    _resolves_to_constraints_file: ClassVar[Any]
    _resolves_to_no_binary: ClassVar[Any]
    _resolves_to_only_binary: ClassVar[Any]
    _resolves_to_excludes: ClassVar[Any]
    _resolves_to_overrides: ClassVar[Any]
    _resolves_to_sources: ClassVar[Any]
    _resolves_to_lock_style: ClassVar[Any]
    _resolves_to_complete_platforms: ClassVar[Any]
    _resolves_to_uploaded_prior_to: ClassVar[Any]
    invalid_lockfile_behavior: ClassVar[Any]
    resolves_generate_lockfiles: ClassVar[Any]
    run_against_entire_lockfile: ClassVar[Any]
    __constraints_deprecation_msg: ClassVar[Any]
    requirement_constraints: ClassVar[Any]
    _resolve_all_constraints: ClassVar[Any]
    resolver_manylinux: ClassVar[Any]
    tailor_source_targets: ClassVar[Any]
    tailor_ignore_empty_init_files: ClassVar[Any]
    tailor_requirements_targets: ClassVar[Any]
    tailor_pex_binary_targets: ClassVar[Any]
    tailor_py_typed_targets: ClassVar[Any]
    tailor_test_file_globs: ClassVar[Any]
    tailor_testutils_file_globs: ClassVar[Any]
    macos_big_sur_compatibility: ClassVar[Any]
    enable_lockfile_targets: ClassVar[Any]
    repl_history: ClassVar[Any]

    @memoized_property
    def resolves_to_interpreter_constraints(self) -> dict[str, tuple[str, ...]]:
        ...
