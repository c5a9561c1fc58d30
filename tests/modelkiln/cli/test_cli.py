"""The commands over layouts, as people run them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from components import require
from readers import podman_clean, podman_env, run
from samples.random_image import blob_file, make_image
from schemas import schema_problems

import modelkiln
from modelkiln.cli.main import main
from modelkiln.store.store import Store
from modelkiln.validation.layout import validate_layout


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    """Keep the store of the person who runs the tests out of them."""
    monkeypatch.setenv("MODELKILN_STORE", str(tmp_path / "store"))


@pytest.fixture
def made(tmp_path):
    return make_image(tmp_path / "digits.oci", store=Store(tmp_path / "store"))


def test_inspect_prints_a_table(made, capsys):
    """People see name, digests, platform, command and every layer with its place."""
    assert main(["inspect", str(made.path)]) == 0
    text = capsys.readouterr().out
    for part in (
        "name     digits 1.2.0",
        f"digest   {made.image.manifest_descriptor.digest}",
        f"package  {made.record['package_digest']}",
        "platform linux/amd64",
        "runs     /opt/venv/bin/python -m modelkiln.runtime",
        "store   weights: digits.bin",
        "here    wheels: numpy 2.4.6",
        "  org.opencontainers.image.licenses=Apache-2.0",
    ):
        assert part in text


def test_inspect_prints_json(made, capsys):
    """Programs get the same as JSON, with unpacked sizes from the record next to the layout."""
    layers = [layer.to_json() for layer in made.image.layers]
    made.path.with_name("digits.package.json").write_text(json.dumps({"layers": layers}))
    assert main(["inspect", "--json", str(made.path)]) == 0
    (image,) = found = json.loads(capsys.readouterr().out)
    assert [] == schema_problems("inspect", found)
    assert [layer["digest"] for layer in image["layers"]] == [one["descriptor"]["digest"] for one in layers]
    assert image["unpacked_size"] == sum(one["unpacked_size"] for one in layers)
    assert image["package_digest"] == made.record["package_digest"]
    assert [layer["where"] for layer in image["layers"]].count("store") == 1


def test_inspect_lists_what_files_are(made, capsys):
    """Format and code of each file of the model artifacts, as the record has them; unknown is said to be unknown."""
    files = [
        {"path": "m.keras", "sha256": "0" * 64, "size": 2000, "format": "zip", "code": ["keras-lambda:scale"]},
        {"path": "w.bin", "sha256": "1" * 64, "size": 3, "format": "unknown"},
    ]
    made.path.with_name("digits.package.json").write_text(json.dumps({"layers": [], "artifacts": files}))
    assert main(["inspect", str(made.path)]) == 0
    output = capsys.readouterr().out
    assert "    2.0 kB  zip         m.keras (code: keras-lambda:scale)\n" in output
    assert "  unknown     w.bin\n" in output
    assert main(["inspect", "--json", str(made.path)]) == 0
    assert files == json.loads(capsys.readouterr().out)[0]["files"]


def test_inspect_keeps_formats_and_files_apart(made, capsys):
    """Formats with long names, too."""
    file = {"path": "t.json", "sha256": "0" * 64, "size": 3, "format": "tokenizer-config"}
    made.path.with_name("digits.package.json").write_text(json.dumps({"layers": [], "artifacts": [file]}))
    assert main(["inspect", str(made.path)]) == 0
    output = capsys.readouterr().out
    assert "      size  format            file of the model artifacts\n" in output
    assert "       3 B  tokenizer-config  t.json\n" in output


def test_inspect_names_the_members_of_an_ensemble(made, capsys):
    """What steps call them, and which packages they are."""
    member = {
        "name": "scorer",
        "version": "1.0.0",
        "package_digest": "sha256:" + "a" * 64,
        "entry_point": "score:predict",
    }
    record = {"layers": [], "ensemble": {"members": {"score": member}, "steps": []}}
    made.path.with_name("digits.package.json").write_text(json.dumps(record))
    assert main(["inspect", str(made.path)]) == 0
    assert f"member   score: scorer 1.0.0 sha256:{'a' * 64}\n" in capsys.readouterr().out
    assert main(["inspect", "--json", str(made.path)]) == 0
    expected = {key: value for key, value in member.items() if key != "entry_point"}
    assert [{"member": "score", **expected}] == json.loads(capsys.readouterr().out)[0]["members"]


def test_validate_and_store_list_print_json(made, capsys, tmp_path):
    """In the forms that docs/schemas describes; exit codes are those of the texts."""
    (made.path / "more").write_text("x")
    assert main(["validate", "--json", str(made.path)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [] == schema_problems("validate", found)
    assert ["more"] == [one["where"].rpartition("/")[2] for one in found["issues"] if not one["note"]]
    assert main(["store", "list", "--json", "--store", str(tmp_path / "store")]) == 0
    blobs = json.loads(capsys.readouterr().out)
    assert [] == schema_problems("store-list", blobs) and 1 == len(blobs)


def test_validate_says_what_it_checked(made, capsys):
    """A right layout gives exit code 0."""
    assert main(["validate", str(made.path)]) == 0
    assert "0 issues, 0 notes. Checked: structure, digests" in capsys.readouterr().out


def test_validate_prints_every_issue(made, capsys):
    """A wrong layout gives exit code 1 and a line for each issue."""
    (made.path / "extra").touch()
    assert main(["validate", "--complete", str(made.path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any("want it in the layout" in line for line in lines)
    assert any(line.startswith("extra: ") for line in lines)
    assert "2 issues" in lines[-1]


def test_validate_compares_with_a_record(made, tmp_path, capsys):
    """--record names the record that the image's own must equal."""
    (tmp_path / "r.json").write_text(json.dumps({**made.record, "version": "9"}))
    assert main(["validate", str(made.path), "--record", str(tmp_path / "r.json")]) == 1
    assert 'want "9"' in capsys.readouterr().out


