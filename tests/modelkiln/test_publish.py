"""Publishing to registries: real ones, and one that misbehaves on purpose."""

import base64
import json
import os
import re
import subprocess
import sys
import tarfile
import threading

import pytest
from components import require
from django_registry import django_registry
from hostile_registry import Fault, hostile_registry
from published import Package
from registries import certificate, registry, served

from modelkiln.canonical import canonical_json
from modelkiln.descriptor import INDEX
from modelkiln.digest import hex_of, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.layers import weights
from modelkiln.layout import Layout
from modelkiln.machine import INSECURE_REGISTRIES
from modelkiln.registry import session as session_module
from modelkiln.registry.contents import layout_contents
from modelkiln.registry.record_manifest import RECORD, find_records
from modelkiln.registry.session import RegistrySession
from modelkiln.sources.reference import parse_repository
from modelkiln.store import Store


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """Nobody waits for a server that is made to fail."""
    monkeypatch.setattr(session_module, "_WAITS", (0.01, 0.01, 0.01, 0.01))


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A package that tests don't change."""
    return Package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A docker-registry without TLS."""
    with registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


def skopeo_read(target, folder):
    """Copy an image out of a registry; skopeo checks all digests. Returns the manifest's bytes."""
    command = [require("skopeo"), "--insecure-policy", "copy", "-q", "--src-tls-verify=false"]
    environ = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder)}
    subprocess.run([*command, f"docker://{target}", f"dir:{folder}/copy"], check=True, env=environ)
    return (folder / "copy" / "manifest.json").read_bytes()


def test_skopeo_reads_what_was_published(package, host, tmp_path):
    """Every blob arrives, tags mean the layout's manifest, and the record refers to it."""
    done = package.publish(host, "read/digits", moving=["latest"], record=package.record)
    assert ((package.digest, 7, ("1.2.0", "latest"), True)) == (done.digest, done.sent, done.put, done.has_record)
    for tag in ("1.2.0", "latest"):
        (tmp_path / tag).mkdir()
        assert package.digest == sha256_bytes(skopeo_read(f"{host}/read/digits:{tag}", tmp_path / tag))
    session = RegistrySession(parse_repository(f"{host}/read/digits"), {INSECURE_REGISTRIES: host}, print)
    (found,) = find_records(session, package.digest)
    manifest = json.loads(session.read_manifest(found.digest)[1])
    assert RECORD == manifest["artifactType"]
    assert sha256_bytes(package.record) == manifest["layers"][0]["digest"]


def test_publishing_again_sends_nothing(package, host):
    """The second time two questions suffice, and the answer says so."""
    package.publish(host, "again/digits", record=package.record)
    done = package.publish(host, "again/digits", record=package.record)
    assert (0, 0, (), ("1.2.0",)) == (done.sent, done.mounted, done.put, done.kept)
    assert "was there already; nothing was sent" == str(done)


def test_blobs_are_mounted_from_a_repository_beside(package, host):
    """What another repository of the registry is known to have is not sent again."""
    package.publish(host, "first/digits")
    done = package.publish(host, "second/digits")
    assert (0, 7) == (done.sent, done.mounted)


def test_a_tag_does_not_change_its_meaning(package, host, tmp_path):
    """An existing tag with another digest is refused with both digests; a moving one moves."""
    other = Package(tmp_path, seed=1)
    package.publish(host, "tags/digits", moving=["latest"])
    with pytest.raises(ModelkilnError, match=f"1.2.0: means {package.digest}, want {other.digest}"):
        other.publish(host, "tags/digits", moving=["latest"])
    done = other.publish(host, "tags/digits", tags=["1.2.1"], moving=["latest"])
    assert ("1.2.1", "latest") == done.put
    (tmp_path / "read").mkdir()
    assert other.digest == sha256_bytes(skopeo_read(f"{host}/tags/digits:latest", tmp_path / "read"))


def test_an_index_is_published_with_its_children(host, tmp_path):
    """A layout of several manifests becomes one index, whose children are put before it."""
    first, second = Package(tmp_path, seed=1), Package(tmp_path, seed=2)
    entries = [json.loads((one.layout / "index.json").read_text())["manifests"][0] for one in (first, second)]
    for path in (second.layout / "blobs/sha256").iterdir():
        path.rename(first.layout / "blobs/sha256" / path.name)
    index = canonical_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
    (first.layout / "index.json").write_bytes(index)
    done = first.publish(host, "index/digits", record=first.record)
    assert sha256_bytes(index) == done.digest
    command = [require("skopeo"), "inspect", "--raw", "--tls-verify=false", f"docker://{host}/index/digits:1.2.0"]
    assert index == subprocess.run(command, capture_output=True, check=True).stdout


