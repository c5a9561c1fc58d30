"""Models of LightGBM for several objectives."""

import lightgbm
import numpy as np

X = np.random.RandomState(0).rand(400, 5)
CASES = {
    "binary": ({"objective": "binary"}, (X[:, 0] > 0.6).astype(int)),
    "dart": ({"objective": "regression", "boosting": "dart"}, X[:, 0]),
    "linear": ({"objective": "regression", "linear_tree": True}, X[:, 0] * 2),
    "multi": ({"objective": "multiclass", "num_class": 3}, (X[:, 0] * 3).astype(int)),
}


def write(folder):
    """Train and save each; returns answers by file."""
    answers = {}
    for name, (parameters, target) in CASES.items():
        parameters = {"verbosity": -1, "seed": 1, "num_threads": 1, **parameters}
        booster = lightgbm.train(parameters, lightgbm.Dataset(X, target), 8)
        booster.save_model(str(folder / f"{name}.txt"))
        answers[f"{name}.txt"] = booster.predict(X[:50]).tolist()
    return answers


def read(path):
    """What the model in a file answers."""
    return lightgbm.Booster(model_file=str(path)).predict(X[:50]).tolist()
