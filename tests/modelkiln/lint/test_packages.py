"""Packages as they lie on a disk: ours, and images of others."""

import gzip
import hashlib
import io
import json
import tarfile
import zipfile

import pytest
from schemas import schema_problems

from modelkiln.cli.linting import lint as command
from modelkiln.cli.main import main
from modelkiln.errors import ModelkilnError
from modelkiln.lint.linter import lint
from modelkiln.lint.packages import read
from modelkiln.lint.packages.files import PackageFile
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


def test_an_ensemble_has_the_wheels_of_all_its_environments(tmp_path):
    """A debugger in that of one member is as much in the package as one in its own."""
    listed = {"opt/venvs/old": {"requirements": [{"name": "ipdb", "version": "0.13"}]}}
    own = [{"name": "numpy", "version": "2.4.6"}]
    record = {**_RECORD, "requirements": own, "ensemble": {"members": {}, "environments": listed}}
    content = tar_of({"app/.modelkiln/record.json": json.dumps(record).encode()})
    subject = subject_of(layout_of(tmp_path / "x.oci", [("tar", content)], WorkingDir="/app"), tmp_path)
    assert [("ipdb", "0.13"), ("numpy", "2.4.6")] == [(one.name, one.version) for one in subject.distributions]
    assert any("ipdb" in one.message for one in lint(subject))


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
    assert [] == schema_problems("findings", found)
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


class Counting(io.BytesIO):
    """Zeros without an end, that count how many were read."""

    def read(self, size=-1):
        """Return what is asked for, and never all."""
        assert size >= 0
        self.seek(self.tell() + size)
        return b"0" * size


@pytest.mark.parametrize("size", [1 << 40, 10])
def test_no_more_of_a_file_is_read_than_is_asked_for(size):
    """Whatever it says of its size."""
    stream = Counting()
    assert 100 == len(PackageFile("a.py", size, lambda: stream).read(100))


def test_a_bomb_is_reported_and_not_read(tmp_path):
    """Code of many megabytes in a small wheel: it was not looked at, and that is a finding."""
    path = tmp_path / "bomb.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/__init__.py", b"#" * (8 << 20))
        archive.writestr("bomb/small.py", _BAD)
    subject = subject_of(path, tmp_path)
    assert [2 << 20, len(_BAD)] == [len(one.content) for one in subject.sources]
    assert [("MK001", "bomb/__init__.py"), ("MK101", "bomb/small.py")] == [
        (one.rule, one.path) for one in lint(subject)
    ]


def test_many_files_are_read_up_to_a_sum(tmp_path, monkeypatch):
    """A thousand files below the limit of one are a bomb as well."""
    monkeypatch.setattr(read, "_MOST", 150)
    path = tmp_path / "bomb.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in "abc":
            archive.writestr(f"{name}.py", "#" * 100)
    assert ["MK001", "MK001"] == [one.rule for one in lint(subject_of(path, tmp_path))]


def test_a_damaged_member_is_refused(tmp_path):
    """By its name, in a sentence."""
    path = tmp_path / "broken.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.py", "import os\n")
    path.write_bytes(path.read_bytes().replace(b"import os", b"import oz", 1))
    with pytest.raises(ModelkilnError, match=r"a\.py: damaged: .*CRC"):
        read_package(path, Store(tmp_path / "store"))


# In two parts, so that no scanner takes this file for one that has them.
_KEY = b"-----BEGIN RSA PRIVATE" + b" KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n"
_TOKEN = b"TOKEN=ghp_" + b"0123456789abcdefghijABCDEFGHIJ456789\n"
_SECRETS = {"rain/rsa.pem": _KEY, "rain/keys/a.key": _KEY, "rain/deploy": _KEY, "rain/.env": _TOKEN}
_FOUND = {
    ("MK602", "rain/rsa.pem"),
    ("MK602", "rain/keys/a.key"),
    ("MK602", "rain/deploy"),
    ("MK605", "rain/.env"),
    ("MK601", "rain/.env"),
}


def test_keys_in_a_wheel_of_others(tmp_path):
    """Whatever their files are called."""
    path = tmp_path / "rain.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rain/__init__.py", b"")
        for name, data in _SECRETS.items():
            archive.writestr(name, data)
    assert _FOUND == {(one.rule, one.path) for one in lint(subject_of(path, tmp_path))}


@pytest.mark.parametrize("folder", ["/", "/rain", "/app"])
def test_keys_in_an_image_of_others(tmp_path, folder):
    """Below its working directory, and beside it."""
    layout = layout_of(tmp_path / "x.oci", [("tar", tar_of({"app/app.py": b"", **_SECRETS}))], WorkingDir=folder)
    assert _FOUND == {(one.rule, one.path) for one in lint(subject_of(layout, tmp_path))}


def test_keys_in_a_package_of_ours(tmp_path):
    """Beside its code."""
    path = tmp_path / "rain.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rain_model/.modelkiln/record.json", json.dumps(_RECORD))
        for name, data in _SECRETS.items():
            archive.writestr(f"rain_model/{name}", data)
    found = {(one.rule, one.path) for one in lint(subject_of(path, tmp_path)) if one.rule.startswith("MK6")}
    assert {(rule, f"rain_model/{path}") for rule, path in _FOUND} == found


def test_requirements_in_an_image_of_others(tmp_path):
    """What it was installed from is held to what a lock is held to; what it was developed with is not."""
    files = {
        "app/requirements.txt": b"numpy\n",
        "app/requirements/prod.txt": b"scipy>=1\n",
        "app/requirements-dev.txt": b"pytest\n",
        "app/docs/requirements.txt": b"sphinx\n",
    }
    layout = layout_of(tmp_path / "x.oci", [("tar", tar_of(files))], WorkingDir="/app")
    found = [(one.rule, one.path, one.line) for one in lint(subject_of(layout, tmp_path))]
    assert [("MK312", "app/requirements.txt", 1), ("MK312", "app/requirements/prod.txt", 1)] == found
