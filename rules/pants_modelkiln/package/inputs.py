"""From a `model_package` target to everything that goes into the package, pinned."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Iterable, Sequence

from pants.backend.python.subsystems.setup import PythonSetup
from pants.engine.addresses import Address, Addresses
from pants.engine.rules import collect_rules
from pants.util.logging import LogLevel

from modelkiln.base.portable_python_lock import InterpreterLock
from modelkiln.errors import ModelkilnError
from modelkiln.package.accelerator import Accelerator
from modelkiln.package.adapters import check_bases
from modelkiln.package.record import Record
from modelkiln.package.signature import read_signature
from modelkiln.package.source_facts import Named, metadata_of, signature_of
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.wheels.platforms import Target
from pants_modelkiln.compat.calls import (
    concurrently,
    implicitly,
    resolve_targets,
    resolve_unparsed_address_inputs,
    rule,
)
from pants_modelkiln.inputs.artifact import Artifact, ArtifactRequest, Part, merge_artifacts
from pants_modelkiln.inputs.base_image import (
    BaseImage,
    BaseImageRequest,
    BaseLayers,
    BaseLayersRequest,
    NamedBaseRequest,
    describe_base_image,
    find_named_base,
    make_base_layers,
)
from pants_modelkiln.inputs.code import PackageCode, PackageCodeRequest, collect_code
from pants_modelkiln.inputs.debian_facts import DebianFactsRequest, read_debian_facts
from pants_modelkiln.inputs.named_files import read_named_file
from pants_modelkiln.inputs.option_addresses import named_or_option
from pants_modelkiln.inputs.portable_python import InterpreterRequest, choose_interpreter
from pants_modelkiln.inputs.repository_artifact import hash_artifact
from pants_modelkiln.manifest.environment import Environment, ResolvedLockRequest
from pants_modelkiln.manifest.lock_file import LockFileRequest, read_lock_file
from pants_modelkiln.manifest.resolve_python import package_python
from pants_modelkiln.manifest.wheel_layers import PackageEnvironmentRequest, find_package_environment
from pants_modelkiln.package.dependencies import find_pickle_imports
from pants_modelkiln.package.field_set import ModelPackageFieldSet, accelerator_of, environment_of, provided_of
from pants_modelkiln.package.image import recorded_images
from pants_modelkiln.package.model_wheel import ModelWheel, WheelParts, describe_wheel
from pants_modelkiln.package.recorded import check_described, platform_digest, record_of, variant_of
from pants_modelkiln.package.weights_lock import lazy_lock
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.artifact import ModelArtifactLockField


@dataclass(frozen=True)
class PackageInputs:
    """What goes into a package, every byte of it pinned, and its record.

    base: None for a package that is not an image and names no base image. weights_lock: what a package
    with lazy weights carries in their place, else empty. interpreter: what the format `scie` embeds. wheel: what
    the format `wheel` has besides, which is made for the first platform. layout: of a PEX, "" where its size decides.
    others: the same package for its further platforms. together: of an ensemble, the members whose code lies beside
    that of the others.
    """

    address: Address
    formats: tuple[str, ...]
    accelerator: Accelerator
    artifacts: tuple[Artifact, ...]
    code: PackageCode
    environment: Environment
    base: BaseImage | None
    target: Target
    record: Record
    weights_lock: bytes
    interpreter: InterpreterLock | None = None
    wheel: ModelWheel | None = None
    layout: str = ""
    others: tuple[PackageInputs, ...] = ()
    together: tuple[PackageInputs, ...] = ()

    @property
    def platforms(self) -> tuple[PackageInputs, ...]:
        """The inputs of each platform, the first one first."""
        return (self, *self.others)

    @property
    def facts(self) -> Named:
        """What the sources of the artifacts state about the model, each with its address."""
        return facts_of(self.artifacts)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The layers of the artifacts, lowest first."""
        return tuple(part for found in self.artifacts for part in found.parts)


@dataclass(frozen=True)
class SinglePackageRequest:
    """A package that is not an ensemble."""

    fields: ModelPackageFieldSet


def facts_of(artifacts: Sequence[Artifact]) -> Named:
    """What the sources of artifacts state about the model, each with its address."""
    return [(str(found.address), found.facts) for found in artifacts]


async def find_bases(field_set: ModelPackageFieldSet, options: ModelkilnSubsystem) -> tuple[BaseImage | None, ...]:
    """The base of each platform, None for a package without one; raises ModelkilnError for an image without one."""
    field = field_set.base_image.to_unparsed_address_inputs()
    named = named_or_option(field, "base_image", options.base_image)
    architectures = [platform.split("/")[1] for platform in dict.fromkeys(field_set.platforms.value or ())]
    if named.values:
        base = (await find_named_base(NamedBaseRequest(field_set.address, named), **implicitly())).address
        return await concurrently(
            describe_base_image(BaseImageRequest(base, name), **implicitly()) for name in architectures or [""]
        )
    if "oci" in field_set.formats.value:
        raise ModelkilnError(
            f"{field_set.address}: an image needs a base. Name an `oci_base_image` in the field "
            '`base_image` or in the option [modelkiln].base_image, or leave "oci" out of `formats`.'
        )
    if architectures not in ([], ["amd64"]):
        raise ModelkilnError(
            f"{field_set.address}: `platforms` needs a base image that states their Python and C library. "
            "Name an `oci_base_image` in the field `base_image` or in the option [modelkiln].base_image."
        )
    return (None,)


