"""Which inputs of two records differ."""

from modelkiln.canonical import canonical_json
from modelkiln.recipe import DEBIAN, Recipe
from modelkiln.report.inputs import Change, input_changes, title_of


def _record(**more):
    return {"name": "rain", "version": "1.0.0", "package_digest": "sha256:" + "0" * 64, **more}


def _wheel(version, sha256="", tag="py3-none-any"):
    return {
        "name": "numpy",
        "version": version,
        "sha256": sha256 or version[-1] * 64,
        "filename": f"numpy-{version}-{tag}.whl",
    }


def _base(*packages):
    recipe = Recipe.made_by(
        DEBIAN, {"lock": {"packages": [{"name": n, "version": v, "sha256": v} for n, v in packages]}}
    )
    return {"layers": [{"kind": "base", "recipe": recipe.text}], "base": {"lock": str(packages), "debian": "bookworm"}}


def test_equal_records_have_no_changes():
    """What follows from inputs alone, such as formats, is not compared."""
    assert [] == input_changes(_record(formats={"pex": {}}), _record(formats={}))


def test_wheels_are_compared_by_version_and_by_file():
    """A wheel of the same version that is another file is a change, too."""
    old, new = (_record(requirements=[_wheel(version)]) for version in ("2.4.5", "2.4.6"))
    assert [Change("wheel", "numpy", "2.4.5", "2.4.6")] == input_changes(old, new)
    other = _record(requirements=[_wheel("2.4.6", "b" * 64)])
    assert [Change("wheel", "numpy", "2.4.6 (666666666666)", "2.4.6 (bbbbbbbbbbbb)")] == input_changes(new, other)
    tagged = _record(requirements=[_wheel("2.4.6", "b" * 64, "cp311-cp311-any")])
    (change,) = input_changes(new, tagged)
    assert "2.4.6 (numpy-2.4.6-cp311-cp311-any.whl)" == change.after


def test_code_of_modelkiln_is_apart_from_the_users():
    """Who upgrades Modelkiln sees that this is what changed."""
    old = _record(code=[{"path": "rain.py", "sha256": "1"}, {"path": "modelkiln/runtime/cli.py", "sha256": "1"}])
    new = _record(code=[{"path": "rain.py", "sha256": "2"}])
    expected = [Change("runtime", "modelkiln/runtime/cli.py", "1", None), Change("code", "rain.py", "1", "2")]
    assert expected == input_changes(old, new)


def test_debian_packages_take_the_place_of_their_locks_digest():
    """Where layers are recorded, packages are named; a digest alone says nothing to people."""
    changes = input_changes(_record(**_base(("libc6", "1"))), _record(**_base(("libc6", "2"), ("zlib1g", "1"))))
    assert [Change("debian", "libc6", "1", "2"), Change("debian", "zlib1g", None, "1")] == changes
    bare = [_record(base={"lock": digest}) for digest in ("sha256:1", "sha256:2")]
    assert [Change("base", "lock", "sha256:1", "sha256:2")] == input_changes(*bare)


def test_settings_and_metadata_are_named_by_their_paths():
    """Variables of the environment are compared one by one; metrics have a part of their own."""
    old = _record(image={"config": {"Env": ["A=1", "B=1"]}, "diff_ids": ["x"]}, metadata={"metrics": {"auc": 1}})
    new = _record(image={"config": {"Env": ["A=2", "B=1"]}, "diff_ids": ["y"]}, metadata={"license": "MIT"})
    expected = [Change("metadata", "license", None, "MIT"), Change("setting", "image.Env.A", "1", "2")]
    assert expected == input_changes(old, new)
    assert canonical_json(expected[0].to_json())


def _ensemble(own, **others):
    """A record of an ensemble whose member "big" runs in its own environment, and each other one in one of its own.

    own, others: versions of numpy.
    """
    members = {"big": {"entry_point": "big:predict"}}
    members.update({name: {"entry_point": f"{name}:predict", "environment": _path(others[name])} for name in others})
    environments = {_path(version): {"requirements": [_wheel(version)]} for version in others.values()}
    return _record(requirements=[_wheel(own)], ensemble={"members": members, "steps": [], "environments": environments})


def _path(version):
    """As of real ones, it follows from the wheels."""
    return f"opt/venvs/{version.replace('.', '')}"


def test_wheels_are_compared_environment_by_environment():
    """Those of an ensemble's members, whose paths follow from their wheels; each change names the members."""
    old = _ensemble("2.4.5", one="1.26.1", two="2.0.1")
    assert [Change("wheel", "numpy", "1.26.1", "1.26.2", ("one",))] == input_changes(
        old, _ensemble("2.4.5", one="1.26.2", two="2.0.1")
    )
    assert "numpy of one, two" == title_of(Change("wheel", "numpy", "1", "2", ("one", "two")).to_json())
    assert "numpy" == title_of(Change("wheel", "numpy", "1", "2").to_json())
    assert [
        Change("wheel", "numpy", "2.4.5", "2.4.6", ("big",)),
        Change("wheel", "numpy", "2.0.1", "2.0.2", ("two",)),
    ] == input_changes(old, _ensemble("2.4.6", one="1.26.1", two="2.0.2"))


def test_an_environment_that_came_or_went_is_that_of_its_members():
    """With all of its wheels; that a member has one of its own is a setting."""
    old, new = _ensemble("2.4.5", one="1.26.1"), _ensemble("2.4.5", one="1.26.1", two="2.0.1")
    came = Change("wheel", "numpy", None, "2.0.1", ("two",))
    assert came == input_changes(old, new)[0]
    assert Change("setting", "ensemble.members.two.environment", None, "its own") in input_changes(old, new)
    gone = Change("wheel", "numpy", "2.0.1", None, ("two",))
    assert gone == input_changes(new, old)[0]


def test_members_that_change_places_are_compared_with_themselves():
    """The environment with most bytes is the ensemble's own, which may become another one's."""
    old = _ensemble("2.4.5", one="1.26.1")
    new = _ensemble("1.26.1", two="2.4.6")
    members = {"big": {"entry_point": "big:predict", "environment": _path("2.4.6")}, "one": {"entry_point": "one:p"}}
    new["ensemble"]["members"] = members
    assert Change("wheel", "numpy", "2.4.5", "2.4.6", ("big",)) == input_changes(old, new)[0]
    assert 1 == len([change for change in input_changes(old, new) if change.kind == "wheel"])


def test_an_environment_that_moved_has_the_same_wheels():
    """Where it lies is a setting of the image, and what is in it is compared."""
    old, new = _record(requirements=[_wheel("2.4.5")]), _record(requirements=[_wheel("2.4.6")])
    moved = Change("setting", "environment", None, "opt/venvs/rain")
    assert [moved] == input_changes(old, {**old, "environment": "opt/venvs/rain"})
    changed = Change("wheel", "numpy", "2.4.5", "2.4.6")
    assert [changed, moved] == input_changes(old, {**new, "environment": "opt/venvs/rain"})
