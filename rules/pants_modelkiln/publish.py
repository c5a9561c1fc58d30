"""`pants publish`: packages into registries."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from typing import Mapping

from pants.core.goals.publish import (
    PublishFieldSet,
    PublishOutputData,
    PublishPackages,
    PublishProcesses,
    PublishRequest,
)
from pants.engine.fs import Digest, FileEntry
from pants.engine.process import InteractiveProcess
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import Target
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from modelkiln.machine import INSECURE_REGISTRIES
from modelkiln.registry.contents import root_digest
from modelkiln.registry.names import expand, read_stamps, record_values
from modelkiln.sources.reference import check_tag, parse_repository
from pants_modelkiln.api import (
    concurrently,
    create_digest,
    environment_vars,
    list_digest,
    merge_digests,
    read_digest,
    subset,
)
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.publish import (
    PublishMovingTagsField,
    PublishRepositoriesField,
    PublishTagsField,
    SkipPublishField,
)
from pants_modelkiln.tool import STORE, Step, step_process

# Where credentials, their helpers and certificates lie. The rest of the machine's settings, of which
# a proxy's address may hold a secret, lies beside the store (see modelkiln.machine): Pants logs the
# environment of a process.
_PLACES = (
    "CURL_CA_BUNDLE", "DOCKER_CONFIG", "HOME", "PATH", "REGISTRY_AUTH_FILE", "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR", "SSL_CERT_FILE", "XDG_CONFIG_HOME",
)  # fmt: skip


class PublishModelRequest(PublishRequest):
    pass


@dataclass(frozen=True)
class PublishModelFieldSet(PublishFieldSet):
    publish_request_type = PublishModelRequest
    required_fields = (PublishRepositoriesField,)

    repositories: PublishRepositoriesField
    tags: PublishTagsField
    moving_tags: PublishMovingTagsField
    skip_publish: SkipPublishField

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        """A target without repositories is not packaged in vain."""
        return not tgt[PublishRepositoriesField].value

    def get_output_data(self) -> PublishOutputData:
        """What `[publish].output` tells of the target."""
        return PublishOutputData({"publisher": "modelkiln", **super().get_output_data()})


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

    @property
    def argv(self) -> tuple[str, ...]:
        """Of `modelkiln build publish`."""
        return (
            "publish", self.layout, self.repository, f"--store={STORE}",
            *(f"--tag={tag}" for tag in self.tags), *(f"--moving-tag={tag}" for tag in self.moving),
            *((f"--record={self.record}",) if self.record else ()),
        )  # fmt: skip


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
        for tag in (*push.tags, *push.moving):
            name = f"{push.repository}:{tag}"
            if seen.setdefault(name, push.digest) != push.digest:
                raise ModelkilnError(
                    f"{where}: two formats would be published as {name}. Give them different endings with "
                    "[modelkiln].format_suffixes."
                )


@dataclass(frozen=True)
class LayoutInputRequest:
    """The files of a package that publishing one of its layouts needs."""

    layout: str
    record: str
    package: Digest


@dataclass(frozen=True)
class LayoutInput:
    """A Digest of the layout, of the blobs in dist/ that it shares with others, and of the record."""

    digest: Digest


def layout_input(layout: str, record: str, package: Digest) -> Get:
    """LayoutInput of a built package."""
    return Get(LayoutInput, LayoutInputRequest(layout, record, package))


@rule(level=LogLevel.DEBUG)
async def select_layout_input(request: LayoutInputRequest) -> LayoutInput:
    # Links into dist/.blobs stay behind: what they lead to is in the store too, from where nothing
    # has to be copied.
    entries = await list_digest(request.package)
    return LayoutInput(
        await create_digest(
            entry
            for entry in entries
            if isinstance(entry, FileEntry)
            and (entry.path == request.record or entry.path.startswith(request.layout + "/"))
        )
    )


def _data(push: _Push) -> PublishOutputData:
    """What `[publish].output` tells of one layout, for deployment tools."""
    return PublishOutputData(
        {
            "repository": push.repository,
            "digest": push.digest,
            "reference": f"{push.repository}@{push.digest}",
            "tags": (*push.tags, *push.moving),
            "format": push.format,
            "package_digest": push.package_digest,
        }
    )


@rule(desc="Prepare to publish a model", level=LogLevel.DEBUG)
async def publish_model(request: PublishModelRequest, options: ModelkilnSubsystem) -> PublishProcesses:
    fields = request.field_set
    if fields.skip_publish.value:
        return PublishProcesses(
            [PublishPackages((str(fields.address),), description=f"(by `skip_publish` on {fields.address})")]
        )
    built = await merge_digests(package.digest for package in request.packages)
    documents = {
        file.path: file.content
        for file in await read_digest(await subset(built, ["**/*.package.json", "**/oci-layout", "**/index.json"]))
    }
    names = [stamp for stamp in options.stamps if "=" not in stamp]
    environ = await environment_vars([*_PLACES, *names])
    pushes = _plan(fields, documents, read_stamps(options.stamps, environ, "[modelkiln].stamps"), options)
    needed = await concurrently(layout_input(push.layout, push.record, built) for push in pushes)
    processes = await concurrently(
        step_process(
            Step(
                argv=(*push.argv, *(() if options.publish_record else ("--no-record",))),
                description=f"Publish {fields.address}",
                input_digest=inputs.digest,
            )
        )
        for push, inputs in zip(pushes, needed)
    )
    kept = {name: environ[name] for name in _PLACES if name in environ}
    if options.insecure_registries:
        kept[INSECURE_REGISTRIES] = " ".join(options.insecure_registries)
    return PublishProcesses(
        PublishPackages(
            names=tuple(f"{push.repository}:{tag}" for tag in (*push.tags, *push.moving)),
            process=InteractiveProcess.from_process(replace(found.process, env={**found.process.env, **kept})),
            data=_data(push),
        )
        for push, found in zip(pushes, processes)
    )


def rules():
    return [*collect_rules(), *PublishModelFieldSet.rules()]
