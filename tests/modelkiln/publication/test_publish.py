"""Publishing to real registries: what arrives, what moves, what tags mean."""

import json
import subprocess
import tarfile
import threading

import pytest
from components import require
from loopback.django_registry import django_registry
from loopback.hostile_registry import Fault, hostile_registry
from loopback.registries import registry, served
from samples.published import Package, skopeo_read

from modelkiln.attestation.statement import PAYLOAD_TYPE
from modelkiln.canonical import canonical_json
from modelkiln.conventions import RECORD_TYPE, SBOM_TYPE
from modelkiln.descriptor import INDEX, Descriptor
from modelkiln.digest import hex_of, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.layers import weights
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.recipe import Recipe
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.reference import parse_repository
from modelkiln.registry.referrers import find_records
from modelkiln.store.store import Store


def test_skopeo_reads_what_was_published(package, host, tmp_path):
    """Every blob arrives, tags mean the layout's manifest, and the record refers to it."""
    done = package.publish(host, "read/digits", moving=["latest"], record=package.record)
    assert ((package.digest, 8, ("1.2.0", "latest"), True)) == (done.digest, done.sent, done.put, done.has_record)
    for tag in ("1.2.0", "latest"):
        (tmp_path / tag).mkdir()
        assert package.digest == sha256_bytes(skopeo_read(f"{host}/read/digits:{tag}", tmp_path / tag))
    client = RegistryClient(parse_repository(f"{host}/read/digits"), {INSECURE_REGISTRIES: host}, print)
    (found,) = find_records(client, package.digest)
    manifest = json.loads(client.find_manifest(found.digest)[1])
    assert RECORD_TYPE == manifest["artifactType"]
    assert sha256_bytes(package.record) == manifest["layers"][0]["digest"]


def test_publishing_again_sends_nothing(package, host):
    """The second time two questions suffice, and the answer says so."""
    package.publish(host, "again/digits", record=package.record)
    done = package.publish(host, "again/digits", record=package.record)
    assert (0, 0, (), ("1.2.0",)) == (done.sent, done.mounted, done.put, done.kept)
    assert "was there already; nothing was sent" == str(done)


def test_blobs_are_mounted_from_another_repository(package, host):
    """What another repository of the registry is known to have is not sent again."""
    package.publish(host, "first/digits")
    done = package.publish(host, "second/digits")
    assert (0, 8) == (done.sent, done.mounted)


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
    """The children of an index are put before it; no index is made up of several images of a layout."""
    first, second = Package(tmp_path, seed=1), Package(tmp_path, seed=2)
    entries = [json.loads((one.layout / "index.json").read_text())["manifests"][0] for one in (first, second)]
    for path in (second.layout / "blobs/sha256").iterdir():
        path.rename(first.layout / "blobs/sha256" / path.name)
    index = canonical_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
    (first.layout / "index.json").write_bytes(index)
    with pytest.raises(ModelkilnError, match=r"holds 2 images and artifacts .*--image"):
        first.publish(host, "index/digits", record=first.record)
    described = Descriptor.of(INDEX, index)
    (first.layout / "blobs/sha256" / hex_of(described.digest)).write_bytes(index)
    (first.layout / "index.json").write_bytes(canonical_json({"manifests": [described.to_json()]}))
    done = first.publish(host, "index/digits", record=first.record)
    assert described.digest == done.digest
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
        layer = Layer("base", "python", package.weights, package.weights.digest, 0, Recipe.of(recipe))
        here = Package(tmp_path / "here")
        here.layout, here.digest, here.store = package.layout, package.digest, empty
        env = {INSECURE_REGISTRIES: f"{origin} {target}"}
        done = here.publish(target, layers=[layer], env=env)
        assert 8 == done.sent
        assert [] == list(empty.root.glob("sha256/*/*"))
        # In the same registry it is mounted, though nothing is known of earlier publishes.
        again = here.publish(origin, "x/y", layers=[layer], env=env)
        assert (7, 1) == (again.sent, again.mounted)


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
        client = RegistryClient(parse_repository(f"{hostile.address}/team/digits"), env, print)
        assert 1 == len(find_records(client, package.digest))
        if not referrers:
            entries = json.loads(hostile.manifests["team/digits", hostile.tags[tag]][1])["manifests"]
            assert ["signature/1", RECORD_TYPE, SBOM_TYPE, PAYLOAD_TYPE] == [entry["artifactType"] for entry in entries]
        assert not package.publish(hostile.address, record=package.record).has_record


def run_all(threads):
    """Start all threads and wait for their ends."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_of_two_publishers_one_is_reported(tmp_path):
    """With one tag for two packages, one wins and the other gets an error; the tag's package is complete."""
    packages = [Package(tmp_path, seed=seed, weights_size=50_000) for seed in range(2)]
    with registry(tmp_path / "registry") as host:
        refusals, done = [], []

        def run(package):
            try:
                done.append(package.publish(host))
            except ModelkilnError as error:
                refusals.append(str(error))

        threads = [threading.Thread(target=run, args=(package,)) for package in packages]
        run_all(threads)
        assert len(done) >= 1
        (tmp_path / "read").mkdir()
        meant = sha256_bytes(skopeo_read(f"{host}/team/digits:1.2.0", tmp_path / "read"))
        assert meant in [package.digest for package in packages]
        assert [] == [one for one in refusals if "want sha256:" not in one and "reads back" not in one]


def test_of_two_publishers_of_one_package_both_succeed(package, tmp_path):
    """The same package from two machines at a time is one package."""
    with registry(tmp_path / "registry") as host:
        done = []
        threads = [threading.Thread(target=lambda: done.append(package.publish(host))) for _ in range(2)]
        run_all(threads)
        assert [package.digest] * 2 == [one.digest for one in done]


@pytest.mark.parametrize("times", [2, 3])
def test_a_blob_that_is_unknown_for_a_moment_is_waited_for(package, times):
    """distribution 2.8 answers so while another publisher's link to the blob is being written. It says so no longer
    than a moment; a registry that goes on has lost it."""
    body = b'{"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown to registry"}]}'
    fault = Fault("PUT", f"/manifests/{package.digest}", 400, times=times, body=body)
    with hostile_registry(fault) as hostile:
        if times == 2:
            assert package.digest == package.publish(hostile.address).digest
        else:
            with pytest.raises(ModelkilnError, match="MANIFEST_BLOB_UNKNOWN blob unknown to registry"):
                package.publish(hostile.address)


def test_a_tag_taken_meanwhile_is_reported(package, tmp_path):
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


def test_a_second_registry_takes_packages_too(package, tmp_path):
    """django-oci, whose locations are relative and which is stricter with chunks."""
    with django_registry(tmp_path / "django") as address:
        assert 8 == package.publish(address, record=package.record).sent
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
        assert 8 == package.publish(hostile.address, layers=[layer]).sent
        assert package.weights.size == len(hostile.blobs[package.weights.digest])
        assert [] == list(package.store.root.glob("sha256/*/*"))
        held[0] = data[:-1] + b"x"
        hostile.blobs.clear()
        hostile.tags.clear()
        hostile.manifests.clear()
        with pytest.raises(ModelkilnError, match="damaged or was changed"):
            package.publish(hostile.address, layers=[layer])
        assert {} == hostile.tags
