"""Arrays, alone and among others, as joblib writes them: plain and compressed."""

import joblib
import numpy as np

OBJECTS = {
    "array": np.arange(6.0),
    "among": [np.arange(5, dtype="i1"), np.arange(100.0), np.arange(9, dtype="u1"), np.arange(7.0)],
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "objects": np.array([1, "a"], dtype=object),
    "texts": np.array(["a", "bb"]),
}


def write(folder):
    """Write each; returns answers by file."""
    answers = {}
    for name, one in OBJECTS.items():
        for level in (0, 3):
            path = folder / f"{name}-{level}.joblib"
            joblib.dump(one, path, compress=level)
            answers[path.name] = _values(one)
    return answers


def read(path):
    """The values in a file."""
    return _values(joblib.load(path))


def _values(one):
    return [array.tolist() for array in one] if isinstance(one, list) else one.tolist()
