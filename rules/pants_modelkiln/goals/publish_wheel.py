"""`pants publish`: wheels of models into indexes of Python packages."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from pants.core.goals.publish import (
    PublishOutputData,
    PublishPackages,
    PublishProcesses,
    PublishRequest,
)
from pants.engine.env_vars import EnvironmentVarsRequest
from pants.engine.fs import DigestSubset, MergeDigests, PathGlobs
from pants.engine.rules import collect_rules
from pants.engine.target import Target
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from pants_modelkiln.compat.calls import (
    digest_subset_to_digest,
    environment_vars_subset,
    get_digest_contents,
    implicitly,
    merge_digests,
    rule,
)
from pants_modelkiln.engine.step import Step, prepare_step
from pants_modelkiln.engine.tool import upload_tool
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.goals.publishing import ModelPublishFieldSet, in_foreground, skipped
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.publish import PublishWheelIndexesField

# Where ~/.pypirc and certificates lie. Logins are among the settings that lie next to the store.
_PLACES = ("CURL_CA_BUNDLE", "HOME", "PATH", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE")


class PublishWheelRequest(PublishRequest):
    pass


@dataclass(frozen=True)
class PublishWheelFieldSet(ModelPublishFieldSet):
    publish_request_type = PublishWheelRequest
    required_fields = (PublishWheelIndexesField,)

    indexes: PublishWheelIndexesField

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        """A target without indexes is not packaged in vain."""
        return not tgt[PublishWheelIndexesField].value


@rule(desc="Prepare to publish a model's wheel", level=LogLevel.DEBUG)
async def publish_wheel(request: PublishWheelRequest, options: ModelkilnSubsystem) -> PublishProcesses:
    """One process in the foreground for all indexes of a wheel."""
    fields = request.field_set
    if fields.skip_publish.value:
        return skipped(fields)
    built = await merge_digests(MergeDigests(package.digest for package in request.packages))
    records = await get_digest_contents(
        await digest_subset_to_digest(DigestSubset(built, PathGlobs(["**/*.package.json"])))
    )
    record = json.loads(records[0].content)
    wheel = record["formats"].get("wheel")
    if not wheel:
        raise ModelkilnError(f'{fields.address}: has `wheel_indexes`, but "wheel" is not among its `formats`. Add it.')
    path = os.path.join(os.path.dirname(records[0].path), wheel["path"])
    indexes = tuple(dict.fromkeys(fields.indexes.value or ()))
    found = await prepare_step(
        Step(
            argv=("publish-wheel", path, *(f"--index={index}" for index in indexes), f"--store={STORE}"),
            description=f"Publish {fields.address}",
            input_digest=await digest_subset_to_digest(DigestSubset(built, PathGlobs([path]))),
            tool=upload_tool(options),
        ),
        **implicitly(),
    )
    places = await environment_vars_subset(EnvironmentVarsRequest(_PLACES), **implicitly())
    process = in_foreground(found.process, places, options)
    data = {
        "package_digest": record["package_digest"],
        "wheels": tuple(
            FrozenDict({"index": index, "filename": wheel["path"], "sha256": wheel["sha256"]}) for index in indexes
        ),
    }
    names = tuple(f"{wheel['path']} in {index}" for index in indexes)
    return PublishProcesses([PublishPackages(names=names, process=process, data=PublishOutputData(data))])


def rules():
    return [*collect_rules(), *PublishWheelFieldSet.rules()]
