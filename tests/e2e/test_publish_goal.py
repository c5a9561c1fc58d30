"""`pants publish`: packages into a registry, through the goal."""

import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest
import zstandard
from attested.readers import read_cyclonedx, read_statements
from attested.signing_keys import make_key
from attested.timestamping import TimestampAuthority
from components import require
from loopback.registries import registry
from monorepo import named_caches, small_monorepo
from schemas import schema_problems

from modelkiln.attestation.policy import Policy
from modelkiln.attestation.smoke_result import TEST_RESULT
from modelkiln.attestation.statement import PAYLOAD_TYPE, Statement
from modelkiln.canonical import canonical_json
from modelkiln.descriptor import CONFIG, LAYER, MANIFEST, Descriptor
from modelkiln.digest import sha256_bytes
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.publication.attested import remote_bom, remote_provenance
from modelkiln.publication.policy_check import judge_remote
from modelkiln.publication.remote_package import RemotePackage
from modelkiln.publication.verify import verify_remote
from modelkiln.recipe import Recipe
from modelkiln.registry.blobs import blob_chunks, read_blob
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.reference import parse_image, parse_repository
from modelkiln.registry.uploads import upload_blob

PASSWORD = "s3cret-of-the-registry"
BUILDER = "https://ci.example/runners/1"
FIELDS = 'version="0.1.0",\n    repositories=["{host}/team/{{name}}"],\n    moving_tags=["latest"],'


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A registry that wants a password."""
    folder = tmp_path_factory.mktemp("registry")
    command = [require("htpasswd"), "-Bbn", "ada", PASSWORD]
    (folder / "users").write_bytes(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    with registry(folder / "registry", htpasswd={"realm": "tests", "path": str(folder / "users")}) as address:
        yield address


@pytest.fixture(scope="module")
def repo(tmp_path_factory, host):
    """A repository whose package goes to the registry."""
    folder = tmp_path_factory.mktemp("repo")
    repository = small_monorepo(folder / "repo", options={"insecure_registries": [host], "builder_id": BUILDER})
    login = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    (folder / "docker").mkdir()
    (folder / "docker/config.json").write_text(json.dumps({"auths": {host: {"auth": login}}}))
    repository.env["DOCKER_CONFIG"] = str(folder / "docker")
    repository.replace("rain/BUILD", 'version="0.1.0",', FIELDS.format(host=host))
    yield repository
    repository.stop()


def tagged(host, tag):
    """The digest that a tag means."""
    command = [require("skopeo"), "inspect", "--tls-verify=false", "--creds", f"ada:{PASSWORD}"]
    found = subprocess.run([*command, f"docker://{host}/team/rain:{tag}"], capture_output=True, check=True)
    return json.loads(found.stdout)["Digest"]


def test_publish_reports_where_what_is_and_no_secret(repo, host):
    """Tags mean the image of dist/, which verifies, `--output` names it by digest, and the password is nowhere."""
    out = repo.root / "published.json"
    run = repo.pants("-ldebug", "publish", f"--output={out}", "rain:rain")
    repo.pants("package", "rain:rain")
    digest = repo.record("rain/rain")["formats"]["oci"]["manifest"]["digest"]
    assert digest == tagged(host, "0.1.0") == tagged(host, "latest")
    assert [] == schema_problems("published", json.loads(out.read_text()))
    (published,) = json.loads(out.read_text())
    assert [f"{host}/team/rain:0.1.0", f"{host}/team/rain:latest"] == published["names"]
    (layout,) = published["layouts"]
    assert (digest, f"{host}/team/rain@{digest}", True) == (
        layout["digest"],
        layout["reference"],
        published["published"],
    )
    assert repo.record("rain/rain")["package_digest"] == published["package_digest"]
    package = RemotePackage(parse_image(f"{host}/team/rain:0.1.0"), {**repo.env, INSECURE_REGISTRIES: host}, print)
    verified = verify_remote(package, lambda size: None)
    assert ([], []) == (verified.problems, verified.notes) and repo.record("rain/rain") == json.loads(verified.record)
    login = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    texts = [run.log, run.out.decode(), out.read_text()]
    files = [repo.root / ".pants.d/pants.log", repo.root / "dist/rain/rain.package.json"]
    files += list(Path(named_caches(repo.env), "modelkiln/published").glob("*"))
    texts += [file.read_text("utf-8", "replace") for file in files if file.is_file()]
    for secret in (PASSWORD, login):
        assert [] == [text for text in texts if secret in text]


def test_a_bill_and_the_provenance_refer_to_what_is_published(repo, host, tmp_path):
    """They name what was locked and who built it, and others read them."""
    package = RemotePackage(parse_image(f"{host}/team/rain:0.1.0"), {**repo.env, INSECURE_REGISTRIES: host}, print)
    record, bom, statement = repo.record("rain/rain"), remote_bom(package, None), remote_provenance(package)
    assert [] == read_cyclonedx(tmp_path, bom)[0]["problems"]
    (predicate,) = read_statements(tmp_path, statement.to_bytes())
    assert {"id": BUILDER} == predicate["runDetails"]["builder"]
    assert statement.is_about(record["formats"]["oci"]["manifest"]["digest"])
    listed = {one["digest"]["sha256"] for one in statement.predicate["buildDefinition"]["resolvedDependencies"]}
    locked = {one["sha256"] for key in ("artifacts", "code", "requirements") for one in record[key]}
    (base,) = (Recipe(layer["recipe"]) for layer in record["layers"] if layer["kind"] == "base")
    locked |= {one["sha256"] for one in base["lock"]["packages"]}
    assert set() == locked - listed


def test_an_edit_sends_its_own_bytes_alone(repo, host):
    """After a new version only code, record, config and manifest move; nothing changed moves nothing."""
    assert "nothing was sent" in repo.pants("publish", "rain:rain").log
    repo.write("rain/forecast.py", repo.read("rain/forecast.py") + "# edited\n")
    log = repo.pants("publish", "rain:rain", code=1).log
    assert "A published tag does not change" in log
    repo.replace("rain/BUILD", "0.1.0", "0.1.1")
    log = repo.pants("publish", "rain:rain").log
    assert "3 blobs sent" in log
    assert tagged(host, "0.1.0") != tagged(host, "0.1.1") == tagged(host, "latest")


def test_smoke_tests_of_what_is_published_are_stated(repo, host, tmp_path):
    """They run before anything is sent, and where one fails nothing is; published is that they passed."""
    expected = repo.read("rain/response.json")
    repo.replace("rain/BUILD", "0.1.1", "0.1.5")
    repo.write("rain/response.json", expected.replace("1.5", "2.5"))
    log = repo.pants("--modelkiln-publish-test-results", "publish", "rain:rain", code=1).log
    assert "is not published: its smoke test rain:smoke failed" in log
    repo.write("rain/response.json", expected)
    repo.pants("--modelkiln-publish-test-results", "publish", "rain:rain")
    package = RemotePackage(parse_image(f"{host}/team/rain:0.1.5"), {**repo.env, INSECURE_REGISTRIES: host}, print)
    root = package.contents.root.descriptor
    statements = [
        Statement.read(package.read(package.blobs(one)[1]), "it") for one in package.referring(root, PAYLOAD_TYPE)
    ]
    (tested,) = (one for one in statements if one.predicate_type == TEST_RESULT)
    assert tested.is_about(root.digest)
    assert ("PASSED", ["rain:smoke@format=oci"]) == (tested.predicate["result"], tested.predicate["passedTests"])
    repo.replace("rain/BUILD", "0.1.5", "0.1.1")


def test_what_is_published_is_signed(repo, host, tmp_path):
    """With the key's passphrase in a file and a timestamp each; again it adds nothing and asks for none, and a wrong
    key is an error before a tag moves."""
    private, public, _ = make_key(tmp_path, passphrase="of the key")
    (tmp_path / "phrase").write_text("of the key\n")
    signing = {"key": str(private), "passphrase_file": str(tmp_path / "phrase")}
    stamps = []
    with TimestampAuthority(tmp_path / "tsa").serving(lambda data: stamps.append(data) or data) as url:
        signing["timestamp_url"] = url
        run = repo.pants("-ldebug", f"--modelkiln-signing={signing}", "publish", "rain:rain")
        # Of the package, its bill of materials and its provenance.
        assert "3 signatures added" in run.log and "of the key" not in run.log
        assert "nothing was sent" in repo.pants(f"--modelkiln-signing={signing}", "publish", "rain:rain").log
    assert 3 == len(stamps)
    (tmp_path / "policy.toml").write_text(
        f'mode = "enforce"\n[signers.release]\nkey = "{public.name}"\n'
        f'[[rules]]\nrepositories = ["{host}/team/*"]\nsigners = ["release"]\nthis_repository = true\n'
    )
    package = RemotePackage(parse_image(f"{host}/team/rain:latest"), {**repo.env, INSECURE_REGISTRIES: host}, print)
    judgement = judge_remote(package, Policy.load(tmp_path / "policy.toml"))
    assert ((), ("signature by release",)) == (judgement.problems, judgement.accepted)
    before = tagged(host, "latest")
    repo.replace("rain/BUILD", "0.1.1", "0.1.2")
    log = repo.pants(f"--modelkiln-signing={{'key': '{tmp_path}/none.pem'}}", "publish", "rain:rain", code=1).log
    assert f"{tmp_path}/none.pem: No such file or directory" in log
    assert before == tagged(host, "latest")
    repo.replace("rain/BUILD", "0.1.2", "0.1.1")


def test_a_base_image_is_read_out_of_the_registry(repo, host):
    """A package on an image of the registry is made, tested and published; the store gets the base's layer."""
    client = RegistryClient(parse_repository(f"{host}/team/rain"), {**repo.env, INSECURE_REGISTRIES: host})
    manifest = json.loads(client.read_manifest("latest"))
    config = json.loads(read_blob(client, manifest["config"]["digest"]))
    # The base's layer alone, in bytes that the store does not have.
    packed = Descriptor.from_json(manifest["layers"][0])
    data = zstandard.ZstdDecompressor().decompressobj().decompress(b"".join(blob_chunks(client, packed)))
    config["rootfs"]["diff_ids"], config["history"] = [sha256_bytes(data)], config["history"][:1]
    layer, described = Descriptor.of(LAYER, data), Descriptor.of(CONFIG, canonical_json(config))
    base = {**manifest, "config": described.to_json(), "layers": [layer.to_json()]}
    for descriptor, blob in ((layer, data), (described, canonical_json(config))):
        upload_blob(client, descriptor, lambda blob=blob: iter([blob]))
    pinned = Descriptor.of(MANIFEST, canonical_json(base))
    client.put_manifest(pinned.digest, pinned, canonical_json(base))
    build, images = repo.read("rain/BUILD"), repo.read("images/BUILD")
    repo.write("images/BUILD", f'{images}oci_base_image(name="pulled", image="{host}/team/rain@{pinned.digest}")\n')
    repo.write(
        "rain/BUILD",
        build.replace("0.1.1", "0.2.0").replace("    version=", '    base_image="images:pulled",\n    version='),
    )
    repo.pants("package", "rain:rain")
    assert layer.digest == repo.record("rain/rain")["layers"][0]["descriptor"]["digest"]
    assert "succeeded" in repo.pants("test", "rain:").log
    assert "tagged 0.2.0" in repo.pants("publish", "rain:rain").log
    repo.write("images/BUILD", images)
    repo.write("rain/BUILD", build)


