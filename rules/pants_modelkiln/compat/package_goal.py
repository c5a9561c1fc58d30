"""`pants package` writes in dist/ what is not there yet, and leaves the rest alone.

The goal `package` of Pants removes all its outputs and writes them again on every run: with 1,000
packages some 15,000 files, and twice as many lines of log. Here the goal looks instead at
each file of a package that the same daemon wrote before: what nobody touched since (by lstat)
stays as it is. That is done for packages of models alone, whose outputs say all paths that they
need; those of other targets are written as ever.

The goal is known by what it asks for and calls, the same in Pants 2.17 as in 2.31 to 2.33, and not by
a release's number. A goal that uses any other name stays Pants' own.
"""

from __future__ import annotations

import inspect
import logging
import os
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Callable, Iterable, Optional, Sequence

from pants.base.build_environment import get_buildroot
from pants.core.goals import package as package_goal
from pants.core.goals.package import BuiltPackage, EnvironmentAwarePackageRequest, Package, PackageFieldSet
from pants.core.util_rules.distdir import DistDir
from pants.engine.fs import Digest, MergeDigests, Workspace
from pants.engine.target import NoApplicableTargetsBehavior, TargetRootsToFieldSetsRequest

from pants_modelkiln.compat.calls import (
    concurrently,
    environment_aware_package,
    find_valid_field_sets_for_target_roots,
    implicitly,
    merge_digests,
)
from pants_modelkiln.compat.known_artifact import KnownArtifact
from pants_modelkiln.compat.memory import return_memory

logger = logging.getLogger(__name__)

# Of so many packages that stayed as they were, each is named; of more, their number.
_NAMED = 10
# Of so many packages all is made at once, and of more it is not: what each of them needs meanwhile is as much as what
# it leaves. That is worth a fraction of a second, in which the memory is given back.
_MANY = 100


# Paths, and what lstat shows of each.
_Marks = tuple[tuple[str, tuple[int, ...]], ...]
# What this daemon wrote. Of a package, by folder and paths: its digest and the marks of its files.
_written: dict[tuple[str, ...], tuple[Digest, Optional[_Marks]]] = {}
# Of each shared path: its marks. Another package may have written it again since.
_shared: dict[str, Optional[_Marks]] = {}


_Gather = Callable[[Sequence[PackageFieldSet]], Optional[PackageFieldSet]]


def _gather_nothing(packages: Sequence[PackageFieldSet]) -> None:
    """What is made before all packages: see `write_only_changes`."""


_gather: _Gather = _gather_nothing


# All that Pants' goal `package` names, as it was written before rules were called by name and since.
_NAMES_IN_GOAL = frozenset("""
    BuiltPackage Digest EnvironmentAwarePackageRequest Get MergeDigests MultiGet NoApplicableTargetsBehavior Package
    PackageFieldSet TargetRootsToFieldSets TargetRootsToFieldSetsRequest append artifacts concurrently digest
    environment_aware_package extend extra_log_lines field_sets find_valid_field_sets_for_target_roots implicitly info
    join logger merge_digests relpath str warn write_digest
    """.split())


def _names(code: CodeType) -> set[str]:
    """What a function's code takes from its module and from objects."""
    inner = (one for one in code.co_consts if isinstance(one, CodeType))
    return set(code.co_names).union(*map(_names, inner))


def is_known_goal(function: Any) -> bool:
    """Whether a function is the goal `package` that the one below can stand for: it asks for no more."""
    return (
        isinstance(function, FunctionType)
        and list(inspect.signature(function).parameters) == ["workspace", "dist_dir"]
        and _names(function.__code__) <= _NAMES_IN_GOAL
    )


def write_only_changes(gather: _Gather) -> None:
    """Give the goal `package` the function below, where it is the one that this was made for.

    gather: of the packages that are asked for, gives what is to be made before them, or None.

    The engine holds the goal's function since Pants' own backends were loaded, so that the function
    stays and its code is exchanged. It asks the engine for nothing that Pants' own does not.
    """
    global _gather
    _gather = gather
    # What newer releases have at the goal's name calls the function.
    function = inspect.unwrap(package_goal.package_asset)
    if is_known_goal(function):
        package_goal.modelkiln_package = _package  # type: ignore[attr-defined]
        function.__code__ = _package_asset.__code__


async def _package_asset(workspace: Workspace, dist_dir: DistDir) -> Package:
    return await modelkiln_package(workspace, dist_dir)  # type: ignore[name-defined]  # noqa: F821


async def _package(workspace: Workspace, dist_dir: DistDir) -> Package:
    roots = await find_valid_field_sets_for_target_roots(
        TargetRootsToFieldSetsRequest(
            PackageFieldSet,
            goal_description="the `package` goal",
            no_applicable_targets_behavior=NoApplicableTargetsBehavior.warn,
        ),
        **implicitly(),
    )
    if not roots.field_sets:
        return Package(exit_code=0)
    first = _gather(roots.field_sets)
    if first is not None:
        await environment_aware_package(EnvironmentAwarePackageRequest(first))
    packages: list[BuiltPackage] = []
    dist = os.path.join(get_buildroot(), dist_dir.relpath)
    for portion in portions(roots.field_sets):
        made = await concurrently(
            environment_aware_package(EnvironmentAwarePackageRequest(field_set)) for field_set in portion
        )
        packages += made
        if len(made) == _MANY and not any(_is_written(dist, package) for package in made):
            return_memory()
    changed = find_changed(dist, packages)
    explanations = explain(dist, packages)
    if changed:
        merged = await merge_digests(MergeDigests(package.digest for package in changed))
        remove_dangling(dist, changed)
        workspace.write_digest(merged, path_prefix=str(dist_dir.relpath), clear_paths=_paths(changed))
        remember(dist, changed)
        if len(changed) >= _MANY:
            return_memory()
    _report(dist_dir, packages, changed)
    for text in explanations:
        logger.info(text)
    return Package(exit_code=0)


