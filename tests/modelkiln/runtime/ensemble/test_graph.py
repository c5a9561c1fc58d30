"""The steps of an ensemble: their order, what they share, what fails."""

import os
import threading

import numpy
import pytest
from ensembles.parts import step, tensor

from modelkiln.runtime.ensemble.errors import StepError

X, Y = [tensor("x")], [tensor("y")]
DOUBLE = ("def predict(inputs, model):\n    return {'y': inputs['x'] * 2}\n", X, Y)
ADD = (
    "def predict(inputs, model):\n    return {'y': inputs['a'] + inputs['b']}\n",
    [tensor("a"), tensor("b")],
    Y,
)


def test_steps_are_called_one_after_another(make_graph):
    """What a step makes is what the next one reads, under the member's own names."""
    steps = [step("double", "x=in", "y=twice"), step("double", "x=twice", "y=out")]
    graph = make_graph({"double": DOUBLE}, steps, [tensor("in")], [tensor("out")])
    assert [4.0, 8.0] == graph.predict({"in": numpy.array([1.0, 2.0])})["out"].tolist()


def test_the_order_of_the_list_does_not_matter(make_graph):
    """Steps are called when their inputs are there."""
    steps = [step("double", "x=twice", "y=out"), step("double", "x=in", "y=twice")]
    graph = make_graph({"double": DOUBLE}, steps, [tensor("in")], [tensor("out")])
    assert [4.0] == graph.predict({"in": numpy.array([1.0])})["out"].tolist()


def test_steps_that_do_not_depend_on_each_other_run_at_the_same_time(make_graph):
    """Each waits for the other one, which one after another would never end."""
    threading.meeting = threading.Barrier(2, timeout=30)
    meet = (
        "import threading\ndef predict(inputs, model):\n    threading.meeting.wait()\n    return {'y': inputs['x']}\n"
    )
    steps = [step("left", "x=in", "y=l"), step("right", "x=in", "y=r"), step("add", "a=l b=r", "y=out")]
    scripts = {"left": (meet, X, Y), "right": (meet, X, Y), "add": ADD}
    graph = make_graph(scripts, steps, [tensor("in")], [tensor("out")])
    assert [2.0] == graph.predict({"in": numpy.array([1.0])})["out"].tolist()


def test_a_step_does_not_wait_for_what_it_does_not_read(make_graph):
    """The third step begins while the first one runs: they meet."""
    threading.meeting = threading.Barrier(2, timeout=30)
    meet = (
        "import threading\ndef predict(inputs, model):\n    threading.meeting.wait()\n    return {'y': inputs['x']}\n"
    )
    steps = [step("slow", "x=in", "y=s"), step("double", "x=in", "y=d"), step("late", "x=d", "y=l")]
    scripts = {"slow": (meet, X, Y), "double": DOUBLE, "late": (meet, X, Y)}
    graph = make_graph(scripts, steps, [tensor("in")], [tensor("s"), tensor("l")])
    assert [2.0] == graph.predict({"in": numpy.array([1.0])})["l"].tolist()


def test_combine_makes_the_outputs_that_no_step_makes(make_graph, tmp_path):
    """It gets all tensors by their names in the ensemble."""
    (tmp_path / "merging.py").write_text("def merge(t):\n    return {'out': t['in'] + t['twice']}\n")
    graph = make_graph(
        {"double": DOUBLE},
        [step("double", "x=in", "y=twice")],
        [tensor("in")],
        [tensor("twice"), tensor("out")],
        combine="merging:merge",
    )
    outputs = graph.predict({"in": numpy.array([1.0])})
    assert ([2.0], [3.0]) == (outputs["twice"].tolist(), outputs["out"].tolist())


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("t['in'].astype('float32')", 'output "out" has datatype FP32, want FP64'),
        ("t['in'][:1, None]", 'output "out" has shape'),
        ("t['in'].tolist()", 'output "out" is a list, want a numpy array'),
    ],
)
def test_what_combine_makes_is_held_to_the_signature(make_graph, tmp_path, made, message):
    """Also where nothing else would check it, as in a server that calls the ensemble."""
    module = f"wrong_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(f"def merge(t):\n    return {{'out': {made}}}\n")
    steps, twice = [step("double", "x=in", "y=twice")], [tensor("twice"), tensor("out")]
    graph = make_graph({"double": DOUBLE}, steps, [tensor("in")], twice, combine=f"{module}:merge")
    with pytest.raises(StepError, match=f"^combine: its outputs disagree with the ensemble's signature: {message}"):
        graph.predict({"in": numpy.array([1.0])})


