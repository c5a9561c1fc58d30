"""What members share, and what keeps them apart."""

import pytest

from modelkiln.ensemble.members import apart, check_same, inner_first, merge_artifacts
from modelkiln.errors import ModelkilnError
from modelkiln.pinned_file import PinnedFile


def file(path, content="a"):
    """A file whose digest is its content's letter, many times."""
    return PinnedFile(path, content * 64, 1)


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
