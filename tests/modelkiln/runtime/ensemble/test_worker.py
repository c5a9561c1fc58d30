"""Members with a process of their own: their code, their tensors, their ends."""

import os
import signal

import numpy
import pytest
from ensembles.parts import step, tensor

from modelkiln.runtime.ensemble.errors import StepError

X, Y = [tensor("x")], [tensor("y")]
STEPS = [step("one", "x=in", "y=between"), step("two", "x=between", "y=out")]


def times(factor):
    """A member with a library of its own under the name that others have, too."""
    script = f"import os\nFACTOR = {factor}\ndef predict(inputs, model):\n    return {{'y': inputs['x'] * FACTOR}}\n"
    return script, X, Y


def test_members_with_files_of_one_name_use_their_own(make_graph):
    """Both are the module `member`, in processes of their own."""
    graph = make_graph({"one": times(2), "two": times(5)}, STEPS, [tensor("in")], [tensor("out")], apart=("one", "two"))
    for value in (1.0, 7.0):
        assert [10 * value] == graph.predict({"in": numpy.array([value])})["out"].tolist()


def test_a_folder_without_init_is_that_of_the_member(make_graph, tmp_path):
    """Another one of its name in the ensemble's code is a regular package, which Python would prefer."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").write_text("WHOSE = 'others'\n")
    (tmp_path / ".modelkiln/members/one/shop").mkdir(parents=True)
    (tmp_path / ".modelkiln/members/one/shop/scale.py").write_text(
        "import importlib.resources\nFACTOR = int((importlib.resources.files('shop') / 'factor.txt').read_text())\n"
    )
    (tmp_path / ".modelkiln/members/one/shop/factor.txt").write_text("3")
    script = "from shop.scale import FACTOR\ndef predict(inputs, model):\n    return {'y': inputs['x'] * FACTOR}\n"
    steps = [step("one", "x=in", "y=out")]
    graph = make_graph({"one": (script, X, Y)}, steps, [tensor("in")], [tensor("out")], apart=("one",))
    assert [3.0] == graph.predict({"in": numpy.array([1.0])})["out"].tolist()


@pytest.mark.parametrize(
    "array",
    [
        numpy.arange(300000, dtype="float64").reshape(3, 100000),
        numpy.arange(12, dtype="float32").reshape(3, 4)[:, ::2],
        numpy.array(7, dtype="int64"),
        numpy.zeros((0, 4)),
        numpy.array([True, False]),
        numpy.array([[b"a", "\u00e9\U0001f600"], [b"", b"\xff"]], dtype=object),
        numpy.array(["abc", "d"]),
        numpy.array([1.5, 2], dtype="float16"),
    ],
)
def test_tensors_come_back_as_they_went(make_graph, array):
    """Of every datatype, empty, without a dimension, strided, larger than the memory that is there at first."""
    from modelkiln.runtime.tensors import array_datatype

    spec = tensor("x", array_datatype(array), [-1] * array.ndim)
    script = "def predict(inputs, model):\n    return {'x': inputs['x']}\n"
    graph = make_graph(
        {"echo": (script, [spec], [spec])},
        [step("echo", "x=in", "x=out")],
        [{**spec, "name": "in"}],
        [{**spec, "name": "out"}],
        apart=("echo",),
    )
    found = graph.predict({"in": array})["out"]
    assert (array.dtype, array.shape, array.tolist()) == (found.dtype, found.shape, found.tolist())


def test_an_answer_stays_when_the_next_one_comes(make_graph):
    """The memory is used again, and what was answered is not."""
    steps = [step("one", "x=in", "y=out")]
    graph = make_graph({"one": times(2)}, steps, [tensor("in")], [tensor("out")], apart=("one",))
    first = graph.predict({"in": numpy.array([1.0])})["out"]
    graph.predict({"in": numpy.array([8.0])})
    assert [2.0] == first.tolist()


def test_a_process_that_dies_names_its_member(make_graph):
    """And the step; the next request finds a new process."""
    script = (
        "import os, signal\n"
        "def predict(inputs, model):\n"
        "    if inputs['x'][0] < 0:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return {'y': inputs['x']}\n"
    )
    steps = [step("one", "x=in", "y=out")]
    graph = make_graph({"one": (script, X, Y)}, steps, [tensor("in")], [tensor("out")], apart=("one",))
    with pytest.raises(StepError) as caught:
        graph.predict({"in": numpy.array([-1.0])})
    assert (
        'step 1: member "one" (one 1.0): the process of member "one" ended with signal SIGKILL; what it printed is '
        'above. The machine may have run out of memory. Its inputs: "x" FP64 [1].'
    ) == str(caught.value)
    assert [1.0] == graph.predict({"in": numpy.array([1.0])})["out"].tolist()


def test_an_exception_in_a_process_is_the_steps(make_graph, capfd):
    """Its traceback is printed there, and the process goes on."""
    script = "def predict(inputs, model):\n    return {'y': 1 // int(inputs['x'][0]) + inputs['x']}\n"
    steps = [step("one", "x=in", "y=out")]
    graph = make_graph({"one": (script, X, Y)}, steps, [tensor("in")], [tensor("out")], apart=("one",))
    with pytest.raises(StepError, match=r'^step 1: member "one" \(one 1\.0\): raised ZeroDivisionError: '):
        graph.predict({"in": numpy.array([0.0])})
    assert [2.0] == graph.predict({"in": numpy.array([1.0])})["out"].tolist()
    assert "member.py" in capfd.readouterr().err


def test_a_member_whose_process_cannot_start_is_named(make_graph):
    """When the ensemble starts, and not with the first request."""
    script = "import nowhere\ndef predict(inputs, model):\n    return {}\n"
    steps = [step("one", "x=in", "y=out")]
    with pytest.raises(
        StepError, match=r'member "one": entry point member:predict: cannot import member: ModuleNotFound'
    ):
        make_graph({"one": (script, X, Y)}, steps, [tensor("in")], [tensor("out")], apart=("one",))


def test_modules_of_the_runtime_are_not_found_by_their_last_names(make_graph):
    """A member's `step` is its own, or there is none."""
    script = "import importlib.util\nassert importlib.util.find_spec('step') is None\n" + times(2)[0]
    graph = make_graph(
        {"one": (script, X, Y)}, [step("one", "x=in", "y=out")], [tensor("in")], [tensor("out")], apart=("one",)
    )
    assert [2.0] == graph.predict({"in": numpy.array([1.0])})["out"].tolist()


