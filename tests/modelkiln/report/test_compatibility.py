"""What a change of signature means for callers."""

import pytest

from modelkiln.report.compatibility import level_of, released, signature_changes


def _signature(inputs, outputs):
    def specs(tensors):
        return [{"name": name, "datatype": kind, "shape": shape} for name, kind, shape in tensors]

    return {"inputs": specs(inputs), "outputs": specs(outputs)}


X, Y = ("x", "FP32", [-1, 4]), ("y", "FP32", [-1])


@pytest.mark.parametrize(
    ("inputs", "outputs", "level"),
    [
        ([X], [Y], "none"),
        ([X, ("z", "FP32", [1])], [Y], "major"),
        ([("z", "FP32", [-1, 4])], [Y], "major"),
        ([("x", "FP64", [-1, 4])], [Y], "major"),
        ([("x", "FP32", [-1, -1])], [Y], "minor"),
        ([("x", "FP32", [1, 4])], [Y], "major"),
        ([("x", "FP32", [-1, 4, 1])], [Y], "major"),
        ([X], [Y, ("p", "FP32", [-1])], "minor"),
        ([X], [("p", "FP32", [-1])], "major"),
        ([X], [("y", "FP32", [8])], "patch"),
        ([X], [("y", "FP32", [-1, 1])], "major"),
        ([X], [("y", "INT64", [-1])], "major"),
    ],
)
def test_a_level_says_whether_callers_break(inputs, outputs, level):
    """Requests that were right must stay right, and responses must be what callers read before."""
    changes = signature_changes(_signature([X], [Y]), _signature(inputs, outputs))
    assert level == level_of(changes, False)


def test_each_change_names_its_tensor():
    """A tensor can differ in more than one way."""
    changes = signature_changes(_signature([X], [Y]), _signature([("x", "FP64", [1, 4])], [Y]))
    assert ["has datatype FP64, had FP32", "has shape [1, 4], had [-1, 4]"] == [one.what for one in changes]
    assert {'input "x"'} == {one.place for one in changes}


@pytest.mark.parametrize(
    ("before", "after", "level"),
    [
        ("1.2.3", "1.2.3", "none"),
        ("1.2.3", "1.2.4", "patch"),
        ("1.2.3", "1.3.0", "minor"),
        ("1.2.3", "2.0.0", "major"),
        ("0.2.3", "0.3.0", "major"),
        ("1.2.3-rc1", "1.2.3", "patch"),
        ("1.2.3", "1.2.2", None),
        ("2024-01", "2024-02", None),
    ],
)
def test_versions_say_what_a_release_claims(before, after, level):
    """What is not MAJOR.MINOR.PATCH claims nothing."""
    assert level == released(before, after)


def test_any_change_is_a_release():
    """Immutable packages: other weights with the same signature are a patch."""
    assert "patch" == level_of([], True)
