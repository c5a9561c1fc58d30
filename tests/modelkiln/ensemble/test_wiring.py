"""Whether steps fit together: each thing that may be wrong, with its step, its tensor and the remedy."""

import pytest
from ensembles.parts import step, tensor

from modelkiln.ensemble.step import read_steps
from modelkiln.ensemble.wiring import check_wiring
from modelkiln.errors import ModelkilnError
from modelkiln.package.signature import read_signature


def signature(inputs, outputs):
    """A signature of tensors."""
    return read_signature({"inputs": inputs, "outputs": outputs}, "test")


MEMBERS = {
    "embed": signature([tensor("text", "BYTES")], [tensor("vector", "FP32", [-1, 384]), tensor("tokens", "INT64")]),
    "score": signature([tensor("x", "FP32", [-1, 384])], [tensor("y", "FP32")]),
}
STEPS = [step("embed", "text=question", "vector=embedding"), step("score", "x=embedding", "y=score")]
OWN = signature([tensor("question", "BYTES")], [tensor("score", "FP32")])


def check(steps=STEPS, own=OWN, members=MEMBERS, has_combine=False):
    """Check an ensemble."""
    check_wiring("shop:search", own, members, read_steps(steps, "shop:search"), has_combine)


def refused(*sentences, **changes):
    """An ensemble with changes is refused with all of these sentences."""
    with pytest.raises(ModelkilnError) as caught:
        check(**changes)
    text = str(caught.value)
    assert text.startswith("shop:search: ")
    for sentence in sentences:
        assert sentence in text, text


def test_what_fits_passes():
    """In any order, and an output that nobody needs is left out of the map."""
    check()
    check(list(reversed(STEPS)))


@pytest.mark.parametrize("shape", [[-1, -1], [4, 384], [4, -1]])
def test_a_variable_dimension_fits_anything(shape):
    """What it is shows when the ensemble answers."""
    check(members={**MEMBERS, "score": signature([tensor("x", "FP32", shape)], [tensor("y", "FP32")])})


@pytest.mark.parametrize(
    ("datatype", "shape", "difference"),
    [
        ("FP64", [-1, 384], "got datatype FP32, want FP64"),
        ("FP32", [-1, 768], "got shape [-1, 384], want [-1, 768]"),
        ("FP32", [-1], "got shape [-1, 384], want [-1]"),
    ],
)
def test_an_edge_that_does_not_fit(datatype, shape, difference):
    """Both ends of it are named."""
    refused(
        "step 2: input 'x' of member \"score\" reads the tensor 'embedding', output 'vector' of member \"embed\" in "
        f"step 1: {difference}. Change one of the two signatures",
        members={**MEMBERS, "score": signature([tensor("x", datatype, shape)], [tensor("y", "FP32")])},
    )


def test_an_input_of_the_ensemble_that_does_not_fit():
    """The first edge is one, too."""
    refused(
        "step 1: input 'text' of member \"embed\" reads the tensor 'question', an input of the ensemble: "
        "got datatype FP32, want BYTES",
        own=signature([tensor("question", "FP32")], [tensor("score", "FP32")]),
    )


