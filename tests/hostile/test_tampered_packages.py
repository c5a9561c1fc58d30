"""Packages that somebody changed who may write to a registry or to dist/: every digest is right, the label was kept."""

import hashlib
import io
import json
import tarfile

import pytest
from loopback.registries import registry
from samples.broken_layout import Broken, add_members, same
from samples.random_image import make_image

from modelkiln.attestation.sbom.bom import IMAGE, bom_bytes, package_bom
from modelkiln.canonical import canonical_json
from modelkiln.cli.main import main
from modelkiln.descriptor import LAYER
from modelkiln.image.blobs import Blobs
from modelkiln.image.contents import layout_contents
from modelkiln.image.layout import Layout
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.package.record import recorded_digest
from modelkiln.publication.blob_source import BlobSource
from modelkiln.publication.publish import Publication, publish_all
from modelkiln.registry.reference import parse_repository
from modelkiln.validation import images, layer

SITE = "opt/venv/lib/python3.11/site-packages"
RUNTIME = "app/modelkiln/runtime"


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A docker-registry without TLS."""
    with registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


def tar_of(*members, shared=None):
    """A tar of (name, fields, content) members. shared: of a global PAX header."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, pax_headers=shared) as archive:
        add_members(archive, members)
        end = archive.offset
    return out.getvalue()[:end] + bytes(1024)


def changed(kind, name, data=b"import os\n"):
    """Append to a file of a layer."""
    return lambda broken: broken.rewrite_layer(kind, lambda one, old: old + data if one.name.endswith(name) else old)


def added(kind, name, data=b"import os\n"):
    """Put a file more into a layer."""
    return lambda broken: broken.rewrite_layer(kind, same, [(name, {}, data)])


def set_to(**settings):
    """Change the config's settings."""

    def change(broken):
        broken.config["config"].update(settings)
        broken.save()

    return change


def with_variable(text):
    """Put a variable more into the environment."""

    def change(broken):
        broken.config["config"]["Env"].append(text)
        broken.save()

    return change


def on_top(*members, created_by="modelkiln base: debian", comment="registry/1", **settings):
    """Put a layer on top that passes for one of the base's registry."""

    def change(broken):
        described = broken.put(tar_of(*members, **settings), "sha256:" + "0" * 64)
        broken.manifest["layers"].append({"mediaType": LAYER, **described})
        broken.config["rootfs"]["diff_ids"].append(described["digest"])
        broken.config["history"].append({"created_by": created_by, "comment": comment})
        broken.save()

    return change


def with_key(name, key, value):
    """Put a key more into the manifest or the config."""

    def change(broken):
        getattr(broken, name)[key] = value
        broken.save()

    return change


def with_data(broken):
    """Embed another config than the one that the manifest names (image-spec, descriptor.md, "data")."""
    broken.manifest["config"]["data"] = "e30="
    broken.save()


def without(kind):
    """Leave a layer out."""

    def change(broken):
        number, _ = broken.layer(kind)
        broken.blob(broken.manifest["layers"][number]["digest"]).unlink()
        for listed in (broken.manifest["layers"], broken.config["rootfs"]["diff_ids"], broken.config["history"]):
            del listed[number]
        broken.save()

    return change


def reordered(broken):
    """Put the base over the environment's wheels."""
    order = [1, 2, 3, 0, 4, 5, 6]
    for holder, key in ((broken.manifest, "layers"), (broken.config["rootfs"], "diff_ids"), (broken.config, "history")):
        holder[key] = [holder[key][number] for number in order]
    broken.save()


def for_another_platform(broken):
    """Declare another architecture."""
    broken.config["architecture"] = broken.index["manifests"][0]["platform"]["architecture"] = "arm64"
    broken.save()


def with_label(name, value):
    """Say more of the package than its record does."""

    def change(broken):
        broken.config["config"]["Labels"][name] = value
        broken.save()

    return change


def with_annotation(name, value, layer=None):
    """Annotate the manifest, or one of its layers."""

    def change(broken):
        annotated = broken.manifest if layer is None else broken.manifest["layers"][layer]
        annotated.setdefault("annotations", {})[name] = value
        broken.save()

    return change


