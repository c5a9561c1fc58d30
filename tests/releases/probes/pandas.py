"""Frames, series and indexes, pickled, and their values as texts."""

import pickle

import pandas as pd

DAYS = pd.to_datetime(["2020-01-01", "2021-01-01"])
OBJECTS = {
    "categories": pd.Series(pd.Categorical(["u", "v"])),
    "dates": pd.date_range("2020-01-01", periods=2),
    "frame": pd.DataFrame({"a": [1.0, 2.0]}),
    "integers": pd.Index([1, 2]),
    "intervals": pd.Series(pd.cut(pd.Series([1.0, 2.0, 3.0]), 2)),
    "many_levels": pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([("x", 1)])),
    "nullable": pd.Series([1, 2], dtype="Int64"),
    "periods": pd.period_range("2020", periods=2, freq="D"),
    "ranges": pd.Series([1, 2], name="n"),
    "sparse": pd.Series(pd.arrays.SparseArray([0, 1])),
    "strings": pd.Series(["a", "b"], dtype="string"),
    "texts": pd.DataFrame({"s": ["x", "y"]}),
    "times": pd.DataFrame({"t": DAYS}),
    "zones": pd.Series(DAYS.tz_localize("UTC")),
}


def write(folder):
    """Pickle each; returns answers by file."""
    for name, one in OBJECTS.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(one, 4))
    return {f"{name}.pkl": _texts(one) for name, one in OBJECTS.items()}


def read(path):
    """The values in a file; `read_pickle` knows where names of older releases went."""
    return _texts(pd.read_pickle(path))


def _texts(one):
    values = one.to_numpy().ravel() if isinstance(one, pd.DataFrame) else one
    return [str(value) for value in values]
