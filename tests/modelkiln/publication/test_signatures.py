"""Signatures of packages in a real registry and in layouts, with the tools that write and copy them."""

import json
import os
from datetime import datetime, timedelta, timezone

import pytest
from attested.signing_keys import Authority, make_key
from attested.timestamping import TimestampAuthority
from components import require_built
from loopback.answering import answering
from samples.published import Package

from modelkiln.attestation.bundle import BUNDLE_TYPE, Bundle
from modelkiln.attestation.signing.signer import Signer
from modelkiln.attestation.statement import Statement
from modelkiln.cli.main import main
from modelkiln.descriptor import INDEX, MANIFEST, Descriptor
from modelkiln.digest import referrers_tag
from modelkiln.errors import ModelkilnError
from modelkiln.image.layout import Layout
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.publication import policy_check, signatures
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.reference import parse_repository
from modelkiln.registry.referrers import find_referrers

# Without it cosign looks Sigstore's host up.
_NOWHERE = "http://127.0.0.1:9"


class Signing:
    """A key, a policy that trusts it alone, and the commands that use them on the registry `host`."""

    def __init__(self, folder, host):
        self.folder, self.host = folder, host
        self.private, self.public, _ = make_key(folder)
        self.policy = folder / "policy.toml"
        self.write(f'repositories = ["{host}/**"]')

    def write(self, *lines):
        """Write the policy with one rule."""
        head = ['mode = "enforce"', "[signers.release]", 'key = "key.pub"', "[[rules]]", 'signers = ["release"]']
        self.policy.write_text("\n".join([*head, *lines]))

    def sign(self, name, key=None, *options):
        """Run `modelkiln sign`."""
        return main(["sign", self.place(name), f"--key={key or self.private}", f"--insecure={self.host}", *options])

    def verify(self, name, *options):
        """Run `modelkiln verify` with the policy."""
        return main(["verify", self.place(name), f"--policy={self.policy}", f"--insecure={self.host}", *options])

    def pull(self, name, folder, *options):
        """Run `modelkiln pull` with the policy."""
        command = ["pull", self.place(name), "-o", str(folder), f"--policy={self.policy}", f"--insecure={self.host}"]
        return main([*command, *options])

    def place(self, name):
        """The reference of a name in the registry; a layout's folder is its own."""
        return str(name) if os.path.isabs(name) else f"{self.host}/{name}"

    def client(self, name):
        """Speaks for a repository."""
        return RegistryClient(parse_repository(self.place(name)), {INSECURE_REGISTRIES: self.host})


@pytest.fixture
def signing(tmp_path, host):
    """A key and a policy."""
    return Signing(tmp_path, host)


@pytest.fixture
def cosign(tools, tmp_path, monkeypatch):
    """Runs cosign 3 without Sigstore: by a signing config that names no service."""
    program, config = require_built("cosign"), tmp_path / "signing.json"
    tools.run(program, "signing-config", "create", "--out", config)

    monkeypatch.setenv("COSIGN_PASSWORD", "")
    options = {
        "sign": (f"--signing-config={config}", "-y"),
        "verify": ("--insecure-ignore-tlog=true",),
        "verify-attestation": ("--insecure-ignore-tlog=true",),
    }

    def run(command, *arguments):
        plain = () if command in ("import-key-pair", "trusted-root") else ("--allow-http-registry",)
        return tools.run(
            "env",
            "COSIGN_PASSWORD=",
            f"TUF_MIRROR={_NOWHERE}",
            program,
            command,
            *plain,
            *options.get(command, ()),
            *arguments,
        )

    return run


def test_cosign_verifies_what_is_signed_here(package, signing, cosign, capsys):
    """Of one key, with what the signature states of package and repository."""
    package.publish(signing.host, "signed/digits", record=package.record)
    assert 0 == signing.sign("signed/digits:1.2.0")
    assert f"{signing.host}/signed/digits@{package.digest}\n" == capsys.readouterr().out
    place, stated = signing.place("signed/digits:1.2.0"), package.made.record["package_digest"]
    said = cosign("verify", f"--key={signing.public}", "-a", f"modelkiln.package.digest={stated}", place)
    assert package.digest == json.loads(said)[0]["critical"]["image"]["docker-manifest-digest"]
    assert 0 == signing.verify("signed/digits:1.2.0")
    assert "signature by release." in capsys.readouterr().err


