"""What `package` says of a package that its registry would refuse."""

from pants_modelkiln.goals.package import registry_lines


def test_a_layer_that_the_registry_refuses_is_said_when_it_is_packaged():
    """Once for a registry, by the largest layer."""
    lines = registry_lines(["ghcr.io/a/{name}", "ghcr.io/b", "registry.example.com/a"], [5, 11 * 10**9, 12 * 10**9])
    expected = "  ghcr.io takes layers of 10.0 GB at most, and 2 are larger, up to 12000000000 bytes."
    assert [expected] == lines


def test_what_fits_says_nothing():
    """Nor does a registry without known limits, nor a package that goes nowhere."""
    assert [] == registry_lines(["ghcr.io/a"], [10**10])
    assert [] == registry_lines(["registry.example.com/a"], [10**12])
    assert [] == registry_lines([], [10**12])
