"""`verify`: a package's files against its record."""

import base64
import hashlib

import pytest


@pytest.fixture
def package(make_package):
    """A package with one distribution."""
    package = make_package(requirements=[{"name": "Some.Thing", "version": "1.0"}])
    module, metadata = b"x = 1\n", b"Metadata-Version: 2.1\nName: some-thing\nVersion: 1.0\n"
    folder = package.root / "some_thing-1.0.dist-info"
    folder.mkdir()
    (package.root / "some_thing.py").write_bytes(module)
    (folder / "METADATA").write_bytes(metadata)
    hashed = base64.urlsafe_b64encode(hashlib.sha256(module).digest()).rstrip(b"=").decode()
    rows = [f"some_thing.py,sha256={hashed},{len(module)}", "some_thing-1.0.dist-info/RECORD,,"]
    (folder / "RECORD").write_text("\n".join(rows) + "\n")
    return package


def test_an_untouched_package_is_verified(package):
    """One line reports what was read."""
    expected = b"verified sums 1.2.0: 1 model artifact file, 1 code file, 1 distribution (1 file)\n"
    assert expected == package.run("verify", check=0).stdout


def test_every_mismatch_is_reported(package):
    """Changed, shortened and missing files are reported together, with the exit code 1."""
    (package.root / ".modelkiln/models/weight.txt").write_text("3")
    (package.root / "models/sums/predict.py").unlink()
    (package.root / "some_thing.py").write_text("x = 2\n")
    lines = package.run("verify", check=1).stderr.decode().splitlines()
    assert 4 == len(lines)
    assert "weight.txt: model artifact has sha256" in lines[0]
    assert "predict.py: code: No such file or directory." in lines[1]
    assert "some_thing.py: Some.Thing has sha256" in lines[2]
    assert "3 mismatches" in lines[3]


def test_a_model_of_another_size_is_reported_by_its_size(package):
    """A size is compared first: it takes no reading."""
    (package.root / ".modelkiln/models/weight.txt").write_text("22")
    assert b"model artifact has 2 bytes, want 1." in package.run("verify", check=1).stderr


def test_another_version_is_reported(package):
    """A distribution's version is that of the record."""
    path = package.root / "some_thing-1.0.dist-info/METADATA"
    path.write_text(path.read_text().replace("1.0", "1.1"))
    assert b"Some.Thing: version 1.1, want 1.0." in package.run("verify", check=1).stderr


def test_a_missing_distribution_is_reported(make_package):
    """What the record requires must be installed."""
    package = make_package(requirements=[{"name": "absent", "version": "1.0"}])
    assert b"absent: not installed, want 1.0." in package.run("verify", check=1).stderr
