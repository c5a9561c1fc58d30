"""Arrays, scalars and random states of numpy, pickled."""

import pickle

import numpy

OBJECTS = {
    "array": numpy.arange(3.0),
    "generator": numpy.random.default_rng(1),
    "masked": numpy.ma.array([1, 2]),
    "objects": numpy.array([None, {}], dtype=object),
    "scalar": numpy.float64(1),
    "state": numpy.random.RandomState(1),
}


def write(folder):
    """Pickle each with the protocols in use; an answer is the type's name."""
    answers = {}
    for name, one in OBJECTS.items():
        for protocol in (4, 5):
            (folder / f"{name}-{protocol}.pkl").write_bytes(pickle.dumps(one, protocol))
            answers[f"{name}-{protocol}.pkl"] = type(one).__name__
    return answers


def read(path):
    """The type of what is in a file."""
    return type(pickle.loads(path.read_bytes())).__name__
