"""Weights from a registry: whole blobs, and files inside of a layer's tar."""

import hashlib
import io
import json
import tarfile
import urllib.request

import pytest
from components import require
from loopback.answering import answering
from loopback.registries import registry

DATA = bytes(range(256)) * 8192 * 10  # 20 MiB: two pieces.


def upload(address, name, data, authorization=""):
    """Put a blob into a registry in one request; returns its digest (distribution-spec, "POST then PUT")."""
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    headers = {"Authorization": authorization} if authorization else {}
    request = urllib.request.Request(f"http://{address}/v2/{name}/blobs/uploads/", b"", headers, method="POST")
    with urllib.request.urlopen(request) as response:
        location = response.headers["Location"]
    headers["Content-Type"] = "application/octet-stream"
    address = f"{location}{'&' if '?' in location else '?'}digest={digest}"
    urllib.request.urlopen(urllib.request.Request(address, data, headers, method="PUT")).close()
    return digest


def tar_of(name, data):
    """Return a tar with one file and where its content begins."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as archive:
        return buffer.getvalue(), archive.getmember(name).offset_data


def only_blob(package):
    """The one file in the package's store."""
    (blob,) = package.store.glob("sha256/*/*")
    return blob.read_bytes()


def test_a_blob_is_fetched_in_pieces(make_lazy_package, tmp_path):
    """A registry on this machine may do without TLS."""
    with registry(tmp_path / "registry") as address:
        digest = upload(address, "models/a", DATA)
        url = f"oci://{address}/models/a@{digest}"
        package = make_lazy_package({"large.bin": DATA}, lambda path: [{"url": url}])
        package.run("fetch", check=0)
    assert DATA == only_blob(package)


@pytest.mark.parametrize("mirror", [False, True])
def test_a_file_of_a_layer_is_fetched_alone(make_lazy_package, tmp_path, mirror):
    """Its place in the tar is known; a repository with the package's layers can be a mirror too."""
    tar, offset = tar_of("models/large.bin", DATA)
    with registry(tmp_path / "registry") as address:
        digest = upload(address, "models/a", tar)
        places = [] if mirror else [{"url": f"oci://{address}/models/a@{digest}", "offset": offset}]
        more = {"large.bin": {"layer": {"digest": digest, "offset": offset}}}
        package = make_lazy_package({"large.bin": DATA}, lambda path: places, more)
        settings = {"MODELKILN_WEIGHTS_URL": f"oci://{address}/models/a"} if mirror else {}
        package.run("fetch", check=0, **settings)
    assert DATA == only_blob(package)


@pytest.mark.parametrize("key", ["{}", "{}/models", "https://{}/v2/"])
def test_a_registry_that_asks_for_a_password_gets_it(make_lazy_package, tmp_path, key):
    """The login is docker's, by host or by path; without one the message names the place."""
    passwords = tmp_path / "passwords"
    command = [require("htpasswd"), "-Bbn", "ada", "secret"]
    import subprocess

    passwords.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    login = {"auths": {}}
    with registry(tmp_path / "registry", htpasswd={"realm": "r", "path": str(passwords)}) as address:
        digest = upload(address, "models/a", DATA, "Basic YWRhOnNlY3JldA==")
        url = f"oci://{address}/models/a@{digest}"
        package = make_lazy_package({"large.bin": DATA}, lambda path: [{"url": url}])
        assert b"HTTP 401" in package.run("fetch", check=1).stderr
        login["auths"][key.format(address)] = {"auth": "YWRhOnNlY3JldA=="}
        (tmp_path / "docker").mkdir()
        (tmp_path / "docker/config.json").write_text(json.dumps(login))
        package.run("fetch", check=0, DOCKER_CONFIG=str(tmp_path / "docker"))
    assert DATA == only_blob(package)


def test_two_challenges_in_one_line(make_lazy_package):
    """Each has a realm of its own (RFC 9110, 11.6.1)."""
    with answering() as stub:

        def answer(method, path, headers, body):
            if path.startswith("/token"):
                return 200, {}, b'{"token": "T"}'
            if headers.get("authorization") == "Bearer T":
                return 200, {}, DATA
            return 401, {"WWW-Authenticate": f'Bearer realm="{stub.url}/token",service="r", Basic realm="N"'}, b""

        stub.answer = answer
        url = f"oci://{stub.host}/m@sha256:{hashlib.sha256(DATA).hexdigest()}"
        package = make_lazy_package({"large.bin": DATA}, lambda path: [{"url": url}])
        package.run("fetch", check=0)
    assert DATA == only_blob(package)


def test_docker_io_is_asked_at_its_own_registry(make_lazy_package):
    """docker.io is a name: registry-1.docker.io serves it."""
    with answering(lambda *_: (403, {}, b"")) as proxy:
        url = f"oci://docker.io/org/m@sha256:{hashlib.sha256(DATA).hexdigest()}"
        package = make_lazy_package({"large.bin": DATA}, lambda path: [{"url": url}])
        package.run("fetch", check=1, https_proxy=proxy.url)
    assert {"registry-1.docker.io:443"} == {one.path for one in proxy.seen}
