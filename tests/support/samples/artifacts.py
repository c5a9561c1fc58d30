"""OCI artifacts and images put into a registry blob by blob, by the distribution-spec alone."""

import http.client
import io
import tarfile

from modelkiln.canonical import canonical_json
from modelkiln.descriptor import MANIFEST, Descriptor
from modelkiln.digest import sha256_bytes

__all__ = ["EMPTY", "MODEL_PACK", "put_blob", "put_manifest", "tar_of"]

MODEL_PACK = "application/vnd.cncf.model"
EMPTY = "application/vnd.oci.empty.v1+json"


def tar_of(*members):
    """Return a tar of (name, content) pairs; a content that is a TarInfo goes in as it is."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if info is not content:
                info.size = len(content)
            archive.addfile(info, None if info is content else io.BytesIO(content))
    return buffer.getvalue()


def _request(address, method, path, body=None, media_type="application/octet-stream"):
    line = http.client.HTTPConnection(address)
    line.request(method, path, body=body, headers={"Content-Type": media_type})
    answer = line.getresponse()
    text = answer.read()
    assert answer.status in (200, 201, 202), text
    line.close()
    return answer


def put_blob(address, name, data, media_type, annotations=None):
    """Upload a blob; returns its descriptor as a manifest has it."""
    location = _request(address, "POST", f"/v2/{name}/blobs/uploads/").headers["Location"]
    path = location[location.index("/v2/") :]
    _request(address, "PUT", f"{path}&digest={sha256_bytes(data)}", data)
    descriptor = Descriptor.of(media_type, data).to_json()
    return {**descriptor, "annotations": annotations} if annotations else descriptor


def put_manifest(address, name, tag, layers, config=b"{}", config_type=EMPTY, media_type=MANIFEST, **more):
    """Upload config and manifest under a tag; returns the manifest's descriptor."""
    manifest = {"schemaVersion": 2, "mediaType": media_type, "layers": layers, **more}
    manifest["config"] = put_blob(address, name, config, config_type)
    data = canonical_json(manifest)
    _request(address, "PUT", f"/v2/{name}/manifests/{tag}", data, media_type)
    return Descriptor.of(media_type, data)
