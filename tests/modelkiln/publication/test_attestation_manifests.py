"""Statements about images in manifests of an index, where docker's own tools look for them."""

import json
import os
import subprocess

import pytest
from attested.readers import read_spdx, read_statements
from components import require_built
from samples.formats import make_layouts

from modelkiln.attestation.provenance import UNKNOWN_BUILDER
from modelkiln.attestation.statement import PAYLOAD_TYPE, Statement
from modelkiln.canonical import canonical_json, document_json
from modelkiln.cli.main import main
from modelkiln.descriptor import CONFIG, INDEX, MANIFEST, Descriptor
from modelkiln.image.entries import ATTESTATION_TYPE
from modelkiln.image.layout import Layout, blob_name, top_files

_AMD64 = {"architecture": "amd64", "os": "linux"}
_UNKNOWN = {"architecture": "unknown", "os": "unknown"}


@pytest.fixture(scope="module")
def published(package, indexed, host, tmp_path_factory):
    """The image and the index of two, each published so under its name, with the tag 1."""
    record = tmp_path_factory.mktemp("record") / "digits.package.json"
    record.write_bytes(package.record)
    _publish(package.layout, f"{host}/docker/image", host, f"--record={record}", f"--store={package.store.root}")
    _publish(indexed.layout, f"{host}/docker/index", host)
    return record


def _publish(layout, repository, host, *options):
    command = ["publish", layout, repository, "--tag=1", f"--insecure={host}", "--attestation-manifests", *options]
    assert 0 == main(list(map(str, command)))


def _manifest(tools, reference):
    return json.loads(tools.crane("manifest", "--insecure", reference))


def _buildx(folder, reference, field):
    """What `docker buildx imagetools inspect` shows of a reference."""
    env = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder)}
    command = [require_built("buildx"), "imagetools", "inspect", reference, "--format", f"{{{{json .{field}}}}}"]
    return json.loads(subprocess.run(command, env=env, check=True, capture_output=True).stdout)


@pytest.mark.parametrize("name", ["image", "index"])
def test_docker_finds_bill_and_provenance(published, host, tmp_path, name):
    """buildx shows the SPDX document and the SLSA predicate of the image."""
    reference = f"{host}/docker/{name}:1"
    document, provenance = (_buildx(tmp_path, reference, field) for field in ("SBOM", "Provenance"))
    assert ("SPDX-2.3", "digits 1.2.0") == (document["SPDX"]["spdxVersion"], document["SPDX"]["name"])
    assert "urn:modelkiln:build-type:package:1" == provenance["SLSA"]["buildDefinition"]["buildType"]


def test_docker_finds_nothing_where_only_referrers_say_it(package, host, tmp_path):
    """buildx reads no referrers: that is why there are such manifests."""
    package.publish(host, "docker/plain", record=package.record)
    assert not _buildx(tmp_path, f"{host}/docker/plain:1.2.0", "SBOM")


def test_an_index_lists_statements_after_its_images(published, package, host, tools, tmp_path):
    """As BuildKit writes it; the image in it is the one that would have been published alone."""
    image, attested = _manifest(tools, f"{host}/docker/image:1")["manifests"]
    assert (package.digest, _AMD64) == (image["digest"], image["platform"])
    marks = {"vnd.docker.reference.digest": package.digest, "vnd.docker.reference.type": "attestation-manifest"}
    assert (marks, _UNKNOWN) == (attested["annotations"], attested["platform"])
    manifest = _manifest(tools, f"{host}/docker/image@{attested['digest']}")
    assert (ATTESTATION_TYPE, package.digest) == (manifest["artifactType"], manifest["subject"]["digest"])
    types = ["https://spdx.dev/Document", "https://slsa.dev/provenance/v1"]
    assert types == [layer["annotations"]["in-toto.io/predicate-type"] for layer in manifest["layers"]]
    bill, made = (
        Statement.read(tools.crane("blob", "--insecure", f"{host}/docker/image@{layer['digest']}").encode(), "it")
        for layer in manifest["layers"]
    )
    assert bill.is_about(package.digest) and made.is_about(package.digest)
    (read,) = read_spdx(tmp_path, canonical_json(bill.predicate.to_json()))
    assert [] == read["problems"]
    (predicate,) = read_statements(tmp_path, made.to_bytes())
    assert {"id": UNKNOWN_BUILDER} == predicate["runDetails"]["builder"]