def test_what_cosign_signs_is_verified_here(package, signing, cosign, capsys):
    """With a key as openssl writes it; cosign's own format has the same signature."""
    package.publish(signing.host, "cosigned/digits")
    assert 1 == signing.verify("cosigned/digits:1.2.0")
    assert "signature: is missing" in capsys.readouterr().err
    own = signing.folder / "own"
    cosign("import-key-pair", f"--key={signing.private}", f"--output-key-prefix={own}")
    cosign("sign", f"--key={own}.key", signing.place(f"cosigned/digits@{package.digest}"))
    assert 0 == signing.verify("cosigned/digits:1.2.0")
    assert 0 == signing.sign("cosigned/digits:1.2.0", f"{own}.key")


def test_cosign_verifies_certificates_with_timestamps(package, signing, cosign, tools, tmp_path, capsys):
    """By a trusted root with the authority and that of the timestamps; a signature without one is signed again."""
    package.publish(signing.host, "certified/digits", record=package.record)
    now, stamps = datetime.now(timezone.utc), TimestampAuthority(tmp_path / "tsa")
    private, _, key = make_key(tmp_path, "ci")
    authority = Authority(tmp_path, now - timedelta(days=1), now + timedelta(days=9))
    certificates = (authority.issue(key, "ci-certificate"), authority.middle)
    chain, root = tmp_path / "chain.pem", tmp_path / "trusted-root.json"
    chain.write_bytes(authority.middle.read_bytes() + authority.root.read_bytes())
    described = {"fulcio": chain, "tsa": stamps.chain}
    services = [f"--{name}=url=https://{name}.example.com,certificate-chain={path}" for name, path in described.items()]
    cosign("trusted-root", "create", *services, "--out", root)
    options = [f"--certificate={path}" for path in certificates]
    who = ("--certificate-identity=ci@example.com", "--certificate-oidc-issuer-regexp=.*")
    place = signing.place("certified/digits:1.2.0")
    assert 0 == signing.sign("certified/digits:1.2.0", private, *options)
    trust = (f"--trusted-root={root}", "--use-signed-timestamps", "--insecure-ignore-sct")
    with pytest.raises(AssertionError, match="timestamp"):
        cosign("verify", *trust, *who, place)
    with stamps.serving() as url:
        for _ in range(2):
            assert 0 == signing.sign("certified/digits:1.2.0", private, *options, f"--timestamp-url={url}")
    assert [True, True, False] == [": signed" in line for line in capsys.readouterr().err.splitlines()]
    said = cosign("verify", *trust, *who, place)
    assert package.digest == json.loads(said)[0]["critical"]["image"]["docker-manifest-digest"]
    signing.policy.write_text(f"""
        mode = "enforce"
        [signers.ci]
        authorities = "root.crt"
        timestamp_authorities = "{stamps.root}"
        identities = ["ci@example.com"]
        [[rules]]
        repositories = ["{signing.host}/**"]
        signers = ["ci"]
        """)
    (tmp_path / "root.crt").write_bytes(chain.read_bytes())
    assert 0 == signing.verify("certified/digits:1.2.0")


def test_signing_again_adds_nothing(package, signing, capsys):
    """The same signature by the same key is there once, and another key's next to it."""
    package.publish(signing.host, "twice/digits")
    client = signing.client("twice/digits")
    for _ in range(2):
        assert 0 == signing.sign("twice/digits:1.2.0")
    assert 1 == len(find_referrers(client, package.digest, BUNDLE_TYPE))
    assert 1 == capsys.readouterr().err.count("was signed")
    assert 0 == signing.sign("twice/digits:1.2.0", make_key(signing.folder, "other")[0])
    assert 2 == len(find_referrers(client, package.digest, BUNDLE_TYPE))
    assert 0 == signing.verify("twice/digits:1.2.0")