def test_a_tag_means_an_index_with_attestation_manifests_where_it_is_asked_for(repo, host):
    """It lists the image of dist/, which stays pinned by `--output`, and what is stated about it."""
    build = repo.read("rain/BUILD")
    repo.write("rain/BUILD", re.sub('version="[^"]*"', 'version="0.3.0"', build))
    out = repo.root / "published.json"
    repo.pants("--modelkiln-publish-attestation-manifests", "publish", f"--output={out}", "rain:rain")
    package = RemotePackage(parse_image(f"{host}/team/rain:0.3.0"), {**repo.env, INSECURE_REGISTRIES: host}, print)
    verified = verify_remote(package, lambda size: None)
    assert ([], []) == (verified.problems, verified.unverified)
    image, attested = package.contents.root.content["manifests"]
    (published,) = json.loads(out.read_text())
    assert image["digest"] == published["layouts"][0]["digest"]
    assert image["digest"] == attested["annotations"]["vnd.docker.reference.digest"]
    repo.write("rain/BUILD", build)


def test_names_are_checked_before_anything_is_sent(repo, host):
    """Errors for a placeholder without a value, a bad tag and a bad repository name the target."""
    good = f'repositories=["{host}/team/{{name}}"]'
    for bad, message in (
        (f'{good}, publish_tags=["{{git_sha}}"]', "rain:rain: '{git_sha}': {git_sha} has no value"),
        (f'{good}, publish_tags=["a b"]', "rain:rain: 'a b' is not a tag"),
        ('repositories=["Team/rain"]', "rain:rain: repository 'Team/rain': names no registry"),
    ):
        repo.replace("rain/BUILD", good, bad)
        assert message in repo.pants("publish", "rain:rain", code=1).log
        repo.replace("rain/BUILD", bad, good)
    repo.replace("rain/BUILD", good, f'{good}, publish_tags=["{{git_sha}}"]')
    repo.pants("--modelkiln-stamps=git_sha=0a1b2c3", "publish", "rain:rain")
    assert tagged(host, "0a1b2c3") == tagged(host, "latest")
    repo.replace("rain/BUILD", good, f"{good}, skip_publish=True")
    assert "skipped (by `skip_publish` on rain:rain)" in repo.pants("publish", "rain:rain").log
    repo.replace("rain/BUILD", ", skip_publish=True", "")


