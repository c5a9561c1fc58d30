"""Models of XGBoost for several objectives, as JSON and UBJSON."""

import numpy as np
import xgboost

X = np.random.RandomState(0).rand(400, 5)
X[::7, 1] = np.nan
TARGET = X[:, 0] * 9 + 5
CASES = {
    "base_score": ({"objective": "reg:squarederror", "base_score": 0.7}, TARGET),
    "base_score_half": ({"objective": "reg:squarederror", "base_score": 0.5}, TARGET),
    "dart": ({"booster": "dart", "objective": "reg:squarederror"}, TARGET),
    "linear": ({"booster": "gblinear", "objective": "reg:squarederror"}, TARGET),
    "logistic": ({"objective": "binary:logistic"}, (X[:, 0] > 0.6).astype(int)),
    "multi": ({"objective": "multi:softprob", "num_class": 3}, (X[:, 0] * 3).astype(int)),
    "poisson": ({"objective": "count:poisson"}, (X[:, 0] * 3).astype(int)),
    "squared": ({"objective": "reg:squarederror"}, TARGET),
}


def write(folder):
    """Train and save each; returns answers by file."""
    answers = {}
    for name, (parameters, target) in CASES.items():
        booster = xgboost.train({"seed": 1, "nthread": 1, **parameters}, xgboost.DMatrix(X, target), 5)
        for ending in ("json", "ubj"):
            booster.save_model(str(folder / f"{name}.{ending}"))
            answers[f"{name}.{ending}"] = booster.predict(xgboost.DMatrix(X[:50])).tolist()
    return answers


def read(path):
    """What the model in a file answers."""
    return xgboost.Booster(model_file=str(path)).predict(xgboost.DMatrix(X[:50])).tolist()
