"""Train the diabetes regression and write its weights as safetensors.

The data are scikit-learn's `load_diabetes`, unscaled: 442 patients, ten measurements of each, and
the progression of the disease one year later as a number from 25 to 346. They are split with seed
0: a quarter for the test, and of the rest two fifths (133 patients) for calibration.
A ridge regression is solved in closed form on the standardised features; its penalty is the best of
eight by tenfold cross-validation on the training patients. The absolute errors that it makes on the
calibration patients are kept, sorted: the right one of them is half the width of an interval (split
conformal prediction), whatever the errors' distribution.

    pants run src/models/diabetes/train.py -- src/models/diabetes/diabetes.safetensors

Under the resolve `train` (CPython 3.11, numpy 2.4.6, safetensors 0.8.0, scikit-learn 1.9.1) this
writes the committed file, byte for byte. The weights are rounded to nine decimals, so that they do
not depend on the order in which a processor sums.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from models.common.scaling import standardise

SEED = 0
RIDGE = 10.0
DECIMALS = 9


def split() -> list[np.ndarray]:
    """Features (n, 10) to train, to calibrate and to test on, each before its targets (n,)."""
    data = load_diabetes(scaled=False)
    rest, test, rest_targets, test_targets = train_test_split(data.data, data.target, test_size=0.25, random_state=SEED)
    train, held, train_targets, held_targets = train_test_split(rest, rest_targets, test_size=0.4, random_state=SEED)
    return [train, train_targets, held, held_targets, test, test_targets]


def fit(features: np.ndarray, targets: np.ndarray) -> dict[str, np.ndarray]:
    """The ridge regression: `mean`, `deviation`, `coefficients` (10,) and `intercept` (1,)."""
    mean, deviation, intercept = features.mean(axis=0), features.std(axis=0), targets.mean()
    scaled = standardise(features, mean, deviation)
    normal = scaled.T @ scaled + RIDGE * np.eye(scaled.shape[1])
    coefficients = np.linalg.solve(normal, scaled.T @ (targets - intercept))
    weights = {
        "mean": mean,
        "deviation": deviation,
        "coefficients": coefficients,
        "intercept": np.array([intercept]),
    }
    return {name: values.round(DECIMALS) for name, values in weights.items()}


def errors(weights: dict[str, np.ndarray], features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """How far the regression is off for each row."""
    scaled = standardise(features, weights["mean"], weights["deviation"])
    return np.abs(scaled @ weights["coefficients"] + weights["intercept"] - targets)


def main(out: Path) -> None:
    """Train, print how the model does on the test patients and write the weights to `out`."""
    train, train_targets, held, held_targets, test, test_targets = split()
    weights = fit(train, train_targets)
    weights["residuals"] = np.sort(errors(weights, held, held_targets)).round(DECIMALS)
    missed = errors(weights, test, test_targets)
    width = weights["residuals"][int(np.ceil(0.9 * (len(held) + 1))) - 1]
    print(f"mean absolute error on {len(test)} held-out patients: {missed.mean():.2f}")
    print(f"patients inside the 90% interval: {(missed <= width).mean():.3f}")
    out.write_bytes(save(weights))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
