"""The scaling of features that training and inference must share."""

from __future__ import annotations

import numpy as np


def standardise(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Columns of `values` [n, k] with the `mean` [k] taken off, in units of the `deviation` [k]."""
    return (values - mean) / deviation
