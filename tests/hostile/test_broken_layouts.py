"""Layouts with one thing broken each: every one must be caught, with a message that names it."""

import os
import tarfile

import pytest
from samples.broken_layout import Broken, same

from modelkiln.validation.layout import validate_layout

CASES = {}


def case(*expected):
    """Register a mutation and the texts that an issue of it must hold."""

    def register(function):
        CASES[function.__name__] = (function, expected)
        return function

    return register


@case("oci-layout: got no such file")
def without_oci_layout(broken):
    (broken.path / "oci-layout").unlink()


@case("imageLayoutVersion: got '2.0.0', want '1.0.0'")
def other_layout_version(broken):
    (broken.path / "oci-layout").write_text('{"imageLayoutVersion":"2.0.0"}')


@case("index.json: is not JSON")
def cut_index(broken):
    data = (broken.path / "index.json").read_bytes()
    (broken.path / "index.json").write_bytes(data[:-5])


@case("index.json: is not JSON", "given twice", "manifests")
def key_given_twice(broken):
    data = (broken.path / "index.json").read_text()
    (broken.path / "index.json").write_text('{"manifests":[],' + data[1:])


@case("index.json: is not JSON")
def deeply_nested_json(broken):
    (broken.path / "index.json").write_text("[" * 200000)


@case("manifests: got [], want a list")
def empty_index(broken):
    broken.index["manifests"] = []
    broken.save_index()


@case("manifests[0].digest: got 'sha256:xyz'")
def digest_that_the_schema_allows(broken):
    broken.index["manifests"][0]["digest"] = "sha256:xyz"
    broken.save_index()


@case("manifests[0].digest: got", "64 lower-case hex digits")
def digest_that_leaves_the_folder(broken):
    broken.index["manifests"][0]["digest"] = "sha256:../../../../etc/passwd"
    broken.save_index()


@case("schemaVersion: got 1, want 2")
def old_schema_version(broken):
    broken.manifest["schemaVersion"] = 1
    broken.save()


@case("size of blob", "want 1.")
def wrong_manifest_size(broken):
    broken.index["manifests"][0]["size"] = 1
    broken.save_index()


