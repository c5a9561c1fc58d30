"""From a lock's text to one file for each of its pins."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from pants.engine.fs import CreateDigest, FileContent
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.frozen_json import FrozenJson
from modelkiln.wheels.platforms import Target
from pants_modelkiln.compat.calls import create_digest, get_digest_contents, implicitly, rule
from pants_modelkiln.engine.step import Step, run_step
from pants_modelkiln.engine.tool_install import STORE


@dataclass(frozen=True)
class LockChoiceRequest:
    """What of the lock `path`, with `content`, serves a target."""

    path: str
    content: bytes
    target: Target


@dataclass(frozen=True)
class ResolvedLock:
    """The chosen wheels, see `modelkiln.manifest.resolution.resolve_lock`.

    remedy: the command that locks the resolve. build_remedy: the one that locks what its sdists are built with.
    """

    content: FrozenJson
    remedy: str = ""
    build_remedy: str = ""


def build_lock_of(lock: str) -> str:
    """Where the build requirements of a resolve with this lock are locked: cpu.txt has cpu.build.txt."""
    return f"{posixpath.splitext(lock)[0]}.build.txt"


@rule(desc="Choose wheels from a lock's text", level=LogLevel.DEBUG)
async def choose_files(request: LockChoiceRequest) -> ResolvedLock:
    """Have a step ask the indexes which wheels of the pinned versions fit."""
    target = request.target
    lock = await create_digest(CreateDigest([FileContent("lock.txt", _significant(request.content))]))
    result = await run_step(Step(
            argv=(
                "resolve", "--lock=lock.txt", f"--name={request.path}", f"--python={target.python}",
                f"--platform={target.platform}", f"--glibc={target.glibc}",
                *(f"--release={release}" for release in target.releases),
                f"--store={STORE}", "--output=resolved.json",
            ),
            description=f"Choose wheels for {target.platform} from {request.path}",
            input_digest=lock,
            output_files=("resolved.json",),
        ), **implicitly())  # fmt: skip
    return ResolvedLock(FrozenJson((await get_digest_contents(result.digest))[0].content.decode()))


def _significant(lock: bytes) -> bytes:
    # A changed comment must not choose wheels anew.
    lines = (line.rstrip() for line in lock.decode("utf-8", "replace").splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.lstrip().startswith("#")).encode()


def rules():
    return collect_rules()
