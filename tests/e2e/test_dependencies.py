"""What inference code depends on: packages that exist as sdists alone, code of several source roots, files."""

import secrets
import zipfile
from pathlib import Path

import pytest
from monorepo import environment, files_of, named_caches, small_monorepo

from modelkiln.store.store import Store
from modelkiln.validation.layout import validate_layout

# docopt was released in 2014 as an sdist, and never as a wheel. `acme` lies in two source roots.
_SCRIPT = """\
from pathlib import Path

import docopt
import numpy
from acme.scale import scaled
from acme.shift import shifted


def predict(inputs, model):
    given = docopt.docopt("Usage: rain [--factor=F]", ["--factor=" + (model / "factor.txt").read_text()])
    # A `files` target lies where it lies in the repository, next to the code.
    zero = float((Path(__file__).parents[1] / "data/zero.txt").read_text())
    amount = inputs["clouds"].sum(axis=1) * numpy.float32(given["--factor"])
    return {"amount": numpy.float32(shifted(scaled(amount), zero))}
"""
_SCALE = """\
from importlib import resources

FACTOR = float(resources.files("acme").joinpath("factor.txt").read_text())


def scaled(value):
    return value * FACTOR
"""
_SHIFT = """\
def shifted(value, by):
    return value + by
"""


def monorepo(folder: Path, **settings):
    """Return a small monorepo with two more source roots, whose model needs docopt."""
    repo = small_monorepo(folder, **settings)
    repo.env["PANTS_SOURCE_ROOT_PATTERNS"] = '["/", "/libs/*"]'
    repo.write("locks/python.in", "numpy\ndocopt\n")
    repo.write("rain/forecast.py", _SCRIPT)
    repo.replace("rain/BUILD", 'name="code")', 'name="code", dependencies=["data"])')
    more = (
        '\nmodel_package(name="snow", entry_point="rain.forecast:predict", signature="signature.json", formats=["pex"])'
    )
    repo.write("rain/BUILD", repo.read("rain/BUILD") + more + "\n")
    repo.write("data/BUILD", 'files(sources=["*.txt"])\n')
    repo.write("data/zero.txt", "0")
    repo.write(
        "libs/one/acme/BUILD", 'resources(name="table", sources=["*.txt"])\npython_sources(dependencies=[":table"])\n'
    )
    repo.write("libs/one/acme/factor.txt", "1")
    repo.write("libs/one/acme/scale.py", _SCALE)
    repo.write("libs/two/acme/BUILD", "python_sources()\n")
    repo.write("libs/two/acme/shift.py", _SHIFT)
    return repo


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """Return the monorepo, locked and packaged."""
    repo = monorepo(tmp_path_factory.mktemp("dependencies") / "monorepo")
    output = repo.pants("lock", "locks").out.decode()
    assert "locks/python.txt: written" in output and "locks/python.build.txt: written" in output
    repo.pants("package", "rain:rain", "rain:snow")
    yield repo
    repo.stop()


def test_it_runs_in_every_format(repo):
    """Both source roots, resource, file and the package from an sdist are there."""
    assert 2 == repo.pants("test", "rain:smoke").log.count("✓")
    code = {file["path"] for file in repo.record("rain/rain")["code"]}
    assert {"acme/scale.py", "acme/shift.py", "acme/factor.txt", "data/zero.txt", "rain/forecast.py"} <= code
    # Another model shares all of it.
    assert repo.record("rain/rain")["code"] == repo.record("rain/snow")["code"]


def test_the_record_says_how_a_wheel_was_built(repo):
    """From which sdist and with what, all of it locked; the PEX holds the wheel."""
    assert "setuptools==" in repo.read("locks/python.build.txt")
    repo.pants("lock", "--check", "locks")
    wheel = next(one for one in repo.record("rain/rain")["requirements"] if one["name"] == "docopt")
    build = wheel["build"]
    assert ("docopt-0.6.2.tar.gz", "3.11") == (build["sdist"]["filename"], build["python"])
    assert build["sdist"]["sha256"] in repo.read("locks/python.txt")
    assert build["requirements"]
    assert all(one["sha256"] in repo.read("locks/python.build.txt") for one in build["requirements"])
    with zipfile.ZipFile(repo.dist / "rain/rain.pex") as pex:
        assert f".deps/{wheel['filename']}" in pex.namelist()


