"""Rules that are called by their names, on every release of Pants: the names that this backend calls.

From 2.31 on a rule asks for a value by calling the rule that makes it:

    digest = await merge_digests(MergeDigests(digests))
    layer = await make_layer(LayerRequest(recipe, title), **implicitly())

All rules here are written so, with the names below, which are Pants' own there: this module only
hands them on. Pants 2.17 knows `Get(Output, Input)` alone. There the names are made here, and this is
the one module in which `Get` stands:

- A callable of `by_name` returns the `Get` that stands for the call. Pants' rule parser, which reads
  the source of a rule for what it may ask for, finds the answer for such a callable in its own memory,
  where it was put, and never reads the callable's source. Nothing of Pants is replaced.
- `rule` decorates a function as Pants does and returns such a callable, which carries the rule.
- A polymorphic rule registers nothing: 2.17 finds the rule of a union's member by the union.
- `concurrently` takes coroutines besides: it asks the engine at once for all that they ask for next.

Limits of a module that has to run under both (tests/pants_modelkiln/compat/test_order.py looks after
the first two): what a rule calls stands above it, at the top of the module; a rule is called with its
first argument by position, or with all of them in `implicitly`; and a coroutine inside of `concurrently`
does not see another one's failure, so that a `try` around an `await` does nothing there.
"""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Coroutine, Generator, TypeVar, get_type_hints, overload

from pants.engine import rules as pants_rules

__all__ = [
    "HAS_CALLS_BY_NAME",
    "add_prefix",
    "concurrently",
    "create_digest",
    "create_venv_pex",
    "determine_explicitly_provided_dependencies",
    "digest_subset_to_digest",
    "digest_to_snapshot",
    "environment_aware_package",
    "environment_vars_subset",
    "execute_process",
    "find_interpreter",
    "find_valid_field_sets_for_target_roots",
    "get_digest_contents",
    "get_digest_entries",
    "get_lockfile_for_resolve",
    "get_source_roots",
    "hydrate_sources",
    "implicitly",
    "map_module_to_address",
    "merge_digests",
    "path_globs_to_digest",
    "path_globs_to_paths",
    "prepare_python_sources",
    "remove_prefix",
    "resolve_address",
    "resolve_pex_entry_point",
    "resolve_targets",
    "resolve_unexpanded_targets",
    "resolve_unparsed_address_inputs",
    "rule",
    "run_interactive_process",
    "setup_pex_cli_process",
    "transitive_targets",
]

HAS_CALLS_BY_NAME = hasattr(pants_rules, "implicitly")

if HAS_CALLS_BY_NAME:
    from pants.backend.python.dependency_inference.module_mapper import map_module_to_address
    from pants.backend.python.target_types_rules import resolve_pex_entry_point
    from pants.backend.python.util_rules.pex import create_venv_pex, find_interpreter
    from pants.backend.python.util_rules.pex_cli import setup_pex_cli_process
    from pants.backend.python.util_rules.pex_requirements import get_lockfile_for_resolve
    from pants.backend.python.util_rules.python_sources import prepare_python_sources
    from pants.core.goals.package import environment_aware_package
    from pants.core.util_rules.env_vars import environment_vars_subset
    from pants.engine.internals.build_files import resolve_address
    from pants.engine.internals.graph import (
        determine_explicitly_provided_dependencies,
        hydrate_sources,
        resolve_targets,
        resolve_unexpanded_targets,
        resolve_unparsed_address_inputs,
        transitive_targets,
    )
    from pants.engine.internals.specs_rules import find_valid_field_sets_for_target_roots
    from pants.engine.intrinsics import (
        add_prefix,
        create_digest,
        digest_subset_to_digest,
        digest_to_snapshot,
        execute_process,
        get_digest_contents,
        get_digest_entries,
        merge_digests,
        path_globs_to_digest,
        path_globs_to_paths,
        remove_prefix,
        run_interactive_process,
    )
    from pants.engine.rules import concurrently, implicitly, rule
    from pants.source.source_root import get_source_roots
