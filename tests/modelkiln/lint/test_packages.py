"""Packages as they lie on a disk: ours, and images of others."""

import gzip
import hashlib
import io
import json
import tarfile
import zipfile

import pytest

from modelkiln.cli.linting import lint as command
from modelkiln.cli.main import main
from modelkiln.errors import ModelkilnError
from modelkiln.lint.linter import lint
from modelkiln.lint.packages.read import read_package
from modelkiln.store.store import Store

_BAD = b'def predict(inputs, model):\n    return open("/data/weights.json").read()\n'
_METADATA = b"Metadata-Version: 2.1\nName: Some_Thing\nVersion: 1.5\nRequires-Dist: numpy>=1\n"
_DIGEST = "sha256:" + "0" * 64
_RECORD = {"package_digest": _DIGEST, "entry_point": "rain.forecast:predict", "artifacts": [], "requirements": []}


def tar_of(files):
    """Return a tar of files, as {path: bytes}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def layout_of(folder, layers, **settings):
    """Write an OCI layout with one image whose layers are (media type's ending, bytes); returns its folder."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    prefix = "application/vnd.oci.image"
    described = [put(data, f"{prefix}.layer.v1.{ending}") for ending, data in layers]
    config = {"os": "linux", "architecture": "amd64", "config": settings}
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{prefix}.manifest.v1+json",
        "config": put(json.dumps(config).encode(), f"{prefix}.config.v1+json"),
        "layers": described,
    }
    entry = put(json.dumps(manifest).encode(), manifest["mediaType"])
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder


def subject_of(path, tmp_path):
    """Return the one subject in a package."""
    (subject,) = read_package(path, Store(tmp_path / "store"))
    return subject


def test_an_image_of_others(tmp_path):
    """Code is what lies below the working directory and was not installed; files of models lie anywhere."""
    base = {
        "usr/lib/python3.11/os.py": _BAD,
        "srv/old.py": _BAD,
        "srv/site-packages/some_thing-1.5.dist-info/METADATA": _METADATA,
        "srv/site-packages/some_thing-1.5.dist-info/RECORD": b"some_thing/__init__.py,,\nother.py,,\n",
    }
    top = {"srv/app.py": _BAD, "srv/.wh.old.py": b"", "srv/w.onnx": b"1234"}
    layers = [("tar+gzip", gzip.compress(tar_of(base))), ("tar", tar_of(top))]
    subject = subject_of(layout_of(tmp_path / "x.oci", layers, WorkingDir="/srv"), tmp_path)
    assert [("app.py", "srv/app.py")] == [(one.path, one.origin) for one in subject.sources]
    assert [("some-thing", "1.5", ("numpy>=1",), ("other", "some_thing"))] == [
        (one.name, one.version, one.requires, one.modules) for one in subject.distributions
    ]
    ((path, content),) = ((one.path, one.open().read()) for one in subject.artifacts)
    assert ("srv/w.onnx", b"1234") == (path, content)
    assert [("MK101", "srv/app.py", 2)] == [(one.rule, one.path, one.line) for one in lint(subject)]


def test_a_wheel_of_ours(tmp_path):
    """The record says where code lies; the runtime is not the user's."""
    path = tmp_path / "rain.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rain_model/_code/.modelkiln/record.json", json.dumps(_RECORD))
        archive.writestr("rain_model/_code/.modelkiln/models/w.bin", "12")
        archive.writestr("rain_model/_code/rain/forecast.py", _BAD)
        archive.writestr("rain_model/_code/modelkiln/runtime/cli.py", _BAD)
        archive.writestr("rain-1.dist-info/METADATA", _METADATA)
    subject = subject_of(path, tmp_path)
    assert ("rain/forecast.py", "rain.forecast:predict") == (subject.sources[0].path, subject.entry_point)
    assert ["rain/forecast.py"] == [one.path for one in subject.sources]
    assert [("w.bin", 2)] == [(one.path, one.size) for one in subject.artifacts]


@pytest.mark.parametrize("name", ["nothing", "folder", "text"])
def test_what_is_not_a_package_is_refused(tmp_path, name):
    """With what could be given."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("x")
    with pytest.raises(ModelkilnError, match=rf"{name}: .*"):
        read_package(tmp_path / name, Store(tmp_path / "store"))


def test_a_damaged_layer_is_refused(tmp_path):
    """By its digest."""
    data = gzip.compress(tar_of({"app.py": _BAD}))
    layout = layout_of(tmp_path / "x.oci", [("tar+gzip", data[:-20])])
    with pytest.raises(ModelkilnError, match=r"layer sha256:\w+: damaged"):
        read_package(layout, Store(tmp_path / "store"))


@pytest.fixture
def layout(tmp_path):
    """A layout with an image that has one error and one warning."""
    files = {"app/app.py": _BAD, "app/broken.py": b"def f(:\n"}
    return layout_of(tmp_path / "x.oci", [("tar", tar_of(files))], WorkingDir="/app")


@pytest.mark.parametrize(
    ("options", "code"),
    [([], 1), (["--ignore=paths"], 0), (["--ignore=MK1", "--warnings-as-errors"], 1), (["--select=MK2"], 0)],
)
def test_errors_fail_and_warnings_do_not(layout, tmp_path, capsys, options, code):
    """Unless that is asked for."""
    assert code == main(["lint", str(layout), f"--store={_store(tmp_path)}", *options])
    assert str(layout) in capsys.readouterr().out


def _store(tmp_path):
    (tmp_path / "blobs").mkdir(exist_ok=True)
    return tmp_path / "blobs"


def test_findings_are_printed_for_programs(layout, tmp_path, capsys):
    """As JSON by package, and as SARIF."""
    main(["lint", str(layout), f"--store={_store(tmp_path)}", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert ["MK101", "MK001"] == [one["rule"] for one in found[str(layout)]]
    main(["lint", str(layout), f"--store={_store(tmp_path)}", "--sarif"])
    assert 2 == len(json.loads(capsys.readouterr().out)["runs"][0]["results"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "no package is named"),
        (["--explain", "MK999"], "lint rule 'MK999': does not exist"),
        (["x", "--select=path"], "'path' is neither a rule"),
    ],
)
def test_wrong_arguments_are_refused(capsys, argv, message):
    """In a sentence."""
    assert 1 == main(["lint", *argv])
    assert message in capsys.readouterr().err


def test_rules_are_explained(capsys):
    """One by its id, and all in a list."""
    assert 0 == main(["lint", "--explain", "MK101"])
    assert "absolute-path" in capsys.readouterr().out
    assert 0 == main(["lint", "--list"])
    assert command.all_rules().keys() == {line.split()[0] for line in capsys.readouterr().out.splitlines()}
