"""What sources state about models, in packages."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.package.source_facts import example_of, metadata_of, near_misses, signature_of

SIGNATURE = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1]}], "outputs": []}


def test_the_signature_of_the_only_artifact_that_has_one_is_taken():
    """Artifacts without one do not count, and equal ones are one."""
    facts = [("a", {}), ("b", {"signature": SIGNATURE}), ("c", {"signature": dict(SIGNATURE)})]
    assert SIGNATURE == signature_of(facts, "w")


def test_artifacts_that_differ_are_reported():
    """The target has to say which."""
    facts = [("a:m", {"signature": SIGNATURE}), ("b:m", {"signature": {}}), ("c:m", {"signature": {"inputs": []}})]
    with pytest.raises(ModelkilnError, match=r"w: a:m and c:m bring different signatures.*field `signature`"):
        signature_of(facts, "w")


def test_what_could_not_be_taken_is_in_the_error():
    """A source's own hint says why there is none."""
    facts = [("a:m", {"not_taken": ["input example: is empty or ragged"]})]
    with pytest.raises(ModelkilnError, match=r"no input example.*a:m: input example: is empty.*field `request`"):
        example_of(facts, "w")


def test_a_targets_metadata_stands_over_facts():
    """Keys of the target replace facts, facts that agree are added, others are left out."""
    facts = [
        (
            "a",
            {
                "license": "MIT",
                "metrics": {"f1": 0.9},
                "requirements": ["numpy==2.4.6"],
                "description": "part a",
                "signature": SIGNATURE,
            },
        ),
        ("b", {"license": "MIT", "description": "part b", "authors": ["A. Author", "B. Author"]}),
    ]
    own = {"license": "Apache-2.0", "team": "search"}
    more = {"metrics": {"f1": 0.9}, "requirements": ["numpy==2.4.6"], "authors": "A. Author, B. Author"}
    assert {"license": "Apache-2.0", "team": "search", **more} == metadata_of(facts, own)


def test_slips_in_keys_of_metadata_are_named():
    """Any key is allowed; one that is nearly another, which the target lacks, is hardly meant."""
    own = {"author": "A", "Licence": "MIT", "require": {}, "team": "search", "version_of_data": 3, "title": "Rain"}
    assert [("Licence", "license"), ("author", "authors"), ("require", "requires")] == near_misses(own)
    assert [] == near_misses({"author": "A", "authors": "A, B", "metrics": {}, "base_model": "x", "license": "MIT"})