@case("mediaType: got 'application/vnd.docker.distribution.manifest.v2+json'")
def docker_manifest(broken):
    broken.index["manifests"][0]["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"
    broken.save_index()


@case("platform: got ['linux', 'arm64'] in the index, want ['linux', 'amd64']")
def other_platform(broken):
    broken.index["manifests"][0]["platform"]["architecture"] = "arm64"
    broken.save_index()


@case("(weights: digits.bin)", "digest of blob: got sha256:")
def flipped_bit_in_a_layer(broken):
    number, data = broken.layer("weights")
    blob = broken.blob(broken.manifest["layers"][number]["digest"])
    blob.write_bytes(data[:3000] + bytes([data[3000] ^ 1]) + data[3001:])


@case("(weights: digits.bin)", "size of blob", "got 600 bytes, want")
def truncated_layer(broken):
    number, data = broken.layer("weights")
    broken.blob(broken.manifest["layers"][number]["digest"]).write_bytes(data[:600])


@case("config.mediaType: got 'application/json'")
def other_config_type(broken):
    broken.manifest["config"]["mediaType"] = "application/json"
    broken.save()


@case("layers[1].mediaType: got 'application/octet-stream'")
def other_layer_type(broken):
    broken.manifest["layers"][1]["mediaType"] = "application/octet-stream"
    broken.save()


@case("layers[1]", "cannot be read as application/vnd.oci.image.layer.v1.tar+zstd")
def layer_that_is_not_zstd(broken):
    broken.manifest["layers"][1]["mediaType"] += "+zstd"
    broken.save()


@case("layers[1]", "cannot be read as application/vnd.oci.image.layer.v1.tar+gzip")
def layer_that_is_not_gzip(broken):
    broken.manifest["layers"][1]["mediaType"] += "+gzip"
    broken.save()


@case("rootfs.diff_ids: got 6 diff IDs, want 7")
def missing_diff_id(broken):
    broken.config["rootfs"]["diff_ids"].pop()
    broken.save()


@case("layers[0]", "diff ID: got sha256:", "want sha256:")
def swapped_diff_ids(broken):
    broken.config["rootfs"]["diff_ids"].reverse()
    broken.save()


@case("history: got 8 entries of layers, want 7")
def too_much_history(broken):
    broken.config["history"].append({"created_by": "modelkiln code: more"})
    broken.save()


@case("history: got none")
def no_history(broken):
    del broken.config["history"]
    broken.save()


@case("architecture: got None, want a name")
def no_architecture(broken):
    del broken.config["architecture"]
    broken.save()


@case("config.User: got 'model', want a numeric uid")
def user_with_a_name(broken):
    broken.config["config"]["User"] = "model"
    broken.save()


@case("config.User: got '0:0', want another user than root")
def user_root(broken):
    broken.config["config"]["User"] = "0:0"
    broken.save()


@case("config.Env: PATH is set twice")
def variable_set_twice(broken):
    broken.config["config"]["Env"].append("PATH=/tmp")
    broken.save()


@case("config.Labels: got ['x'], want an object")
def labels_as_list(broken):
    broken.config["config"]["Labels"] = ["x"]
    broken.save()


@case("config.Entrypoint: got 'python', want a list")
def entrypoint_as_text(broken):
    broken.config["config"]["Entrypoint"] = "python"
    broken.save()


@case("config.Entrypoint: /opt/venv/bin/python3.12 leads to nothing")
def missing_entrypoint(broken):
    broken.config["config"]["Entrypoint"] = ["/opt/venv/bin/python3.12"]
    broken.save()


@case("config.Entrypoint: /etc/passwd is sha256", "want an executable file")
def entrypoint_that_is_not_executable(broken):
    broken.config["config"]["Entrypoint"] = ["/etc/passwd"]
    broken.save()


@case("config.Entrypoint: /opt/venv/bin/python leads to nothing")
def interpreter_missing_in_the_base(broken):
    broken.rewrite_layer("base", lambda member, data: _rename(member, data, "python3.11", "python3.9"))


def _rename(member, data, old, new):
    member.name = member.name.replace(old, new)
    return data


@case("models/digits.bin: got modification time 1700000000, want 0")
def modification_time(broken):
    def change(member, data):
        member.mtime = 1700000000 if member.isreg() else 0
        return data

    broken.rewrite_layer("weights", change)


@case("models/digits.bin: got owner 1000:0 (user:), want 0:0")
def owner(broken):
    def change(member, data):
        member.uid, member.uname = (1000, "user") if member.isreg() else (0, "")
        return data

    broken.rewrite_layer("weights", change)


@case("models/digits.bin: got mode 4755, want 0644 or 0755")
def set_user_id(broken):
    def change(member, data):
        member.mode = 0o4755 if member.isreg() else member.mode
        return data

    broken.rewrite_layer("weights", change)


@case("models/a: comes after models/digits.bin, want entries sorted")
def unsorted_entries(broken):
    broken.rewrite_layer("weights", same, [("models/a", {}, b"")])


@case("models/digits.bin: is in the archive twice")
def entry_given_twice(broken):
    broken.rewrite_layer("weights", same, [("models/digits.bin", {}, b"other")])


@case("../../etc/cron.d/x: the path leads out of the layer")
def path_that_leaves_the_layer(broken):
    broken.rewrite_layer("weights", same, [("../../etc/cron.d/x", {}, b"x")])


@case("/etc/shadow: the path leads out of the layer")
def absolute_path(broken):
    broken.rewrite_layer("weights", same, [("/etc/shadow", {}, b"x")])


@case("models/x: link to '../../etc' leaves the root")
def link_that_leaves_the_root(broken):
    broken.rewrite_layer("weights", same, [("models/x", {"type": tarfile.SYMTYPE, "linkname": "../../etc"}, b"")])


@case("models/x: got entry type b'1'")
def hard_link(broken):
    fields = {"type": tarfile.LNKTYPE, "linkname": "models/digits.bin"}
    broken.rewrite_layer("weights", same, [("models/x", fields, b"")])


@case("models/null: is a device or a pipe")
def device(broken):
    broken.rewrite_layer("weights", same, [("models/null", {"type": tarfile.CHRTYPE, "devmajor": 1}, b"")])


@case("models/.wh.digits.bin: is a whiteout")
def whiteout(broken):
    broken.rewrite_layer("weights", same, [("models/.wh.digits.bin", {}, b"")])


@case("has bytes up to offset", "after the archive's end")
def bytes_after_the_end(broken):
    broken.replace_layer("weights", broken.layer("weights")[1] + b"hidden" * 100)


@case("want", "two blocks of zeros at its end")
def no_end_of_archive(broken):
    broken.replace_layer("weights", broken.layer("weights")[1][:-1024])


@case("etc/passwd: sha256", "want one content for one path", "(code: code)")
def two_layers_write_one_path(broken):
    folder = ("etc", {"type": tarfile.DIRTYPE, "mode": 0o755}, b"")
    broken.rewrite_layer("code", same, [folder, ("etc/passwd", {}, b"x")])


@case("bin: a directory", "a link to 'usr/bin'")
def directory_over_a_link(broken):
    broken.rewrite_layer("code", same, [("bin", {"type": tarfile.DIRTYPE, "mode": 0o755}, b""), ("bin/sh", {}, b"x")])


@case("/models/digits.bin: got sha256", "of the record")
def other_weights(broken):
    broken.rewrite_layer("weights", lambda member, data: data[:-1] + b"!" if data else data)


@case("/app/models/digits/predict.py: got sha256", "of the record")
def other_code(broken):
    broken.rewrite_layer("code", lambda member, data: data + b"import os\n" if "predict" in member.name else data)


@case("/app/sitecustomize.py: is not in the record")
def code_that_is_not_in_the_record(broken):
    broken.rewrite_layer("code", same, [("app/sitecustomize.py", {}, b"x")])


@case("/app/__pycache__/sitecustomize.cpython-311.pyc: is not in the record")
def byte_code_without_a_source(broken):
    broken.rewrite_layer("code", same, [("app/__pycache__/sitecustomize.cpython-311.pyc", {}, b"x")])


@case("/app/.modelkiln/record.json: package_digest: got sha256:")
def changed_record(broken):
    broken.rewrite_layer("record", lambda member, data: data.replace(b'"1.2.0"', b'"1.2.1"'))


@case("/app/.modelkiln/record.json: is not a record")
def broken_record(broken):
    broken.rewrite_layer("record", lambda member, data: b"[]" if data else data)


@case("modelkiln.package.digest: got sha256:00, want sha256:")
def other_label(broken):
    broken.config["config"]["Labels"]["modelkiln.package.digest"] = "sha256:00"
    broken.save()


@case("blobs/sha256/" + "0" * 64, "nothing refers to it")
def stale_blob(broken):
    (broken.path / "blobs/sha256" / ("0" * 64)).write_bytes(b"old")


@case("payload.sh: is not a part of an OCI layout")
def unknown_file(broken):
    (broken.path / "payload.sh").write_text("rm -rf /")


@case("blob sha256:", "is missing, want it in the layout")
def dangling_link(broken):
    number, _ = broken.layer("weights")
    blob = broken.blob(broken.manifest["layers"][number]["digest"])
    blob.unlink()
    os.symlink("../../../.blobs/sha256/" + blob.name, blob)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_broken_layout_is_caught(name, tmp_path):
    """One mutation of a valid layout gives an issue that names what is wrong."""
    mutate, expected = CASES[name]
    broken = Broken(tmp_path)
    assert validate_layout(broken.path, complete=True) == []
    mutate(broken)
    texts = [str(issue) for issue in validate_layout(broken.path, complete=True) if not issue.is_note]
    assert any(all(part in text for part in expected) for text in texts), texts
