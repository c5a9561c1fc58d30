"""Which members share an environment."""

import pytest

from modelkiln.ensemble.environments import (
    check_places,
    declared_path,
    environment_path,
    group_members,
    refuse_several,
    relocation_notice,
)
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


def test_a_declared_place_is_a_group_of_its_own():
    """Whatever fits: the layers of the member's image are for that place. Those of one place are together."""
    wheels = {"a": [NEW], "b": [NEW], "c": [OLD], "d": [NEW]}
    places = {"b": "opt/venvs/b", "d": "opt/venvs/b"}
    assert [("a",), ("b", "d"), ("c",)] == group_members(wheels, places)


def test_an_environment_without_a_declared_place_is_the_ensembles_own():
    """Also where another one is larger; where all members have declared one, the largest is."""
    large = wheel("torch", "2.12", "e", size=100)
    assert [("b",), ("a",)] == group_members({"a": [OLD, large], "b": [NEW]}, {"a": "opt/venvs/a"})
    places = {"a": "opt/venvs/a", "b": "opt/venvs/b"}
    assert [("b",), ("a",)] == group_members({"a": [NEW], "b": [OLD, large]}, places)


def test_one_place_for_environments_that_exclude_each_other_is_refused():
    """Both members, the place and what excludes each other are in the message."""
    check_places("shop:search", {"opt/venvs/x": {"a": [NEW], "b": [NEW]}, "opt/venvs/y": {"c": [OLD]}})
    with pytest.raises(ModelkilnError) as caught:
        check_places("shop:search", {"opt/venvs/x": {"a": [NEW], "b": [NEW], "c": [OLD]}})
    assert (
        'shop:search: members "a" and "c" have one place for their environments, /opt/venvs/x, and these exclude each '
        "other: numpy 2.4.6 (numpy-2.4.6-py3-none-any.whl) and 1.26.4 (numpy-1.26.4-py3-none-any.whl). Give one of the "
        "two packages another `environment_folder`."
    ) == str(caught.value)


def test_a_declared_place_is_a_folder_of_one_name():
    """Its path is that of the environment; without a name it is where most images have theirs."""
    assert "opt/venv" == declared_path("", "m:m")
    assert "opt/venvs/torch-2.12_cpu" == declared_path("torch-2.12_cpu", "m:m")


@pytest.mark.parametrize("folder", ["../venv", "a/b", ".old", "Old", "0123456789ab", "a" * 64, "a b", "-x"])
def test_other_names_of_folders_are_refused(folder):
    """Also those that ensembles give to theirs, so that the two never meet."""
    with pytest.raises(ModelkilnError, match=r"m:m: `environment_folder` is .*below /opt/venvs"):
        declared_path(folder, "m:m")


def test_declared_places_are_why_where_nothing_excludes_each_other():
    """A program has one environment all the same; the field is the remedy then, and no lock."""
    with pytest.raises(ModelkilnError) as caught:
        refuse_several("shop:search", [NEW], {"opt/venvs/old": [NEW]}, "A PEX has one.")
    assert (
        "shop:search: members of it have environments of their own, at /opt/venvs/old. A PEX has one. Or leave the "
        "field `environment_folder` out of the members: their wheels do not exclude each other."
    ) == str(caught.value)


def test_what_is_packed_once_more_has_a_remedy():
    """The packages and the field."""
    notice = relocation_notice("shop:search", ["a:a", "b:b"], "opt/venvs/0123456789ab")
    start = "shop:search: the wheels of a:a and b:b are packed once more, for /opt/venvs/0123456789ab: those of"
    assert notice.startswith(start)
    assert "With a name in the field `environment_folder` of a:a and b:b, all layers" in notice
