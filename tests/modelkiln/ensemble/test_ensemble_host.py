"""What an ensemble needs of its host."""

import pytest

from modelkiln.ensemble.host import merge_provided, merge_requires
from modelkiln.errors import ModelkilnError


def record(provided=(), contained=()):
    """What a member's record says of requirements."""
    return {"requirements": [{"name": name} for name in contained], **({"provided": provided} if provided else {})}


def provided(specifier, *modules, name="tensorrt"):
    """A provided requirement."""
    return {"name": name, "specifier": specifier, "modules": list(modules), "reason": "its license"}


def test_requirements_of_all_members_are_provided():
    """One distribution has the versions that all of them accept, and all modules that one of them imports."""
    members = {
        "a": record([provided("<11,>=10.3", "tensorrt")]),
        "b": record([provided(">=10.3,!=10.5", "tensorrt", "tensorrt.plugin"), provided("", "acme", name="acme")]),
        "c": record(),
    }
    assert [
        provided("", "acme", name="acme"),
        provided("!=10.5,<11,>=10.3", "tensorrt", "tensorrt.plugin"),
    ] == merge_provided("shop:search", members)


def test_what_one_member_must_not_contain_no_other_contains():
    """It would be in the ensemble all the same."""
    members = {"a": record([provided("", "tensorrt")]), "b": record(contained=["numpy", "tensorrt"])}
    with pytest.raises(ModelkilnError) as caught:
        merge_provided("shop:search", members)
    assert (
        'shop:search: member "a" must not contain tensorrt (`provided_requirements`: its license), and member "b" '
        "contains it"
    ) in str(caught.value)


def test_the_largest_size_and_all_features_count():
    """What the ensemble states itself counts before; metadata that require nothing stay as they are."""
    members = [
        {"requires": {"memory": "900 MB", "cpu": ["avx2"]}},
        {"requires": {"memory": "1 GiB", "device_memory": "4 GiB", "cpu": ["avx512f"]}},
        {"authors": "Ada"},
    ]
    found = {"memory": "1 GiB", "device_memory": "4 GiB", "cpu": ["avx2", "avx512f"]}
    assert {"license": "MIT", "requires": found} == merge_requires({"license": "MIT"}, members)
    own = {"requires": {"memory": "3 GiB", "cpu": ["fma"]}}
    stated = {**found, "memory": "3 GiB", "cpu": ["avx2", "avx512f", "fma"]}
    assert {"requires": stated} == merge_requires(own, members)
    assert {"authors": "Bob"} == merge_requires({"authors": "Bob"}, members[2:])
