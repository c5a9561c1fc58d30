"""Provided requirements: found, of the right version and importable, before the model is loaded."""

import json
import sys

import pytest

from modelkiln.runtime.start.provided import provide

SCRIPT = """
import acme_rt
import numpy


def predict(inputs, model):
    print("runs on", acme_rt.VERSION)
    return {"y": numpy.sum(inputs["x"], axis=1)}
"""
REQUEST = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
ACME = {
    "name": "acme-rt",
    "specifier": "<11,>=10.3",
    "modules": ["acme_rt"],
    "reason": "Its license forbids copies.",
}


def ask(package, folder, check):
    """Ask a package with a folder of provided requirements; returns what it printed for people."""
    settings = {"MODELKILN_PROVIDED": str(folder)} if folder else {}
    return package.run("predict", request=REQUEST, check=check, **settings).stderr.decode()


def test_a_provided_requirement_is_taken_from_its_folder(make_package, make_provided):
    """The inference script imports what the host provides."""
    package = make_package(SCRIPT, provided=[ACME])
    assert "runs on 10.3.0.26\n" in ask(package, make_provided(), check=0)


def test_what_is_missing_is_reported_with_where_it_may_be(make_package, tmp_path):
    """Exit code 3 says that the host lacks something; the sentence names requirement, places and reason."""
    said = ask(make_package(SCRIPT, provided=[ACME]), tmp_path / "nothing", check=3)
    assert (
        "predict: sums 1.2.0: acme-rt<11,>=10.3 is a provided requirement, and is not installed. Install it into the "
        "base image, or mount a folder with it (`pip install --target`) at /opt/provided, or anywhere with "
        "MODELKILN_PROVIDED naming it. Reason: Its license forbids copies.\n"
    ) == said


@pytest.mark.parametrize("version", ["10.2.9", "11.0", "11.0rc1.dev2", "10"])
def test_another_version_is_refused(make_package, make_provided, version):
    """The message has the version and the folder."""
    folder = make_provided(version)
    said = ask(make_package(SCRIPT, provided=[ACME]), folder, check=3)
    assert f"acme-rt<11,>=10.3 is a provided requirement, and there is {version} in {folder}. " in said


def test_a_version_that_cannot_be_read_is_refused(make_package, make_provided):
    """A folder whose metadata is damaged is named."""
    folder = make_provided("of-today")
    said = ask(make_package(SCRIPT, provided=[ACME]), folder, check=3)
    assert f"that in {folder} has a version that cannot be compared: 'of-today' is not a version of PEP 440" in said


def test_a_module_that_cannot_be_imported_is_refused(make_package, make_provided):
    """The library that it lacks is in the message, and the model was not loaded."""
    folder = make_provided(code="raise OSError('libnvinfer.so.10: cannot open shared object file')")
    said = ask(make_package(SCRIPT, provided=[ACME]), folder, check=3)
    expected = "its module acme_rt cannot be imported: OSError: libnvinfer.so.10: cannot open shared object file."
    assert expected in said


def test_a_folder_takes_the_place_of_no_module_of_the_package(make_package, make_provided):
    """What else lies in the folder is found only where the package lacks it."""
    folder = make_provided()
    (folder / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    assert "runs on 10.3.0.26\n" in ask(make_package(SCRIPT, provided=[ACME]), folder, check=0)


def test_the_first_folder_with_the_right_version_counts(make_package, make_provided):
    """Several folders are searched in their order; one with another version only does not matter."""
    folders = [make_provided("9.0", folder="old"), make_provided("10.4", folder="new")]
    package = make_package(SCRIPT, provided=[ACME])
    assert "runs on 10.4\n" in ask(package, ":".join(map(str, folders)), check=0)


def test_weights_are_not_fetched_for_a_host_that_lacks_a_requirement(make_lazy_package):
    """The check comes before all that takes long: here the places of weights do not even exist."""
    package = make_lazy_package({"w.bin": b"x"}, lambda path: [], script=SCRIPT)
    package.record["provided"] = [ACME]
    (package.root / ".modelkiln/record.json").write_text(json.dumps(package.record))
    said = package.run("predict", request=REQUEST, check=3).stderr.decode()
    assert "acme-rt<11,>=10.3 is a provided requirement" in said


def test_info_and_verify_need_no_provided_requirement(make_package):
    """They answer on any host, and `info` shows what is to be provided."""
    package = make_package(SCRIPT, provided=[ACME])
    assert b'"specifier": "<11,>=10.3"' in package.run("info", check=0).stdout
    assert b", 1 provided requirement (not verified)" in package.run("verify", check=0).stdout


@pytest.mark.parametrize("place", ["lib/{}/site-packages", "local/lib/{}/dist-packages", "lib/python3/dist-packages"])
def test_the_interpreters_own_packages_count(make_provided, tmp_path, monkeypatch, place):
    """A base image has them where pip or Debian puts them, outside of the package's environment."""
    folder = make_provided(
        folder=place.format(f"python{sys.version_info[0]}.{sys.version_info[1]}"), module="acme_rt_base"
    )
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "acme_rt_base", raising=False)
    assert [] == provide([{**ACME, "modules": ["acme_rt_base"]}])
    assert str(folder) == sys.path[-1]
    monkeypatch.delitem(sys.modules, "acme_rt_base")
