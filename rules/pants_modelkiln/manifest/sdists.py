"""Packages that have no wheel: built from their sdists, once for everybody who needs them."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from pants.engine.fs import CreateDigest, FileContent, PathGlobs
from pants.engine.platform import Platform
from pants.engine.rules import collect_rules
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.errors import ModelkilnError
from modelkiln.frozen_json import FrozenJson
from modelkiln.machine.settings import save_python
from modelkiln.manifest.build_lock import part_of
from modelkiln.manifest.closure import LockedWheel
from modelkiln.manifest.sdists import check_extra_requirements
from modelkiln.wheels.platforms import Target
from pants_modelkiln.compat.calls import create_digest, get_digest_contents, implicitly, rule
from pants_modelkiln.engine.machine_python import MachinePythonRequest, find_python
from pants_modelkiln.engine.step import Step, run_step
from pants_modelkiln.engine.tool import machine_store
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.manifest.resolved_lock import LockChoiceRequest, build_lock_of, choose_files
from pants_modelkiln.manifest.toolchains import ToolchainRequest, find_toolchain
from pants_modelkiln.subsystem import ModelkilnSubsystem

_logger = logging.getLogger(__name__)

# Build requirements run on this machine, whatever the package is for.
_PLATFORMS = {Platform.linux_arm64: "linux/arm64"}


@dataclass(frozen=True)
class BuiltWheelRequest:
    """The wheel of an sdist.

    lock: the lock of its resolve, next to which its build requirements are locked. remedy: the
    command that locks both.
    """

    sdist: LockedWheel
    lock: str
    python: str
    remedy: str


@dataclass(frozen=True)
class BuiltWheel:
    """The wheel as `builds.wheel.build_wheel` returns it."""

    wheel: FrozenJson


def build_issue(sdist: LockedWheel, lock: str, build_lock: str, remedy: str) -> str:
    """Why there is no wheel, where nothing locks what an sdist is built with."""
    build = f"to build one from {sdist.filename}, {build_lock} has to say with what. Write it with {remedy}."
    if not sdist.has_other_wheels:
        return f"{sdist.name} {sdist.version} has no wheel in the lock {lock}, and {build}"
    return (
        f"{sdist.name} {sdist.version}: an index has wheels of this version that fit, and none has a hash that is in "
        f"the lock {lock}: it was edited, or the files were replaced. Lock the package again to take such a wheel. "
        f"Else, {build}"
    )


@rule(desc="Build a wheel from an sdist", level=LogLevel.DEBUG)
async def build_sdist(
    request: BuiltWheelRequest, modelkiln: ModelkilnSubsystem, options: GlobalOptions, platform: Platform
) -> BuiltWheel:
    """Build it with what its resolve's build lock pins."""
    sdist, path = request.sdist, build_lock_of(request.lock)
    contents = await get_digest_contents(**implicitly(PathGlobs([path])))
    if not contents:
        raise ModelkilnError(build_issue(sdist, request.lock, path, request.remedy))
    part = part_of(contents[0].content.decode("utf-8", "replace"), sdist.name, path, request.remedy)
    toolchain = await find_toolchain(ToolchainRequest(request.python), **implicitly())
    target = Target(request.python, _PLATFORMS.get(platform, "linux/amd64"), toolchain.glibc or modelkiln.glibc)
    resolved = await choose_files(LockChoiceRequest(path, part.encode(), target), **implicitly())
    files = [
        FileContent("sdist.json", canonical_json(sdist.to_json())),
        FileContent("requirements.json", resolved.content.to_bytes()),
    ]
    extra = check_extra_requirements(modelkiln.extra_build_requirements)
    if extra:
        files.append(FileContent("extra.json", canonical_json(extra)))
    if toolchain.described:
        files.append(FileContent("toolchain.json", toolchain.described.to_bytes()))
    else:
        purpose = f"{sdist.name} {sdist.version} of the lock {request.lock} is built from its sdist, which"
        python = await find_python(MachinePythonRequest.of(request.python, purpose), **implicitly())
        # By its release: a machine's path to it must not be in the key of the build.
        save_python(machine_store(options), request.python, python.path)
    result = await run_step(Step(
            argv=(
                "wheel", "--sdist=sdist.json", "--requirements=requirements.json", f"--remedy={request.remedy}",
                f"--store={STORE}", "--output=wheel.json",
                *(("--toolchain=toolchain.json",) if toolchain.described else ()),
                *(("--extra=extra.json",) if extra else ()),
            ),
            description=f"Build {sdist.name} {sdist.version} from {sdist.filename}",
            input_digest=await create_digest(CreateDigest(files)),
            output_files=("wheel.json",),
        ), **implicitly())  # fmt: skip
    wheel = json.loads((await get_digest_contents(result.digest))[0].content)
    if not wheel.pop("is_isolated"):
        _logger.warning(
            f"{wheel['filename']} was built from its sdist without isolation: this machine cannot run bubblewrap "
            "(bwrap). Its build could read the machine's files, and where user namespaces are not permitted, reach "
            "the network. Install bubblewrap."
        )
    return BuiltWheel(FrozenJson.of(wheel))


def rules():
    return collect_rules()