async def find_target(
    formats: Sequence[str],
    python: str,
    base: BaseImage | None,
    embedded: InterpreterLock | None,
    options: ModelkilnSubsystem,
) -> Target:
    """What the wheels are chosen for. The interpreter of an image and of a `scie` is known to its patch
    release, and that of a PEX or of a wheel is whichever the machine has."""
    releases = []
    if base and "oci" in formats:
        # The config of a registry's image states it; the image asks for the same again and has it at once.
        made = await make_base_layers(BaseLayersRequest(base), **implicitly()) if base.reference else base
        releases.append(made.release)
    releases += [embedded.python] if embedded else []
    releases += [python] if {"pex", "wheel"} & set(formats) else []
    return Target(
        releases=tuple(sorted({release or python for release in releases})),
        python=python,
        platform=f"linux/{base.architecture if base else 'amd64'}",
        glibc=base.glibc if base else options.glibc,
    )


async def _find_environments(requests: Iterable[PackageEnvironmentRequest]) -> tuple[Environment, ...]:
    return await concurrently(find_package_environment(request, **implicitly()) for request in requests)


async def _find_artifacts(addresses: Iterable[Address]) -> tuple[Artifact, ...]:
    return await concurrently(hash_artifact(ArtifactRequest(address), **implicitly()) for address in addresses)


async def _make_base(base: BaseImage) -> BaseLayers:
    made = await make_base_layers(BaseLayersRequest(base), **implicitly())
    if base.lock is not None:
        # For the bill, which has it at once then. After the layer, which fetches the same files.
        await read_debian_facts(DebianFactsRequest(str(base.address), base.lock), **implicitly())
    return made


async def _make_bases(bases: Iterable[BaseImage]) -> tuple[BaseLayers, ...]:
    # Called by name: so Pants finds what rules ask for.
    return await concurrently(_make_base(base) for base in bases)


async def _resolve_concurrently(
    field_set: ModelPackageFieldSet,
    accelerator: Accelerator,
    bases: Sequence[BaseImage | None],
    targets: Sequence[Target],
) -> tuple[Sequence[Environment], Sequence[Artifact], Sequence[BaseLayers]]:
    """What takes long, all of it at once: the wheels for each target, the artifacts, and each base of an image.

    An image's layers of base and wheels are made here, too, while weights are checked and an index
    is waited for: none of them needs another. The record names them; the image asks for them again and has them
    at once.
    """
    image_bases = [base if "oci" in field_set.formats.value else None for base in bases]
    provided = provided_of(field_set)
    code, split_pure = PackageCodeRequest(field_set.address, field_set.entry_point), len(targets) > 1
    allowed, pickled = field_set.allow_missing.value or (), await find_pickle_imports(field_set.artifacts)
    command = tuple(field_set.entrypoint.value or ())
    locks = [ResolvedLockRequest(accelerator.resolve, target) for target in targets]
    venv = environment_of(field_set)
    wanted = [
        PackageEnvironmentRequest(code, accelerator, lock, base, split_pure, allowed, pickled, provided, venv, command)
        for base, lock in zip(image_bases, locks)
    ]
    named = field_set.artifacts.to_unparsed_address_inputs()
    addresses = await resolve_unparsed_address_inputs(named, **implicitly())
    return await concurrently(
        _find_environments(wanted), _find_artifacts(addresses), _make_bases(base for base in image_bases if base)
    )


def refuse_large_program(address: Address, size: int, limit: int) -> None:
    """Refuse a PEX, or a program around one, with model artifacts of more than `limit` bytes in it."""
    if size > limit:
        raise ModelkilnError(
            f"{address}: its model artifacts have {readable_size(size)}, and a PEX bundles at most "
            f'{readable_size(limit)}. Leave them out of the package with weights="sidecar" (files at a mount point) '
            'or weights="lazy" (fetched at start), or leave "pex" out of `formats`. (The limit is '
            "[modelkiln].large_blob_limit.)"
        )


async def _refuse_large_locks(field_set: ModelPackageFieldSet, limit: int) -> None:
    """Refuse before anything is fetched: a lock states the sizes of its files, and reading it costs nothing."""
    if field_set.weights.value != "bundled" or not {"pex", "scie"} & set(field_set.formats.value):
        return
    named = field_set.artifacts.to_unparsed_address_inputs()
    addresses = await resolve_unparsed_address_inputs(named, **implicitly())
    targets = await resolve_targets(**implicitly(Addresses(addresses)))
    locked = [target.address for target in targets if target.get(ModelArtifactLockField).value]
    sizes = [artifact.size for artifact in await _find_artifacts(locked)]
    refuse_large_program(field_set.address, sum(sizes), limit)