def test_images_of_an_index_keep_their_place(published, indexed, host, tools):
    """The index that was packaged is there by its digest, and a part of the one that is tagged."""
    before = _manifest(tools, f"{host}/docker/index@{indexed.index.digest}")
    after = _manifest(tools, f"{host}/docker/index:1")
    assert before["manifests"] == after["manifests"][:2]
    about = [one["annotations"]["vnd.docker.reference.digest"] for one in after["manifests"][2:]]
    assert [one["digest"] for one in before["manifests"]] == about


@pytest.mark.parametrize("name", ["image", "index"])
def test_such_a_package_is_verified_and_pulled(published, package, indexed, host, tmp_path, capsys, name):
    """All commands take it for the package that it is, in the registry and as a layout."""
    reference, insecure = f"{host}/docker/{name}:1", f"--insecure={host}"
    digest = indexed.package_digest if name == "index" else package.made.record["package_digest"]
    assert 0 == main(["verify", reference, insecure, f"--package-digest={digest}"])
    pulled = tmp_path / "digits.oci"
    assert 0 == main(["pull", reference, insecure, "-o", str(pulled), f"--package-digest={digest}"])
    assert 0 == main(["verify", str(pulled), f"--package-digest={digest}"])
    assert 0 == main(["validate", str(pulled)])
    assert (2 if name == "index" else 1) == len(Layout(pulled).manifests())
    capsys.readouterr()
    assert 0 == main(["provenance", reference, insecure])
    assert 0 == main(["publish", str(pulled), f"{host}/docker-again/{name}", "--tag=1", insecure])
    assert 0 == main(["verify", f"{host}/docker-again/{name}:1", insecure])


def test_the_only_image_needs_no_name(published, host, tmp_path, capsys):
    """Commands for one image take the one next to its statements."""
    reference, insecure = f"{host}/docker/image:1", f"--insecure={host}"
    assert 0 == main(["sbom", reference, insecure])
    assert 0 == main(["pull", reference, insecure, "-o", str(tmp_path / "digits.oci")])
    for command in (["sbom"], ["inspect"], ["export", "--format=docker-archive", "--name=a:1", f"{tmp_path}/a.tar"]):
        assert 0 == main([command[0], str(tmp_path / "digits.oci"), *command[1:]]), capsys.readouterr().err


def test_publishing_again_sends_nothing(published, package, host, tools, capsys):
    """The same package has the same index."""
    digest = tools.crane("digest", "--insecure", f"{host}/docker/image:1")
    capsys.readouterr()
    _publish(package.layout, f"{host}/docker/image", host, f"--record={published}", f"--store={package.store.root}")
    assert "nothing was sent" in capsys.readouterr().err
    assert digest == tools.crane("digest", "--insecure", f"{host}/docker/image:1")


@pytest.mark.parametrize("tool", ["crane", "oras", "regctl", "skopeo"])
def test_copies_keep_the_statements(published, host, tools, tool):
    """A copy has the digest of the index, and verifies."""
    source, target = f"{host}/docker/image:1", f"{host}/docker-copies/{tool}:1"
    if tool == "crane":
        tools.crane("copy", "--insecure", source, target)
    elif tool == "oras":
        tools.oras("copy -r", source, target, plain=("--from-plain-http", "--to-plain-http"))
    elif tool == "regctl":
        tools.regctl("image", "copy", "--referrers", source, target)
    else:
        tools.skopeo_copy(f"docker://{source}", f"docker://{target}", "--all", "--preserve-digests")
    digests = {tools.crane("digest", "--insecure", reference) for reference in (source, target)}
    assert 1 == len(digests)
    assert 0 == main(["verify", target, f"--insecure={host}"])