def test_a_tensor_that_several_read_cannot_be_changed(make_graph):
    """A member that writes into its input would change that of the others; its step is named."""
    script = ("def predict(inputs, model):\n    inputs['x'] *= 2\n    return {'y': inputs['x']}\n", X, Y)
    steps = [step("double", "x=in", "y=a"), step("change", "x=in", "y=b")]
    graph = make_graph({"double": DOUBLE, "change": script}, steps, [tensor("in")], [tensor("a"), tensor("b")])
    with pytest.raises(StepError, match=r'^step 2: member "change" \(change 1\.0\): raised ValueError: .*read-only'):
        graph.predict({"in": numpy.array([1.0])})


def test_a_member_that_fails_names_itself_its_step_and_its_input(make_graph):
    """And its exception is the cause, with its traceback."""
    script = ("def predict(inputs, model):\n    raise RuntimeError('no')\n", X, Y)
    steps = [step("double", "x=in", "y=twice"), step("fail", "x=twice", "y=out")]
    graph = make_graph({"double": DOUBLE, "fail": script}, steps, [tensor("in")], [tensor("out")])
    with pytest.raises(StepError) as caught:
        graph.predict({"in": numpy.array([1.0])})
    expected = 'step 2: member "fail" (fail 1.0): raised RuntimeError: no. Its inputs: "x" FP64 [1].'
    assert (expected, "no") == (str(caught.value), str(caught.value.__cause__))


def test_of_steps_that_fail_at_the_same_time_the_first_is_reported(make_graph):
    """Not the one that was quicker."""
    threading.meeting = threading.Barrier(2, timeout=30)
    script = (
        "import threading\ndef predict(inputs, model):\n    threading.meeting.wait()\n    raise RuntimeError('no')\n"
    )
    steps = [step("left", "x=in", "y=l"), step("right", "x=in", "y=r"), step("add", "a=l b=r", "y=out")]
    scripts = {"left": (script, X, Y), "right": (script, X, Y), "add": ADD}
    graph = make_graph(scripts, steps, [tensor("in")], [tensor("out")])
    with pytest.raises(StepError, match="^step 1: "):
        graph.predict({"in": numpy.array([1.0])})


def test_which_error_is_raised_does_not_depend_on_who_is_quicker(make_graph):
    """The second step has failed before the first one can begin, which fails all the same. Threads run them at first,
    and when they were seen to be quick this one does."""
    fail = ("def predict(inputs, model):\n    raise RuntimeError('no')\n", X, Y)
    steps = [step("fail", "x=twice", "y=out"), step("fail", "x=in", "y=more"), step("double", "x=in", "y=twice")]
    graph = make_graph({"double": DOUBLE, "fail": fail}, steps, [tensor("in")], [tensor("out"), tensor("more")])
    for _ in range(50):
        with pytest.raises(StepError, match="^step 1: "):
            graph.predict({"in": numpy.array([1.0])})


ODD = """
import numpy, threading

class Odd(numpy.ndarray):
    def __array_finalize__(self, other):
        if getattr(other, "is_odd", False):
            raise ValueError("no view")

def predict(inputs, model):
    threading.meeting.wait()
    made = inputs["x"].copy().view(Odd)
    made.is_odd = True
    return {"y": made}
"""


def test_an_array_that_cannot_be_shared_is_an_error(make_graph):
    """Raised as it is, in whichever thread it came; nothing waits for what the step should have made."""
    threading.meeting = threading.Barrier(2, timeout=30)
    meet = DOUBLE[0].replace("def", "import threading\ndef").replace("return", "threading.meeting.wait()\n    return")
    for places in ("lr", "rl"):
        steps = [step({"l": "meet", "r": "odd"}[one], "x=in", f"y={one}") for one in places]
        steps += [step("add", "a=l b=r", "y=out"), step("double", "x=r", "y=more")]
        scripts = {"meet": (meet, X, Y), "odd": (ODD, X, Y), "double": DOUBLE, "add": ADD}
        graph = make_graph(scripts, steps, [tensor("in")], [tensor("out"), tensor("more")])
        with pytest.raises(ValueError, match="no view"):
            graph.predict({"in": numpy.array([1.0])})


def test_an_interrupt_is_not_an_error_of_a_step(make_graph):
    """It is raised as it is, in whichever thread it came, and no step begins after it."""
    threading.meeting, threading.reached = threading.Barrier(2, timeout=30), []
    left = (
        "import threading\ndef predict(inputs, model):\n    threading.meeting.wait()\n    raise KeyboardInterrupt\n",
        X,
        Y,
    )
    right = (left[0].replace("raise KeyboardInterrupt", "return {'y': inputs['x']}"), X, Y)
    after = ("import threading\ndef predict(inputs, model):\n    threading.reached.append(1)\n", ADD[1], Y)
    for places in ("lr", "rl"):
        steps = [step({"l": "left", "r": "right"}[one], "x=in", f"y={one}") for one in places]
        steps.append(step("after", "a=l b=r", "y=out"))
        graph = make_graph({"left": left, "right": right, "after": after}, steps, [tensor("in")], [tensor("out")])
        with pytest.raises(KeyboardInterrupt):
            graph.predict({"in": numpy.array([1.0])})
    assert [] == threading.reached


