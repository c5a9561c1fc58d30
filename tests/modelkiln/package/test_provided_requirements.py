"""Provided requirements as BUILD files and records have them."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.package.model_wheel import requires_dist
from modelkiln.package.provided import check_locked, provided_label, read_provided, without_provided

REASON = "NVIDIA's license forbids redistribution"
BOTH = {
    "TensorRT>=10.3,<11": REASON,
    "opencv_python": {"reason": " Of the\n platform ", "modules": ["cv2"]},
}


def test_a_requirement_and_its_reason_are_read():
    """Names are canonical, the module is that of the name, and what is written over several lines is one."""
    first, second = read_provided(BOTH, "m:m")
    expected = {"name": "opencv-python", "specifier": "", "modules": ["cv2"], "reason": "Of the platform"}
    assert expected == first.to_json()
    expected = {"name": "tensorrt", "specifier": "<11,>=10.3", "modules": ["tensorrt"], "reason": REASON}
    assert expected == second.to_json()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"tensorrt>=10": ""}, "m:m: provided_requirements: 'tensorrt>=10' has no reason"),
        ({"tensorrt": None}, "has no reason"),
        ({"tensorrt": {"modules": ["tensorrt"]}}, "has no reason"),
        ({"tensorrt": {"reason": "r", "module": "x"}}, "unknown key 'module'; known are reason and modules"),
        ({"tensorrt": {"reason": "r", "modules": "x"}}, "modules = 'x' is not a list of modules"),
        ({"tensorrt": {"reason": "r", "modules": []}}, "is not a list of modules"),
        ({"tensorrt": {"reason": "r", "modules": ["a-b"]}}, "module 'a-b' is not a name of a Python module"),
        ({"tensorrt 10": "r"}, "is not a requirement"),
        ({"tensorrt; python_version > '3'": "r"}, "is more than a name with versions"),
        ({"tensorrt[x]": "r"}, "is more than a name with versions"),
        ({"tensorrt @ https://example.com/x.whl": "r"}, "is more than a name with versions"),
        ({"numpy>=2": "r"}, "every package contains numpy"),
        ({"a-b>1": "r", "A_b<2": "r"}, "m:m: provided_requirements: a-b is there twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(value, message):
    """The error names the target, the requirement and the form to write."""
    with pytest.raises(ModelkilnError, match="m:m: ") as error:
        read_provided(value, "m:m")
    assert message in str(error.value)


def test_a_lock_with_another_version_is_refused():
    """What tests run with must be what the package accepts; without a locked version nothing is compared."""
    provided = read_provided(BOTH, "m:m")
    check_locked(provided, [{"name": "numpy", "version": "2.0"}, {"name": "tensorrt", "version": "10.3"}], "m:m")
    with pytest.raises(ModelkilnError, match=r"m:m: the lock l has tensorrt 11\.0, .* says tensorrt<11,>=10\.3"):
        check_locked(provided, [{"name": "tensorrt", "version": "11.0"}], "m:m: the lock l")


def test_the_code_needs_what_is_left():
    """Requirements of provided packages are left out, however they are spelled."""
    provided = read_provided(BOTH, "m:m")
    assert ("numpy",) == without_provided(["OpenCV.python>=4", "TENSORRT", "numpy"], provided)
    assert ("tensorrt",) == without_provided(["tensorrt"], ())


def test_the_label_names_all():
    """Requirements are separated by spaces, which none of them contains."""
    record = {"provided": [one.to_json() for one in read_provided(BOTH, "m:m")]}
    assert "opencv-python tensorrt<11,>=10.3" == provided_label(record)


def test_a_wheel_has_them_as_an_extra():
    """Installers bring them where they are asked to, and not otherwise."""
    provided = read_provided(BOTH, "m:m")
    locked = [{"name": "numpy", "version": "2.4.6"}]
    expected = ['opencv-python; extra == "provided"', 'tensorrt<11,>=10.3; extra == "provided"']
    for mode, first in (("declared", "numpy>=2.4.6"), ("exact", "numpy==2.4.6")):
        assert [first, *expected] == requires_dist(mode, ["numpy"], locked, provided)
    assert [] == requires_dist("none", ["numpy"], locked, provided)