def test_a_base_layer_passes_from_another_registry(package, tmp_path):
    """A blob that only another registry has is streamed from there; the store stays as it was."""
    empty = Store(tmp_path / "store")
    empty.root.mkdir()
    with registry(tmp_path / "from") as origin, registry(tmp_path / "to") as target:
        package.publish(origin, "base/python")
        recipe = {
            "packer": "registry/1",
            "image": f"{origin}/base/python",
            "descriptor": package.weights.to_json(),
            "diff_id": package.weights.digest,
        }
        layer = Layer("base", "python", package.weights, package.weights.digest, 0, canonical_json(recipe).decode())
        here = Package(tmp_path / "here")
        here.layout, here.digest, here.store = package.layout, package.digest, empty
        env = {INSECURE_REGISTRIES: f"{origin} {target}"}
        done = here.publish(target, layers=[layer], env=env)
        assert 7 == done.sent
        assert [] == list(empty.root.glob("sha256/*/*"))
        # In the same registry it is mounted, though nothing is known of earlier publishes.
        assert (6, 1) == ((again := here.publish(origin, "x/y", layers=[layer], env=env)).sent, again.mounted)


def write_login(folder, host, login="ada:s3cret-word"):
    """Docker's configuration with a login; returns the environment that names it."""
    folder.mkdir()
    auth = base64.b64encode(login.encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return {"DOCKER_CONFIG": str(folder), INSECURE_REGISTRIES: host}


def htpasswd(folder):
    """docker-registry's settings for one user."""
    command = [require("htpasswd", "apache2-utils"), "-Bbn", "ada", "s3cret-word"]
    (folder / "users").write_bytes(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return {"htpasswd": {"realm": "tests", "path": str(folder / "users")}}


def test_a_password_is_used_and_told_nowhere(package, tmp_path):
    """The command logs in with docker's configuration; no output, file of ours or argument holds the secret."""
    (tmp_path / "digits.oci").symlink_to(package.layout)
    (tmp_path / "digits.package.json").write_bytes(package.record)
    with registry(tmp_path / "registry", **htpasswd(tmp_path)) as host:
        env = write_login(tmp_path / "docker", host)
        command = [sys.executable, "-m", "modelkiln", "publish", str(tmp_path / "digits.oci"), f"{host}/team/digits"]
        command += ["--tag=1.2.0", f"--store={package.store.root}", "--record", str(tmp_path / "digits.package.json")]
        environ = {**os.environ, **env, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [*command, f"--output={tmp_path}/out.json"], env=environ, capture_output=True, check=False
        )
        assert 0 == done.returncode, done.stderr.decode()
        assert f"{host}/team/digits@{package.digest}\n" == done.stdout.decode()
        told = json.loads((tmp_path / "out.json").read_text())
        assert ([f"{host}/team/digits@{package.digest}", ["1.2.0"]]) == [told["reference"], told["tags"]]
        login = json.loads((tmp_path / "docker/config.json").read_text())["auths"][host]["auth"]
        for secret in (b"s3cret-word", login.encode()):
            written = (*package.store.root.rglob("*"), *(tmp_path / "registry").rglob("*"))
            texts = [path.read_bytes() for path in written if path.is_file()]
            for text in (done.stdout, done.stderr, (tmp_path / "out.json").read_bytes(), *texts):
                assert secret not in text
        wrong = write_login(tmp_path / "wrong", host, "ada:guess")
        with pytest.raises(ModelkilnError, match=f"status 401.*Log in to {host}"):
            package.publish(host, env=wrong)


def test_a_credential_helper_is_asked(package, tmp_path):
    """The login comes from docker-credential-<name>, found by the machine's PATH."""
    helper = tmp_path / "docker-credential-tests"
    helper.write_text('#!/bin/sh\ncat >/dev/null\necho \'{"Username": "ada", "Secret": "s3cret-word"}\'\n')
    helper.chmod(0o755)
    with registry(tmp_path / "registry", **htpasswd(tmp_path)) as host:
        (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {host: "tests"}}))
        env = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:/bin:/usr/bin", INSECURE_REGISTRIES: host}
        assert 7 == package.publish(host, env=env).sent