async def find_signature(field_set: ModelPackageFieldSet, facts: Named) -> dict:
    """The signature that the package names, else the one that its artifact brings."""
    address = field_set.address
    if not field_set.signature.value:
        return read_signature(signature_of(facts, str(address)), f"{address}: signature of its artifact").to_json()
    remedy = "Write the names, datatypes and shapes of the inputs and outputs there."
    file = await read_named_file(address, field_set.signature.alias, field_set.signature.value, remedy)
    return _load_signature(address, file)


async def find_embedded(field_set: ModelPackageFieldSet, python: str) -> InterpreterLock | None:
    """The interpreter of CPython `python` ("3.11") that a package brings along, if it does."""
    if "scie" not in field_set.formats.value:
        return None
    named = field_set.interpreter.to_unparsed_address_inputs()
    return await choose_interpreter(InterpreterRequest(field_set.address, named, python), **implicitly())


@rule(desc="Resolve a package's inputs", level=LogLevel.DEBUG)
async def resolve_package(
    request: SinglePackageRequest, options: ModelkilnSubsystem, setup: PythonSetup
) -> PackageInputs:
    """Resolve everything that a package is made of, and its record, on all of its platforms."""
    field_set, address = request.fields, request.fields.address
    check_described(field_set)
    bases = await find_bases(field_set, options)
    accelerator = accelerator_of(address, field_set.accelerator, field_set.resolve, options, setup)
    python = package_python(address, accelerator.resolve, bases[0], options.python, setup)
    await read_lock_file(LockFileRequest(accelerator.resolve), **implicitly())  # Before dependencies are asked for.
    embedded = await find_embedded(field_set, python)
    targets = [await find_target(field_set.formats.value, python, base, embedded, options) for base in bases]
    await _refuse_large_locks(field_set, options.large_blob_limit)
    environments, artifacts, made = await _resolve_concurrently(field_set, accelerator, bases, targets)
    check_bases(str(address), {str(found.address): (found.set_digest, found.base) for found in artifacts})
    weights_lock = lazy_lock(field_set, artifacts)
    code = await collect_code(PackageCodeRequest(address, field_set.entry_point), **implicitly())
    parts = WheelParts(field_set, accelerator.name, targets[0].python, code, environments[0], tuple(artifacts))
    wheel = await describe_wheel(parts, options.large_blob_limit)
    signature = await find_signature(field_set, facts_of(artifacts))
    platform_digests = {
        target.platform: platform_digest(wheels, base) for base, target, wheels in zip(bases, targets, environments)
    }
    described = {
        **_described(field_set, code, artifacts, signature, weights_lock),
        **({"interpreter": embedded.identity(targets[0].platform)} if embedded else {}),
        **({"wheel": wheel.described.to_json()} if wheel else {}),
        **({"provided": [one.to_json() for one in provided]} if (provided := provided_of(field_set)) else {}),
    }
    images = recorded_images(bases, made, environments, accelerator, described["entrypoint"], bool(weights_lock))
    first, *others = (
        PackageInputs(
            address=address,
            formats=tuple(field_set.formats.value),
            accelerator=accelerator,
            artifacts=tuple(artifacts),
            code=code,
            environment=wheels,
            base=base,
            target=target,
            record=record_of(described, variant_of(accelerator, target, platform_digests), base, wheels, image),
            weights_lock=weights_lock,
            interpreter=embedded,
            layout=field_set.layout.value or "",
        )
        for base, target, wheels, image in zip(bases, targets, environments, images)
    )
    return replace(first, wheel=wheel, others=tuple(others))


def _described(
    field_set: ModelPackageFieldSet,
    code: PackageCode,
    artifacts: Sequence[Artifact],
    signature: dict,
    weights_lock: bytes,
) -> dict:
    """What the record says of the package, the same for all of its platforms."""
    address = field_set.address
    return {
        "name": address.generated_name or address.target_name,
        "version": field_set.version.value,
        "entry_point": code.entry_point,
        "entrypoint": list(field_set.entrypoint.value or ()),
        "signature": signature,
        "artifacts": merge_artifacts(address, artifacts),
        "code": [file.to_json() for file in code.files],
        "weights": field_set.weights.value,
        "weights_lock": hashlib.sha256(weights_lock).hexdigest() if weights_lock else None,
        "metadata": metadata_of(facts_of(artifacts), json.loads(field_set.model_metadata.value or "{}")),
    }


def _load_signature(address: Address, file) -> dict:
    from modelkiln.package.signature import load_signature

    try:
        text = file.content.decode("utf-8")
    except UnicodeDecodeError:
        raise ModelkilnError(f"{address}: {file.path}: is not UTF-8 text. Write it as JSON.") from None
    return load_signature(text, f"{address}: {file.path}").to_json()


def rules():
    return collect_rules()