def test_export_completes_from_the_store(made, tmp_path, capsys):
    """What the layout lacks comes from the store."""
    assert main(["export", str(made.path), str(tmp_path / "out.oci"), "--format", "oci-layout"]) == 0
    assert validate_layout(tmp_path / "out.oci", complete=True) == []
    assert made.image.manifest_descriptor.digest in capsys.readouterr().err


def test_export_reports_what_is_missing(made, tmp_path, capsys):
    """Without the blob, the message names it and the options that help; no file is left."""
    assert main(["export", str(made.path), str(tmp_path / "x.tar"), "--store", str(made.path)]) == 1
    error = capsys.readouterr().err
    assert made.image.layers[1].descriptor.digest in error
    assert "--store" in error and "--record" in error
    assert not (tmp_path / "x.tar").exists()


def test_export_names_a_docker_archive_by_its_labels(made, tmp_path, capsys):
    """A docker-archive is called by the target's name and version; a name that no engine takes is refused."""
    output = str(tmp_path / "x.tar")
    assert main(["export", str(made.path), output, "--format", "docker-archive"]) == 0
    assert b'"RepoTags":["digits:1.2.0"]' in Path(output).read_bytes()
    assert main(["export", str(made.path), output, "--format", "docker-archive", "--name", "Bad Name"]) == 1
    assert "--name NAME:TAG" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["inspect", "validate", "export", "load"])
def test_a_folder_that_is_no_layout_is_refused(command, tmp_path, capsys):
    """No command ends in a traceback."""
    output = [str(tmp_path / "x")] if command == "export" else []
    assert main([command, str(tmp_path / "nothing"), *output]) == 1
    assert str(tmp_path / "nothing") in capsys.readouterr().err


