"""Pickles of numpy's arrays and random states, as scikit-learn's and joblib's files have them."""

from modelkiln.checks.traits.trait import IMPORT
from modelkiln.lint.skew.row import REFUSES, Row

__all__ = ["ROWS"]

_SOURCE = "arrays, scalars and random states pickled with numpy 1.21.6 to 2.5.0, protocols 4 and 5, loaded with each"

ROWS = (
    Row(IMPORT, ("numpy._core.*",), "numpy", "<1.26.1", REFUSES, "No module named 'numpy._core'", _SOURCE),
    Row(
        IMPORT,
        ("numpy._core.numeric.*",),
        "numpy",
        ">=1.26.1,<2",
        REFUSES,
        "No module named 'numpy._core.numeric'",
        _SOURCE,
    ),
    Row(
        IMPORT,
        ("numpy.random._mt19937.MT19937", "numpy.random._pcg64.PCG64"),
        "numpy",
        "<2",
        REFUSES,
        "<class '{value}'> is not a known BitGenerator module",
        _SOURCE,
    ),
    Row(
        IMPORT,
        ("numpy.random._pickle.__bit_generator_ctor",),
        "numpy",
        "<1.24",
        REFUSES,
        "__randomstate_ctor() takes from 0 to 1 positional arguments but 2 were given",
        _SOURCE,
    ),
)
