"""A package's image, its index for two variants, its artifact and its weights image, each as a whole layout."""

import hashlib

from samples.indexed import IndexedPackage
from samples.random_image import make_image, pack_layer

from modelkiln.archives.tar import bytes_entry
from modelkiln.digest import sha256_bytes
from modelkiln.formats.model_pack import build_artifact, build_weights_image
from modelkiln.image.entries import REF_NAME
from modelkiln.image.layout import layout_files, write_layout
from modelkiln.recipe import FILES
from modelkiln.weights.lock import set_digest

__all__ = ["FORMATS", "WEIGHTS", "make_layouts"]

FORMATS = ("image", "index", "artifact", "weights-image")
WEIGHTS = {"model.bin": b"weights" * 1000, "README.md": b"# Read me"}


def make_layouts(folder):
    """Return the layout of each of FORMATS, tagged 1.2.0, with all of its blobs."""
    files = [
        {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for path, data in WEIGHTS.items()
    ]
    record = {
        "name": "digits",
        "version": "1.2.0",
        "variant": {"platform": "linux/amd64"},
        "artifacts": files,
        "metadata": {"authors": "Ada <ada@example.com>"},
    }
    packed = [
        pack_layer("weights", path, [bytes_entry(f"models/{path}", data)], "none", FILES)
        for path, data in WEIGHTS.items()
    ]
    image = build_weights_image(
        [layer for layer, _ in packed], record, set_digest((one["sha256"], one["path"]) for one in files)
    )
    tars = {layer.descriptor.digest: data for layer, data in packed}
    return {
        "image": make_image(folder / "digits.oci").path,
        "index": IndexedPackage(folder / "indexed").layout,
        "artifact": _layout(
            folder / "digits.artifact",
            build_artifact(files, record),
            {sha256_bytes(data): data for data in WEIGHTS.values()},
        ),
        "weights-image": _layout(folder / "digits.weights.oci", image, tars),
    }


def _layout(path, made, blobs):
    documents = {made.manifest_descriptor.digest: made.manifest, made.config_descriptor.digest: made.config}
    return write_layout(path, layout_files(made.manifest_descriptor, {**documents, **blobs}, {REF_NAME: "1.2.0"}))
