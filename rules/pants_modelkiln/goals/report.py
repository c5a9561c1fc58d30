"""`pants report`: one page about all packages."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Iterable, Mapping, Sequence

from pants.backend.python.subsystems.setup import PythonSetup
from pants.base.build_root import BuildRoot
from pants.core.goals.package import EnvironmentAwarePackageRequest, PackageFieldSet
from pants.core.util_rules.distdir import DistDir
from pants.engine.console import Console
from pants.engine.fs import CreateDigest, DigestSubset, FileContent, PathGlobs, Workspace
from pants.engine.goal import Goal, GoalSubsystem
from pants.engine.rules import collect_rules, goal_rule
from pants.engine.target import FilteredTargets, Target, TransitiveTargetsRequest
from pants.option.option_types import StrOption
from pants.util.strutil import help_text

from modelkiln.errors import ModelkilnError
from modelkiln.runtime.weights.progress import readable_size
from pants_modelkiln.compat.calls import (
    concurrently,
    create_digest,
    digest_subset_to_digest,
    environment_aware_package,
    get_digest_contents,
    implicitly,
    transitive_targets,
)
from pants_modelkiln.compat.values import every_dependency
from pants_modelkiln.goals.package_index import ModelIndexFieldSet
from pants_modelkiln.package.field_set import ModelPackageFieldSet, accelerator_of
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.artifact import ModelArtifactLockField
from pants_modelkiln.target_types.base_image import BaseImageLockField
from pants_modelkiln.target_types.package import ModelAcceleratorField, ModelResolveField
from pants_modelkiln.target_types.portable_python import PortablePythonLockField

_LOCKS = (BaseImageLockField, ModelArtifactLockField, PortablePythonLockField)
# Where git is, and whose configuration it reads.
_ENVIRONMENT = ("PATH", "HOME", "XDG_CONFIG_HOME")


class ReportSubsystem(GoalSubsystem):
    name = "report"
    help = help_text("""
        Package models, and write one page about all of them: sizes, variants, what they share, and how old their
        locks are.
        """)

    output = StrOption(default="packages.html", help="The page, relative to the folder `dist`.")


class Report(Goal):
    subsystem_cls = ReportSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


def _locks(targets: Iterable[Target], options: ModelkilnSubsystem, setup: PythonSetup) -> list[str]:
    """The lock files that a package, one of `targets`, is made from with the others."""
    found = []
    for target in targets:
        for field in (target[kind] for kind in _LOCKS if target.has_field(kind)):
            found += [os.path.join(target.address.spec_path, str(field.value))] if field.value else []
        if target.has_field(ModelAcceleratorField):
            fields = target[ModelAcceleratorField], target[ModelResolveField]
            accelerator = accelerator_of(target.address, *fields, options, setup)
            found += [setup.resolves[accelerator.resolve]] if accelerator.resolve in setup.resolves else []
    return sorted(set(found))


def _dated(locks: Mapping[str, Sequence[str]], root: Path) -> dict[str, dict[str, str]]:
    """The locks of each package with the days on which they were last committed."""
    from modelkiln.report.locks import lock_days

    env = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    days = lock_days(root, (path for paths in locks.values() for path in paths), env)
    return {name: {path: days[path] for path in paths} for name, paths in locks.items()}


@goal_rule
async def report_packages(
    targets: FilteredTargets,
    console: Console,
    workspace: Workspace,
    dist_dir: DistDir,
    build_root: BuildRoot,
    subsystem: ReportSubsystem,
    options: ModelkilnSubsystem,
    setup: PythonSetup,
) -> Report:
    """Make the packages, of which `dist/` need not have anything, and write the page."""
    # Imported here: other goals have no use for pages.
    from modelkiln.report.page.index import RECORD_ENDING, render_index

    kinds: tuple[type[PackageFieldSet], ...] = (ModelPackageFieldSet, ModelIndexFieldSet)
    field_sets = [kind.create(one) for one in targets for kind in kinds if kind.is_applicable(one)]
    if not field_sets:
        raise ModelkilnError("report: none of the given targets is a package of a model. Name some; `::` means all.")
    packages = await concurrently(
        environment_aware_package(EnvironmentAwarePackageRequest(fields)) for fields in field_sets
    )
    digests = await concurrently(
        digest_subset_to_digest(DigestSubset(package.digest, PathGlobs([f"**/*{RECORD_ENDING}"])))
        for package in packages
    )
    contents = await concurrently(get_digest_contents(digest) for digest in digests)
    needed = await concurrently(
        transitive_targets(TransitiveTargetsRequest([fields.address], **every_dependency()), **implicitly())
        for fields in field_sets
    )
    names = [files[0].path[: -len(RECORD_ENDING)] for files in contents]
    records = {name: json.loads(files[0].content) for name, files in zip(names, contents)}
    locks = {name: _locks(one.closure, options, setup) for name, one in zip(names, needed)}
    page = render_index(dict(sorted(records.items())), _dated(locks, Path(build_root.path))).encode()
    digest = await create_digest(CreateDigest([FileContent(subsystem.output, page)]))
    workspace.write_digest(digest, path_prefix=str(dist_dir.relpath))
    console.print_stdout(f"{dist_dir.relpath / subsystem.output}: {readable_size(len(page))}")
    return Report(exit_code=0)


def rules():
    return collect_rules()
