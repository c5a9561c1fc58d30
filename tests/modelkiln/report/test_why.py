"""`modelkiln why`: chains of reasons in a package that the engine's packers made."""

import json
import zipfile

import pytest
from samples.packages.described import CODE, OTHER, Described, two_environments
from schemas import schema_problems

from modelkiln.cli.main import main
from modelkiln.conventions import RECORD_PATH


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A package of which the wheels are in the store."""
    return Described(tmp_path_factory.mktemp("package"))


def _why(capsys, package, name, path=None):
    assert 0 == main(["why", str(path or package.layout), name, "--json", "--store", str(package.store.root)])
    found = json.loads(capsys.readouterr().out)
    assert [] == schema_problems("why", found)
    return found


def test_a_wheel_is_explained_from_the_entry_point_on(package, capsys):
    """The inference script imports a wheel, and that requires another one."""
    found = _why(capsys, package, "TinyLib")
    assert [
        "the entry point rain.forecast:predict",
        "the inference script",
        "rain/forecast.py:3 imports cloudlib",
        "cloudlib 1.4 requires tinylib>=1",
    ] == found["chain"]
    reasons = [(one["reason"], one["optional"]) for one in found["needed_by"]]
    assert [("cloudlib 1.4 requires tinylib>=1", False), ("gpulib 3.0 requires tinylib", False)] == reasons


def test_what_only_a_wheel_needs_goes_with_it(package, capsys):
    """Leaving out cloudlib saves what nothing else requires."""
    found = _why(capsys, package, "cloudlib")
    assert ["cloudlib 1.4", "tinylib 1.0", "gpulib 3.0"] == found["without"]["items"]
    sizes = {one["name"]: one for one in package.record["requirements"]}
    gone = [sizes[name] for name in ("cloudlib", "tinylib", "gpulib")]
    assert (sum(one["size"] for one in gone), sum(one["unpacked_size"] for one in gone)) == (
        found["without"]["size"],
        found["without"]["unpacked_size"],
    )


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("gpulib", 'cloudlib 1.4 requires gpulib; extra == "gpu"'),
        ("fastmath", "rain/scale.py:2 imports fastmath"),
        ("app/rain/scale.py", "rain/forecast.py:5 imports rain.scale"),
        ("/opt/venv/lib/python3.11/site-packages/cloudlib/part.py", "cloudlib 1.4 contains cloudlib/part.py"),
        ("modelkiln/runtime/__main__.py", "modelkiln/runtime/__main__.py, which starts the package"),
        ("libbase6", "libdemo1 depends on libbase6 (>= 2)"),
        ("libreal", "libdemo1 depends on libvirtual | libother"),
        ("/usr/lib/libbase6.so", "libbase6 2.0 contains /usr/lib/libbase6.so"),
        ("models/rain.bin", "a model artifact of the package: the field `artifacts` names its target"),
    ],
)
def test_everything_in_a_package_has_a_reason(name, last, package, capsys):
    """Extras, imports that may fail, code, files of wheels, Debian packages by name and by what they provide."""
    found = _why(capsys, package, name)
    assert last == found["chain"][-1]
    # Which packages a base's list names no record has: those that no other one needs.
    assert ("lib/lib" in name or name.startswith("lib")) == found["unexplained"]


@pytest.mark.parametrize("name", ["plugin", "rain/unused.py"])
def test_what_nothing_needs_is_said_to_be(name, package, capsys):
    """A dependency that a target names alone: the first candidate for leaving out."""
    found = _why(capsys, package, name)
    assert found["unexplained"] and 1 == len(found["chain"])
    assert "it is a dependency of the target" in found["chain"][0]


def test_wheels_are_read_from_layers_where_the_store_lacks_them(tmp_path, capsys):
    """As after `store gc`, or on another machine."""
    package = Described(tmp_path, has_wheels=False)
    assert "cloudlib 1.4 requires tinylib>=1" == _why(capsys, package, "tinylib")["chain"][-1]
    assert "cloudlib 1.4 contains cloudlib/part.py" == _why(capsys, package, "cloudlib/part.py")["chain"][-1]


def test_a_pex_has_code_and_wheels_in_it(tmp_path, package, capsys):
    """Nothing else is read."""
    path = tmp_path / "rain.pex"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(RECORD_PATH, json.dumps({**package.record, "layers": [], "formats": {}}))
        for name, data in CODE.items():
            archive.writestr(name, data)
        for wheel in package.record["requirements"]:
            archive.write(package.store.path(f"sha256:{wheel['sha256']}"), f".deps/{wheel['filename']}")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert 0 == main(["why", str(path), "tinylib", "--store", str(empty)])
    assert "        cloudlib 1.4 requires tinylib>=1\n" in capsys.readouterr().out


def test_a_packed_pex_has_them_in_a_folder(tmp_path, package, capsys):
    """Its wheels are links; the record of dist/ names the folder."""
    pex, record = tmp_path / "rain.pex", {**package.record, "layers": []}
    for name, data in {**CODE, RECORD_PATH: json.dumps({**record, "formats": {}}), "PEX-INFO": "{}"}.items():
        (pex / name).parent.mkdir(parents=True, exist_ok=True)
        (pex / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    (pex / ".deps").mkdir()
    for wheel in record["requirements"]:
        (pex / ".deps" / wheel["filename"]).symlink_to(package.store.path(f"sha256:{wheel['sha256']}"))
    beside = tmp_path / "rain.package.json"
    beside.write_text(json.dumps({**record, "formats": {"pex": {"path": "rain.pex"}}}))
    empty = tmp_path / "empty"
    empty.mkdir()
    for named in (pex, beside):
        assert 0 == main(["why", str(named), "tinylib", "--store", str(empty)])
        assert "        cloudlib 1.4 requires tinylib>=1\n" in capsys.readouterr().out


@pytest.fixture(scope="module", params=[True, False], ids=["store", "layers"])
def ensemble(request, tmp_path_factory):
    """An ensemble of two environments, whose wheels are in the store or in layers alone."""
    return two_environments(tmp_path_factory.mktemp("ensemble"), has_wheels=request.param)


def test_a_wheel_is_explained_in_each_environment_of_an_ensemble(ensemble, capsys):
    """By the code that runs there and the wheels that are there."""
    found = _why(capsys, ensemble, "tinylib")
    (elsewhere,) = found["elsewhere"]
    entry = "the entry point modelkiln.runtime.ensemble.script:Ensemble"
    assert ("1.0", "opt/venv", ["rain"]) == (found["version"], found["environment"], found["members"])
    assert [
        entry,
        'the inference script of member "rain"',
        "rain/forecast.py:3 imports cloudlib",
        "cloudlib 1.4 requires tinylib>=1",
    ] == found["chain"]
    assert ("0.1", OTHER, ["old"]) == (elsewhere["version"], elsewhere["environment"], elsewhere["members"])
    assert [
        entry,
        'the inference script of member "old"',
        ".modelkiln/members/old/predict.py:1 imports scale",
        ".modelkiln/members/old/scale.py:1 imports cloudlib",
        "cloudlib 0.9 requires tinylib>=1",
    ] == elsewhere["chain"]
    assert ["tinylib 0.1"] == elsewhere["without"]["items"]


def test_a_file_of_an_environment_is_explained_there(ensemble, capsys):
    """Where its path says which; a name alone is looked for in each."""
    for path, version in (("opt/venv", "1.4"), (OTHER, "0.9")):
        found = _why(capsys, ensemble, f"/{path}/lib/python3.11/site-packages/cloudlib/part.py")
        assert f"cloudlib {version} contains cloudlib/part.py" == found["chain"][-1]
        assert path == found["environment"] and "elsewhere" not in found
    assert OTHER == _why(capsys, ensemble, "cloudlib/part.py")["elsewhere"][0]["environment"]
    assert "elsewhere" not in _why(capsys, ensemble, "plugin")


def test_people_see_which_environment_a_reason_is_of(ensemble, capsys):
    """One after the other."""
    assert 0 == main(["why", str(ensemble.layout), "tinylib", "--store", str(ensemble.store.root)])
    out = capsys.readouterr().out
    assert out.startswith("tinylib 1.0, in /opt/venv of rain\n")
    assert f"\n\ntinylib 0.1, in /{OTHER} of old\n" in out


def test_people_read_a_sentence_about_what_it_saves(package, capsys):
    """Text of a terminal."""
    assert 0 == main(["why", str(package.layout), "tinylib", "--store", str(package.store.root)])
    out = capsys.readouterr().out
    assert out.startswith("tinylib 1.0\n  the entry point rain.forecast:predict\n    the inference script\n")
    assert "also needed:\n  gpulib 3.0 requires tinylib\n" in out
    assert "Without it the package would lack 1 wheel: tinylib 1.0." in out


def test_names_that_are_not_there_and_bytes_that_are_elsewhere_are_refused(package, capsys):
    """The error lists the wheels, or says how to fetch the package."""
    assert 1 == main(["why", str(package.layout), "no-such", "--store", str(package.store.root)])
    assert "Its wheels are cloudlib, fastmath" in capsys.readouterr().err
    lone = package.record_path.with_name("lone.json")
    lone.write_text(json.dumps({**package.record, "formats": {}}))
    assert 1 == main(["why", str(lone), "tinylib"])
    assert "modelkiln pull" in capsys.readouterr().err
