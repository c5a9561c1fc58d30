"""What packages that need the same wheels have in common."""

from modelkiln.manifest.closure import LockedWheel
from modelkiln.wheels.platforms import Target
from pants_modelkiln.manifest.environment import FetchRequest, ResolvedLockRequest

_LOCK = ResolvedLockRequest("cpu", Target(releases=("3.11",), python="3.11", platform="linux/amd64", glibc="2.36"))


def _request(needed_by, requires=()):
    wheel = LockedWheel("numpy", "2.0.0", "numpy-2.0.0.whl", "a" * 64, requires, needed_by)
    return FetchRequest((wheel,), ((wheel.name, wheel.requires),), _LOCK)


def test_packages_that_need_the_same_wheels_have_them_fetched_once():
    """Whatever needs a wheel in each of them: what was asked once is known."""
    one, other = _request(("", "scipy")), _request(("",))
    assert one == other
    assert hash(one) == hash(other)


def test_what_an_index_says_of_a_wheel_is_asked_about_anew():
    """It is compared with what the wheel says itself."""
    assert _request(()) != _request((), ("scipy>=1",))
