"""Steps as BUILD files have them."""

import pytest
from ensembles.parts import step

from modelkiln.ensemble.step import read_steps
from modelkiln.errors import ModelkilnError

GOOD = step("score", "x=embedding", "y=score")


def test_steps_read_as_they_were_written():
    """Member, and two maps from its names to the ensemble's."""
    assert [GOOD, GOOD] == [one.to_json() for one in read_steps([GOOD, GOOD], "shop:search")]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], "`steps` must be a list with at least one step"),
        ({"model_name": "score"}, "`steps` must be a list"),
        (["score"], "step 1: 'score' is not a dictionary."),
        ([GOOD, {**GOOD, "model_version": -1}], "step 2: 'model_version' is not known."),
        ([{**GOOD, "model_name": None}], 'step 1: "model_name" is None; name a member.'),
        ([{**GOOD, "input_map": ["x"]}], "step 1: \"input_map\" is ['x']; it must map"),
        ([{**GOOD, "output_map": {"y": ""}}], "step 1: \"output_map\" is {'y': ''}; it must map"),
    ],
)
def test_what_is_not_a_step_is_refused(value, sentence):
    """By its number, with the value and an example."""
    with pytest.raises(ModelkilnError) as caught:
        read_steps(value, "shop:search")
    assert str(caught.value).startswith("shop:search: ") and sentence in str(caught.value)
    assert '"input_map": {"x": "embedding"}' in str(caught.value)