WHERE = (
    "import threading\n"
    "def predict(inputs, model):\n"
    "    threading.places.append(threading.current_thread())\n"
    "    return {'y': inputs['x'] * 2}\n",
    X,
    Y,
)
BOTH = [step("where", "x=in", "y=l"), step("where", "x=in", "y=r")]


def test_steps_that_are_quick_run_one_after_another(make_graph):
    """In the thread that asks."""
    threading.places = []
    graph = make_graph({"where": WHERE}, BOTH, [tensor("in")], [tensor("l"), tensor("r")])
    for pace in graph.paces:
        for _ in range(20):
            pace.note(0.0)
    assert [2.0] == graph.predict({"in": numpy.array([1.0])})["r"].tolist()
    assert [threading.current_thread()] * 2 == threading.places


def test_a_step_that_no_thread_comes_for_runs_in_the_thread_that_asks(make_graph):
    """All others are at work, for whatever long time."""
    threading.places, gate = [], threading.Event()
    graph = make_graph({"where": WHERE}, BOTH, [tensor("in")], [tensor("l"), tensor("r")])
    try:
        while graph.threads().start(gate.wait):
            pass
        assert [2.0] == graph.predict({"in": numpy.array([1.0])})["r"].tolist()
    finally:
        gate.set()
    assert [threading.current_thread()] * 2 == threading.places


def test_a_process_that_was_forked_has_threads_of_its_own(make_graph):
    """As servers do that load the model, and try it, before they fork: steps there still meet."""
    threading.meeting = threading.Barrier(2, timeout=30)
    meet = (
        "import threading\ndef predict(inputs, model):\n    threading.meeting.wait()\n    return {'y': inputs['x']}\n"
    )
    steps = [step("left", "x=in", "y=l"), step("right", "x=in", "y=r")]
    scripts = {"left": (meet, X, Y), "right": (meet, X, Y)}
    graph = make_graph(scripts, steps, [tensor("in")], [tensor("l"), tensor("r")])
    graph.predict({"in": numpy.array([1.0])})
    child = os.fork()
    if not child:
        try:
            os._exit(0 if graph.predict({"in": numpy.array([3.0])})["r"].tolist() == [3.0] else 1)
        except BaseException:
            os._exit(2)
    assert 0 == os.waitpid(child, 0)[1]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("{'y': inputs['x'].astype('float32')}", 'output "y" has datatype FP32, want FP64'),
        ("{'y': inputs['x'].reshape(1, -1)}", 'output "y" has shape'),
        ("{}", 'output "y" is missing'),
        ("[1]", "got a list, want a dict"),
        ("None", "got None, want a dict"),
        ("{'y': 1}", 'output "y" is an int, want a numpy array'),
    ],
)
def test_what_a_member_returns_is_held_to_its_signature(make_graph, answer, sentence):
    """Before another step reads it."""
    script = (f"def predict(inputs, model):\n    return {answer}\n", X, Y)
    graph = make_graph({"odd": script}, [step("odd", "x=in", "y=out")], [tensor("in")], [tensor("out")])
    with pytest.raises(StepError, match=r'^step 1: member "odd" .*its outputs disagree') as caught:
        graph.predict({"in": numpy.array([1.0])})
    assert sentence in str(caught.value)


def test_a_size_that_only_a_request_shows_is_checked(make_graph):
    """-1 fits anything when the package is made, and its value may not fit."""
    pair = (DOUBLE[0], [tensor("x", shape=[2])], Y)
    graph = make_graph({"pair": pair}, [step("pair", "x=in", "y=out")], [tensor("in")], [tensor("out")])
    with pytest.raises(
        StepError, match=r'its inputs disagree with its signature: input "x" has shape \[3\], want \[2\]'
    ):
        graph.predict({"in": numpy.zeros(3)})


def test_a_member_that_cannot_be_made_is_named(make_graph):
    """When the ensemble starts."""
    script = "class Model:\n    def __init__(self, model):\n        raise OSError('weights')\n"
    with pytest.raises(StepError, match=r'member "bad": entry point .*: making the model raised OSError: weights'):
        make_graph({"bad": (script, X, Y)}, [step("bad", "x=in", "y=out")], [tensor("in")], [tensor("out")])


def test_several_threads_may_ask_at_the_same_time(make_graph):
    """Each gets the answer to its own request."""
    steps = [step("double", "x=in", "y=l"), step("double", "x=in", "y=r"), step("add", "a=l b=r", "y=out")]
    graph = make_graph({"double": DOUBLE, "add": ADD}, steps, [tensor("in")], [tensor("out")])
    found = {}

    def ask(number):
        found[number] = [graph.predict({"in": numpy.array([float(number)])})["out"].tolist() for _ in range(20)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert {number: [[4.0 * number]] * 20 for number in range(8)} == found
