"""Every call into Pants' engine that these rules make.

Pants 2.17 asks for values with `Get(Output, Input)`; from 2.31 on rules are called by name and
`Get` goes away. Rules that only use the functions of this module read the same under both: here
each is a plain function that returns a `Get`, which the rule that awaits it is seen to need; for
newer releases each becomes an `async` function that calls the rule.
"""

from __future__ import annotations

from typing import Iterable

from pants.backend.python.dependency_inference.module_mapper import PythonModuleOwners, PythonModuleOwnersRequest
from pants.backend.python.target_types import EntryPointField, ResolvedPexEntryPoint, ResolvePexEntryPointRequest
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_cli import PexCliProcess
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.backend.python.util_rules.pex_requirements import ResolvePexConfig, ResolvePexConfigRequest
from pants.backend.python.util_rules.python_sources import (
    PythonSourceFiles,
    PythonSourceFilesRequest,
    StrippedPythonSourceFiles,
)
from pants.base.specs import AddressLiteralSpec, RawSpecs
from pants.build_graph.address import AddressInput
from pants.engine.addresses import Address, Addresses, UnparsedAddressInputs
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    DigestContents,
    DigestEntries,
    DigestSubset,
    MergeDigests,
    PathGlobs,
    Paths,
    RemovePrefix,
)
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get
from pants.engine.rules import MultiGet as concurrently
from pants.engine.target import (
    DependenciesRequest,
    ExplicitlyProvidedDependencies,
    HydratedSources,
    HydrateSourcesRequest,
    SourcesField,
    Target,
    Targets,
    TransitiveTargets,
    TransitiveTargetsRequest,
    UnexpandedTargets,
)
from pants.source.source_root import SourceRootsRequest, SourceRootsResult
from pants.util.frozendict import FrozenDict

__all__ = ["concurrently"]


def create_digest(files: Iterable) -> Get:
    """A Digest of FileContent, FileEntry and SymlinkEntry values."""
    return Get(Digest, CreateDigest(files))


def merge_digests(digests: Iterable[Digest]) -> Get:
    """One Digest of several."""
    return Get(Digest, MergeDigests(digests))


def add_prefix(digest: Digest, prefix: str) -> Get:
    """A Digest below a folder."""
    return Get(Digest, AddPrefix(digest, prefix))


def remove_prefix(digest: Digest, prefix: str) -> Get:
    """A Digest without the folder that all of it lies in."""
    return Get(Digest, RemovePrefix(digest, prefix))


def subset(digest: Digest, globs: Iterable[str]) -> Get:
    """The part of a Digest that globs match."""
    return Get(Digest, DigestSubset(digest, PathGlobs(globs)))


def read_digest(digest: Digest) -> Get:
    """DigestContents: all files with their bytes."""
    return Get(DigestContents, Digest, digest)


def list_digest(digest: Digest) -> Get:
    """DigestEntries: all files with their sha256 and size, without reading them."""
    return Get(DigestEntries, Digest, digest)


def paths_of(globs: PathGlobs) -> Get:
    """Paths of files in the workspace, without reading them."""
    return Get(Paths, PathGlobs, globs)


def digest_of(globs: PathGlobs) -> Get:
    """A Digest of files in the workspace."""
    return Get(Digest, PathGlobs, globs)


def read_globs(globs: PathGlobs) -> Get:
    """DigestContents of files in the workspace."""
    return Get(DigestContents, PathGlobs, globs)


def hydrate(field: SourcesField) -> Get:
    """HydratedSources of a sources field."""
    return Get(HydratedSources, HydrateSourcesRequest(field))


def addresses_of(inputs: UnparsedAddressInputs) -> Get:
    """Addresses that a field names."""
    return Get(Addresses, UnparsedAddressInputs, inputs)


def targets_of(addresses: Addresses) -> Get:
    """Targets at addresses."""
    return Get(Targets, Addresses, addresses)


def parse_address(text: str, relative_to: str, origin: str) -> Get:
    """Address that a text names; there need not be such a target."""
    return Get(Address, AddressInput, AddressInput.parse(text, relative_to=relative_to, description_of_origin=origin))


def targets_matching(address: Address, origin: str) -> Get:
    """UnexpandedTargets that an address stands for: all parametrizations that agree with it."""
    spec = AddressLiteralSpec(
        address.spec_path, address.target_name, address.generated_name, FrozenDict(address.parameters)
    )
    return Get(UnexpandedTargets, RawSpecs(description_of_origin=origin, address_literals=(spec,)))


def unexpanded_targets(addresses: Addresses) -> Get:
    """UnexpandedTargets at addresses: generators, and not what they generate."""
    return Get(UnexpandedTargets, Addresses, addresses)


def transitive_targets(addresses: Addresses) -> Get:
    """TransitiveTargets of addresses."""
    return Get(TransitiveTargets, TransitiveTargetsRequest(addresses))


def python_sources(targets: Iterable[Target]) -> Get:
    """PythonSourceFiles: code, resources and files of targets, at their paths in the repository."""
    return Get(PythonSourceFiles, PythonSourceFilesRequest(targets, include_files=True))


def source_roots(paths: Iterable[str]) -> Get:
    """SourceRootsResult: the source root of each file."""
    return Get(SourceRootsResult, SourceRootsRequest, SourceRootsRequest.for_files(paths))


def stripped_python_sources(sources: PythonSourceFiles) -> Get:
    """StrippedPythonSourceFiles: code and resources relative to their source roots, files where they are."""
    return Get(StrippedPythonSourceFiles, PythonSourceFiles, sources)


def resolved_entry_point(field: EntryPointField) -> Get:
    """ResolvedPexEntryPoint: `predict.py:f` becomes `path.to.predict:f`."""
    return Get(ResolvedPexEntryPoint, ResolvePexEntryPointRequest(field))


def module_owners(module: str, resolve: str | None) -> Get:
    """PythonModuleOwners of a module."""
    return Get(PythonModuleOwners, PythonModuleOwnersRequest(module, resolve=resolve))


def explicit_dependencies(request: DependenciesRequest) -> Get:
    """ExplicitlyProvidedDependencies of a dependencies field."""
    return Get(ExplicitlyProvidedDependencies, DependenciesRequest, request)


def find_python(constraints: InterpreterConstraints) -> Get:
    """PythonExecutable of this machine that fits."""
    return Get(PythonExecutable, InterpreterConstraints, constraints)


def pex_config(request: ResolvePexConfigRequest) -> Get:
    """ResolvePexConfig: the options of Pants that say where Pex fetches from."""
    return Get(ResolvePexConfig, ResolvePexConfigRequest, request)


def pex_cli_process(request: PexCliProcess) -> Get:
    """Process that runs Pants' Pex."""
    return Get(Process, PexCliProcess, request)


def try_process(process: Process) -> Get:
    """FallibleProcessResult: how a process ended, whatever its exit code."""
    return Get(FallibleProcessResult, Process, process)


def environment_vars(names: Iterable[str]) -> Get:
    """EnvironmentVars: those of the machine with these names."""
    return Get(EnvironmentVars, EnvironmentVarsRequest(tuple(names)))
