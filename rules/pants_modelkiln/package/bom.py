"""The bill of materials of a package, from what its locks and wheels say."""

from __future__ import annotations

from modelkiln.attestation.sbom.bom import IMAGE, BaseFacts, WheelFacts, bom_bytes, package_bom
from pants_modelkiln.compat.calls import implicitly
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


async def write_bom(inputs: PackageInputs, kind: str) -> bytes:
    """The bill of a package as CycloneDX, the bytes of its file; kind: of which format, see
    `modelkiln.attestation.sbom.bom`.

    It is written right here, in a few milliseconds, and not a rule's: Pants would keep that of each package in memory,
    150 kB, next to what it is part of.
    """
    base = BaseFacts()
    if kind == IMAGE and inputs.base is not None:
        base = await _base_facts(inputs.base)
    return bom_bytes(package_bom(inputs.record, kind, _wheel_facts(inputs.environment), base))