def test_a_registry_that_is_gone_is_reported(repo, host):
    """The goal fails with the registry's address, and says which names were not published."""
    repo.replace("rain/BUILD", f'"{host}/team/{{name}}"', '"127.0.0.1:1/team/{name}"')
    run = repo.pants("publish", "--modelkiln-stamps=git_sha=x", "rain:rain", code=1)
    assert "127.0.0.1:1/team/rain: manifests/" in run.log
    repo.replace("rain/BUILD", '"127.0.0.1:1/team/{name}"', f'"{host}/team/{{name}}"')


def test_formats_next_to_the_image_have_tags_of_their_own(repo, host):
    """Artifact and weights image are published under the image's tags with an ending."""
    repo.replace("rain/BUILD", "publish_tags=", 'formats=["oci", "artifact", "weights-image"], publish_tags=')
    repo.pants("--modelkiln-stamps=git_sha=4d5e6f7", "publish", "rain:rain")
    repo.pants("package", "rain:rain")
    formats = repo.record("rain/rain")["formats"]
    for name, ending in (("artifact", "-artifact"), ("weights-image", "-weights")):
        command = [require("skopeo"), "inspect", "--raw", "--tls-verify=false", "--creds", f"ada:{PASSWORD}"]
        found = subprocess.run(
            [*command, f"docker://{host}/team/rain:4d5e6f7{ending}"], capture_output=True, check=True
        )
        digest = "sha256:" + hashlib.sha256(found.stdout).hexdigest()
        assert formats[name]["manifest"]["digest"] == digest