def test_another_checkout_builds_the_same(repo, tmp_path):
    """Another path, user, time zone and umask: the wheel is built anew, with the same bytes, and so is the PEX."""
    habits = {"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1000000000", "USER": "somebody"}
    other = monorepo(tmp_path / "deeper/elsewhere", env={**environment(), **habits}, umask=0o077)
    for name in ("python.txt", "python.build.txt"):
        other.write(f"locks/{name}", repo.read(f"locks/{name}"))
    # What nobody has built before: locks of another name, which builds are remembered by.
    locks = f"locks-{secrets.token_hex(8)}"
    (other.root / "locks").rename(other.root / locks)
    other.replace("pants.toml", '"locks/python.txt"', f'"{locks}/python.txt"')
    remembered = named_caches(other.env) / "modelkiln" / "built"
    before = len(list(remembered.iterdir()))
    try:
        other.pants("package", "rain:snow")
    finally:
        other.stop()
    assert before < len(list(remembered.iterdir()))
    names = ("rain/snow.pex", "rain/snow.package.json")
    assert [files_of(repo.dist)[name] for name in names] == [files_of(other.dist)[name] for name in names]


def test_what_the_host_provides_is_left_out_and_looked_for(repo, tmp_path):
    """It is in the lock and not in the package; a smoke test says what it lacks, or runs with the machine's own."""
    build = repo.read("rain/BUILD")
    repo.replace(
        "rain/BUILD",
        'version="0.1.0",',
        'version="0.1.0",\n    provided_requirements={"docopt<1": "A test."},\n'
        '    metadata={"requires": {"memory": "1 MB"}},',
    )
    log = repo.pants("--smoke-test-require", "test", "rain:smoke", code=77).log
    assert 2 == log.count("docopt<1 is a provided requirement, and is not installed. Install it into the base image")
    assert 2 == repo.pants("test", "rain:smoke").log.count("was not run: skipped: predict: rain 0.1.0: docopt<1 is")
    provided = tmp_path / "provided/docopt-0.9.dist-info"
    provided.mkdir(parents=True)
    (provided / "METADATA").write_text("Metadata-Version: 2.1\nName: docopt\nVersion: 0.9\n")
    (provided.parent / "docopt.py").write_text("def docopt(usage, argv): return {'--factor': argv[0].split('=')[1]}\n")
    log = repo.pants("--smoke-test-require", f"--smoke-test-provided={provided.parent}", "test", "rain:smoke").log
    assert 2 == log.count("✓")
    repo.pants("package", "rain:rain")
    record = repo.record("rain/rain")
    assert ["numpy"] == [wheel["name"] for wheel in record["requirements"]]
    assert [] == validate_layout(repo.dist / "rain/rain.oci", Store(named_caches(repo.env) / "modelkiln"), record)
    assert [{"name": "docopt", "specifier": "<1", "modules": ["docopt"], "reason": "A test."}] == record["provided"]
    repo.replace("rain/BUILD", '"docopt<1"', '"docopt>1"')
    log = repo.pants("package", "rain:rain", code=1).log
    assert "rain:rain: the lock locks/python.txt has docopt 0.6.2, and `provided_requirements` says docopt>1." in log
    repo.write("rain/BUILD", build)


def test_what_cannot_be_is_reported(repo):
    """Two files for one place, and build requirements that are not locked, or for others alone."""
    repo.write("libs/one/acme/__init__.py", "ONE = 1\n")
    repo.write("libs/two/acme/__init__.py", "TWO = 2\n")
    log = repo.pants("package", "rain:snow", code=1).log
    assert "rain:snow: libs/one/acme/__init__.py and libs/two/acme/__init__.py both become acme/__init__.py" in log
    for root in ("one", "two"):
        (repo.root / f"libs/{root}/acme/__init__.py").unlink()
    build_lock = repo.read("locks/python.build.txt")
    repo.write("locks/python.build.txt", f"[other]\n{build_lock}")
    log = repo.pants("package", "rain:snow", code=1).log
    assert "locks/python.build.txt: records what other can be built with, and lacks docopt" in log
    # Where others want what excludes it, each has a part of its own.
    other = "setuptools==1 --hash=sha256:" + "0" * 64
    repo.write("locks/python.build.txt", f"[docopt]\n{build_lock}\n[other]\n{other}\n")
    repo.pants("package", "rain:snow")
    (repo.root / "locks/python.build.txt").unlink()
    log = repo.pants("package", "rain:snow", code=1).log
    assert "docopt 0.6.2 has no wheel in the lock locks/python.txt" in log
    assert "locks/python.build.txt has to say with what. Write it with pants lock locks:locks" in log