def test_images_of_an_index_are_signed_with_it(indexed, signing, host):
    """Each is verified by its own digest, too, and the index by its record's package digest."""
    indexed.publish(host, "signed/variants")
    assert 0 == signing.sign("signed/variants:1.2.0")
    assert 0 == signing.verify("signed/variants:1.2.0")
    for one in indexed.images:
        assert 0 == signing.verify(f"signed/variants@{one.image.manifest_descriptor.digest}")


def test_another_package_under_the_tag_is_refused(package, signing, tmp_path, capsys):
    """Its signature is another's, and nothing of it is fetched; without enforcement it is reported."""
    package.publish(signing.host, "replaced/digits", record=package.record)
    assert 0 == signing.sign("replaced/digits:1.2.0")
    other = Package(tmp_path / "other", seed=7, weights_size=1000)
    other.publish(signing.host, "replaced/digits", (), ("1.2.0",))
    # The signature is put next to it, as somebody who may write to the repository can.
    client = signing.client("replaced/digits")
    bundle = signatures.bundles_in_registry(client, package.digest)[-1]  # The first: of the package itself.
    descriptor = Descriptor.of(MANIFEST, client.read_manifest(other.digest))
    replayed, manifest = signatures.bundle_manifest(bundle.data, signatures.SIGN, descriptor)
    signatures.attach(client, replayed, manifest)
    assert 1 == signing.verify("replaced/digits:1.2.0")
    assert f"is about {package.digest}, and this is {other.digest}" in capsys.readouterr().err
    assert 1 == signing.pull("replaced/digits:1.2.0", tmp_path / "out")
    assert "Nothing of it was fetched" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert 0 == signing.pull("replaced/digits:1.2.0", tmp_path / "out", "--policy-mode=warn", "--only=record")
    assert f"is about {package.digest}" in capsys.readouterr().err
    assert 0 == signing.verify("replaced/digits:1.2.0", "--policy-mode=off")
    assert "policy" not in capsys.readouterr().err


def test_a_signature_that_was_stripped_is_missing(package, signing, capsys):
    """By a list of referrers that somebody emptied, who may write to the repository."""
    package.publish(signing.host, "stripped/digits", record=package.record)
    assert 0 == signing.sign("stripped/digits:1.2.0")
    assert 0 == signing.verify("stripped/digits:1.2.0")
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
    tag = referrers_tag(package.digest)
    signing.client("stripped/digits").put_manifest(tag, Descriptor.of(INDEX, index), index)
    assert 1 == signing.verify("stripped/digits:1.2.0")
    assert "signature: is missing: nothing signed refers to the package" in capsys.readouterr().err


def test_a_newer_tag_that_names_an_older_package(package, signing, capsys):
    """A signature covers a digest and no tag: the older version is shown, and the digest of the newer refuses it."""
    package.publish(signing.host, "older/digits", record=package.record)
    assert 0 == signing.sign("older/digits:1.2.0")
    client = signing.client("older/digits")
    data = client.read_manifest(package.digest)
    client.put_manifest("1.3.0", Descriptor.of(MANIFEST, data), data)
    capsys.readouterr()
    assert 0 == signing.verify("older/digits:1.3.0")
    assert " 1.2.0\n" in capsys.readouterr().out
    assert 1 == signing.verify("older/digits:1.3.0", f"--package-digest={'ab' * 32}")
    assert "is package " in capsys.readouterr().err


def test_a_tag_that_moves_while_it_is_verified(package, signing, tmp_path, monkeypatch, capsys):
    """What is judged is what was read, and not what the tag means meanwhile."""
    package.publish(signing.host, "moved/digits", record=package.record)
    assert 0 == signing.sign("moved/digits:1.2.0")
    other = Package(tmp_path / "other", seed=9, weights_size=1000)
    judge = policy_check.judge_remote

    def move(*arguments):
        other.publish(signing.host, "moved/digits", (), ("1.2.0",))
        return judge(*arguments)

    monkeypatch.setattr(policy_check, "judge_remote", move)
    assert 0 == signing.verify("moved/digits:1.2.0")
    assert package.digest in capsys.readouterr().out
    assert 1 == signing.verify("moved/digits:1.2.0")
    assert "signature: is missing" in capsys.readouterr().err