def portions(field_sets: Sequence[PackageFieldSet]) -> list[Sequence[PackageFieldSet]]:
    """What is made at once, in order."""
    return [field_sets[start : start + _MANY] for start in range(0, len(field_sets), _MANY)]


def explain(dist: str, packages: Iterable[BuiltPackage]) -> list[str]:
    """Return why packages are what they are, by the records below `dist` that are about to be replaced; only of those
    whose artifacts ask for it."""
    found = []
    for artifact in (artifact for package in packages for artifact in package.artifacts):
        record = getattr(artifact, "explained", b"")
        if record and artifact.relpath:
            from modelkiln.report.explanation import explain_again  # Nothing else here needs it.

            try:
                before: Optional[bytes] = Path(dist, artifact.relpath).read_bytes()
            except OSError:
                before = None
            found.append(
                "\n".join([f"Why {artifact.relpath}:", *(f"  {one}" for one in explain_again(before, record))])
            )
    return found


def find_changed(dist: str, packages: Sequence[BuiltPackage]) -> list[BuiltPackage]:
    """The packages that do not lie below `dist` as this daemon wrote them."""
    paths = _paths(packages)
    if len(paths) > len(set(paths)):
        return list(packages)  # Merging all of them reports which outputs are in each other's way.
    shared = {path for package in packages for path in _shared_paths(dist, package)}
    touched = {path for path in shared if not _is_as(_shared.get(path))}
    return [package for package in packages if not _is_there(dist, package, touched)]


def _is_written(dist: str, package: BuiltPackage) -> bool:
    """Whether this daemon wrote just this package, wherever that has gone since."""
    return _written.get(_key(dist, package), (None, None))[0] == package.digest


def _is_there(dist: str, package: BuiltPackage, touched: set[str]) -> bool:
    digest, marks = _written.get(_key(dist, package), (None, None))
    return package.digest == digest and _is_as(marks) and touched.isdisjoint(_shared_paths(dist, package))


def remove_dangling(dist: str, packages: Iterable[BuiltPackage]) -> None:
    """Remove shared links that lead nowhere, as into a store that has nothing yet: Pants 2.33 fails to replace them."""
    for path in {path for package in packages for path in _shared_paths(dist, package)}:
        if os.path.islink(path) and not os.path.exists(path):
            os.unlink(path)


def remember(dist: str, packages: Iterable[BuiltPackage]) -> None:
    """Note packages that were just written, as far as they declare all of their paths."""
    for package in packages:
        if package.artifacts and all(isinstance(artifact, KnownArtifact) for artifact in package.artifacts):
            paths = (os.path.join(dist, path) for path in _paths([package]))
            _written[_key(dist, package)] = (package.digest, _marks(paths))
            for path in _shared_paths(dist, package):
                _shared[path] = _marks([path])


def _key(dist: str, package: BuiltPackage) -> tuple[str, ...]:
    return (dist, *_paths([package]))


def _paths(packages: Iterable[BuiltPackage]) -> list[str]:
    return [artifact.relpath for package in packages for artifact in package.artifacts if artifact.relpath]


def _shared_paths(dist: str, package: BuiltPackage) -> set[str]:
    return {os.path.join(dist, path) for artifact in package.artifacts for path in getattr(artifact, "shared", ())}


def _marks(paths: Iterable[str]) -> Optional[_Marks]:
    """What shows that somebody touched what lies at `paths`; None where something is not there."""
    marks: list[tuple[str, tuple[int, ...]]] = []
    try:
        for path in paths:
            marks.append((path, _mark(os.lstat(path))))
            if os.path.isdir(path) and not os.path.islink(path):
                _add_folder(path, marks)
    except OSError:
        return None
    return tuple(marks)


def _add_folder(path: str, marks: list[tuple[str, tuple[int, ...]]]) -> None:
    # Links cannot be written to, and a folder shows that one of them was replaced: a monorepo has some ten
    # thousand of them.
    with os.scandir(path) as entries:
        for entry in entries:
            if not entry.is_symlink():
                marks.append((entry.path, _mark(entry.stat())))
                if entry.is_dir():
                    _add_folder(entry.path, marks)


def _is_as(marks: Optional[_Marks]) -> bool:
    """Whether all is as it was when `_marks` returned this."""
    try:
        return marks is not None and all(_mark(os.lstat(path)) == mark for path, mark in marks)
    except OSError:
        return False


def _mark(found: os.stat_result) -> tuple[int, ...]:
    return found.st_mode, found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _report(dist_dir: DistDir, packages: Sequence[BuiltPackage], changed: Sequence[BuiltPackage]) -> None:
    """Report as Pants does what is in dist/; where most of many packages stayed, not every one of them."""
    named = changed if len(packages) - len(changed) > _NAMED else packages
    for package in named:
        for artifact in package.artifacts:
            lines = [f"Wrote {dist_dir.relpath / artifact.relpath}"] if artifact.relpath else []
            lines += map(str, artifact.extra_log_lines)
            if lines:
                logger.info("\n".join(lines))
    if named is changed:
        logger.info(f"{len(packages) - len(changed)} packages are in {dist_dir.relpath}/ as they were.")
