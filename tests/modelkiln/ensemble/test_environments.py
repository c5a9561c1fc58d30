"""Which members share an environment."""

import pytest

from modelkiln.ensemble.environments import environment_path, group_members, refuse_several
from modelkiln.errors import ModelkilnError


def wheel(name, version="1.0", sha256="a", size=1):
    """A wheel as records have it."""
    filename = f"{name}-{version}-py3-none-any.whl"
    return {"name": name, "version": version, "filename": filename, "sha256": sha256 * 64, "size": size}


OLD, NEW = wheel("numpy", "1.26.4", "b"), wheel("numpy", "2.4.6")


def test_members_with_one_version_of_everything_share_an_environment():
    """Also where each has distributions that the others lack."""
    wheels = {"a": [NEW, wheel("zstandard", sha256="c")], "b": [NEW, wheel("packaging", sha256="d")], "c": []}
    assert [("a", "b", "c")] == group_members(wheels)


def test_members_with_one_module_from_two_distributions_have_two():
    """Their files would lie over each other. Those of one lock stay together, as members of one resolve do."""
    plain, headless = ({**wheel(name), "title": name, "modules": ["cv2"]} for name in ("opencv", "opencv-headless"))
    one, other = {**plain, "lock": "cpu"}, {**headless, "lock": "vision"}
    assert [("a",), ("b",)] == group_members({"a": [one], "b": [other]})
    assert [("a", "b")] == group_members({"a": [one, other], "b": [other]})
    assert [("a", "b")] == group_members({"a": [one], "b": [{**other, "lock": "cpu"}]})
    with pytest.raises(ModelkilnError, match=r"opencv 1\.0 and opencv-headless 1\.0, which both have the module cv2\."):
        refuse_several("shop:search", [one], {"opt/venvs/a": [other]}, "A PEX has one.")


def test_members_with_two_versions_of_one_have_two():
    """Those that go together stay together."""
    assert [("a", "c"), ("b", "d")] == group_members({"a": [NEW], "b": [OLD], "c": [NEW], "d": [OLD]})


def test_the_largest_environment_is_the_ensembles_own():
    """Its layers are the members' own, and the others' are made once more."""
    large = wheel("torch", "2.12", "e", size=100)
    assert [("b", "c"), ("a",)] == group_members({"a": [NEW], "b": [OLD, large], "c": [OLD]})


def test_the_place_of_an_environment_is_that_of_its_wheels():
    """Whatever their order; other wheels have another."""
    place = environment_path([OLD, wheel("zstandard")])
    assert place == environment_path([wheel("zstandard"), OLD])
    assert place != environment_path([NEW, wheel("zstandard")])
    assert place.startswith("opt/venvs/")


def test_several_environments_are_refused_where_there_can_be_one():
    """Both versions are shown, and what to do."""
    refuse_several("shop:search", [NEW], {}, "A PEX has one.")
    with pytest.raises(ModelkilnError) as caught:
        refuse_several("shop:search", [NEW], {"opt/venvs/a": [OLD]}, "A PEX has one.")
    assert (
        "shop:search: the environments of its members exclude each other: numpy 2.4.6 (numpy-2.4.6-py3-none-any.whl) "
        "and 1.26.4 (numpy-1.26.4-py3-none-any.whl). A PEX has one. Or lock all of them in one resolve"
    ) in str(caught.value)