def with_attribute(name):
    """The fields of a directory with an extended attribute by which overlayfs hides or moves what lies below it."""
    return {"type": tarfile.DIRTYPE, "mode": 0o755, "pax_headers": {f"SCHILY.xattr.{name}": "y"}}


def runtime_changed(broken):
    """Change the byte code of the runtime, which lies in a layer of its own: the first of the kind."""
    kinds = [layer.kind for layer in broken.made.image.layers]
    broken.layer = lambda kind: (
        kinds.index(kind),
        broken.made.blobs[broken.manifest["layers"][kinds.index(kind)]["digest"]],
    )
    changed("code", "__main__.cpython-311.pyc", b"x")(broken)


# name -> (what is changed, a part of what is said of it)
TAMPERED = {
    "code": (changed("code", "predict.py"), "/app/models/digits/predict.py: got sha256"),
    "wheel": (changed("wheels", "numpy/file3.py"), "config.rootfs.diff_ids: got"),
    "weights": (changed("weights", "digits.bin", b"x"), "/models/digits.bin: got sha256"),
    "base": (changed("base", "usr/bin/python3.11", b"x"), "config.rootfs.diff_ids: got"),
    "script": (changed("wheels", "bin/f2py"), "config.rootfs.diff_ids: got"),
    "runtimes-byte-code": (runtime_changed, "config.rootfs.diff_ids: got"),
    "more-code": (added("code", "app/sitecustomize.py"), "/app/sitecustomize.py: is not in the record"),
    "more-weights": (added("weights", "models/more.bin"), "/models/more.bin: is not in the record"),
    "byte-code-of-code": (
        added("code", "app/models/digits/__pycache__/predict.cpython-311.pyc"),
        "/app/models/digits/__pycache__/predict.cpython-311.pyc: is sha256",
    ),
    "pth-among-wheels": (added("wheels", f"{SITE}/x.pth"), "config.rootfs.diff_ids: got"),
    "pth-with-code": (added("code", f"{SITE}/x.pth"), f"/{SITE}/x.pth: is sha256"),
    "pth-with-weights": (added("weights", f"{SITE}/x.pth"), f"/{SITE}/x.pth: is sha256"),
    "pth-with-record": (added("record", f"{SITE}/x.pth"), f"/{SITE}/x.pth: is sha256"),
    "layer-on-top": (on_top((f"{RUNTIME}/__main__.py", {}, b"x")), "/app/modelkiln/runtime/__main__.py: got sha256"),
    "library-on-top": (on_top(("usr/lib/libc.so.6", {}, b"x")), "/usr/lib/libc.so.6: is sha256"),
    "link-on-top": (
        on_top(("app/models", {"type": tarfile.SYMTYPE, "linkname": "/tmp"}, b"")),
        "/app/models: is a link to '/tmp'",
    ),
    "whiteout": (on_top((f"{SITE}/numpy/.wh.file3.py", {}, b"")), f"hides /{SITE}/numpy/file3.py"),
    "opaque-whiteout": (on_top((f"{SITE}/numpy/.wh..wh..opq", {}, b"")), f"hides /{SITE}/numpy/"),
    "shared-header": (
        on_top(("app", {"type": tarfile.DIRTYPE, "mode": 0o755}, b""), shared={"mtime": "0"}),
        "has a global PAX header (mtime)",
    ),
    "writable-code": (on_top(("app/models/digits/predict.py", {"mode": 0o666}, b"x")), "got mode 0666"),
    "code-of-a-user": (on_top(("app/models/digits/predict.py", {"uid": 1}, b"x")), "got owner 1:0"),
    "writable-folder": (on_top(("app", {"type": tarfile.DIRTYPE, "mode": 0o1777}, b"")), "/app: got mode 1777"),
    "keys-of-the-config": (with_key("config", "Config", {}), "the key 'Config' is 'config' in other letters"),
    "keys-of-the-manifest": (with_key("manifest", "Layers", []), "the key 'Layers' is 'layers' in other letters"),
    "embedded-config": (with_data, "config.data: is not the content"),
    "code-hidden": (on_top(("app/models/digits/.wh.predict.py", {}, b"")), "predict.py: is missing"),
    "code-removed": (without("code"), "/app/models/digits/predict.py: is missing"),
    "wheels-removed": (without("wheels"), "config.rootfs.diff_ids: got"),
    "record-removed": (without("record"), "/app/.modelkiln/record.json: is missing"),
    "reordered": (reordered, "config.rootfs.diff_ids: got"),
    "entrypoint": (set_to(Entrypoint=["/opt/venv/bin/f2py"]), "config.Entrypoint: got"),
    "command": (set_to(Cmd=["-c", "import os"]), "config.Cmd: got"),
    "user": (set_to(User="1"), "config.User: got"),
    "folder": (set_to(WorkingDir="/tmp"), "config.WorkingDir: got"),
    "shell": (set_to(OnBuild=["RUN x"]), "config.OnBuild: got"),
    "environment": (with_variable("LD_PRELOAD=/tmp/x.so"), "config.Env: got"),
    "provided": (with_label("modelkiln.package.provided", "a>=1"), "modelkiln.package.provided: got 'a>=1', want None"),
    "required": (with_label("modelkiln.package.requires.memory", "1 B"), "requires.memory: got '1 B', want None"),
    "label-of-podman": (with_label("RUN", "podman run --privileged IMAGE"), "config.Labels: has 'RUN'"),
    "label-in-other-letters": (with_label("Modelkiln.package.digest", "x"), "has 'Modelkiln.package.digest'"),
    "variant": (with_key("config", "variant", "v9"), "config: has the key 'variant'"),
    "author": (with_key("config", "author", "Eve"), "config: has the key 'author'"),
    "handler": (with_annotation("run.oci.handler", "wasm"), "annotations: has 'run.oci.handler'"),
    "chunked-layer": (
        with_annotation("io.github.containers.zstd-chunked.manifest-checksum", "sha256:" + "0" * 64, layer=5),
        "layers[5].annotations: has 'io.github.containers.zstd-chunked.manifest-checksum'",
    ),
    "stargz-layer": (
        with_annotation("containerd.io/snapshot/stargz/toc.digest", "sha256:" + "0" * 64, layer=1),
        "layers[1].annotations: has 'containerd.io/snapshot/stargz/toc.digest'",
    ),
    "health": (set_to(Healthcheck={"Test": ["CMD", "/bin/id"]}), "config.Healthcheck: got"),
    "volume": (set_to(Volumes={"/opt/venv": {}}), "config.Volumes: got"),
    "opaque-attribute": (
        on_top((f"{SITE}/numpy", with_attribute("trusted.overlay.opaque"), b"")),
        "got PAX headers SCHILY.xattr.trusted.overlay.opaque",
    ),
    "redirecting-attribute": (
        on_top((SITE, with_attribute("trusted.overlay.redirect"), b"")),
        "got PAX headers SCHILY.xattr.trusted.overlay.redirect",
    ),
    "preloaded": (on_top(("etc/ld.so.preload", {}, b"/tmp/x.so")), "/etc/ld.so.preload: is sha256"),
    "user-site": (
        on_top(("home/nonroot/.local/lib/python3.11/site-packages/usercustomize.py", {}, b"x")),
        "usercustomize.py: is sha256",
    ),
    "platform": (for_another_platform, "config: is for linux/arm64, want linux/amd64"),
}


