"""`pants fix`: edits that the rules of lint suggest, in code and in BUILD files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Iterable, Sequence

from pants.core.goals.fix import FixResult, FixTargetsRequest, Partitions
from pants.core.goals.lint import AbstractLintRequest
from pants.engine.addresses import Address
from pants.engine.fs import AddPrefix, MergeDigests, PathGlobs, RemovePrefix
from pants.engine.rules import collect_rules
from pants.engine.unions import UnionRule
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from modelkiln.lint.edits.build_file import name_in_build_file
from modelkiln.wording import counted
from pants_modelkiln.compat.calls import (
    add_prefix,
    concurrently,
    digest_to_snapshot,
    implicitly,
    merge_digests,
    path_globs_to_paths,
    remove_prefix,
    rule,
)
from pants_modelkiln.engine.step import Step, run_step
from pants_modelkiln.inputs.named_files import literal
from pants_modelkiln.lint.linter import ModelLintFieldSet, expand, lay_out, selection_arguments
from pants_modelkiln.lint.subjects import LintSubject, SubjectRequest, describe_subject
from pants_modelkiln.lint.subsystem import ModelkilnLint

_FOLDER = "repository"


class ModelFixRequest(FixTargetsRequest):
    field_set_type = ModelLintFieldSet
    tool_subsystem = ModelkilnLint  # type: ignore[assignment]  # As in Pants' own fixers: a protocol of options.
    # The linter finds all that is fixed and more; Pants 2.17 knows no such field, and would lint twice.
    enable_lint_rules = False

    @classmethod
    def _get_rules(cls) -> Iterable[Any]:
        lint = (AbstractLintRequest, AbstractLintRequest.Batch)
        yield from (one for one in super()._get_rules() if not (isinstance(one, UnionRule) and one.union_base in lint))


@dataclass(frozen=True)
class _Targets:
    """What a partition is of: targets, and which of its files are BUILD files."""

    addresses: tuple[Address, ...]
    build_files: tuple[str, ...]

    @property
    def description(self) -> None:
        """Pants reports nothing of it."""
        return None


def _origins(subject: LintSubject) -> set[str]:
    return {one["origin"] for one in subject.described.get("sources") or ()}


def _folders(subject: LintSubject) -> set[str]:
    """Where the BUILD files are that declare its artifacts."""
    named = (name_in_build_file(one["address"]) for one in subject.described.get("artifact_targets") or ())
    return {folder for folder, name in named if name}


async def _describe(addresses: Iterable[Address]) -> tuple[LintSubject, ...]:
    return await concurrently(describe_subject(SubjectRequest(address), **implicitly()) for address in addresses)


async def _find(globs: Sequence[str]) -> tuple[str, ...]:
    return (await path_globs_to_paths(PathGlobs(globs))).files if globs else ()


@rule(desc="Find files of models to fix", level=LogLevel.DEBUG)
async def partition_models(
    request: ModelFixRequest.PartitionRequest[ModelLintFieldSet], options: ModelkilnLint, global_options: GlobalOptions
) -> Partitions:
    """The code of all targets, which edits have to suit, and the BUILD files of their artifacts."""
    if options.skip:
        return Partitions()
    addresses = await expand([one.address for one in request.field_sets])
    subjects = await _describe(addresses)
    folders = sorted({path for one in subjects for path in _folders(one)})
    patterns = [one for one in global_options.build_patterns if not one.startswith("!")]
    build_files = await _find([os.path.join(literal(folder), one) for folder in folders for one in patterns])
    code = sorted({path for one in subjects for path in _origins(one) if path.endswith((".py", ".pyw"))})
    # Code that is generated has a path, and no file in the repository.
    elements = sorted({*await _find([literal(path) for path in code]), *build_files})
    metadata = _Targets(tuple(addresses), build_files)
    return Partitions.single_partition(elements, metadata=metadata) if elements else Partitions()


@rule(desc="Fix models", level=LogLevel.DEBUG)
async def fix_models(request: ModelFixRequest.Batch, options: ModelkilnLint) -> FixResult:
    """Edit a batch of files, with all packages in mind that have one of them."""
    metadata: Any = request.partition_metadata
    files = set(request.files)
    folders = {os.path.dirname(path) for path in files.intersection(metadata.build_files)}
    described = await _describe(metadata.addresses)
    subjects = [one for one in described if files & _origins(one) or folders & _folders(one)]
    current = await add_prefix(AddPrefix(request.snapshot.digest, _FOLDER))
    result = await run_step(
        Step(
            argv=(
                "fix-lint",
                "--subjects=subjects.json",
                f"--folder={_FOLDER}",
                *(f"--build-file={path}" for path in metadata.build_files if path in files),
                *selection_arguments(options.selection),
            ),
            description=f"Fix {counted(len(files), 'file')} of models",
            input_digest=await merge_digests(MergeDigests((await lay_out(subjects), current))),
            output_directories=(_FOLDER,),
        ),
        **implicitly(),
    )
    output = await digest_to_snapshot(await remove_prefix(RemovePrefix(result.digest, _FOLDER)))
    return FixResult(request.snapshot, output, result.stdout.decode("utf-8", "replace"), "", request.tool_name)


def rules():
    return [*collect_rules(), *ModelFixRequest.rules()]