def test_a_policy_warns_unless_it_enforces(package, signing, capsys):
    """Without a mode a package without a signature is verified, and the note says that it is missing."""
    package.publish(signing.host, "unsigned/digits", record=package.record)
    signing.policy.write_text(signing.policy.read_text().partition("\n")[2])
    assert 0 == signing.verify("unsigned/digits:1.2.0")
    assert "signature: is missing" in capsys.readouterr().err
    assert 1 == main(["verify", signing.place("unsigned/digits:1.2.0"), "--policy-mode=enforce"])
    assert "--policy-mode enforce: there is no policy" in capsys.readouterr().err


@pytest.mark.parametrize("tool", ["oras", "regctl", "crane", "cosign"])
def test_copies_of_other_tools(package, signing, tools, tool, request, capsys):
    """A signature that came along counts; one that a copy has lost is reported as missing."""
    name = f"from-{tool}/digits"
    package.publish(signing.host, name, record=package.record)
    assert 0 == signing.sign(f"{name}:1.2.0")
    source, target = signing.place(f"{name}:1.2.0"), signing.place(f"to-{tool}/digits:1.2.0")
    if tool == "oras":
        tools.oras("copy -r", source, target, plain=("--from-plain-http", "--to-plain-http"))
    elif tool == "regctl":
        tools.regctl("image", "copy", "--referrers", source, target)
    elif tool == "crane":
        tools.crane("copy", "--insecure", source, target)
    else:  # It leaves the image under the tag of its referrers.
        request.getfixturevalue("cosign")("copy", source, target)
    comes_along = tool in ("oras", "regctl")
    assert (0 if comes_along else 1) == signing.verify(f"to-{tool}/digits:1.2.0")
    said = capsys.readouterr().err
    assert ("signature by release." if comes_along else "signature: is missing") in said
    assert 0 == signing.sign(f"to-{tool}/digits:1.2.0")
    assert 0 == signing.verify(f"to-{tool}/digits:1.2.0")


@pytest.mark.parametrize("tool", ["oras", "regctl", "modelkiln"])
def test_layouts_keep_signatures(package, signing, tools, tool, tmp_path, capsys):
    """Both ways in which tools list referrers in a layout are read, and the rule is that of a repository."""
    name = f"layout-{tool}/digits"
    package.publish(signing.host, name, record=package.record)
    assert 0 == signing.sign(f"{name}:1.2.0")
    source, folder = signing.place(f"{name}:1.2.0"), tmp_path / "copied"
    if tool == "oras":
        tools.oras("copy -r --to-oci-layout", source, f"{folder}:1.2.0", plain=("--from-plain-http",))
    elif tool == "regctl":
        tools.regctl("image", "copy", "--referrers", source, f"ocidir://{folder}:1.2.0")
    else:
        assert 0 == signing.pull(f"{name}:1.2.0", folder)
    assert 0 == signing.verify(folder, f"--repository={signing.host}/{name}")
    capsys.readouterr()
    assert 1 == signing.verify(folder)
    assert "Say with --repository" in capsys.readouterr().err
    assert 0 == main(["validate", "--complete", str(folder)])


def test_a_layout_is_signed(package, signing, tools, tmp_path, capsys):
    """The signature lies in it, for other tools as well, and signing again changes nothing."""
    package.publish(signing.host, "plain/digits", record=package.record)
    assert 0 == main(
        ["pull", signing.place("plain/digits:1.2.0"), "-o", str(tmp_path / "l"), f"--insecure={signing.host}"]
    )
    signing.write('repositories = ["**"]')
    assert 1 == signing.verify(tmp_path / "l")
    command = ["sign", str(tmp_path / "l"), f"--key={signing.private}"]
    assert 0 == main(command)
    index = (tmp_path / "l/index.json").read_bytes()
    assert 0 == main(command)
    assert index == (tmp_path / "l/index.json").read_bytes()
    assert 0 == signing.verify(tmp_path / "l")
    assert 0 == main(["validate", "--complete", str(tmp_path / "l")])
    assert [package.digest] == [one.descriptor.digest for one in Layout(tmp_path / "l").own]
    target = signing.place("plain/copied:1.2.0")
    tools.oras("copy -r --from-oci-layout", f"{tmp_path / 'l'}:1.2.0", target, plain=("--to-plain-http",))
    assert 0 == signing.verify("plain/copied:1.2.0")