else:
    from pants.backend.python.dependency_inference import module_mapper
    from pants.backend.python.target_types import ResolvedPexEntryPoint, ResolvePexEntryPointRequest
    from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
    from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
    from pants.backend.python.util_rules.pex_cli import PexCliProcess
    from pants.backend.python.util_rules.pex_environment import PythonExecutable
    from pants.backend.python.util_rules.pex_requirements import Lockfile, Resolve
    from pants.backend.python.util_rules.python_sources import PythonSourceFiles, PythonSourceFilesRequest
    from pants.base.specs import RawSpecs
    from pants.build_graph.address import AddressInput
    from pants.core.goals.package import BuiltPackage, EnvironmentAwarePackageRequest
    from pants.engine import fs, process, target
    from pants.engine.addresses import Address, Addresses, UnparsedAddressInputs
    from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
    from pants.engine.internals.rule_visitor import collect_awaitables
    from pants.engine.internals.selectors import AwaitableConstraints
    from pants.engine.rules import Effect, Get
    from pants.engine.rules import rule as _pants_rule
    from pants.source.source_root import SourceRootsRequest, SourceRootsResult

    _Out = TypeVar("_Out")
    _Call = Callable[..., Coroutine[Any, Any, _Out]]
    _IMPLICITLY = "__implicitly"

    def implicitly(*arguments: Any) -> dict[str, Any]:
        """The keyword argument of a call that has inputs by their types: one value, or {value: its type}."""
        return {_IMPLICITLY: arguments}

    def by_name(output: type[_Out], *inputs: type, is_effect: bool = False) -> _Call[_Out]:
        """A rule to be called by name, which makes an `output` of one value of any of the types `inputs`.

        The first of them is the type of an argument by position, whatever its class.
        """
        kind: Any = Effect if is_effect else Get

        def call(*arguments: Any, **keywords: Any) -> Any:
            (given,) = keywords.pop(_IMPLICITLY, ()) or (None,)
            if keywords or len(arguments) > 1 or (arguments and given is not None):
                raise TypeError(
                    f"a rule for {output.__name__} is called with its first argument by position, or with all "
                    "in `implicitly`"
                )
            if arguments:
                return kind(output, inputs[0], arguments[0])
            if given is None:
                return kind(output)
            return kind(output, given) if isinstance(given, dict) else kind(output, type(given), given)

        call.__annotations__ = {"return": kind}
        with collect_awaitables.put(call) as set_constraints:  # type: ignore[attr-defined]
            set_constraints(
                [AwaitableConstraints(output, one, is_effect) for one in zip(inputs)]
                or [AwaitableConstraints(output, (), is_effect)]
            )
        return call

    @overload
    def rule(function: _Call[_Out]) -> _Call[_Out]: ...

    @overload
    def rule(**options: Any) -> Callable[[_Call[_Out]], _Call[_Out]]: ...

    def rule(function: Any = None, *, polymorphic: bool = False, **options: Any) -> Any:
        """Pants' decorator `rule`; the function that it makes is called by name."""

        def decorate(function: Any) -> Any:
            types = get_type_hints(function)
            output = types.pop("return")
            call: Any = by_name(output, *list(types.values())[:1])
            call.__name__, call.__qualname__, call.__doc__ = function.__name__, function.__qualname__, function.__doc__
            call.__module__, call.__wrapped__ = function.__module__, function
            if not polymorphic:
                call.rule = _pants_rule(**options)(function).rule
            return call

        return decorate(function) if function is not None else decorate

    class concurrently:
        """What rules and coroutines make, all at once and in their order; to be awaited once."""

        def __init__(self, first: Any, *others: Any) -> None:
            self._asked = [first, *others] if others or isinstance(first, Awaitable) else list(first)

        def __await__(self) -> Generator[Any, Any, tuple]:
            results: list[Any] = [None] * len(self._asked)
            running = {place: one.__await__() for place, one in enumerate(self._asked)}
            answers: dict[int, Any] = {}
            while running:
                wanted: dict[int, Any] = {}
                for place, generator in list(running.items()):
                    try:
                        wanted[place] = generator.send(answers.get(place))
                    except StopIteration as stop:
                        results[place] = stop.value
                        del running[place]
                if wanted:
                    answers = yield from _answered(wanted)
            return tuple(results)

    def _answered(wanted: dict[int, Any]) -> Generator[Any, Any, dict[int, Any]]:
        """The engine's answer to what waits at each place: a Get or a tuple of them."""
        tuples = {place: one if isinstance(one, tuple) else (one,) for place, one in wanted.items()}
        values = iter((yield tuple(one for several in tuples.values() for one in several)))
        found = {place: tuple(next(values) for _ in several) for place, several in tuples.items()}
        return {place: several if isinstance(wanted[place], tuple) else several[0] for place, several in found.items()}

    add_prefix = by_name(fs.Digest, fs.AddPrefix)
    create_digest = by_name(fs.Digest, fs.CreateDigest)
    create_venv_pex = by_name(VenvPex, PexRequest)
    determine_explicitly_provided_dependencies = by_name(
        target.ExplicitlyProvidedDependencies, target.DependenciesRequest
    )
    digest_subset_to_digest = by_name(fs.Digest, fs.DigestSubset)
    digest_to_snapshot = by_name(fs.Snapshot, fs.Digest)
    environment_aware_package = by_name(BuiltPackage, EnvironmentAwarePackageRequest)
    environment_vars_subset = by_name(EnvironmentVars, EnvironmentVarsRequest)
    execute_process = by_name(process.FallibleProcessResult, process.Process, VenvPexProcess)
    find_interpreter = by_name(PythonExecutable, InterpreterConstraints)
    find_valid_field_sets_for_target_roots = by_name(
        target.TargetRootsToFieldSets, target.TargetRootsToFieldSetsRequest
    )
    get_digest_contents = by_name(fs.DigestContents, fs.Digest, fs.PathGlobs)
    get_digest_entries = by_name(fs.DigestEntries, fs.Digest)
    get_lockfile_for_resolve = by_name(Lockfile, Resolve)
    get_source_roots = by_name(SourceRootsResult, SourceRootsRequest)
    hydrate_sources = by_name(target.HydratedSources, target.HydrateSourcesRequest)
    map_module_to_address = by_name(module_mapper.PythonModuleOwners, module_mapper.PythonModuleOwnersRequest)
    merge_digests = by_name(fs.Digest, fs.MergeDigests)
    path_globs_to_digest = by_name(fs.Digest, fs.PathGlobs)
    path_globs_to_paths = by_name(fs.Paths, fs.PathGlobs)
    prepare_python_sources = by_name(PythonSourceFiles, PythonSourceFilesRequest)
    remove_prefix = by_name(fs.Digest, fs.RemovePrefix)
    resolve_address = by_name(Address, AddressInput)
    resolve_pex_entry_point = by_name(ResolvedPexEntryPoint, ResolvePexEntryPointRequest)
    resolve_targets = by_name(target.Targets, Addresses)
    resolve_unexpanded_targets = by_name(target.UnexpandedTargets, Addresses, RawSpecs)
    resolve_unparsed_address_inputs = by_name(Addresses, UnparsedAddressInputs)
    run_interactive_process = by_name(process.InteractiveProcessResult, process.InteractiveProcess, is_effect=True)
    setup_pex_cli_process = by_name(process.Process, PexCliProcess)
    transitive_targets = by_name(target.TransitiveTargets, target.TransitiveTargetsRequest)
