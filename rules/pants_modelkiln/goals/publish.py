"""`pants publish`: packages into registries."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from pants.base.build_environment import get_buildroot
from pants.core.goals.publish import (
    PublishOutputData,
    PublishPackages,
    PublishProcesses,
    PublishRequest,
)
from pants.engine.env_vars import EnvironmentVarsRequest
from pants.engine.fs import CreateDigest, Digest, DigestSubset, FileContent, FileEntry, MergeDigests, PathGlobs
from pants.engine.rules import collect_rules
from pants.engine.target import Target
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.errors import ModelkilnError
from modelkiln.image.contents import root_digest
from modelkiln.publication.names import expand, read_stamps, record_values
from modelkiln.registry.reference import check_tag, parse_repository
from pants_modelkiln.compat.calls import (
    create_digest,
    digest_subset_to_digest,
    environment_vars_subset,
    get_digest_contents,
    get_digest_entries,
    implicitly,
    merge_digests,
    rule,
)
from pants_modelkiln.engine.step import Step, prepare_step
from pants_modelkiln.engine.tool import registry_tool, signing_tool
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.goals.publishing import ModelPublishFieldSet, in_foreground, skipped
from pants_modelkiln.goals.signing import signing_arguments, signing_variables
from pants_modelkiln.goals.smoke_results import SmokeResultsRequest, find_smoke_results
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.publish import (
    PublishMovingTagsField,
    PublishRepositoriesField,
    PublishTagsField,
    PublishWheelIndexesField,
    SkipPublishField,
)

logger = logging.getLogger(__name__)

# Where credentials, their helpers and certificates lie. Of the settings next to the store (see
# modelkiln.machine.settings) a proxy's address may hold a secret.
_PLACES = (
    "CURL_CA_BUNDLE", "DOCKER_CONFIG", "HOME", "PATH", "REGISTRY_AUTH_FILE", "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR", "SSL_CERT_FILE", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
)  # fmt: skip


# The statement about the tests of what is published, for its step.
_STATEMENT = "tests.json"


class PublishModelRequest(PublishRequest):
    pass


@dataclass(frozen=True)
class PublishModelFieldSet(ModelPublishFieldSet):
    publish_request_type = PublishModelRequest
    required_fields = (PublishRepositoriesField,)

    repositories: PublishRepositoriesField
    tags: PublishTagsField
    moving_tags: PublishMovingTagsField

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        """A target without repositories is not packaged in vain. Where it goes nowhere at all that is said: Pants only
        reports that there is nothing to do, and lists the kind of the target among those that there is for."""
        if tgt[PublishRepositoriesField].value:
            return False
        places = [one.alias for one in (PublishRepositoriesField, PublishWheelIndexesField) if tgt.has_field(one)]
        if not tgt.get(PublishWheelIndexesField).value and not tgt[SkipPublishField].value:
            fields = " nor ".join(f"`{name}`" for name in places)
            logger.info(
                f"{tgt.address}: is not published: it has {'neither ' if len(places) > 1 else 'no '}{fields}. "
                f"Name a repository in `{places[0]}`."
            )
        return True


@dataclass(frozen=True)
class _Push:
    """One layout into one repository. layout and record: paths. format: its name, or "". digest:
    what its tags mean."""

    layout: str
    format: str
    record: str
    package_digest: str
    digest: str
    repository: str
    tags: tuple[str, ...]
    moving: tuple[str, ...]

    def to_json(self) -> dict:
        """As `modelkiln build publish-package` reads it."""
        return {
            "layout": self.layout,
            "repository": self.repository,
            "tags": self.tags,
            "moving": self.moving,
            "record": self.record or None,
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it gets."""
        return tuple(f"{self.repository}:{tag}" for tag in (*self.tags, *self.moving))


def _plan(
    fields: PublishModelFieldSet, documents: Mapping[str, bytes], stamps: Mapping[str, str], options: ModelkilnSubsystem
) -> list[_Push]:
    """Each layout into each repository, with all names checked before anything is sent."""
    where = str(fields.address)
    record = next((path for path in sorted(documents) if path.endswith(".package.json")), "")
    content = json.loads(documents[record]) if record else {}
    values = {**record_values(content), **stamps}
    paths = {os.path.basename(facts["path"]): name for name, facts in (content.get("formats") or {}).items()}
    pushes = []
    for layout in sorted(os.path.dirname(path) for path in documents if path.endswith("/oci-layout")):
        format_name = paths.get(os.path.basename(layout), "")
        suffix = options.format_suffixes.get(format_name, "")
        tags, moving = (
            tuple(check_tag(expand(tag, values, where) + suffix, where) for tag in field.value or ())
            for field in (fields.tags, fields.moving_tags)
        )
        tags = tuple(tag for tag in tags if tag not in moving)
        digest = root_digest(documents[f"{layout}/index.json"])
        for template in fields.repositories.value or ():
            repository = str(parse_repository(expand(template, values, where), f"{where}: repository {template!r}"))
            package = content.get("package_digest", "")
            pushes.append(_Push(layout, format_name, record, package, digest, repository, tags, moving))
    if not pushes:
        raise ModelkilnError(
            f"{where}: has `repositories`, but none of its formats goes into a registry. Add the format `oci`."
        )
    _check_names(where, pushes)
    return pushes


