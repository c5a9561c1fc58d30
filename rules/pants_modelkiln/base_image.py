"""From an `oci_base_image` target to what images are built on."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pants.engine.addresses import Address, Addresses
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import Target
from pants.util.logging import LogLevel

from modelkiln.canonical import canonical_json
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from pants_modelkiln.api import hydrate, read_digest, targets_of
from pants_modelkiln.layers import LayerRequest, build_layer
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.base_image import (
    BaseImageArchitectureField,
    BaseImageGlibcField,
    BaseImageLockField,
    BaseImagePythonField,
    BaseImagePythonPathField,
    BaseImageReferenceField,
)
from pants_modelkiln.tool import STORE, Step, perform_step


@dataclass(frozen=True)
class BaseImageRequest:
    """The `oci_base_image` at an address."""

    address: Address


@dataclass(frozen=True)
class BaseImage:
    """What a base image is, told without making it.

    identity: canonical JSON for the record. lock: a Debian lock's canonical JSON, or "".
    interpreter: canonical JSON of the locked packages that compile byte code, or "".
    """

    address: Address
    architecture: str
    python: str
    python_path: str
    glibc: str
    identity: str
    lock: str
    interpreter: str
    reference: str


@dataclass(frozen=True)
class BaseLayersRequest:
    """The layers and settings of a base image."""

    base: BaseImage


@dataclass(frozen=True)
class BaseLayers:
    """Layers, lowest first, and the environment that the base's config sets."""

    layers: tuple[Layer, ...]
    env: tuple[str, ...]


def base_image(address: Address) -> Get:
    """BaseImage at an address."""
    return Get(BaseImage, BaseImageRequest(address))


def base_layers(base: BaseImage) -> Get:
    """BaseLayers of a base image."""
    return Get(BaseLayers, BaseLayersRequest(base))


@rule(level=LogLevel.DEBUG)
async def describe_base_image(request: BaseImageRequest, options: ModelkilnSubsystem) -> BaseImage:
    target = (await targets_of(Addresses([request.address]))).expect_single()
    if not target.has_field(BaseImageLockField):
        raise ModelkilnError(
            f"{request.address}: is a `{target.alias}`, but `base_image` must name an `oci_base_image`."
        )
    lock_field, reference = target[BaseImageLockField], target[BaseImageReferenceField].value
    if bool(lock_field.value) == bool(reference):
        raise ModelkilnError(
            f"{request.address}: set exactly one of the fields `lock` (Debian packages) and `image` "
            "(an image of a registry, pinned by digest)."
        )
    if reference:
        return _from_registry(target, reference, options)
    sources = await hydrate(lock_field)
    contents = await read_digest(sources.snapshot.digest)
    return _from_debian(target, contents[0].path, contents[0].content)


def _from_registry(target: Target, reference: str, options: ModelkilnSubsystem) -> BaseImage:
    from modelkiln.sources.registry import parse_reference

    try:
        parse_reference(reference)
    except ModelkilnError as error:
        raise ModelkilnError(f"{target.address}: {error}") from None
    python = target[BaseImagePythonField].value or options.python
    return BaseImage(
        address=target.address,
        architecture=target[BaseImageArchitectureField].value,
        python=python,
        python_path=target[BaseImagePythonPathField].value or f"/usr/bin/python{python}",
        glibc=target[BaseImageGlibcField].value or options.glibc,
        identity=canonical_json({"image": reference}).decode(),
        lock="",
        interpreter="",
        reference=reference,
    )


def _from_debian(target: Target, path: str, text: bytes) -> BaseImage:
    from modelkiln.bytecode import interpreter_packages
    from modelkiln.debian_lock import glibc_of, load_lock, python_of

    lock = load_lock(text.decode("utf-8", "replace"), f"{target.address}: {path}")
    python = target[BaseImagePythonField].value or python_of(lock)
    canonical = canonical_json(lock)
    return BaseImage(
        address=target.address,
        architecture=lock["architecture"],
        python=python,
        python_path=target[BaseImagePythonPathField].value or f"/usr/bin/python{python}",
        glibc=target[BaseImageGlibcField].value or glibc_of(lock),
        identity=canonical_json({"debian": lock["suite"], "lock": sha256_bytes(canonical)}).decode(),
        lock=canonical.decode(),
        interpreter=canonical_json(interpreter_packages(lock)).decode(),
        reference="",
    )


@rule(desc="Describe the base image's layers", level=LogLevel.DEBUG)
async def make_base_layers(request: BaseLayersRequest, options: ModelkilnSubsystem) -> BaseLayers:
    base = request.base
    if base.lock:
        recipe = {
            "packer": "debian/2",
            "compression": options.compression,
            "lock": json.loads(base.lock),
        }
        built = await build_layer(LayerRequest(canonical_json(recipe).decode(), f"{base.address}"))
        return BaseLayers((built.layer,), ())
    result = await perform_step(
        Step(
            argv=(
                "registry-image", f"--reference={base.reference}",
                f"--platform=linux/{base.architecture}", f"--store={STORE}", "--output=image.json",
            ),
            description=f"Read manifest and config of {base.reference}",
            output_files=("image.json",),
        )
    )  # fmt: skip
    described = json.loads((await read_digest(result.digest))[0].content)
    layers = tuple(Layer.from_json(layer) for layer in described["layers"])
    return BaseLayers(layers, tuple(described["config"].get("config", {}).get("Env") or ()))


def rules():
    return collect_rules()
