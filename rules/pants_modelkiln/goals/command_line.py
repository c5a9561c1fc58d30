"""The engine's command line as a PEX: packed by the engine itself, from wheels as they are published.

Pants' Pex would install the wheels first, into a cache that also takes what later runs leave there
(byte code), and pack that.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pants.core.goals.package import BuiltPackage, OutputPathField, PackageFieldSet
from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior, RunRequest
from pants.engine.fs import AddPrefix, CreateDigest, FileContent, MergeDigests
from pants.engine.platform import Platform
from pants.engine.rules import collect_rules
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.wheels.platforms import Target
from pants_modelkiln.compat.calls import (
    add_prefix,
    create_digest,
    implicitly,
    merge_digests,
    rule,
)
from pants_modelkiln.compat.known_artifact import KnownArtifact
from pants_modelkiln.engine.files import engine_files
from pants_modelkiln.engine.machine_python import MachinePythonRequest, find_python
from pants_modelkiln.engine.step import Step
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.formats.program import Program, program_of
from pants_modelkiln.manifest.resolved_lock import LockChoiceRequest, choose_files
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.command_line import CommandLinePythonField

# What the commands need, as the extra `cli` of the wheel: build steps need more.
_REQUIREMENTS = (
    "cryptography",
    "oras",
    "packaging",
    "pynacl",
    "rfc3161-client",
    "rich",
    'tomli; python_version < "3.11"',
    "zlib-ng",
    "zstandard",
)
# What those require is what the first two have and the last does not: the build steps' own.
_LOCKS, _STEPS_LOCK = ("signing.txt", "terminal.txt"), "tool.txt"


@dataclass(frozen=True)
class CommandLineFieldSet(PackageFieldSet, RunFieldSet):
    """The fields of a `modelkiln_command_line`."""

    required_fields = (CommandLinePythonField,)
    run_in_sandbox_behavior = RunInSandboxBehavior.RUN_REQUEST_HERMETIC

    python: CommandLinePythonField
    output_path: OutputPathField


@dataclass(frozen=True)
class CommandLineRequest:
    """The command line for a Python release, as a file of this name."""

    python: str
    file_name: str


@rule(desc="Build the command line", level=LogLevel.DEBUG)
async def build_command_line(request: CommandLineRequest, options: ModelkilnSubsystem, platform: Platform) -> Program:
    """Build a PEX of the engine with the dependencies that people's commands need."""
    from modelkiln.manifest.closure import closure
    from modelkiln.manifest.lock import read_lock

    machine = "linux/arm64" if platform == Platform.linux_arm64 else "linux/amd64"
    target = Target(request.python, machine, options.glibc)
    texts = {name: Path(__file__).parents[1].joinpath(name).read_text("utf-8") for name in (*_LOCKS, _STEPS_LOCK)}
    locks = {name: read_lock(text, name, target.marker_environment()) for name, text in texts.items()}
    others = {pin.name for pin in locks[_STEPS_LOCK]} - {one.partition(";")[0] for one in _REQUIREMENTS}
    pins = [pin for name in _LOCKS for pin in locks[name] if pin.name not in others]
    text = "".join(pin.line() for pin in pins).encode()
    chosen = await choose_files(LockChoiceRequest(" and ".join(_LOCKS), text, target), **implicitly())
    spec = {
        "wheels": [wheel.to_json() for wheel in closure(chosen.content, _REQUIREMENTS)],
        **target.to_json(),
        "entry_point": "modelkiln.cli.main:main",
    }
    sources = await add_prefix(AddPrefix(await create_digest(CreateDigest(engine_files())), "sources"))
    described = await create_digest(CreateDigest([FileContent("spec.json", canonical_json(spec))]))
    step = Step(
        argv=("pex", "--spec=spec.json", "--sources=sources", f"--store={STORE}", "--output", request.file_name),
        description="Build the command line",
        input_digest=await merge_digests(MergeDigests((sources, described))),
        output_files=(request.file_name,),
    )
    return await program_of(step, request.file_name, is_stored=False)


def _python(field_set: CommandLineFieldSet, options: ModelkilnSubsystem) -> str:
    return field_set.python.value or options.python


@rule(desc="Package the command line", level=LogLevel.DEBUG)
async def package_command_line(field_set: CommandLineFieldSet, options: ModelkilnSubsystem) -> BuiltPackage:
    """Write the command line to `dist/`."""
    path = field_set.output_path.value_or_default(file_ending="pex")
    folder, name = os.path.split(path)
    built = await build_command_line(CommandLineRequest(_python(field_set, options), name), **implicitly())
    digest = await add_prefix(AddPrefix(built.digest, folder))
    return BuiltPackage(digest, (KnownArtifact(path, (f"  PEX, {readable_size(built.size)}",)),))


@rule(desc="Prepare to run the command line", level=LogLevel.DEBUG)
async def run_command_line(field_set: CommandLineFieldSet, options: ModelkilnSubsystem) -> RunRequest:
    """Run it in the caller's folder."""
    release = _python(field_set, options)
    built = await build_command_line(CommandLineRequest(release, "modelkiln.pex"), **implicitly())
    python = await find_python(MachinePythonRequest.of(release, str(field_set.address)), **implicitly())
    return RunRequest(digest=built.digest, args=(python.path, "{chroot}/modelkiln.pex"))


def rules():
    return [*collect_rules(), *CommandLineFieldSet.rules(), UnionRule(PackageFieldSet, CommandLineFieldSet)]
