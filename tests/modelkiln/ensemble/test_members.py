"""What members share, and what keeps them apart."""

import pytest

from modelkiln.ensemble.document import describe
from modelkiln.ensemble.members import apart, check_same, inner_first, merge_artifacts, merge_wheels
from modelkiln.errors import ModelkilnError
from modelkiln.pinned_file import PinnedFile


def file(path, content="a"):
    """A file whose digest is its content's letter, many times."""
    return PinnedFile(path, content * 64, 1)


def wheel(name, version="1.0", sha256="a"):
    """A wheel as records have it."""
    return {"name": name, "version": version, "filename": f"{name}-{version}-py3-none-any.whl", "sha256": sha256 * 64}


def test_the_inner_ensembles_come_first():
    """Each once, also where several have it; packages are none."""
    members = {"top": ["left", "right", "rain"], "left": ["deep"], "right": ["deep", "rain"], "deep": ["rain"]}
    assert ["deep", "left", "right", "top"] == inner_first("top", members)


@pytest.mark.parametrize(
    ("members", "circle"),
    [
        ({"top": ["top"]}, "top: is an ensemble that contains itself: top -> top."),
        ({"top": ["a"], "a": ["b"], "b": ["rain", "a"]}, "a: is an ensemble that contains itself: a -> b -> a."),
    ],
)
def test_an_ensemble_that_contains_itself_is_refused(members, circle):
    """The way from it to itself is shown."""
    with pytest.raises(ModelkilnError, match=circle):
        inner_first("top", members)


def test_members_that_differ_in_what_there_is_once_are_refused():
    """The first two that do, with their values."""
    check_same("shop:search", "their Python", {"a": "3.11", "b": "3.11"}, "Lock them again.")
    with pytest.raises(ModelkilnError) as caught:
        check_same("shop:search", "their Python", {"a": "3.11", "b": "3.11", "c": "3.13"}, "Lock them again.")
    expected = 'shop:search: its members differ in their Python: "a" has 3.11, "c" has 3.13. Lock them again.'
    assert expected == str(caught.value)


def test_artifacts_of_members_lie_in_one_folder():
    """A file that two of them have is there once."""
    entries = merge_artifacts(
        "shop:search",
        {"a": [file("vocabulary.txt").to_json(), file("z.onnx").to_json()], "b": [file("vocabulary.txt").to_json()]},
    )
    assert ["vocabulary.txt", "z.onnx"] == [entry["path"] for entry in entries]


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ("model.onnx", 'members "a" and "b" have different model artifact files at model.onnx'),
        (
            "model.onnx/data",
            'member "a" has model.onnx among its model artifact files, which member "b" has as a folder',
        ),
    ],
)
def test_artifacts_with_one_path_and_other_bytes_are_refused(other, sentence):
    """Their layers are the members' own, and cannot have them elsewhere."""
    with pytest.raises(ModelkilnError, match=sentence) as caught:
        merge_artifacts("shop:search", {"a": [file("model.onnx").to_json()], "b": [file(other, "b").to_json()]})
    assert "Rename" in str(caught.value)


def test_one_environment_has_the_wheels_of_all_members():
    """Each once, with the first member that has it."""
    wheels = {"a": [wheel("numpy"), wheel("zstandard")], "b": [wheel("numpy"), wheel("packaging")]}
    assert {"numpy": "a", "packaging": "b", "zstandard": "a"} == merge_wheels("shop:search", wheels)


def test_environments_that_exclude_each_other_are_refused():
    """The first distribution is shown, the others are counted, and the remedy is one resolve."""
    wheels = {
        "a": [wheel("numpy", "2.4.6"), wheel("packaging")],
        "b": [wheel("numpy", "1.26.4", "b"), wheel("packaging", "2.0", "b")],
    }
    with pytest.raises(ModelkilnError) as caught:
        merge_wheels("shop:search", wheels)
    assert (
        'shop:search: the environments of members "a" and "b" exclude each other: numpy 2.4.6 '
        "(numpy-2.4.6-py3-none-any.whl) and 1.26.4 (numpy-1.26.4-py3-none-any.whl) (and 1 more). An ensemble has one "
        "environment: lock both in one resolve"
    ) in str(caught.value)


def test_members_with_one_file_and_other_bytes_lie_apart():
    """None of the two stays; a library that is the same in all of them keeps nobody apart."""
    code = {
        "a": [file("shop/scale.py"), file("shop/shared.py")],
        "b": [file("shop/scale.py", "b"), file("shop/shared.py")],
        "c": [file("shop/shared.py"), file("shop/other.py")],
    }
    assert {"a", "b"} == apart(code)
    assert {"a", "b"} == apart(dict(reversed(code.items())))


def test_a_file_where_another_member_has_a_folder_keeps_both_apart():
    """They could not be unpacked into one."""
    assert {"a", "b"} == apart({"a": [file("shop")], "b": [file("shop/scale.py")], "c": [file("other.py")]})


def test_the_record_names_members_by_their_digests():
    """With what calls them, the place of code that lies apart, and what an ensemble within consists of."""
    record = {
        "name": "scorer",
        "version": "1.0",
        "package_digest": "sha256:" + "a" * 64,
        "entry_point": "score:predict",
        "signature": {"inputs": [], "outputs": []},
        "artifacts": [],
    }
    inner = {"members": {}, "steps": []}
    found = describe({"one": record, "two": {**record, "ensemble": inner}}, frozenset({"one"}), [], "merge:merge")
    member = {key: value for key, value in record.items() if key != "artifacts"}
    assert {
        "members": {"one": {**member, "code": ".modelkiln/members/one"}, "two": {**member, "ensemble": inner}},
        "steps": [],
        "combine": "merge:merge",
    } == found
