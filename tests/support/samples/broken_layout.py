"""A valid layout, and ways to change it that keep every digest and size right."""

import hashlib
import io
import json
import tarfile

from samples.random_image import blob_file, make_image, read_json

__all__ = ["Broken", "add_members", "same"]


class Broken:
    """A valid image without compression, and ways to break it that keep everything else right."""

    def __init__(self, folder, **options):
        self.made = make_image(folder / "digits.oci", compression="none", **options)
        self.path = self.made.path
        self.index = read_json(self.path / "index.json")
        self.manifest = json.loads(self.made.image.manifest)
        self.config = json.loads(self.made.image.config)

    def blob(self, digest):
        """Where a blob lies."""
        return blob_file(self.path, digest)

    def layer(self, kind):
        """The number of the topmost layer of a kind, and its blob."""
        number = max(n for n, layer in enumerate(self.made.image.layers) if layer.kind == kind)
        return number, self.made.blobs[self.manifest["layers"][number]["digest"]]

    def put(self, data, old):
        """Write a blob in the place of `old` and return its digest and size."""
        self.blob(old).unlink(missing_ok=True)
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.blob(digest).write_bytes(data)
        return {"digest": digest, "size": len(data)}

    def save(self):
        """Write config, manifest and index anew, so that only what was changed in them is wrong."""
        self.manifest["config"].update(self.put(_json(self.config), self.manifest["config"]["digest"]))
        entry = self.index["manifests"][0]
        entry.update(self.put(_json(self.manifest), entry["digest"]))
        self.save_index()

    def save_index(self):
        """Write the index alone."""
        (self.path / "index.json").write_bytes(_json(self.index))

    def replace_layer(self, kind, data):
        """Put other bytes in a layer's place, with digest, size and diff ID to match."""
        number, _ = self.layer(kind)
        described = self.put(data, self.manifest["layers"][number]["digest"])
        self.manifest["layers"][number].update(described)
        self.config["rootfs"]["diff_ids"][number] = described["digest"]
        self.save()

    def rewrite_layer(self, kind, change, extra=()):
        """Write a layer's tar again with `change(member, data) -> data` and more members."""
        _, data = self.layer(kind)
        out = io.BytesIO()
        with tarfile.open(fileobj=io.BytesIO(data)) as source, tarfile.open(fileobj=out, mode="w") as target:
            for member in source:
                content = source.extractfile(member).read() if member.isreg() else b""
                member.pax_headers = {}
                content = change(member, content)
                member.size = len(content)
                target.addfile(member, io.BytesIO(content))
            add_members(target, extra)
            end = target.offset
        self.replace_layer(kind, out.getvalue()[:end] + bytes(1024))


def add_members(archive, members):
    """Add (name, fields of the TarInfo, content) members to a tar."""
    for name, fields, content in members:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        for field, value in fields.items():
            setattr(member, field, value)
        archive.addfile(member, io.BytesIO(content))


def _json(value):
    return json.dumps(value).encode()


def same(member, data):
    """Change nothing."""
    return data
