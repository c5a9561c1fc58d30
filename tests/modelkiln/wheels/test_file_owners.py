"""Files that several wheels install, and one of them is to have."""

import json
import shutil
import tarfile

import pytest
from samples.wheelhouse import make_wheel, offline_store, pin

from modelkiln.builds.toolchain import recorded_wheel
from modelkiln.builds.wheel import provide_wheels
from modelkiln.cli.main import main
from modelkiln.errors import ModelkilnError
from modelkiln.layers.wheels import build, recipe
from modelkiln.manifest.wheels import wheel_digest
from modelkiln.store.store import Store
from modelkiln.wheels.file_owners import check_owners
from modelkiln.wheels.wheel import open_wheel

SITE = "opt/venv/lib/python3.11/site-packages"


def _files(name):
    """What the wheel of a package installs: half of it is what others install, too."""
    return {
        f"{name}/__init__.py": b"",
        "tests/__init__.py": name.encode(),
        "tests/shared.py": b"equal",
        f"tests/test_{name}.py": b"",
        f"{name}-1.0.data/data/share/LICENSE": name.encode(),
    }


@pytest.fixture
def store(tmp_path):
    """A store whose machine has the wheels of one, two and three."""
    data = {name: make_wheel(name, files=_files(name)) for name in ("one", "two", "three")}
    return offline_store(tmp_path, [(pin(content, name), content) for name, content in data.items()])


def _fetch(tmp_path, store, owners, names=("one", "two", "three")):
    """What the step that fetches an environment reports of its wheels."""
    pins = [pin((tmp_path / f"links/{name}-1.0-py3-none-any.whl").read_bytes(), name) for name in names]
    request = {"wheels": pins, "python": "3.11", "platform": "linux/amd64", "glibc": "2.36", "resolve": "cpu"}
    (tmp_path / "wheels.json").write_text(json.dumps({**request, "owners": owners}))
    argv = ["build", "fetch", f"--wheels={tmp_path}/wheels.json", f"--store={store.root}"]
    code = main([*argv, f"--output={tmp_path}/fetched.json"])
    return json.loads((tmp_path / "fetched.json").read_bytes())["wheels"] if code == 0 else None


def _tree(wheels, store):
    """Path -> content of the layer of these wheels."""
    layer = build(recipe(wheels, "3.11", "linux/amd64", "none"), store)
    with tarfile.open(store.path(layer.descriptor.digest)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}


def test_the_package_that_is_named_has_the_file(tmp_path, store):
    """A folder or one file; the longest decision counts, equal files and those of one package alone stay."""
    owners = {"tests/": "one", "../../../share/LICENSE": "three", "tests/__init__.py": "two"}
    tree = _tree(_fetch(tmp_path, store, owners), store)
    assert (b"two", b"three") == (tree[f"{SITE}/tests/__init__.py"], tree["opt/venv/share/LICENSE"])
    assert {f"{SITE}/tests/test_{name}.py" for name in ("one", "two", "three")} <= set(tree)
    listed = {name: tree[f"{SITE}/{name}-1.0.dist-info/RECORD"].decode() for name in ("one", "two", "three")}
    assert ["two"] == [name for name, text in listed.items() if "tests/__init__.py" in text]
    assert ["three"] == [name for name, text in listed.items() if "LICENSE" in text]
    assert 3 == sum("tests/shared.py" in text for text in listed.values())


def test_what_was_left_out_is_recorded_and_can_be_made_again(tmp_path, store):
    """The record names the wheel and the files; a machine without the result makes the same from them."""
    wheels = _fetch(tmp_path, store, {"tests/": "one", "../../../share/LICENSE": "one"}, ("one", "two"))
    assert [False, True] == ["build" in wheel for wheel in wheels]
    original = pin((tmp_path / "links/two-1.0-py3-none-any.whl").read_bytes(), "two")
    expected = {
        "builder": "trimmed/1",
        "wheel": {"filename": original["filename"], "sha256": original["sha256"]},
        "left_out": ["tests/__init__.py", "two-1.0.data/data/share/LICENSE"],
    }
    assert expected == recorded_wheel(wheels[1])["build"]
    other = Store(tmp_path / "other")
    shutil.copytree(store.root / "machine", other.root / "machine")
    provide_wheels(wheels, "3.11", other)
    with open_wheel(other.path(wheel_digest(wheels[1])), "two", "two", "1.0") as wheel:
        assert not {"tests/__init__.py"} & {file.path for file in wheel.files}


def test_what_nobody_decided_is_refused(tmp_path, store, capsys):
    """The message has the paths as a decision has them, and the option."""
    assert _fetch(tmp_path, store, {"LICENSE": "one"}, ("one", "two")) is None
    message = capsys.readouterr().err
    assert "both write 'tests/__init__.py' with different content" in message
    assert "both write '../../../share/LICENSE' with different content" in message
    assert "[modelkiln.resolve_file_owners.cpu]" in message


def test_a_decision_for_another_package_decides_nothing(tmp_path, store):
    """A resolve has more packages than one environment."""
    assert _fetch(tmp_path, store, {"tests/": "absent", "../../../share/": "one"}, ("one", "two")) is None


@pytest.mark.parametrize("value", [["tests/"], {"tests/": 1}, {"": "one"}, {"tests/": ""}, "tests/"])
def test_what_is_no_decision_is_refused(value):
    """The message names the option and the value."""
    with pytest.raises(ModelkilnError, match="is not a table from paths to packages"):
        check_owners(value, "[modelkiln.resolve_file_owners] cpu")


def test_names_of_packages_are_compared_as_an_index_does():
    """Letters and separators do not matter (PEP 503)."""
    assert {"tests/": "my-package"} == check_owners({"tests/": "My_Package"}, "x")
