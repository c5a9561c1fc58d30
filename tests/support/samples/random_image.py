"""A small valid image, made in code: random files of a seed, with all that a package has."""

import hashlib
import io
import json
import random
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from modelkiln.archives.tar import Entry, bytes_entry
from modelkiln.attestation.sbom.bom import IMAGE, bom_bytes, package_bom
from modelkiln.canonical import canonical_json
from modelkiln.digest import hex_of
from modelkiln.image.entries import REF_NAME
from modelkiln.image.image import Base, Image, Settings, build_image, settings_config
from modelkiln.image.layout import layout_files, write_layout
from modelkiln.layer import Layer
from modelkiln.layers.packing import pack
from modelkiln.layers.small import record_layer, venv_layer
from modelkiln.package.record import labels, make_record
from modelkiln.recipe import DEBIAN, FILES, WHEELS, Recipe
from modelkiln.store.store import BlobWriter, Store

__all__ = ["MadeImage", "make_image", "pack_layer"]

PYTHON = "/usr/bin/python3.11"
# Where the Debian package busybox-static puts its program.
_BUSYBOX = "busybox"
_BASE_ENV = ("PATH=/usr/bin:/bin", "LANG=C.UTF-8")


@dataclass(frozen=True)
class MadeImage:
    """An image and where it lies. blobs: digest -> bytes. record: as it is inside of the image."""

    path: Path
    image: Image
    blobs: dict
    record: dict


def pack_layer(kind, title, entries, compression="none", packer=""):
    """Return (Layer, bytes) of a layer."""
    buffer = io.BytesIO()
    packed = pack(entries, compression, BlobWriter(buffer), title)
    return Layer.of(kind, title, packed, Recipe.made_by(packer, {}) if packer else None), buffer.getvalue()


def make_image(
    path: Path,
    seed: int = 0,
    compression: str = "zstd",
    weights_size: int = 3000,
    busybox: bool = False,
    store: Optional[Store] = None,
    entrypoint=None,
    pins: bool = True,
    weights_lock: bytes = b"",
    accelerator: str = "cpu",
) -> MadeImage:
    """Write an image layout to `path`; with `store`, the weights layer goes there alone.

    busybox: put a static busybox in its base, so that `/bin/busybox sh -c ...` runs in it. pins: whether its record
    names layers and settings, as those of earlier releases do not. weights_lock: of lazy weights, which it lacks then.
    """
    rng = random.Random(seed)
    weights = rng.randbytes(weights_size)
    code = {
        "models/digits/predict.py": b"def predict(inputs, model):\n    return {}\n",
        "modelkiln/runtime/__main__.py": b"print('runtime')\n",
    }
    base, venv, wheels, runtime = pinned = _pinned_layers(rng, busybox, code, compression)
    settings = _settings(entrypoint or ["/opt/venv/bin/python", "-m", "modelkiln.runtime"])
    config = settings_config(_BASE_ENV, settings)
    image = {"config": config, "diff_ids": [layer.diff_id for layer, _ in pinned]}
    more = {**({"image": image} if pins else {}), **(_lazy(weights_lock) if weights_lock else {})}
    record = make_record({**_inputs(weights, code, entrypoint, accelerator), **more}).to_json()
    bundled = pack_layer("weights", "digits.bin", [bytes_entry("models/digits.bin", weights)], "none", FILES)
    made = [
        base,
        *([] if weights_lock else [bundled]),
        venv,
        wheels,
        runtime,
        pack_layer("code", "code", _code_entries(code, is_runtime=False), compression),
        record_layer(canonical_json(record), weights_lock, bom_bytes(package_bom(record, IMAGE))),
    ]
    layers = [layer for layer, _ in made]
    labelled = replace(settings, labels=labels(record), annotations=labels(record))
    image = build_image(Base((layers[0],), "amd64", "linux", _BASE_ENV), layers[1:], labelled)
    blobs = {layer.descriptor.digest: data for layer, data in made}
    if store is not None:
        store.add_bytes(blobs.pop(layers[1].descriptor.digest))
    blobs[image.manifest_descriptor.digest] = image.manifest
    blobs[image.config_descriptor.digest] = image.config
    write_layout(path, layout_files(image.manifest_descriptor, blobs, {REF_NAME: "1.2.0"}))
    return MadeImage(path, image, blobs, record)


