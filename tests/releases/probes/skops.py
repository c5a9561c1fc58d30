"""Estimators and plain objects, as skops writes them."""

import collections

import numpy as np
import skops.io
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

X = np.random.RandomState(0).rand(60, 4)
Y = (X[:, 0] > 0.5).astype(int)
SEED = {"random_state": 0}
ESTIMATORS = {
    "boosting": GradientBoostingClassifier(n_estimators=3, **SEED),
    "forest": RandomForestClassifier(3, **SEED),
    "function": FunctionTransformer(np.log1p),
    "histograms": HistGradientBoostingClassifier(max_iter=3),
    "logistic": LogisticRegression(),
    "neighbors": KNeighborsClassifier(algorithm="kd_tree"),
    "network": MLPClassifier((4,), max_iter=5, **SEED),
    "sgd": SGDClassifier(loss="huber", **SEED),
    "vectors": SVC(),
}
OBJECTS = {
    "counter": collections.Counter("aab"),
    "default_dict": collections.defaultdict(list, a=[1]),
    "generator": np.random.default_rng(1),
    "masked": np.ma.array([1, 2], mask=[False, True]),
    "ordered": collections.OrderedDict(a=1),
    "state": np.random.RandomState(1),
}


def write(folder):
    """Write each; returns answers by file."""
    answers = {}
    for name, one in {**OBJECTS, **ESTIMATORS}.items():
        path = folder / f"{name}.skops"
        skops.io.dump(one.fit(X, Y) if name in ESTIMATORS else one, path)
        answers[path.name] = _ask(one)
    return answers


def read(path):
    """What the object in a file answers."""
    return _ask(skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path)))


def _ask(one):
    if hasattr(one, "random"):
        return one.random(3).tolist()
    if hasattr(one, "rand"):
        return one.rand(3).tolist()
    method = next((name for name in ("predict_proba", "predict", "transform") if hasattr(one, name)), None)
    if method:
        return np.asarray(getattr(one, method)(X), float).tolist()
    # Before 0.11, the factory of a defaultdict is lost already when it is written.
    return str(dict(one) if isinstance(one, dict) else one)