def publish_unseen(broken, host, name, record):
    """Put a layout into a registry as somebody does who asks nobody."""
    env, layout = {INSECURE_REGISTRIES: host}, Layout(broken.path)
    publication = Publication(layout_contents(layout), BlobSource(Blobs(layout), env), ("1",), record=record)
    publish_all([(publication, parse_repository(f"{host}/{name}"))], env)
    return f"{host}/{name}:1"


def genuine_record(broken):
    """The record as it lies in dist/."""
    return canonical_json({**broken.made.record, "layers": [], "formats": {}})


@pytest.mark.parametrize("has_record", [True, False], ids=["with-its-record", "alone"])
@pytest.mark.parametrize("name", sorted(TAMPERED))
def test_what_was_changed_is_not_verified(name, has_record, host, tmp_path, monkeypatch, capsys):
    """Neither in a layout nor in a registry, whether the genuine record lies next to it or not; nor is it moved."""
    monkeypatch.setenv("MODELKILN_STORE", str(tmp_path / "store"))
    (tmp_path / "store").mkdir()
    change, expected = TAMPERED[name]
    broken = Broken(tmp_path)
    record = genuine_record(broken) if has_record else None
    if record:
        (tmp_path / "digits.package.json").write_bytes(record)
    assert 0 == main(["verify", str(broken.path)])
    change(broken)
    reference = publish_unseen(broken, host, f"{name}-{has_record}/digits".lower(), record)
    target = f"{host}/again/{name}-{has_record}".lower()
    for command in (
        ["verify", str(broken.path)],
        ["verify", reference, f"--insecure={host}"],
        ["pull", reference, "-o", str(tmp_path / "pulled"), f"--insecure={host}"],
        ["publish", str(broken.path), target, "--tag=1", f"--insecure={host}"],
    ):
        capsys.readouterr()
        assert 1 == main(command), command
        said = capsys.readouterr()
        assert expected in said.err, said.err
        assert "" == said.out, "nothing of what it claims to be is printed"
    assert not (tmp_path / "pulled").exists()
    assert 1 == main(["verify", f"{target}:1", f"--insecure={host}"])
    assert "no such tag" in capsys.readouterr().err