def test_a_process_finds_what_its_host_provides(make_graph, tmp_path, monkeypatch):
    """By itself: its path of imports is its own. What is not there is an error of the member."""
    (tmp_path / "host/acme-1.2.dist-info").mkdir(parents=True)
    (tmp_path / "host/acme-1.2.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.2\n")
    (tmp_path / "host/acme.py").write_text("FACTOR = 4\n")
    monkeypatch.setenv("MODELKILN_PROVIDED", str(tmp_path / "host"))
    script = "from acme import FACTOR\ndef predict(inputs, model):\n    return {'y': inputs['x'] * FACTOR}\n"
    wanted = {"name": "acme", "specifier": "<2", "modules": ["acme"], "reason": "its license"}

    def ask(specifier):
        graph = make_graph(
            {"one": (script, X, Y)},
            [step("one", "x=in", "y=out")],
            [tensor("in")],
            [tensor("out")],
            apart=("one",),
            provided=[{**wanted, "specifier": specifier}],
        )
        return graph.predict({"in": numpy.array([1.0])})["out"].tolist()

    assert [4.0] == ask("<2")
    with pytest.raises(StepError, match='member "one": acme>=2 is a provided requirement, and there is 1.2 in'):
        ask(">=2")


def test_a_process_ends_with_its_ensemble(make_graph):
    """Nothing runs on after close."""
    script = "import os, numpy\ndef predict(inputs, model):\n    return {'y': numpy.array([float(os.getpid())])}\n"
    steps = [step("one", "x=in", "y=out")]
    graph = make_graph({"one": (script, X, Y)}, steps, [tensor("in")], [tensor("out")], apart=("one",))
    process = int(graph.predict({"in": numpy.array([1.0])})["out"][0])
    graph.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, signal.SIG_DFL)


def test_a_process_that_was_forked_has_members_of_its_own(make_graph):
    """As servers do that load the model before they fork: both ask, and neither gets the other's answer."""
    steps = [step("one", "x=in", "y=out")]
    graph = make_graph({"one": times(2)}, steps, [tensor("in")], [tensor("out")], apart=("one",))
    child = os.fork()
    if not child:
        try:
            good = all(graph.predict({"in": numpy.array([float(n)])})["out"].tolist() == [2.0 * n] for n in range(20))
            graph.close()
            os._exit(0 if good else 1)
        except BaseException:
            os._exit(2)
    answers = [graph.predict({"in": numpy.array([n + 0.5])})["out"].tolist() for n in range(20)]
    assert ([[2 * n + 1.0] for n in range(20)], 0) == (answers, os.waitpid(child, 0)[1])
