"""Markers on Python's patch release: nothing that a lock pins is dropped without a word."""

import json

import pytest
from samples.wheelhouse import make_wheel, offline_store, pin

from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import save_machine_env
from modelkiln.manifest.closure import closure
from modelkiln.manifest.lock import read_lock
from modelkiln.manifest.pip_tools import PipTools
from modelkiln.manifest.requirements import check_fresh
from modelkiln.package.accelerator import find_accelerator
from modelkiln.package.consistency import check_consistency
from modelkiln.wheels.platforms import Target

HASH = f"--hash=sha256:{'0' * 64}"
# 3.11.2 needs both.
PATCHES = ['b; python_full_version >= "3.11.1"', 'c; python_full_version < "3.11.3"']


def _target(*releases, python="3.11"):
    return Target(python, "linux/amd64", "2.36", releases)


def _resolved(*releases, python="3.11", **requires):
    wheels = [
        {
            "name": name,
            "version": "1.0",
            "filename": f"{name.replace('-', '_')}-1.0-py3-none-any.whl",
            "sha256": "0" * 64,
            "requires": needed,
            "problem": None,
        }
        for name, needed in requires.items()
    ]
    return {"lock": "cpu.lock", **_target(*releases, python=python).to_json(), "wheels": wheels}


def _names(resolved, *roots):
    return "".join(wheel.name for wheel in closure(resolved, roots))


@pytest.mark.parametrize(
    ("releases", "expected"),
    [
        ((), "abc"),
        (("3.11",), "abc"),
        (("3.11.2",), "abc"),
        (("3.11.0",), "ac"),
        (("3.11.14",), "ab"),
        (("3.11.0", "3.11.14"), "abc"),
        (("3.11.14", "3.11"), "abc"),
    ],
)
def test_the_releases_that_run_it_decide(releases, expected):
    """Where one of them is not known, what any needs is taken."""
    assert expected == _names(_resolved(*releases, a=PATCHES, b=[], c=[]), "a")


def test_what_the_locking_interpreter_did_not_need_is_not_missed():
    """A lock compiled under 3.11.7 rightly has no `c`, and 3.11.14 does not need it."""
    for releases in ((), ("3.11.14",), ("3.11.14", "3.11")):
        assert "ab" == _names(_resolved(*releases, a=PATCHES, b=[]), "a")


@pytest.mark.parametrize("releases", [("3.11.2",), ("3.11.2", "3.11"), ("3.11.2", "3.11.14")])
def test_what_a_known_release_needs_is_missed(releases):
    """The base's interpreter would fail to import it."""
    with pytest.raises(ModelkilnError, match="^c, which a needs, is not in the lock cpu.lock"):
        closure(_resolved(*releases, a=PATCHES, b=[]), ["a"])


def test_a_lock_that_serves_no_release_is_refused():
    """No interpreter can have compiled it."""
    with pytest.raises(ModelkilnError, match="is not in the lock.*some patch releases of 3.11 needs? it by its marker"):
        closure(_resolved(a=PATCHES), ["a"])


def test_conditions_add_up_along_a_chain():
    """What only a backport needs is needed where the backport is."""
    chain = {"a": ['old; python_full_version < "3.11.3"'], "old": ["deep"]}
    assert "adeepold" == _names(_resolved(**chain, deep=[]), "a")
    assert "aold" == _names(_resolved(**chain), "a")
    assert "a" == _names(_resolved("3.11.14", **chain), "a")
    extras = {"a": ['x[more]; python_full_version < "3.11.3"', "x"], "x": ['y; extra == "more"'], "y": []}
    assert "axy" == _names(_resolved("3.11.2", **extras), "a")
    assert "ax" == _names(_resolved("3.11.14", **extras), "a")


@pytest.mark.parametrize("name", ["python_full_version", "implementation_version"])
def test_a_marker_against_one_release(name):
    """All patch releases but the first need it, so it is there."""
    resolved = _resolved(python="3.12", app=[f'late; {name} != "3.12.0"'], late=[])
    assert "applate" == _names(resolved, "app")
    assert "app" == _names({**resolved, "releases": ["3.12.0"]}, "app")


def test_a_pin_for_some_releases_is_kept():
    """A lock is read for the release that runs it, or for all."""
    text = f'b==1.0 ; python_full_version >= "3.11.1" {HASH}\n'
    for releases, expected in (((), ["b"]), (("3.11.2",), ["b"]), (("3.11.0",), [])):
        assert expected == [pin.name for pin in read_lock(text, "cpu.lock", _target(*releases).marker_environment())]


def test_two_pins_need_a_known_release():
    """Which of them counts cannot be said before."""
    text = (
        f'b==1.0 ; python_full_version < "3.11.3" {HASH}\n'
        f'b==2.0 ; python_full_version >= "3.11.3" {HASH}\n'
    )  # fmt: skip
    (found,) = read_lock(text, "cpu.lock", _target("3.11.2").marker_environment())
    assert "1.0" == found.version
    with pytest.raises(ModelkilnError, match="pinned twice, 1.0 and 2.0 for Python 3.11, and which patch release"):
        read_lock(text, "cpu.lock", _target().marker_environment())


def test_a_lock_is_stale_by_the_release_that_runs():
    """What no known release misses is not missed, and a version that some release excludes is."""
    wanted, resolved = ['c; python_full_version < "3.11.3"'], _resolved(a=[])
    check_fresh(resolved, wanted, _target().marker_environment(), "lock it")
    check_fresh(resolved, wanted, _target("3.11.14").marker_environment(), "lock it")
    with pytest.raises(ModelkilnError, match="c is not in it"):
        check_fresh(resolved, wanted, _target("3.11.2").marker_environment(), "lock it")
    with pytest.raises(ModelkilnError, match="and it has 1.0"):
        wanted = ['a>=2; python_full_version >= "3.11.1"']
        check_fresh(resolved, wanted, _target().marker_environment(), "lock it")


def test_cuda_that_some_release_needs_is_seen():
    """A wheel that needs CUDA's packages under some patch releases needs CUDA."""
    requires = ['nvidia-cublas-cu12; python_full_version >= "3.11.1"']
    wheels = closure(_resolved(a=requires, **{"nvidia-cublas-cu12": []}), ["a"])
    cpu = find_accelerator("cpu", {}, ("cpu",), "cpu")
    with pytest.raises(ModelkilnError, match=r"a 1.0 \(CUDA 12\)"):
        check_consistency("m:m", cpu, wheels, _target())


def test_a_lock_has_what_any_release_needs(tmp_path):
    """It does not depend on the patch release that compiles it."""
    needs = ['old; python_full_version < "3.11.1"', 'new; python_full_version >= "3.11.60"', 'no; python_version < "3"']
    made = [("demo", needs), ("old", []), ("new", []), ("no", [])]
    data = [make_wheel(name, requires=requires) for name, requires in made]
    store = offline_store(tmp_path, [(pin(wheel, name), wheel) for wheel, (name, _) in zip(data, made)])
    indexes = json.dumps({"find_links": {"cpu": [(tmp_path / "links").as_uri()]}})
    save_machine_env(store.root, {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "MODELKILN_INDEXES": indexes})
    (tmp_path / "cpu.in").write_text("demo\n")
    PipTools(tmp_path, "cpu", _target(), store).lock(["cpu.in"], "cpu.txt")
    found = read_lock((tmp_path / "cpu.txt").read_text(), "cpu.txt", _target().marker_environment())
    assert ["demo", "new", "old"] == [one.name for one in found]