def rewritten(broken):
    """Change the code with its record, whose digest and label are made anew: this is another package."""
    data = b"def predict(inputs, model):\n    return {'x': 1}\n"
    broken.rewrite_layer("code", lambda one, old: data if one.name.endswith("predict.py") else old)
    record = json.loads(canonical_json(broken.made.record))
    for file in record["code"]:
        if file["path"].endswith("predict.py"):
            file["sha256"] = hashlib.sha256(data).hexdigest()
    record["package_digest"] = recorded_digest(record)
    broken.config["config"]["Labels"]["modelkiln.package.digest"] = record["package_digest"]
    bill = bom_bytes(package_bom(record, IMAGE))
    files = {"record.json": canonical_json(record), "modelkiln.cdx.json": bill}
    broken.rewrite_layer("record", lambda one, old: files.get(one.name.rpartition("/")[2], old))
    return record["package_digest"]


def test_a_package_that_is_expected_is_pinned(host, tmp_path, capsys):
    """Another package with a record of its own is found out by the digest of the one that is wanted."""
    broken = Broken(tmp_path)
    genuine = broken.made.record["package_digest"]
    good = publish_unseen(broken, host, "pinned/good", None)
    other = rewritten(broken)
    bad = publish_unseen(broken, host, "pinned/bad", None)
    pinned = [f"--package-digest={genuine}", f"--insecure={host}"]
    assert (0, 1) == (main(["verify", good, *pinned]), main(["verify", bad, *pinned]))
    assert f"is package {other}, want {genuine}" in capsys.readouterr().err
    assert 0 == main(["verify", bad, f"--package-digest={other[7:]}", f"--insecure={host}"])
    assert 1 == main(["verify", str(broken.path), pinned[0]])
    for part in ("layout", "record", "weights", "signature"):
        assert 1 == main(["pull", bad, "-o", str(tmp_path / "bad"), "--only", part, *pinned]), part
        assert 0 == main(["pull", good, "-o", str(tmp_path / part), "--only", part, *pinned]), part
    assert not (tmp_path / "bad").exists()
    with_genuine = publish_unseen(broken, host, "pinned/other", genuine_record(broken))
    assert 1 == main(["verify", with_genuine, f"--insecure={host}"])


