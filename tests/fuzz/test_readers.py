"""The readers that are fuzzed take the valid input that a fuzzer starts from, and refuse what is nearly that."""

import json

import pytest
from fuzzed_readers import READERS
from samples.other_kinds import variations

JSON = ("debian-lock", "interpreter-lock", "manifest", "request", "signature", "weights-lock")
# What a parser that calls itself does not get to the end of.
DEEP = b"[" * 30_000


@pytest.mark.parametrize("name", sorted(READERS))
def test_valid_input_is_taken(name):
    """Each seed is; the first half of one ends in a refusal, if in anything."""
    seeds = list(READERS[name].seeds())
    assert [READERS[name].accepts(seed) for seed in seeds] == [True] * len(seeds)
    for seed in seeds:
        READERS[name].accepts(seed[: len(seed) // 2])


@pytest.mark.parametrize("name", JSON)
def test_a_value_of_another_kind_is_refused_if_it_is_anything(name):
    """Whatever stands in place of a value of a document, its reader takes or refuses it."""
    for seed in READERS[name].seeds():
        for changed in variations(json.loads(seed)):
            READERS[name].accepts(json.dumps(changed).encode())


@pytest.mark.parametrize("name", JSON)
def test_a_document_that_is_too_deep_is_refused(name):
    """Also inside of one that has all that it should."""
    assert not READERS[name].accepts(DEEP)
    seed, *_ = READERS[name].seeds()
    assert not READERS[name].accepts(seed.rstrip()[:-1] + b', "more": ' + DEEP + b"]" * len(DEEP) + b"}")
