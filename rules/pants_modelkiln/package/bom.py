"""The bill of materials of a package, from what its locks and wheels say."""

from __future__ import annotations

from dataclasses import dataclass

from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.attestation.sbom.bom import IMAGE, BaseFacts, WheelFacts, bom_bytes, package_bom
from pants_modelkiln.compat.calls import implicitly, rule
from pants_modelkiln.inputs.base_image import BaseImage
from pants_modelkiln.inputs.debian_facts import DebianFactsRequest, read_debian_facts
from pants_modelkiln.manifest.environment import Environment
from pants_modelkiln.package.inputs import PackageInputs


async def _base_facts(base: BaseImage) -> BaseFacts:
    if base.lock is None:
        return BaseFacts(reference=base.reference)
    facts = await read_debian_facts(DebianFactsRequest(str(base.address), base.lock), **implicitly())
    return BaseFacts(base.lock, facts.packages, base.archive)


def _wheel_facts(environment: Environment) -> WheelFacts:
    licenses = {wheel["name"]: wheel["license"] for wheel in environment.contents["contents"]}
    others = {path: _wheel_facts(one) for path, one in environment.others}
    return WheelFacts(licenses, environment.needed_by, others)


@dataclass(frozen=True)
class BomRequest:
    """The bill of a package; kind: of which format, see `modelkiln.attestation.sbom.bom`."""

    inputs: PackageInputs
    kind: str


@dataclass(frozen=True)
class Bom:
    """A bill as CycloneDX, the bytes of its file."""

    content: bytes


@rule(desc="Write a bill of materials", level=LogLevel.DEBUG)
async def write_bom(request: BomRequest) -> Bom:
    """Write the bill right here: it takes a few milliseconds, and a process more than what it is part of."""
    inputs, base = request.inputs, BaseFacts()
    if request.kind == IMAGE and inputs.base is not None:
        base = await _base_facts(inputs.base)
    wheels = _wheel_facts(inputs.environment)
    return Bom(bom_bytes(package_bom(inputs.record, request.kind, wheels, base)))


def rules():
    return collect_rules()