def test_a_copy_without_its_record_is_signed_by_the_one_in_it(package, signing, tools, tmp_path, capsys):
    """In a registry and in a layout alike; a layout that is not what its record says is not signed."""
    package.publish(signing.host, "bare/digits")
    layout = tmp_path / "l"
    tools.oras(
        "copy --to-oci-layout", signing.place("bare/digits:1.2.0"), f"{layout}:1.2.0", plain=("--from-plain-http",)
    )
    assert 0 == signing.sign("bare/digits:1.2.0")
    command = ["sign", str(layout), f"--key={signing.private}"]
    assert 0 == main(command)
    signed = signatures.bundles_in_registry(signing.client("bare/digits"), package.digest)
    signed += signatures.bundles_in_layout(Layout(layout), package.digest)
    stated = [Statement.read(Bundle.read(one.data, "").payload, "").subjects[0].annotations for one in signed]
    assert [package.made.record["package_digest"]] * 2 == [one["modelkiln.package.digest"] for one in stated]
    signing.write('repositories = ["**"]')
    assert 0 == signing.verify(layout)
    blob = next(path for path in (layout / "blobs/sha256").iterdir() if path.stat().st_size > 2000)
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    capsys.readouterr()
    assert 1 == main(command)
    assert "and is not signed: " in capsys.readouterr().err


def test_a_layout_is_published_with_its_signatures(package, signing, tmp_path, capsys):
    """Those that came with it from another repository, and with a key those of the new place."""
    package.publish(signing.host, "first/digits", record=package.record)
    assert 0 == signing.sign("first/digits:1.2.0")
    assert 0 == signing.pull("first/digits:1.2.0", tmp_path / "l")
    signing.write(f'repositories = ["{signing.host}/**"]', "this_repository = true")
    publish = ["publish", str(tmp_path / "l"), signing.place("second/digits"), "--tag=1", f"--insecure={signing.host}"]
    capsys.readouterr()
    assert 0 == main(publish)
    assert "1 signature added" in capsys.readouterr().err
    assert 1 == signing.verify("second/digits:1")
    assert f"is for {signing.host}/first/digits, and this is {signing.host}/second/digits" in capsys.readouterr().err
    assert 0 == main([*publish, f"--key={signing.private}"])
    assert 0 == signing.verify("second/digits:1")
    capsys.readouterr()
    assert 0 == main([*publish, f"--key={signing.private}"])
    assert "nothing was sent" in capsys.readouterr().err


def test_a_tag_that_moves_while_it_is_signed(package, signing, tmp_path, monkeypatch, capsys):
    """What was meant at first is signed, and the command fails: the tag means something unsigned."""
    package.publish(signing.host, "moving/digits")
    other = Package(tmp_path / "other", seed=8, weights_size=1000)
    sign = Signer.sign

    def slow_sign(self, payloads, environ, is_model=False):
        other.publish(signing.host, "moving/digits", (), ("1.2.0",))
        return sign(self, payloads, environ, is_model)

    monkeypatch.setattr(Signer, "sign", slow_sign)
    assert 1 == signing.sign("moving/digits:1.2.0")
    assert "means something else meanwhile" in capsys.readouterr().err
    assert 1 == signing.verify("moving/digits:1.2.0")
    assert 0 == signing.verify(f"moving/digits@{package.digest}")