def _check_names(where: str, pushes: list[_Push]) -> None:
    """Refuse two layouts under one name, of which the second would fail or replace the first."""
    seen: dict[str, str] = {}
    for push in pushes:
        for name in push.names:
            if seen.setdefault(name, push.digest) != push.digest:
                raise ModelkilnError(
                    f"{where}: two formats would be published as {name}. Give them different endings with "
                    "[modelkiln].format_suffixes."
                )


@dataclass(frozen=True)
class PublishInputRequest:
    """The files of a package that publishing `layouts` needs."""

    layouts: tuple[str, ...]
    record: str
    package: Digest


@dataclass(frozen=True)
class PublishInput:
    """A Digest of the layouts and of the record."""

    digest: Digest


@rule(level=LogLevel.DEBUG)
async def select_publish_input(request: PublishInputRequest) -> PublishInput:
    """Leave out what is not published, and links to blobs of the store."""
    # Links into dist/.blobs stay behind: what they lead to is in the store too, from where nothing
    # has to be copied.
    entries = await get_digest_entries(request.package)
    folders = tuple(f"{layout}/" for layout in request.layouts)
    return PublishInput(
        await create_digest(
            CreateDigest(
                entry
                for entry in entries
                if isinstance(entry, FileEntry) and (entry.path == request.record or entry.path.startswith(folders))
            )
        )
    )


def _data(pushes: list[_Push]) -> PublishOutputData:
    """What `[publish].output` reports of a package, for deployment tools."""
    layouts = tuple(
        FrozenDict(
            {
                "repository": push.repository,
                "digest": push.digest,
                "reference": f"{push.repository}@{push.digest}",
                "tags": (*push.tags, *push.moving),
                "format": push.format,
            }
        )
        for push in pushes
    )
    return PublishOutputData({"package_digest": pushes[0].package_digest, "layouts": layouts})


async def _read_documents(built: Digest) -> dict[str, bytes]:
    """Records and the top files of layouts, by path."""
    globs = PathGlobs(["**/*.package.json", "**/oci-layout", "**/index.json"])
    found = await get_digest_contents(await digest_subset_to_digest(DigestSubset(built, globs)))
    return {file.path: file.content for file in found}


@rule(desc="Prepare to publish a model", level=LogLevel.DEBUG)
async def publish_model(request: PublishModelRequest, options: ModelkilnSubsystem) -> PublishProcesses:
    """One process in the foreground for all repositories and tags of a package."""
    fields = request.field_set
    if fields.skip_publish.value:
        return skipped(fields)
    built = await merge_digests(MergeDigests(package.digest for package in request.packages))
    documents = await _read_documents(built)
    names = [stamp for stamp in options.stamps if "=" not in stamp]
    passed = (*_PLACES, *signing_variables(options.signing))
    environ = await environment_vars_subset(EnvironmentVarsRequest([*passed, *names]), **implicitly())
    pushes = _plan(fields, documents, read_stamps(options.stamps, environ, "[modelkiln].stamps"), options)
    layouts = tuple(dict.fromkeys(push.layout for push in pushes))
    needed = await select_publish_input(PublishInputRequest(layouts, pushes[0].record, built), **implicitly())
    plan = await create_digest(
        CreateDigest([FileContent("plan.json", canonical_json([push.to_json() for push in pushes]))])
    )
    tested = b""
    if options.publish_test_results:
        tested = (await find_smoke_results(SmokeResultsRequest(fields.address), **implicitly())).statement
    statement = await create_digest(CreateDigest([FileContent(_STATEMENT, tested)] if tested else []))
    signing = signing_arguments(options.signing, Path(get_buildroot()), environ.get("HOME", ""))
    # One process for all, so that no tag is put while another one is not free. What it is published
    # as depends on this moment's registries: it runs in the foreground and is never cached.
    found = await prepare_step(
        Step(
            argv=(
                "publish-package",
                "plan.json",
                f"--store={STORE}",
                *(() if options.publish_record else ("--no-record",)),
                *((f"--builder-id={options.builder_id}",) if options.builder_id else ()),
                *(("--attestation-manifests",) if options.publish_attestation_manifests else ()),
                *((f"--statement={_STATEMENT}",) if tested else ()),
                *signing,
            ),
            description=f"Publish {fields.address}",
            input_digest=await merge_digests(MergeDigests((needed.digest, plan, statement))),
            tool=signing_tool(options) if signing else registry_tool(options),
        ),
        **implicitly(),
    )
    places = {name: environ[name] for name in passed if name in environ}
    process = in_foreground(found.process, places, options)
    names = tuple(dict.fromkeys(name for push in pushes for name in push.names))
    return PublishProcesses([PublishPackages(names=names, process=process, data=_data(pushes))])


def rules():
    return [*collect_rules(), *PublishModelFieldSet.rules()]
