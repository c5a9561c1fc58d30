"""From an `oci_base_image` target to what images are built on."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass

from pants.engine.addresses import Address, Addresses, UnparsedAddressInputs
from pants.engine.fs import PathGlobs
from pants.engine.rules import collect_rules
from pants.engine.target import Target
from pants.util.logging import LogLevel

from modelkiln.base.bytecode import bytecode_recipe
from modelkiln.base.debian_lock import glibc_of, has_python, python_of, python_release_of
from modelkiln.base.image_python import python_release
from modelkiln.base.interpreter import interpreter_packages, portable_packages
from modelkiln.base.portable_python import PREFIX, archive_package
from modelkiln.base.portable_python_lock import InterpreterLock
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.frozen_json import FrozenJson
from modelkiln.layer import Layer
from modelkiln.layers import debian, portable_python
from modelkiln.recipe import Recipe
from pants_modelkiln.compat.calls import (
    concurrently,
    get_digest_contents,
    implicitly,
    path_globs_to_paths,
    resolve_targets,
    resolve_unparsed_address_inputs,
    rule,
)
from pants_modelkiln.engine.layers import LayerRequest, make_layer
from pants_modelkiln.engine.step import Step, run_step
from pants_modelkiln.engine.tool import registry_tool
from pants_modelkiln.engine.tool_install import STORE
from pants_modelkiln.inputs.debian_locks import debian_locks
from pants_modelkiln.inputs.named_files import literal
from pants_modelkiln.inputs.portable_python import PortablePythonRequest, read_portable_python
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.base_image import (
    BaseImageArchitecturesField,
    BaseImageGlibcField,
    BaseImageInterpreterField,
    BaseImageLockField,
    BaseImagePythonField,
    BaseImagePythonPathField,
    BaseImageReferenceField,
)

# What an address has after its folder: a target, a generated one, a variant; references of images have the same signs.
_FOLDER = re.compile(r"^//|[:#@].*$")


@dataclass(frozen=True)
class BaseImageRequest:
    """The `oci_base_image` at an address, for one of its architectures; "" for the first."""

    address: Address
    architecture: str = ""


@dataclass(frozen=True)
class BaseImage:
    """What a base image is, known without making it.

    architectures: all that the target has. identity: what the record says of it. lock: a Debian lock.
    bytecode: what recipes say of the interpreter that compiles byte code, see
    `modelkiln.base.bytecode.bytecode_recipe`. reference: of an image of a registry, or "". release: the
    full release of its Python where the lock states it, or "". archive: of a portable Python, see
    `modelkiln.base.portable_python.archive_package`.
    """

    address: Address
    architecture: str
    architectures: tuple[str, ...]
    python: str
    python_path: str
    glibc: str
    identity: FrozenJson
    lock: FrozenJson | None = None
    bytecode: FrozenJson | None = None
    reference: str = ""
    release: str = ""
    archive: FrozenJson | None = None


@dataclass(frozen=True)
class BaseLayersRequest:
    """The layers and settings of a base image."""

    base: BaseImage


@dataclass(frozen=True)
class BaseLayers:
    """Layers, lowest first, the environment that the base's config sets, and the full release of its
    Python, or ""."""

    layers: tuple[Layer, ...]
    env: tuple[str, ...]
    release: str = ""


@dataclass(frozen=True)
class NamedBaseRequest:
    """The address of a base as a field or an option has it. address: of the target that is built on it."""

    address: Address
    named: UnparsedAddressInputs


@dataclass(frozen=True)
class NamedBase:
    """The address of the target that is named."""

    address: Address


@rule(level=LogLevel.DEBUG)
async def find_named_base(request: NamedBaseRequest) -> NamedBase:
    """Resolve the address of a base; raises ModelkilnError for the reference of an image, which reads like one."""
    named = request.named
    (text,) = named.values
    folder = _FOLDER.sub("", text)
    path = os.path.normpath(os.path.join(named.relative_to or "", folder) if folder.startswith("./") else folder)
    found = await path_globs_to_paths(PathGlobs([literal(path.lstrip("/"))]))
    if folder and not found.files and not found.dirs:
        raise ModelkilnError(
            f"{request.address}: {named.description_of_origin} is {text!r}, which is not the address of a target: "
            f"there is no folder {path!r}. It takes the address of an `oci_base_image`, and that may stand for an "
            'image of a registry, pinned by digest: oci_base_image(name="base", '
            'image="registry.example.com/python@sha256:..."), in the same BUILD file, is ":base".'
        )
    (address,) = await resolve_unparsed_address_inputs(named, **implicitly())
    return NamedBase(address)


@rule(level=LogLevel.DEBUG)
async def describe_base_image(request: BaseImageRequest, options: ModelkilnSubsystem) -> BaseImage:
    """Read the target and its locks; raises ModelkilnError for what cannot be a base."""
    target = (await resolve_targets(**implicitly(Addresses([request.address])))).expect_single()
    if not target.has_field(BaseImageLockField):
        raise ModelkilnError(
            f"{request.address}: is a `{target.alias}`, but `base_image` must name an `oci_base_image`."
        )
    architectures = tuple(dict.fromkeys(target[BaseImageArchitecturesField].value or ()))
    architecture = request.architecture or (architectures[0] if architectures else "")
    if architecture not in architectures:
        raise ModelkilnError(
            f"{request.address}: is not for {architecture or 'any architecture'}, but for "
            f"{', '.join(architectures) or 'none'}. Add it to `architectures` and pin it with pants lock."
        )
    lock_field, reference = target[BaseImageLockField], target[BaseImageReferenceField].value
    if bool(lock_field.value) == bool(reference):
        raise ModelkilnError(
            f"{request.address}: set exactly one of the fields `lock` (Debian packages) and `image` "
            "(an image of a registry, pinned by digest)."
        )
    if reference and target[BaseImageInterpreterField].value:
        raise ModelkilnError(
            f"{request.address}: `interpreter` is for a base of Debian packages, and `image` has a Python of its own. "
            "Remove one of the two fields."
        )
    if reference:
        return _from_registry(target, reference, options, architecture)
    locks = await debian_locks(target)
    named = await resolve_unparsed_address_inputs(
        target[BaseImageInterpreterField].to_unparsed_address_inputs(), **implicitly()
    )
    if not named:
        _check_python(target, locks)
        return _from_debian(target, locks, architecture)
    interpreter = await read_portable_python(PortablePythonRequest(target.address, named[0]), **implicitly())
    return _from_portable(target, locks, interpreter, architecture)


def _from_registry(target: Target, reference: str, options: ModelkilnSubsystem, architecture: str) -> BaseImage:
    from modelkiln.registry.reference import parse_reference

    try:
        parse_reference(reference)
    except ModelkilnError as error:
        raise ModelkilnError(f"{target.address}: {error}") from None
    python = target[BaseImagePythonField].value or options.python
    return BaseImage(
        address=target.address,
        architecture=architecture,
        architectures=tuple(target[BaseImageArchitecturesField].value),
        python=python,
        python_path=target[BaseImagePythonPathField].value or f"/usr/bin/python{python}",
        glibc=target[BaseImageGlibcField].value or options.glibc,
        identity=FrozenJson.of({"image": reference}),
        reference=reference,
    )


def _bytecode(target: Target, locks: dict[str, dict]) -> FrozenJson:
    """The interpreter whose packages compile byte code; they must be of one release, or bytes would depend on
    the machine that builds."""
    found = {name: interpreter_packages(lock) for name, lock in locks.items()}
    releases = {
        package["version"].partition("+b")[0]  # Debian's rebuilds of the same source, for one architecture.
        for packages in found.values()
        for package in packages
        if package["name"] == f"python{python_of(locks[next(iter(locks))])}-minimal"
    }
    if len(releases) != 1:
        raise ModelkilnError(
            f"{target.address}: its architectures have different Pythons, {', '.join(sorted(releases)) or 'none'}. "
            "Lock the base again with pants lock."
        )
    return FrozenJson.of(bytecode_recipe(found))


def _from_debian(target: Target, locks: dict[str, dict], architecture: str) -> BaseImage:
    lock = FrozenJson.of(locks[architecture])
    python = target[BaseImagePythonField].value or python_of(lock)
    return BaseImage(
        address=target.address,
        architecture=architecture,
        architectures=tuple(locks),
        python=python,
        python_path=target[BaseImagePythonPathField].value or f"/usr/bin/python{python}",
        glibc=target[BaseImageGlibcField].value or glibc_of(lock),
        identity=FrozenJson.of({"debian": lock["suite"], "lock": sha256_bytes(lock.to_bytes())}),
        lock=lock,
        bytecode=_bytecode(target, locks),
        release=python_release_of(lock) if python == python_of(lock) else "",
    )


def _check_python(target: Target, locks: dict[str, dict]) -> None:
    for name, lock in locks.items():
        if not has_python(lock):
            raise ModelkilnError(
                f"{target.address}: its lock for {name} has no python3.N-minimal. Add one to the package list, or name "
                "a `portable_python` in `interpreter`."
            )


def _from_portable(
    target: Target, locks: dict[str, dict], interpreter: InterpreterLock, architecture: str
) -> BaseImage:
    for name, one in locks.items():
        if has_python(one):
            raise ModelkilnError(
                f"{target.address}: its lock for {name} has Python {python_of(one)} of Debian, and `interpreter` "
                f'brings CPython {interpreter.python}. Leave out one of them: packages="modelkiln:libraries" has none.'
            )
    try:
        found = {name: portable_packages(one, interpreter) for name, one in locks.items()}
    except ModelkilnError as error:
        raise ModelkilnError(f"{target.address}: {error}") from None
    lock, archive = FrozenJson.of(locks[architecture]), archive_package(interpreter, architecture)
    said = {"python": interpreter.python, "release": interpreter.release, "sha256": archive["sha256"]}
    debian_identity = {"debian": lock["suite"], "lock": sha256_bytes(lock.to_bytes())}
    return BaseImage(
        address=target.address,
        architecture=architecture,
        architectures=tuple(locks),
        python=interpreter.minor,
        python_path=f"/{PREFIX}/bin/python{interpreter.minor}",
        glibc=target[BaseImageGlibcField].value or glibc_of(lock),
        identity=FrozenJson.of({**debian_identity, "interpreter": said}),
        lock=lock,
        bytecode=FrozenJson.of(bytecode_recipe(found)),
        release=interpreter.python,
        archive=FrozenJson.of(archive),
    )


@rule(desc="Describe the base image's layers", level=LogLevel.DEBUG)
async def make_base_layers(request: BaseLayersRequest, options: ModelkilnSubsystem) -> BaseLayers:
    """Make the layer of Debian packages, or read from a registry what the image has."""
    base = request.base
    if base.lock is not None:
        built = await concurrently(
            make_layer(LayerRequest(recipe, str(base.address), is_downloaded=True), **implicitly())
            for recipe in _recipes(base, base.lock, options.compression)
        )
        return BaseLayers(tuple(one.layer for one in built), (), base.release)
    result = await run_step(Step(
            argv=(
                "registry-image", f"--reference={base.reference}",
                f"--platform=linux/{base.architecture}", f"--store={STORE}", "--output=image.json",
            ),
            description=f"Read manifest and config of {base.reference}",
            output_files=("image.json",),
            tool=registry_tool(options),
        ), **implicitly())  # fmt: skip
    described = json.loads((await get_digest_contents(result.digest))[0].content)
    layers = tuple(Layer.from_json(layer) for layer in described["layers"])
    env = tuple(described["config"].get("config", {}).get("Env") or ())
    return BaseLayers(layers, env, python_release(env, base.python, base.python_path))


def _recipes(base: BaseImage, lock: FrozenJson, compression: str) -> list[Recipe]:
    if base.archive is not None and base.bytecode is not None:
        return [
            debian.recipe(lock, compression),
            portable_python.recipe(base.archive, compression, base.bytecode),
        ]
    # Of one architecture it is the lock's own interpreter.
    return [debian.recipe(lock, compression, base.bytecode if len(base.architectures) > 1 else None)]


def rules():
    return collect_rules()
