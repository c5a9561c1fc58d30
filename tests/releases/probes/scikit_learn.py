"""Estimators of scikit-learn: fitted, pickled, and asked."""

import importlib
import pickle
import warnings

import numpy as np
import sklearn

warnings.simplefilter("ignore")
X = np.random.RandomState(0).rand(200, 4)
Y = (X[:, 0] + X[:, 1] > 1).astype(int)
TEXTS = ["aa bb cc", "bb dd"]
SEED = {"random_state": 0}
ESTIMATORS = {
    "calibration": {"CalibratedClassifierCV": {}},
    "decomposition": {"PCA": {"n_components": 2}, "NMF": {"n_components": 2, **SEED}},
    "ensemble": {
        "AdaBoostClassifier": {"n_estimators": 5, **SEED},
        "BaggingClassifier": {"n_estimators": 3, **SEED},
        "ExtraTreesClassifier": {"n_estimators": 5, **SEED},
        "ExtraTreesRegressor": {"n_estimators": 5, **SEED},
        "GradientBoostingClassifier": {"n_estimators": 5, **SEED},
        "GradientBoostingRegressor": {"n_estimators": 5, **SEED},
        "HistGradientBoostingClassifier": {"max_iter": 5},
        "HistGradientBoostingRegressor": {"max_iter": 5},
        "IsolationForest": {"n_estimators": 5, **SEED},
        "RandomForestClassifier": {"n_estimators": 5, **SEED},
        "RandomForestRegressor": {"n_estimators": 5, **SEED},
    },
    "feature_extraction.text": {"TfidfVectorizer": {}},
    "impute": {"KNNImputer": {}, "SimpleImputer": {}},
    "linear_model": {
        "Lasso": {"alpha": 0.01}, "LinearRegression": {}, "LogisticRegression": {}, "LogisticRegressionCV": {"Cs": 2},
        "SGDClassifier": SEED,
    },
    "mixture": {"GaussianMixture": {"n_components": 2, **SEED}},
    "naive_bayes": {"BernoulliNB": {}, "GaussianNB": {}, "MultinomialNB": {}},
    "neighbors": {"KNeighborsClassifier": {}, "KNeighborsRegressor": {}},
    "neural_network": {"MLPClassifier": {"hidden_layer_sizes": (5,), "max_iter": 30, **SEED}},
    "preprocessing": {
        "FunctionTransformer": {"func": np.log1p}, "KBinsDiscretizer": {"n_bins": 3}, "MaxAbsScaler": {},
        "MinMaxScaler": {}, "OneHotEncoder": {"handle_unknown": "ignore"},
        "OrdinalEncoder": {"handle_unknown": "use_encoded_value", "unknown_value": -1}, "PolynomialFeatures": {},
        "QuantileTransformer": {"n_quantiles": 10}, "RobustScaler": {}, "StandardScaler": {},
    },
    "svm": {"LinearSVC": {}, "SVR": {}},
    "tree": {"DecisionTreeClassifier": SEED, "DecisionTreeRegressor": SEED, "ExtraTreeRegressor": SEED},
}  # fmt: skip
if sklearn.__version__.startswith("0."):
    importlib.import_module("sklearn.experimental.enable_hist_gradient_boosting")


def _made():
    for module, classes in ESTIMATORS.items():
        for name, options in classes.items():
            yield name, getattr(importlib.import_module(f"sklearn.{module}"), name)(**options)
    compose, pipeline = map(importlib.import_module, ("sklearn.compose", "sklearn.pipeline"))
    scaler = importlib.import_module("sklearn.preprocessing").StandardScaler
    yield "ColumnTransformer", pipeline.make_pipeline(compose.ColumnTransformer([("a", scaler(), [0, 1])]))


def write(folder):
    """Pickle each estimator; returns answers by file."""
    answers = {}
    for name, estimator in _made():
        fitted = estimator.fit(TEXTS) if name == "TfidfVectorizer" else estimator.fit(X, Y)
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(fitted, 4))
        answers[f"{name}.pkl"] = _ask(fitted, name)
    return answers


def read(path):
    """What the estimator in a file answers."""
    return _ask(pickle.loads(path.read_bytes()), path.stem)


def _ask(fitted, name):
    asked = TEXTS if name == "TfidfVectorizer" else X[:30]
    method = next(one for one in ("predict_proba", "decision_function", "predict", "transform") if hasattr(fitted, one))
    answer = getattr(fitted, method)(asked)
    return np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer, float).tolist()
