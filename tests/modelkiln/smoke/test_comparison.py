"""Responses compared with expected ones."""

import pytest

from modelkiln.runtime.tensors import Tensor
from modelkiln.smoke.comparison import Tolerance, differences

EXACT = Tolerance()


def floats(*data, shape=None, datatype="FP32", name="y"):
    """A tensor of floats."""
    return Tensor(name, datatype, shape or (len(data),), list(data))


def test_equal_responses_have_no_differences():
    """Order does not matter."""
    a, b = floats(0.5, 1), Tensor("z", "BYTES", (1,), ["cat"])
    assert [] == differences([a, b], [b, a], EXACT)


def test_floats_are_equal_at_the_precision_of_their_datatype():
    """0.1 and the float64 that a float32's 0.1 prints as are one FP32 value, and two of FP64."""
    assert [] == differences([floats(0.1)], [floats(0.10000000149011612)], EXACT)
    assert 1 == len(differences([floats(0.1, datatype="FP64")], [floats(0.10000000149011612, datatype="FP64")], EXACT))


@pytest.mark.parametrize(
    ("actual", "expected", "tolerance", "close"),
    [
        (1.01, 1.0, Tolerance(relative=0.02), True),
        (1.03, 1.0, Tolerance(relative=0.02), False),
        (0.001, 0.0, Tolerance(relative=0.5), False),
        (0.001, 0.0, Tolerance(absolute=0.01), True),
        # Relative to the expected value, as numpy.isclose has it: 0.1 * 10 < 1.05.
        (11.05, 10.0, Tolerance(relative=0.1), False),
        (10.0, 11.05, Tolerance(relative=0.1), True),
    ],
)
def test_a_tolerance_is_that_of_numpy_isclose(actual, expected, tolerance, close):
    """|actual - expected| <= atol + rtol * |expected|."""
    assert close == (differences([floats(actual)], [floats(expected)], tolerance) == [])


def test_integers_are_right_or_wrong():
    """A tolerance is for floats: 1001 is another label than 1000."""
    actual, expected = (Tensor("y", "INT64", (1,), [value]) for value in (1001, 1000))
    assert 1 == len(differences([actual], [expected], Tolerance(relative=0.5)))


def test_differences_read_well():
    """The first elements are shown with their place, and the largest difference."""
    actual = floats(1, 2, 3, 4, 5, 6, 7, 8, shape=(2, 4))
    expected = floats(1, 2.5, 2, 3, 4, 5, 6, 0, shape=(2, 4))
    text = """\
output "y" (FP32 [2, 4]): 7 of 8 elements differ. The largest difference is 8 at [1, 3] (rtol 0, atol 0).
  [0, 1]: got 2, want 2.5, off by 0.5 (0.2 of it)
  [0, 2]: got 3, want 2, off by 1 (0.5 of it)
  [0, 3]: got 4, want 3, off by 1 (0.333 of it)
  [1, 0]: got 5, want 4, off by 1 (0.25 of it)
  [1, 1]: got 6, want 5, off by 1 (0.2 of it)
  and 2 more"""
    assert [text] == differences([actual], [expected], EXACT)


def test_other_outputs_datatypes_and_shapes_are_reported():
    """Nothing is compared by element that is not the same kind of thing."""
    actual = [floats(1), floats(1, 2, name="z")]
    expected = [floats(1, datatype="FP64"), floats(1, 2, shape=(2, 1), name="z"), floats(1, name="w")]
    assert [
        'output "y": got datatype FP32, want FP64.',
        'output "z": got shape [2], want [2, 1].',
        'output "w" is missing.',
    ] == differences(actual, expected, EXACT)
    assert ['output "y" is not in the expected response.'] == differences(actual[:1], [], EXACT)


def test_strings_are_compared():
    """BYTES are shown quoted."""
    actual, expected = (Tensor("y", "BYTES", (), [value]) for value in ("cat", "dog"))
    assert ["output \"y\" (BYTES []): 1 of 1 elements differ.\n  []: got 'cat', want 'dog'"] == differences(
        [actual], [expected], EXACT
    )