def test_what_runs_nothing_stays_as_it_is(host, tools, tmp_path):
    """Artifacts and images of weights are mounted by their digest."""
    layouts = make_layouts(tmp_path)
    for name in ("artifact", "weights-image"):
        _publish(layouts[name], f"{host}/docker/{name}", host)
        digest = Layout(layouts[name]).select().descriptor.digest
        assert digest == tools.crane("digest", "--insecure", f"{host}/docker/{name}:1").strip()


def test_without_a_record_there_is_nothing_to_state(indexed, host, capsys):
    """The record is what the statements are made of."""
    command = ["publish", str(indexed.layout), f"{host}/docker/none", "--tag=1", f"--insecure={host}"]
    assert 1 == main([*command, "--attestation-manifests", "--no-record"])
    assert "--no-record" in capsys.readouterr().err


@pytest.mark.parametrize("config_type", ["application/vnd.oci.empty.v1+json", CONFIG])
def test_a_program_is_not_passed_off_as_a_statement(package, tmp_path, capsys, config_type):
    """What claims to be one and has layers of an image, or an image's config, is held to a record and has none."""
    layout = Layout(package.layout)
    image = layout.manifest()
    own = {} if config_type == CONFIG else {"config": Descriptor.of(config_type, b"{}").to_json()}
    other = document_json({**image.content, **own, "artifactType": ATTESTATION_TYPE, "annotations": {"a": "b"}})
    made = _layout_with(package, tmp_path / "made", other, _AMD64)
    code = main(["verify", str(made), f"--store={package.store.root}", "--package-digest", _digest_of(package)])
    assert 0 != code, capsys.readouterr().out


@pytest.mark.parametrize("platform, code", [(_AMD64, 1), (_UNKNOWN, 0)])
def test_no_engine_takes_statements_for_its_image(package, tmp_path, capsys, platform, code):
    """An index that states the image's platform for them is refused: what engines pull would not start."""
    empty = Descriptor.of("application/vnd.oci.empty.v1+json", b"{}")
    subject = Layout(package.layout).manifest().descriptor
    other = document_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ATTESTATION_TYPE,
            "config": empty.to_json(),
            "layers": [Descriptor.of(PAYLOAD_TYPE, b"{}").to_json()],
            "subject": subject.to_json(),
        }
    )
    made = _layout_with(package, tmp_path / "made", other, platform)
    command = ["verify", str(made), f"--store={package.store.root}", "--package-digest", _digest_of(package)]
    assert code == main(command)
    said = "platform: got ['linux', 'amd64'] in the index, want ['unknown', 'unknown'] of statements."
    assert bool(code) == (said in capsys.readouterr().err)


def _layout_with(package, made, other, platform):
    """The package's layout, with an index of its image and of `other`, which is said to be an attestation."""
    image = Layout(package.layout).manifest()
    entry = {**Descriptor.of(MANIFEST, other).to_json(), "platform": platform}
    marks = {
        "vnd.docker.reference.digest": image.descriptor.digest,
        "vnd.docker.reference.type": "attestation-manifest",
    }
    index = document_json(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [{**image.descriptor.to_json(), "platform": _AMD64}, {**entry, "annotations": marks}],
        }
    )
    root = Descriptor.of(INDEX, index)
    files = {**top_files(root, {}), blob_name(root.digest): index, blob_name(Descriptor.of("", other).digest): other}
    files[blob_name(Descriptor.of("", b"{}").digest)] = b"{}"
    for blob in (package.layout / "blobs/sha256").iterdir():
        files[f"blobs/sha256/{blob.name}"] = blob.read_bytes()
    for name, data in files.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(data)
    return made


def _digest_of(package):
    return package.made.record["package_digest"]