def test_tls_with_a_clients_certificate(package, tmp_path):
    """A registry that wants a client's certificate gets the one in certs.d; without it the remedy is told."""
    cert, key = certificate(tmp_path / "server", "registry")
    client, client_key = certificate(tmp_path / "client", "client")
    with registry(tmp_path / "registry", tls=(cert, key), client_ca=client) as host:
        folder = tmp_path / "config/containers/certs.d" / host
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_bytes(cert.read_bytes())
        with pytest.raises(ModelkilnError, match=r"certs\.d|Check the registry"):
            package.publish(host, env={"SSL_CERT_FILE": str(cert), "HOME": str(tmp_path / "nobody")})
        (folder / "client.cert").write_bytes(client.read_bytes())
        (folder / "client.key").write_bytes(client_key.read_bytes())
        assert 7 == package.publish(host, env={"XDG_CONFIG_HOME": str(tmp_path / "config")}).sent
        with pytest.raises(ModelkilnError, match=r"CERTIFICATE_VERIFY_FAILED.*SSL_CERT_FILE"):
            package.publish(host, env={})


def test_plain_http_needs_a_name_in_the_settings(package, host):
    """A registry without TLS is refused unless it is named, on this machine too."""
    with pytest.raises(ModelkilnError, match=r"speaks no TLS.*insecure_registries"):
        package.publish(host, env={INSECURE_REGISTRIES: "registry.example.com"})


@pytest.mark.parametrize(
    "faults",
    [
        [Fault("PUT", "/uploads/", 503, times=2)],
        [Fault("POST", "/uploads/", 429, times=2, headers={"Retry-After": "0"})],
        [Fault("HEAD", "/blobs/", 500, times=3)],
        [Fault("PUT", "/manifests/", 502)],
        [Fault("GET", "/manifests/", 429)],
        [Fault("PUT", "/uploads/", cut_after=1_000_000, times=2)],
        [Fault("PUT", "/uploads/", cut_after=0, times=2)],
        [Fault("PUT", "/uploads/", cut_after=1_000_000, times=1), Fault("PATCH", "/uploads/", cut_after=500_000)],
        [Fault("PUT", "/uploads/", 404)],
        [Fault("PUT", "/uploads/", 401)],
    ],
)
def test_what_passes_is_tried_again(package, faults):
    """Busy, broken for a while, forgetful or cutting: the package arrives nevertheless."""
    with hostile_registry(*faults) as hostile:
        done = package.publish(hostile.address)
        assert 7 == done.sent
        assert package.digest == hostile.tags["team/digits", "1.2.0"]
    assert [0] * len(faults) == [fault.times for fault in faults]


def test_after_a_cut_only_the_rest_is_sent(package):
    """The registry is asked how much it has; what it has is not sent again."""
    cut = Fault("PUT", f"/uploads/.*{hex_of(package.weights.digest)}", cut_after=2_000_000)
    with hostile_registry(cut) as hostile:
        package.publish(hostile.address)
        assert 1 == len([method for method, _ in hostile.requests if method == "PATCH"])
        assert package.weights.size == len(hostile.blobs[package.weights.digest])


@pytest.mark.parametrize(
    "fault, told",
    [
        (Fault("PUT", "/uploads/", 507, times=99), "status 507.*disk is full"),
        (Fault("PUT", "/uploads/", 413, times=99), "status 413.*limit for one blob"),
        (Fault("POST", "/uploads/", 405, times=99), "status 405.*read-only"),
        (Fault("PUT", "/uploads/", 500, times=99), "status 500.*look into the registry's log"),
        (Fault("PUT", "/uploads/", cut_after=0, times=99), "Check the registry's address"),
        (Fault("POST", "/uploads/", 403, times=99), "status 403.*right to push"),
        (
            Fault("PUT", "/manifests/", 201, times=99, headers={"Docker-Content-Digest": "sha256:" + "0" * 64}),
            "says it took sha256:0000",
        ),
        (Fault("PUT", "/manifests/", 201, times=99), "reads back as None"),
        (Fault("HEAD", "/blobs/", 200, times=99, headers={"Content-Type": "text/html"}), "web page"),
        (Fault("HEAD", "/blobs/", 200, times=99, headers={"Content-Length": "5"}), "broken or lies"),
        (Fault("GET", "/manifests/", 200, times=99, headers={"Content-Type": "text/html"}, body=b"<html>"), "web page"),
        (
            Fault("GET", "/manifests/", 200, headers={"Docker-Content-Digest": "sha256:" + "0" * 64}, body=b"{}"),
            "want sha256:0000",
        ),
        (Fault("POST", "/uploads/", 200, times=99, headers={"Content-Type": "text/html"}), "web page"),
        (Fault("POST", "/uploads/", 202, times=99), "names no location"),
        (Fault("GET", "/manifests/", 429, times=99), "status 429.*busy"),
    ],
)
def test_what_stays_wrong_is_told_and_a_second_try_completes(package, fault, told):
    """A clear error and no tag; when the registry is well again, publishing completes."""
    with hostile_registry(fault) as hostile:
        with pytest.raises(ModelkilnError) as caught:
            package.publish(hostile.address)
        assert re.search(told, str(caught.value)), str(caught.value)
        assert hostile.address in str(caught.value)
        assert {} == hostile.tags
        fault.times = 0
        package.publish(hostile.address)
        assert package.digest == hostile.tags["team/digits", "1.2.0"]