def _settings(entrypoint):
    env = {"PATH": "/opt/venv/bin:/usr/bin:/bin", "MODELKILN_MODELS": "/models"}
    return Settings(env=env, entrypoint=entrypoint, working_dir="/app")


def _lazy(lock):
    return {"weights": "lazy", "weights_lock": hashlib.sha256(lock).hexdigest()}


def _pinned_layers(rng, busybox, code, compression):
    """Base, environment, wheels and runtime: the layers whose files a record does not list."""
    return [
        pack_layer("base", "debian", _base_entries(rng, busybox), compression, DEBIAN),
        venv_layer("3.11", PYTHON, over_any_base=False),
        pack_layer("wheels", "numpy 2.4.6", _wheel_entries(rng), compression, WHEELS),
        pack_layer("code", "runtime", _code_entries(code, is_runtime=True), compression),
    ]


def _code_entries(code, is_runtime):
    files = {name: data for name, data in code.items() if name.startswith("modelkiln/") == is_runtime}
    if is_runtime:  # Its byte code, which the record does not list.
        files["modelkiln/runtime/__pycache__/__main__.cpython-311.pyc"] = b"pyc"
    return [bytes_entry(f"app/{name}", data) for name, data in files.items()]


def _inputs(weights, code, entrypoint, accelerator):
    tensor = {"name": "image", "datatype": "FP32", "shape": [-1, 64]}
    return {
        "name": "digits",
        "version": "1.2.0",
        "variant": {"accelerator": accelerator, "platform": "linux/amd64", "python": "3.11"},
        "entry_point": "models.digits.predict:predict",
        "signature": {"inputs": [tensor], "outputs": [tensor]},
        "artifacts": [{"path": "digits.bin", "size": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}],
        "code": [{"path": name, "sha256": hashlib.sha256(data).hexdigest()} for name, data in code.items()],
        "requirements": [],
        "base": {"debian": "bookworm"},
        "metadata": {"license": "Apache-2.0", "authors": "Ünïcode Authors"},
        "entrypoint": entrypoint,
        "weights": "bundled",
        "weights_lock": None,
    }


def _base_entries(rng, busybox):
    entries = [
        bytes_entry("usr/bin/python3.11", b"\x7fELF" + rng.randbytes(2000), executable=True),
        bytes_entry("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"),
        Entry("bin", kind="symlink", link="usr/bin"),
        Entry("tmp", kind="dir"),
        # Longer than ustar's 100 bytes and not ASCII: needs PAX headers.
        bytes_entry("usr/share/" + "é" * 80 + "/" + "long" * 20, rng.randbytes(10)),
    ]
    if busybox:
        program = shutil.which(_BUSYBOX, path="/bin:/usr/bin")
        assert program is not None, "call components.require('busybox', 'busybox-static') first"
        entries.append(bytes_entry("usr/bin/busybox", Path(program).read_bytes(), executable=True))
    return entries


def _wheel_entries(rng):
    site = "opt/venv/lib/python3.11/site-packages"
    files = [bytes_entry(f"{site}/numpy/file{i}.py", b"x = %d\n" % rng.randrange(10**9) * 20) for i in range(20)]
    script = b"#!/opt/venv/bin/python\nprint('f2py')\n"
    return [*files, bytes_entry("opt/venv/bin/f2py", script, executable=True)]


def blob_file(layout: Path, digest: str) -> Path:
    """Where a layout keeps a blob."""
    return layout / "blobs" / "sha256" / hex_of(digest)


def read_json(path: Path):
    """Parse a JSON file."""
    return json.loads(path.read_text("utf-8"))
