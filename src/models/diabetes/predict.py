"""Predict the progression of diabetes, with an interval, from numpy and safetensors alone."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from models.common.scaling import standardise


class Predictor:
    """A ridge regression whose intervals come from its errors on patients held back for that."""

    def __init__(self, model: Path) -> None:
        """Load `diabetes.safetensors` from the folder `model`."""
        self.weights = load_file(model / "diabetes.safetensors")

    def predict(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The progression one year ahead, and the interval that holds it with a given probability.

        `inputs` holds, all FP64, `body` [n, 4]: age in years, sex (1 or 2), body mass index, mean
        blood pressure; `serum` [n, 6]: total cholesterol, LDL, HDL, total cholesterol / HDL, log of
        triglycerides, blood sugar; and `level` [1], the probability. The answer holds
        `progression`, FP64 [n], and `interval`, FP64 [n, 2].
        Raises ValueError for a `level` that the calibration patients are too few to vouch for.
        """
        features = np.concatenate([inputs["body"], inputs["serum"]], axis=1)
        scaled = standardise(features, self.weights["mean"], self.weights["deviation"])
        progression = scaled @ self.weights["coefficients"] + self.weights["intercept"]
        margin = self._margin(float(inputs["level"][0]))
        return {
            "progression": progression,
            "interval": np.stack([progression - margin, progression + margin], axis=1),
        }

    def _margin(self, level: float) -> float:
        """Half the width of an interval.

        It is the ceil((n + 1) * level)-th smallest of the n errors of the calibration.
        """
        residuals = self.weights["residuals"]
        count = len(residuals)
        limit = count / (count + 1)
        if not 0 < level <= limit:
            raise ValueError(f"level is {level}, and must be above 0 and at most {limit:.3f}")
        return float(residuals[min(ceil((count + 1) * level), count) - 1])
