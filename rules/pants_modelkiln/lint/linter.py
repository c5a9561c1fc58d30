"""`pants lint`: a process for each batch of targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Sequence

from pants.core.goals.lint import REPORT_DIR, LintResult, LintTargetsRequest
from pants.core.util_rules.partitions import PartitionerType
from pants.engine.addresses import Address, Addresses
from pants.engine.fs import (
    EMPTY_DIGEST,
    AddPrefix,
    CreateDigest,
    Digest,
    FileContent,
    FileEntry,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
)
from pants.engine.process import FallibleProcessResult, ProcessCacheScope
from pants.engine.rules import collect_rules
from pants.engine.target import FieldSet, Target
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.lint.packages.listed import FILES
from modelkiln.lint.selection import Selection
from modelkiln.wording import counted
from pants_modelkiln.compat.calls import (
    add_prefix,
    concurrently,
    create_digest,
    implicitly,
    merge_digests,
    path_globs_to_digest,
    remove_prefix,
    resolve_targets,
    rule,
)
from pants_modelkiln.engine.step import Step, try_step
from pants_modelkiln.lint.subjects import LintSubject, SubjectRequest, describe_subject
from pants_modelkiln.lint.subsystem import ModelkilnLint
from pants_modelkiln.package.named_packages import NamedPackagesRequest, find_named_packages
from pants_modelkiln.target_types.index import ModelIndexPackagesField
from pants_modelkiln.target_types.lint import SkipLintField

_LOCKS = "locks"
_SARIF = f"{REPORT_DIR}/modelkiln-lint.sarif"


@dataclass(frozen=True)
class ModelLintFieldSet(FieldSet):
    """A target that the linter knows: a package, an ensemble, an artifact, or an index of packages."""

    required_fields = (SkipLintField,)

    skip: SkipLintField

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        """Whether the target is to be left out."""
        return tgt.get(SkipLintField).value


class ModelLintRequest(LintTargetsRequest):
    field_set_type = ModelLintFieldSet
    tool_subsystem = ModelkilnLint  # type: ignore[assignment]  # As in Pants' own linters: a protocol of options.
    partitioner_type = PartitionerType.DEFAULT_SINGLE_PARTITION


async def expand(addresses: Iterable[Address]) -> list[Address]:
    """The packages and artifacts to look at: of an index, those of its packages that are not left out."""
    found: dict[Address, None] = {}
    for target in await resolve_targets(**implicitly(Addresses(addresses))):
        if not target.has_field(ModelIndexPackagesField):
            found[target.address] = None
            continue
        field = target[ModelIndexPackagesField]
        request = NamedPackagesRequest(target.address, field.alias, tuple(field.value or ()))
        named = await find_named_packages(request, **implicitly())
        members = await resolve_targets(**implicitly(Addresses([one.address for one in named.field_sets])))
        found.update((one.address, None) for one in members if not one.get(SkipLintField).value)
    return sorted(found, key=lambda address: address.spec)


def selection_arguments(selection: Selection) -> tuple[str, ...]:
    """The rules that count as arguments of the engine."""
    return (
        *(f"--select={name}" for name in selection.select),
        *(f"--ignore={name}" for name in selection.ignore),
    )


async def lay_out(subjects: Sequence[LintSubject]) -> Digest:
    """The sandbox: what subjects are, what rules read of their files, by content, and locks."""
    described = [{**one.described.to_json(), "locks": [f"{_LOCKS}/{path}" for path in one.locks]} for one in subjects]
    files = {file.fingerprint: file for one in subjects for file in one.files}
    locks = await path_globs_to_digest(
        PathGlobs(sorted({path for one in subjects for path in one.locks})), **implicitly()
    )
    # All at once: a folder or a Digest for each file of each subject takes longer than linting them.
    content = await create_digest(
        CreateDigest(
            [
                FileContent("subjects.json", canonical_json(described)),
                *(FileEntry(f"{FILES}/{name}", file) for name, file in files.items()),
            ]
        )
    )
    return await merge_digests(MergeDigests((content, await add_prefix(AddPrefix(locks, _LOCKS)))))


@dataclass(frozen=True)
class LintRun:
    """Linting of the targets at addresses, with arguments of `modelkiln build lint`. output: a folder that it writes,
    or ""."""

    addresses: tuple[Address, ...]
    arguments: tuple[str, ...]
    output: str = ""


@dataclass(frozen=True)
class LintedTargets:
    """How the process ended."""

    result: FallibleProcessResult


@rule(desc="Lint packages of models", level=LogLevel.DEBUG)
async def run_lint(request: LintRun) -> LintedTargets:
    """Look at each target once, whatever names it. Unlike the result of a linter, which Pants asks for on every run,
    this is remembered as long as nothing changes."""
    addresses = await expand(request.addresses)
    subjects = await concurrently(describe_subject(SubjectRequest(address), **implicitly()) for address in addresses)
    step = await try_step(
        Step(
            argv=("lint", "--subjects=subjects.json", *request.arguments),
            description=f"Lint {counted(len(addresses), 'package')} of models",
            input_digest=await lay_out(subjects),
            output_directories=(request.output,) if request.output else (),
            # What was found in the same files is the same.
            cache_scope=ProcessCacheScope.ALWAYS,
        ),
        **implicitly(),
    )
    return LintedTargets(step.result)


@rule(desc="Lint models", level=LogLevel.DEBUG)
async def lint_models(request: ModelLintRequest.Batch[ModelLintFieldSet, Any], options: ModelkilnLint) -> LintResult:
    """Lint a batch of targets, and say what was found."""
    arguments = (
        *selection_arguments(options.selection),
        *(("--warnings-as-errors",) if options.warnings_as_errors else ()),
        *((f"--sarif-file={_SARIF}",) if options.sarif else ()),
        *options.args,
    )
    addresses = tuple(one.address for one in request.elements)
    linted = await run_lint(LintRun(addresses, arguments, REPORT_DIR if options.sarif else ""), **implicitly())
    result = linted.result
    report = await remove_prefix(RemovePrefix(result.output_digest, REPORT_DIR)) if options.sarif else EMPTY_DIGEST
    return LintResult(
        result.exit_code,
        result.stdout.decode("utf-8", "replace"),
        result.stderr.decode("utf-8", "replace"),
        linter_name=request.tool_name,
        report=report,
    )


def rules():
    return [*collect_rules(), *ModelLintRequest.rules()]