def test_a_token_that_expires_in_the_middle_is_replaced(package):
    """An upload that is refused for its token goes on with a new one."""

    def expire(hostile):
        hostile.token = "second"

    fault = Fault("PUT", f"/uploads/.*{hex_of(package.weights.digest)}", alter=expire)
    with hostile_registry(fault, token="first") as hostile:
        package.publish(hostile.address)
        assert package.digest == hostile.tags["team/digits", "1.2.0"]
        assert {"Bearer first", "Bearer second"} <= set(hostile.authorizations)


def is_sound(hostile):
    """Whether every blob is what its digest says."""
    return all(sha256_bytes(data) == digest for digest, data in hostile.blobs.items())


@pytest.mark.parametrize("where", ["layout", "store", "manifest", "short"])
def test_a_layout_that_was_tampered_with_is_refused(tmp_path, where):
    """Bytes that are not their descriptor's never arrive whole, and nothing is tagged."""
    broken = Package(tmp_path)
    contents = layout_contents(Layout(broken.layout))
    in_layout = [blob for blob in contents.blobs if Layout(broken.layout).blob_path(blob.digest)]
    path = Layout(broken.layout).blob_path(in_layout[-1].digest)
    if where == "store":
        path = broken.store.path(broken.weights.digest)
        path.chmod(0o644)
    elif where == "manifest":
        path = Layout(broken.layout).blob_path(broken.digest)
    data = path.read_bytes()
    path.write_bytes(data[:-1] if where == "short" else data[:-1] + bytes([data[-1] ^ 1]))
    with hostile_registry() as hostile:
        with pytest.raises(ModelkilnError, match="damaged or was changed"):
            broken.publish(hostile.address)
        assert {} == hostile.tags == hostile.manifests
        assert is_sound(hostile)
        path.write_bytes(data)
        broken.publish(hostile.address)
        assert broken.digest == hostile.tags["team/digits", "1.2.0"]


def run_all(threads):
    """Start all threads and wait for their ends."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_of_two_publishers_one_is_told(tmp_path):
    """With one tag for two packages, one wins and the other is told; the tag's package is complete."""
    packages = [Package(tmp_path, seed=seed, weights_size=50_000) for seed in range(2)]
    with registry(tmp_path / "registry") as host:
        told, done = [], []

        def run(package):
            try:
                done.append(package.publish(host))
            except ModelkilnError as error:
                told.append(str(error))

        threads = [threading.Thread(target=run, args=(package,)) for package in packages]
        run_all(threads)
        assert len(done) >= 1
        (tmp_path / "read").mkdir()
        meant = sha256_bytes(skopeo_read(f"{host}/team/digits:1.2.0", tmp_path / "read"))
        assert meant in [package.digest for package in packages]
        assert [] == [one for one in told if "want sha256:" not in one and "reads back" not in one]


def test_of_two_publishers_of_one_package_both_succeed(package, tmp_path):
    """The same package from two machines at a time is one package."""
    with registry(tmp_path / "registry") as host:
        done = []
        threads = [threading.Thread(target=lambda: done.append(package.publish(host))) for _ in range(2)]
        run_all(threads)
        assert [package.digest] * 2 == [one.digest for one in done]