def test_an_output_of_the_ensemble_that_does_not_fit():
    """And so is the last one."""
    refused(
        "output 'score' of the ensemble is output 'y' of member \"score\" in step 2: got shape [-1], want [-1, 1]",
        own=signature([tensor("question", "BYTES")], [tensor("score", "FP32", [-1, 1])]),
    )


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ([*STEPS, step("rank", "x=score", "y=rank")], "step 3: \"model_name\" is 'rank', and `members` has 'embed', "),
        (
            [step("embed", "words=question", "vector=embedding"), STEPS[1]],
            "step 1: \"input_map\" names 'words', and the signature of member \"embed\" has 'text' there.",
        ),
        (
            [step("embed", "text=question", "vectors=embedding"), STEPS[1]],
            "step 1: \"output_map\" names 'vectors', and the signature of member \"embed\" has 'vector', 'tokens'",
        ),
        ([STEPS[0], step("score", "", "y=score")], "step 2: input 'x' of member \"score\" gets no tensor. Add it to"),
        ([STEPS[0]], 'member "score" is called by no step. Add one, or remove it.'),
        (
            [STEPS[0], step("score", "x=embeddings", "y=score")],
            "step 2: input 'x' of member \"score\" reads the tensor 'embeddings', which no step makes and which is "
            "not an input of the ensemble; there are 'question', 'embedding', 'score'.",
        ),
        (
            [*STEPS, step("score", "x=embedding", "y=score")],
            "step 3: makes the tensor 'score', which step 2 makes already. Give one of them another name.",
        ),
        (
            [step("embed", "text=question", "vector=question"), step("score", "x=question", "y=score")],
            "step 1: makes the tensor 'question', which is an input of the ensemble already.",
        ),
        (
            [step("embed", "text=question", "vector=embedding tokens=length"), STEPS[1]],
            "step 1: nothing reads the tensor 'length', output 'tokens' of member \"embed\" in step 1. Leave it out of",
        ),
        (
            [*STEPS, step("score", "x=embedding", "")],
            'step 3: nothing that member "score" makes is kept. Add it to "output_map", or remove the step.',
        ),
        (
            [STEPS[0], step("score", "x=embedding", "y=points")],
            "no step makes the output 'score' of the ensemble. Name it in the \"output_map\" of a step, or make it "
            "with `combine`.",
        ),
    ],
)
def test_steps_that_do_not_fit_together(steps, sentence):
    """Each is named by its number, with the tensor and what to do."""
    refused(sentence, steps=steps)


def test_an_input_that_no_step_reads():
    """The signature promises what nobody needs."""
    refused(
        "no step reads the input 'language' of the ensemble. Remove it from the signature.",
        own=signature([tensor("question", "BYTES"), tensor("language", "BYTES")], [tensor("score", "FP32")]),
    )


def test_an_output_that_is_an_input():
    """No step would make it."""
    refused(
        "output 'question' of the ensemble is an input of it as well.",
        own=signature([tensor("question", "BYTES")], [tensor("score", "FP32"), tensor("question", "BYTES")]),
    )


def test_all_that_is_wrong_is_reported_at_once():
    """One message, so that one edit puts it right."""
    refused(
        "step 1: nothing reads the tensor 'length'",
        "no step makes the output 'score'",
        "step 2: nothing reads the tensor 'points'",
        steps=[
            step("embed", "text=question", "vector=embedding tokens=length"),
            step("score", "x=embedding", "y=points"),
        ],
    )


def test_steps_in_a_circle_are_named():
    """Those that only come before or after it are not."""
    one = signature([tensor("x", "FP32")], [tensor("y", "FP32")])
    two = signature([tensor("a", "FP32"), tensor("b", "FP32")], [tensor("y", "FP32")])
    steps = [
        step("one", "x=in", "y=first"),
        step("two", "a=first b=back", "y=forth"),
        step("one", "x=forth", "y=back"),
        step("one", "x=forth", "y=out"),
    ]
    refused(
        "steps wait for each other in a circle, over the tensors 'back' (made by step 3, read by step 2), 'forth' "
        "(made by step 2, read by step 3). Cut it.",
        steps=steps,
        members={"one": one, "two": two},
        own=signature([tensor("in", "FP32")], [tensor("out", "FP32")]),
    )


def test_combine_makes_what_no_step_makes():
    """It gets all tensors, so that none is unused; with nothing to make it is refused."""
    own = signature([tensor("question", "BYTES"), tensor("language", "BYTES")], [tensor("answer", "FP32")])
    check(own=own, has_combine=True)
    refused("`combine` has nothing to make: steps make all outputs of the ensemble. Remove it.", has_combine=True)
