"""A package for two accelerators under one index, with its record, as `model_index` makes it."""

import json

from samples.random_image import make_image

from modelkiln.canonical import canonical_json
from modelkiln.descriptor import INDEX, Descriptor
from modelkiln.image.blobs import Blobs
from modelkiln.image.contents import layout_contents
from modelkiln.image.entries import REF_NAME
from modelkiln.image.layout import Layout, blob_name, platform_index, top_files, write_layout
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.package.record import index_record
from modelkiln.publication.blob_source import BlobSource
from modelkiln.publication.publish import Publication, publish_all
from modelkiln.registry.reference import parse_repository

__all__ = ["IndexedPackage"]


class IndexedPackage:
    """The layout, its record next to it, and what they hold."""

    def __init__(self, folder):
        program = ["/opt/venv/bin/python", "-m", "modelkiln.runtime"]
        commands = [program, [*program, "predict"]]  # Variants answer with the same weights.
        accelerators = ("cpu", "cuda12")
        self.images = [
            make_image(folder / f"{len(one)}.oci", entrypoint=one, accelerator=name)
            for one, name in zip(commands, accelerators)
        ]
        listed = [
            (one.image.manifest_descriptor, "linux/amd64", {"modelkiln.package.accelerator": name}, True)
            for one, name in zip(self.images, accelerators)
        ]
        index = platform_index(listed, {})
        self.index = Descriptor.of(INDEX, index)
        files = {**top_files(self.index, {REF_NAME: "1.2.0"}), blob_name(self.index.digest): index}
        for one in self.images:
            for path in (one.path / "blobs/sha256").iterdir():
                files[blob_name(f"sha256:{path.name}")] = path.read_bytes()
        self.layout = write_layout(folder / "digits.oci", files)
        variants = [one.record for one in self.images]
        self.record = canonical_json({**index_record(variants), "variants": variants, "formats": {}, "layers": []})
        (folder / "digits.package.json").write_bytes(self.record)

    @property
    def digests(self):
        """The package digests of the images."""
        return [one.record["package_digest"] for one in self.images]

    def publish(self, host, name="team/digits"):
        """Publish index and record."""
        env, layout = {INSECURE_REGISTRIES: host}, Layout(self.layout)
        source = BlobSource(Blobs(layout), env)
        publication = Publication(layout_contents(layout), source, ("1.2.0",), record=self.record)
        return publish_all([(publication, parse_repository(f"{host}/{name}"))], env)[0]

    @property
    def package_digest(self):
        """Of the record of all."""
        return json.loads(self.record)["package_digest"]