def test_what_has_no_record_is_not_verified(host, tmp_path, capsys):
    """An image that hides its record behind the label of weights, or has none, has an exit code of its own."""
    broken = Broken(tmp_path)
    without("record")(broken)
    del broken.config["config"]["Labels"]
    broken.save()
    reference = publish_unseen(broken, host, "bare/digits", None)
    assert 3 == main(["verify", reference, f"--insecure={host}"])
    assert "not verified" in capsys.readouterr().err
    assert 3 == main(["verify", str(broken.path)])
    assert 0 == main(["pull", reference, "-o", str(tmp_path / "bare"), f"--insecure={host}"])
    assert "not verified" in capsys.readouterr().err
    digest = "--package-digest=" + "0" * 64
    assert 1 == main(["pull", reference, "-o", str(tmp_path / "pinned"), digest, f"--insecure={host}"])


def test_a_program_is_not_taken_for_weights(tmp_path):
    """The label of weights alone makes nothing of what runs an image of weights."""
    broken = Broken(tmp_path)
    without("record")(broken)
    label = broken.made.record["artifacts"][0]
    lines = f"{label['sha256']}  {label['path']}\n"
    digest = "sha256:" + hashlib.sha256(lines.encode()).hexdigest()
    broken.config["config"]["Labels"] = {"modelkiln.weights.digest": digest}
    broken.save()
    assert 3 == main(["verify", str(broken.path)])


def test_a_record_of_an_earlier_release_does_not_say_enough(tmp_path, capsys):
    """Where a record names no layers, code and weights are compared, and the rest is called not verified."""
    broken = Broken(tmp_path, pins=False)
    assert 3 == main(["verify", str(broken.path)])
    assert "names neither layers nor settings" in capsys.readouterr().err
    changed("code", "predict.py")(broken)
    assert 1 == main(["verify", str(broken.path)])


def test_a_layout_without_its_base_is_held_to_the_rest(host, tmp_path, monkeypatch, capsys):
    """A base that stays in its registry is known by its diff ID; that the code is missing is seen without it."""
    monkeypatch.setenv("MODELKILN_STORE", str(tmp_path / "store"))
    broken = Broken(tmp_path)
    broken.blob(broken.manifest["layers"][0]["digest"]).unlink()
    assert 3 == main(["verify", str(broken.path)])
    assert "not checked, it is not here" in capsys.readouterr().err
    without("code")(broken)
    for command in (["verify", str(broken.path)], ["publish", str(broken.path), f"{host}/no/base", "--tag=1"]):
        assert 1 == main(command)
        assert "/app/models/digits/predict.py: is missing" in capsys.readouterr().err


def test_what_was_read_is_remembered(host, tmp_path, monkeypatch):
    """Publishing again reads no layer, and an edit of the code none of the wheels; a store may be read-only."""
    monkeypatch.setenv("MODELKILN_STORE", str(tmp_path / "store"))
    (tmp_path / "store").mkdir()
    read = []
    monkeypatch.setattr(images, "read_layer", lambda file, *rest: read.append(rest) or layer.read_layer(file, *rest))
    made = [make_image(tmp_path / f"{name}.oci", entrypoint=["/opt/venv/bin/python", name]) for name in ("a", "b")]
    command = ["publish", str(made[0].path), f"{host}/read/digits", "--tag=1", f"--insecure={host}"]
    for layers in (7, 0):
        assert 0 == main(command)
        assert layers == len(read)
        read.clear()
    assert 0 == main(["publish", str(made[1].path), f"{host}/read/other", "--tag=1", f"--insecure={host}"])
    assert 1 == len(read)  # That of the record, which is another one.


def test_an_image_with_lazy_weights_has_the_lock_that_its_record_names(tmp_path, capsys):
    """Where the weights are fetched from is part of what was recorded."""
    broken = Broken(tmp_path, weights_lock=b"{}")
    assert 0 == main(["verify", str(broken.path)])
    broken.rewrite_layer("record", lambda one, old: b"[]" if one.name.endswith("weights.lock.json") else old)
    assert 1 == main(["verify", str(broken.path)])
    assert "/app/.modelkiln/weights.lock.json: got sha256" in capsys.readouterr().err