def test_statements_that_refer_to_a_package_are_signed_when_it_is_said(package, signing, cosign, capsys):
    """They become attestations that cosign verifies; one of something else is left alone."""
    package.publish(signing.host, "stated/digits")
    client = signing.client("stated/digits")
    subject = Descriptor.of(MANIFEST, client.read_manifest(package.digest))
    for digest in (package.digest, "sha256:" + "0" * 64):
        statement = signatures.Statement.of(
            (signatures.Subject("", digest),), "https://cyclonedx.org/bom", {"bomFormat": "CycloneDX"}
        )
        _attach_statement(client, subject, statement.to_bytes())
    signing.write(f'repositories = ["{signing.host}/**"]', 'require = ["signature", "sbom"]')
    assert 0 == signing.sign("stated/digits:1.2.0")
    assert 1 == signing.verify("stated/digits:1.2.0")
    assert "sbom: is missing" in capsys.readouterr().err
    assert 0 == signing.sign("stated/digits:1.2.0", None, "--statements")
    assert 1 == capsys.readouterr().err.count("https://cyclonedx.org/bom: signed")
    assert 0 == signing.verify("stated/digits:1.2.0")
    place = signing.place("stated/digits:1.2.0")
    cosign("verify-attestation", f"--key={signing.public}", "--type=cyclonedx", place)
    cosign("verify", f"--key={signing.public}", place)


def test_what_is_published_is_signed_with_its_own_statements(package, signing, cosign, tmp_path, capsys):
    """Bill of materials and provenance by the publisher's own builder; one that somebody else has put there is not."""
    package.publish(signing.host, "planted/digits", record=package.record)
    client = signing.client("planted/digits")
    subject = Descriptor.of(MANIFEST, client.read_manifest(package.digest))
    planted = signatures.Statement.of(
        (signatures.Subject("", package.digest),),
        "https://in-toto.io/attestation/test-result/v0.1",
        {"result": "PASSED"},
    )
    _attach_statement(client, subject, planted.to_bytes())
    (tmp_path / "digits.package.json").write_bytes(package.record)
    command = ["publish", str(package.layout), signing.place("planted/digits"), "--tag=2", f"--insecure={signing.host}"]
    command += [f"--record={tmp_path / 'digits.package.json'}", f"--store={package.store.root}"]
    assert 0 == main([*command, "--builder-id=https://ci.example.com/7", f"--key={signing.private}"])
    rule = 'require = ["signature", "sbom", "provenance"{}]'
    signing.write(f'repositories = ["{signing.host}/**"]', rule.format(""), 'builders = ["https://ci.example.com/*"]')
    assert 0 == signing.verify("planted/digits:2")
    signing.write(f'repositories = ["{signing.host}/**"]', rule.format(', "test-result"'))
    capsys.readouterr()
    assert 1 == signing.verify("planted/digits:2")
    assert "test-result: is missing" in capsys.readouterr().err
    place = signing.place("planted/digits:2")
    cosign("verify-attestation", f"--key={signing.public}", "--type=slsaprovenance1", place)


def _attach_statement(client, subject, data):
    content = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": signatures.PAYLOAD_TYPE,
        "config": Descriptor.of("application/vnd.oci.empty.v1+json", b"{}").to_json(),
        "layers": [Descriptor.of(signatures.PAYLOAD_TYPE, data).to_json()],
        "subject": subject.to_json(),
    }
    manifest = json.dumps(content).encode()
    for blob in (data, b"{}"):
        signatures.upload_bytes(client, blob)
    signatures.attach(client, Descriptor.of(MANIFEST, manifest), manifest)


def test_thousands_of_bundles_are_not_read():
    """Who may write to a repository may add any number: the error says so, before one of them is fetched."""
    one = "sha256:" + "1" * 64

    def answer(method, path, headers, body):
        assert "/referrers/" in path
        start = int(path.partition("start=")[2] or 0)
        entries = [
            {**Descriptor.of(MANIFEST, str(number).encode()).to_json(), "artifactType": BUNDLE_TYPE}
            for number in range(start, start + 1000)
        ]
        more = {"Link": f'<?start={start + 1000}>; rel="next"'} if start < 9000 else {}
        return 200, {"Content-Type": INDEX, **more}, json.dumps({"schemaVersion": 2, "manifests": entries}).encode()

    with answering(answer) as stub:
        client = RegistryClient(parse_repository(f"{stub.host}/a"), {INSECURE_REGISTRIES: stub.host})
        with pytest.raises(ModelkilnError, match=f"10000 bundles refer to {one}, and at most 200 are read"):
            signatures.bundles_in_registry(client, one)