def test_the_default_store_is_that_of_pants(monkeypatch, tmp_path):
    """Pants' named caches follow XDG_CACHE_HOME."""
    import argparse

    from modelkiln.cli.options import store_of

    monkeypatch.delenv("MODELKILN_STORE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    expected = tmp_path / "pants" / "named_caches" / "modelkiln"
    assert store_of(argparse.Namespace(store=None)).root == expected
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/x")
    assert store_of(argparse.Namespace(store=None)).root == Path("/home/x/.cache/pants/named_caches/modelkiln")


def test_load_reports_what_was_tried(made, tmp_path):
    """Without a usable engine, each one's reason is reported: not installed, or no daemon."""
    (tmp_path / "bin").mkdir()
    docker = tmp_path / "bin" / "docker"
    docker.write_text("#!/bin/sh\necho 'Cannot connect to the daemon' >&2\nexit 1\n")
    docker.chmod(0o755)
    result = subprocess.run(
        [sys.executable, "-m", "modelkiln", "load", str(made.path)],
        env={"PATH": str(tmp_path / "bin"), "PYTHONPATH": str(Path(modelkiln.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "podman: not installed" in result.stderr
    assert "docker: cannot be used (Cannot connect to the daemon)" in result.stderr
    assert "modelkiln export" in result.stderr


def test_load_puts_the_image_into_podman(made, tmp_path, monkeypatch, capsys):
    """`load` completes the image from the store and names it by its labels."""
    podman = require("podman")
    env = podman_env(tmp_path / "podman")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    try:
        assert main(["load", str(made.path), "--into", "podman"]) == 0
        assert "localhost/digits:1.2.0: loaded into podman" in capsys.readouterr().out
        image_id = run([podman, "image", "inspect", "--format", "{{.Id}}", "localhost/digits:1.2.0"])
        assert "sha256:" + image_id.decode().strip() == made.image.config_descriptor.digest
        names = run([podman, "images", "--format", "{{.Repository}}:{{.Tag}}"])
        assert ["localhost/digits:1.2.0"] == names.decode().split()
    finally:
        podman_clean(env)


def test_load_reads_no_layer_that_podman_has(made, tmp_path, monkeypatch, capsys):
    """It need not be on this machine; for a podman that lacks it the error names it.

    The folder for temporary files has a name that no image may have, as one in eight of `tempfile`'s has.
    """
    podman = require("podman")
    env = podman_env(tmp_path / "podman")
    (tmp_path / "Ada_").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "Ada_"))
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    arguments = ["load", str(made.path), "--into", "podman", "--store", str(tmp_path / "empty")]
    (tmp_path / "empty").mkdir()
    digest = made.image.layers[0].descriptor.digest
    try:
        assert main(["load", str(made.path), "--into", "podman"]) == 0
        blob_file(made.path, digest).unlink(missing_ok=True)
        assert main([*arguments, "--name", "other:1"]) == 0
        assert "localhost/other:1: loaded into podman" in capsys.readouterr().out
        run([podman, "rmi", "--all", "--force"])
        assert main(arguments) == 1
        assert digest in capsys.readouterr().err
    finally:
        podman_clean(env)


def test_load_of_a_damaged_layer_is_refused(made, tmp_path, monkeypatch, capsys):
    """podman refuses it, and the error of the archive that is tried then names the blob."""
    require("podman")
    env = podman_env(tmp_path / "podman")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    digest = made.image.layers[0].descriptor.digest
    blob = blob_file(made.path, digest)
    data = blob.read_bytes()
    blob.chmod(0o644)
    blob.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    try:
        assert main(["load", str(made.path), "--into", "podman"]) == 1
        assert digest.partition(":")[2] in capsys.readouterr().err
    finally:
        podman_clean(env)


def test_a_linked_layout_is_exported_whole(made, tmp_path):
    """Links into a shared folder become files, so that the export can leave this machine."""
    digest = made.image.layers[0].descriptor.digest
    blob = blob_file(made.path, digest)
    (tmp_path / "pool").mkdir()
    blob.rename(tmp_path / "pool" / blob.name)
    os.symlink(os.path.relpath(tmp_path / "pool" / blob.name, blob.parent), blob)
    assert main(["export", str(made.path), str(tmp_path / "out.oci"), "--format", "oci-layout"]) == 0
    assert not blob_file(tmp_path / "out.oci", digest).is_symlink()


def test_without_a_command_all_are_listed(capsys):
    """The name alone shows what there is."""
    assert 2 == main([])
    errors = capsys.readouterr().err
    assert all(f"    {name} " in errors for name in ("inspect", "publish", "store"))


def test_what_a_step_refuses_is_said_without_its_name(tmp_path, capsys):
    """A user of `pants package` never typed it."""
    (tmp_path / "lock.txt").write_text("demo==1\n")
    options = [f"--lock={tmp_path}/lock.txt", "--name=cpu.txt", "--python=3.11", "--platform=linux/amd64"]
    options += ["--glibc=2.36", f"--store={tmp_path}/store", f"--output={tmp_path}/resolved.json"]
    assert 1 == main(["build", "resolve", *options])
    assert capsys.readouterr().err.startswith("cpu.txt: 'demo==1' has no good --hash=sha256")


def test_a_place_that_cannot_be_written_is_reported(made, capsys):
    """The system's reason and the path, and no traceback."""
    assert 1 == main(["export", str(made.path), "/proc/x.tar"])
    wanted = "modelkiln export: /proc/x.tar: cannot be written: No such file or directory. Make its folder writable"
    assert wanted in capsys.readouterr().err
