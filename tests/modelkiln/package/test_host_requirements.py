"""`requires` in the metadata of a package."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.package.host_requirements import check_host_requirements, host_labels


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"memory": "8 GiB", "device_memory": "16 GB", "cpu": ["avx2", "avx512f", "sve"]},
        {"cpu": ["x86-64-v3"]},
    ],
)
def test_what_a_host_can_be_compared_with_is_taken(value):
    """Sizes with a unit, and features of one architecture or several."""
    check_host_requirements(value, "m:m")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("8 GiB", "'8 GiB' is not a dictionary"),
        ({"ram": "8 GiB"}, "unknown key 'ram'; known are memory, device_memory and cpu"),
        ({"memory": 8}, "memory: 8 is not a size such as"),
        ({"device_memory": "16G"}, "device_memory: '16G' is not a size such as"),
        ({"cpu": "avx2"}, "cpu = 'avx2' is not a list of features"),
        ({"cpu": ["AVX512-F"]}, "cpu: 'AVX512-F' is not a feature that code is compiled for.*such as .*avx512f"),
        ({"cpu": ["sse4.2"]}, "such as .*sse4_2"),
        ({"cpu": ["fast"]}, "'fast' is not a feature.* or one of x86-64-v2, x86-64-v3, x86-64-v4"),
        ({"cpu": [4]}, "cpu: 4 is not a feature"),
    ],
)
def test_what_cannot_be_compared_is_refused(value, message):
    """The target, the key and the bad value are named, and names that are like it."""
    with pytest.raises(ModelkilnError, match=f"^m:m: metadata: requires.*{message}"):
        check_host_requirements(value, "m:m")


def test_labels_say_what_a_host_needs():
    """Deployment tools select machines by them."""
    metadata = {"requires": {"memory": "8 GiB", "cpu": ["avx2", "fma"]}}
    expected = {"modelkiln.package.requires.cpu": "avx2,fma", "modelkiln.package.requires.memory": "8 GiB"}
    assert expected == host_labels({"metadata": metadata})
    assert {} == host_labels({"metadata": {"requires": "many"}}) == host_labels({"metadata": {}})
