"""What the Debian packages of a base say of themselves, for bills of materials."""

from __future__ import annotations

from dataclasses import dataclass

from pants.engine.fs import CreateDigest, FileContent
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.frozen_json import FrozenJson
from pants_modelkiln.compat.calls import create_digest, get_digest_contents, implicitly, rule
from pants_modelkiln.engine.step import Step, run_step
from pants_modelkiln.engine.tool_install import STORE


@dataclass(frozen=True)
class DebianFactsRequest:
    """The packages of a Debian lock. where: whose they are, for people."""

    where: str
    lock: FrozenJson


@dataclass(frozen=True)
class DebianFacts:
    """What they say of themselves, see `modelkiln.attestation.sbom.debian_facts`."""

    packages: FrozenJson


@rule(desc="Read what Debian packages say of themselves", level=LogLevel.DEBUG)
async def read_debian_facts(request: DebianFactsRequest) -> DebianFacts:
    """Read it in a step of its own, once for all images on a base."""
    packages = FileContent("packages.json", canonical_json(request.lock["packages"]))
    result = await run_step(
        Step(
            argv=("debian-facts", "--packages=packages.json", f"--store={STORE}", "--output=facts.json"),
            description=f"Read licences of the Debian packages of {request.where}",
            input_digest=await create_digest(CreateDigest([packages])),
            output_files=("facts.json",),
        ),
        **implicitly(),
    )
    return DebianFacts(FrozenJson((await get_digest_contents(result.digest))[0].content.decode()))


def rules():
    return collect_rules()