def test_thousands_of_other_referrers_hide_no_bundle():
    """In pages: what is of another type is not fetched, and the bundle on the last page is found."""
    one = "sha256:" + "1" * 64
    found, manifest = signatures.bundle_manifest(b"{}", signatures.SIGN, Descriptor(MANIFEST, one, 7))

    def answer(method, path, headers, body):
        if "/referrers/" not in path:
            return 200, {"Content-Type": MANIFEST}, manifest if "/manifests/" in path else b"{}"
        start = int(path.partition("start=")[2] or 0)
        others = [Descriptor.of(MANIFEST, str(number).encode()).to_json() for number in range(start, start + 1000)]
        last = [{**found.to_json(), "artifactType": BUNDLE_TYPE}] if start == 9000 else []
        more = {"Link": f'<?start={start + 1000}>; rel="next"'} if start < 9000 else {}
        listed = [*({**other, "artifactType": "application/x"} for other in others), *last]
        return 200, {"Content-Type": INDEX, **more}, json.dumps({"schemaVersion": 2, "manifests": listed}).encode()

    with answering(answer) as stub:
        client = RegistryClient(parse_repository(f"{stub.host}/a"), {INSECURE_REGISTRIES: stub.host})
        assert [b"{}"] == [bundle.data for bundle in signatures.bundles_in_registry(client, one)]
        asked = [request.path for request in stub.seen if "/referrers/" not in request.path and request.path != "/v2/"]
        assert 2 == len(asked), asked


def test_a_bundle_that_cannot_be_read_hides_no_other(package, signing, capsys):
    """It is named where nothing good is there, and passed over elsewhere."""
    package.publish(signing.host, "broken/digits", record=package.record)
    client = signing.client("broken/digits")
    subject = Descriptor.of(MANIFEST, client.read_manifest(package.digest))
    found, manifest = signatures.bundle_manifest(b"broken", signatures.SIGN, subject)
    for blob in (b"broken", b"{}"):
        signatures.upload_bytes(client, blob)
    signatures.attach(client, found, manifest)
    assert 1 == signing.verify("broken/digits:1.2.0")
    assert "signature: none counts: " in capsys.readouterr().err
    assert 0 == signing.sign("broken/digits:1.2.0")
    assert 0 == signing.verify("broken/digits:1.2.0")


@pytest.mark.parametrize(
    "manifest, reason",
    [
        (b"[]", "is not a manifest of an artifact"),
        (b'{"layers": 7}', "is not a manifest of an artifact"),
        (b'{"layers": ["x"]}', "is not a manifest of an artifact"),
        (json.dumps({"layers": [{"mediaType": BUNDLE_TYPE}]}).encode(), "size None"),
        (
            json.dumps({"layers": [Descriptor(BUNDLE_TYPE, "sha256:" + "0" * 64, 1 << 40).to_json()]}).encode(),
            "largest",
        ),
        (json.dumps({"layers": [Descriptor.of(BUNDLE_TYPE, b"x").to_json()] * 201}).encode(), "at most 200 are read"),
    ],
)
def test_manifests_of_others(manifest, reason):
    """Each is refused in words, and one with hundreds of layers before a blob is fetched."""
    one = "sha256:" + "1" * 64

    def answer(method, path, headers, body):
        entries = [{**Descriptor.of(MANIFEST, manifest).to_json(), "artifactType": BUNDLE_TYPE}]
        listed = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
        return (200, {"Content-Type": INDEX}, listed) if "/referrers/" in path else (200, {}, manifest)

    with answering(answer) as stub:
        client = RegistryClient(parse_repository(f"{stub.host}/a"), {INSECURE_REGISTRIES: stub.host})
        try:
            (found,) = signatures.bundles_in_registry(client, one)
            problem = found.problem
        except ModelkilnError as error:
            problem = str(error)
        assert reason in problem
        assert [] == [request.path for request in stub.seen if "/blobs/" in request.path]