def test_a_tag_taken_meanwhile_is_told(package, tmp_path):
    """A tag that was free at first and taken just before it is put is left alone."""
    other = "sha256:" + "0" * 64

    def take(hostile):
        hostile.manifests["team/digits", other] = ("application/json", b"{}")
        hostile.tags["team/digits", "1.2.0"] = sha256_bytes(b"{}")
        hostile.manifests["team/digits", sha256_bytes(b"{}")] = ("application/json", b"{}")

    with hostile_registry(Fault("PUT", f"/manifests/{package.digest}", alter=take)) as hostile:
        with pytest.raises(ModelkilnError, match=f"1.2.0: means {sha256_bytes(b'{}')}, want {package.digest}"):
            package.publish(hostile.address)
        assert sha256_bytes(b"{}") == hostile.tags["team/digits", "1.2.0"]


@pytest.mark.parametrize("referrers", [True, False])
def test_the_record_is_found_with_and_without_the_referrers_api(package, referrers):
    """A registry that answers with OCI-Subject needs no fallback tag; others keep theirs, and others' entries."""
    tag = ("team/digits", f"sha256-{hex_of(package.digest)}")
    signature = {"mediaType": "application/x", "digest": "sha256:" + "1" * 64, "size": 1, "artifactType": "signature/1"}
    with hostile_registry(referrers=referrers) as hostile:
        if not referrers:
            index = canonical_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [signature]})
            hostile.manifests["team/digits", sha256_bytes(index)] = (INDEX, index)
            hostile.tags[tag] = sha256_bytes(index)
            hostile.manifests["team/digits", signature["digest"]] = ("application/x", b"x")
        package.publish(hostile.address, record=package.record)
        assert (tag in hostile.tags) != referrers
        env = {INSECURE_REGISTRIES: hostile.address}
        session = RegistrySession(parse_repository(f"{hostile.address}/team/digits"), env, print)
        assert 1 == len(find_records(session, package.digest))
        if not referrers:
            entries = json.loads(hostile.manifests["team/digits", hostile.tags[tag]][1])["manifests"]
            assert ["signature/1", RECORD] == [entry["artifactType"] for entry in entries]
        assert not package.publish(hostile.address, record=package.record).has_record


def test_a_registry_that_is_down_is_told(package):
    """Nobody listens: the address and what to check are told."""
    with pytest.raises(ModelkilnError, match=r"127.0.0.1:1/team/digits: manifests/1.2.0:.*refused"):
        package.publish("127.0.0.1:1")


def test_a_registry_behind_a_proxy_is_reached(package):
    """Requests for plain http go through the machine's proxy with the whole address."""
    with hostile_registry() as hostile:
        env = {INSECURE_REGISTRIES: "registry.example.com", "http_proxy": f"http://{hostile.address}"}
        with pytest.raises(ModelkilnError):
            package.publish("registry.example.com", env={**env, "http_proxy": "http://127.0.0.1:1"})
        package.publish("registry.example.com", env=env)
        assert any(path.startswith("http://registry.example.com/v2/") for _, path in hostile.requests)


def test_a_second_registry_takes_packages_too(package, tmp_path):
    """django-oci, whose locations are relative and which is stricter with chunks."""
    with django_registry(tmp_path / "django") as address:
        assert 7 == package.publish(address, record=package.record).sent
        assert "was there already; nothing was sent" == str(package.publish(address, record=package.record))


def test_weights_pass_from_their_source_past_the_disk(tmp_path):
    """Files of a weights layer that only their source has are sent from there; the store stays as it was."""
    package = Package(tmp_path / "package")
    path = package.made.record["artifacts"][0]["path"]
    with tarfile.open(package.store.path(package.weights.digest)) as archive:
        data = archive.extractfile(f"models/{path}").read()
    held = [data]

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(held[0])))
        handler.end_headers()
        handler.wfile.write(held[0])

    file = {"path": path, "size": len(data), "sha256": sha256_bytes(data)[7:]}
    package.store = Store(tmp_path / "empty")
    package.store.root.mkdir()
    with served(answer) as host, hostile_registry(Fault("PUT", "/uploads/", cut_after=1_000_000)) as hostile:
        source = {"uri": f"http://{host}/{path}", "revision": ""}
        layer = weights.layer_of(weights.recipe("w", "models", [file], source), package.weights)
        assert 7 == package.publish(hostile.address, layers=[layer]).sent
        assert package.weights.size == len(hostile.blobs[package.weights.digest])
        assert [] == list(package.store.root.glob("sha256/*/*"))
        held[0] = data[:-1] + b"x"
        hostile.blobs.clear()
        hostile.tags.clear()
        hostile.manifests.clear()
        with pytest.raises(ModelkilnError, match="damaged or was changed"):
            package.publish(hostile.address, layers=[layer])
        assert {} == hostile.tags
