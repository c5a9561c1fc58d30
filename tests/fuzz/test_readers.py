"""The readers that are fuzzed take the valid input that a fuzzer starts from."""

import pytest
from fuzzed_readers import READERS


@pytest.mark.parametrize("name", sorted(READERS))
def test_valid_input_is_taken(name):
    """Each seed is; the first half of one ends in a refusal, if in anything."""
    seeds = list(READERS[name].seeds())
    assert [READERS[name].accepts(seed) for seed in seeds] == [True] * len(seeds)
    for seed in seeds:
        READERS[name].accepts(seed[: len(seed) // 2])
