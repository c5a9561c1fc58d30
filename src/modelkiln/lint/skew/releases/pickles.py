"""Pickles of joblib, cloudpickle and pandas, which change what they write within years."""

from modelkiln.checks.traits.trait import IMPORT
from modelkiln.lint.skew.row import REFUSES, Row

__all__ = ["ROWS"]

_JOBLIB = "arrays written with joblib 1.0.1 to 1.6.0, plain and compressed, loaded with 0.17.0 to 1.6.0"
_CLOUDPICKLE = "functions and classes of a script, pickled with cloudpickle 1.6.0 to 3.1.3, loaded with each"
_PANDAS = (
    "frames, series and indexes pickled with pandas 1.5.3 to 3.1.1, loaded with each, by `pickle` and by "
    "`pandas.read_pickle`"
)


def _lacks(names: tuple[str, ...], reader: str, releases: str, source: str) -> Row:
    return Row(IMPORT, names, reader, releases, REFUSES, "it lacks {value}", source)


ROWS = (
    Row(
        "joblib-feature",
        ("aligned-arrays",),
        "joblib",
        "<1.2",
        REFUSES,
        "it takes the bytes before an array for its values, and fails behind it with a KeyError",
        _JOBLIB,
    ),
    _lacks(
        ("cloudpickle.cloudpickle._class_setstate", "cloudpickle.cloudpickle._function_setstate"),
        "cloudpickle",
        "<3",
        _CLOUDPICKLE,
    ),
    _lacks(("cloudpickle.cloudpickle._make_function",), "cloudpickle", "<2.1", _CLOUDPICKLE),
    Row(
        "pandas-feature",
        ("arrays-without-attributes",),
        "pandas",
        "<3",
        REFUSES,
        "NotImplementedError, or StringDtype.__init__() takes from 1 to 2 positional arguments",
        _PANDAS,
    ),
    _lacks(("pandas.core.dtypes.dtypes.SparseDtype",), "pandas", "<2.1", _PANDAS),
)
