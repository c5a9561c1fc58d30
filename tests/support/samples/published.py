"""A package that can be published from where it was made, and read back."""

import os
import subprocess

from components import require
from samples.random_image import make_image

from modelkiln.canonical import canonical_json
from modelkiln.image.blobs import Blobs
from modelkiln.image.contents import layout_contents
from modelkiln.image.layout import Layout
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.publication.blob_source import BlobSource
from modelkiln.publication.publish import Publication, publish_all
from modelkiln.registry.reference import parse_repository
from modelkiln.store.store import Store

__all__ = ["Package", "skopeo_read"]


class Package:
    """An image in a layout, of which the weights are in the store alone, with its record."""

    def __init__(self, folder, seed=0, weights_size=3_000_000, compression="zstd"):
        self.store = Store(folder / "store")
        self.store.root.mkdir(parents=True, exist_ok=True)
        self.made = make_image(
            folder / f"digits{seed}.oci", seed, compression, weights_size=weights_size, store=self.store
        )
        self.layout = self.made.path
        self.digest = self.made.image.manifest_descriptor.digest
        self.weights = max(layout_contents(Layout(self.layout)).blobs, key=lambda blob: blob.size)
        self.record = canonical_json({**self.made.record, "layers": [], "formats": {}})

    def publish(self, address, name="team/digits", tags=("1.2.0",), moving=(), layers=(), record=None, env=None):
        """Publish to `address`, a host without TLS unless `env` is given."""
        env = {INSECURE_REGISTRIES: address} if env is None else env
        publication = self.publication(f"{address}/{name}", env, tags, moving, layers, record)
        return publish_all([publication], env, self.store.root)[0]

    def publication(self, repository, env, tags=("1.2.0",), moving=(), layers=(), record=None):
        """Return one item of what `publish_all` takes."""
        blobs = Blobs(Layout(self.layout), self.store, layers)
        contents = layout_contents(Layout(self.layout))
        publication = Publication(contents, BlobSource(blobs, env), (*tags, *moving), frozenset(moving), record)
        return publication, parse_repository(repository)


def skopeo_read(target, folder):
    """Copy an image out of a registry; skopeo checks all digests. Returns the manifest's bytes."""
    command = [require("skopeo"), "--insecure-policy", "copy", "-q", "--src-tls-verify=false"]
    environ = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder)}
    subprocess.run([*command, f"docker://{target}", f"dir:{folder}/copy"], check=True, env=environ)
    return (folder / "copy" / "manifest.json").read_bytes()
