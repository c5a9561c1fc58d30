"""What records say of a package on one of its platforms."""

from __future__ import annotations

import json
import logging

from modelkiln.builds.toolchain import recorded_wheel
from modelkiln.canonical import canonical_json
from modelkiln.conventions import VENV
from modelkiln.digest import sha256_bytes
from modelkiln.package.accelerator import Accelerator
from modelkiln.package.record import Record, make_record
from modelkiln.package.source_facts import near_misses
from modelkiln.publication.names import check_version
from modelkiln.wheels.platforms import Target
from pants_modelkiln.inputs.base_image import BaseImage
from pants_modelkiln.manifest.environment import Environment
from pants_modelkiln.package.field_set import ModelPackageFieldSet

logger = logging.getLogger(__name__)


def check_described(fields: ModelPackageFieldSet) -> None:
    """Refuse a version that could not be published, and warn of slips in keys of metadata, which may be any."""
    where = str(fields.address)
    tags = (*(fields.tags.value or ()), *(fields.moving_tags.value or ())) if fields.repositories.value else ()
    check_version(str(fields.version.value), tags, where)
    for key, meant in near_misses(json.loads(fields.model_metadata.value or "{}")):
        logger.warning(
            f"{where}: metadata: {key!r} is a key of your own. For {meant!r}, which has a meaning, write that."
        )


def variant_of(accelerator: Accelerator, target: Target, platform_digests: dict[str, str]) -> dict:
    """What the record says of a variant.

    platform_digests: by platform, a digest of wheels and base. One package has one version of everything:
    where it is for several platforms, the package digest of each depends on all of them.
    """
    several = {"platforms": platform_digests} if len(platform_digests) > 1 else {}
    return {**accelerator.to_json(), "platform": target.platform, "python": target.python, **several}


def platform_digest(wheels: Environment, base: BaseImage | None) -> str:
    """The digest of what is a platform's own, see `variant_of`."""
    others = canonical_json({path: one.to_json() for path, one in wheels.others}) if wheels.others else b""
    return sha256_bytes(canonical_json(wheels.to_json()) + others + b"\n" + (base.identity.to_bytes() if base else b""))


def record_of(described: dict, variant: dict, base: BaseImage | None, wheels: Environment, image: dict) -> Record:
    """The record. described: what is the same on all platforms. image: see `recorded_images`."""
    identity = base.identity.to_json() if base else None
    requirements = recorded_wheels(wheels)
    place = {"environment": wheels.path} if wheels.path != VENV else {}
    made_of = {"variant": variant, "requirements": requirements, "base": identity, **place}
    return make_record({**described, **made_of, **image})


def recorded_wheels(wheels: Environment) -> list[dict]:
    """The wheels of an environment, as records list them."""
    return [recorded_wheel(wheel) for wheel in wheels.to_json()]
