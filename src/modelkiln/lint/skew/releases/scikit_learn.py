"""scikit-learn's pickles: estimators that another minor release refuses, or that answer differently there."""

from modelkiln.checks.traits.trait import IMPORT
from modelkiln.lint.skew.row import DIFFERS, REFUSES, Row

__all__ = ["ROWS"]

_READER = "scikit-learn"
_SOURCE = (
    "sixty estimators fitted, pickled and asked with the last release of each minor one from 0.24 to 1.9, with "
    "numpy 1.26; "
    "differences above 0.001 count"
)
_MISSING = "an attribute that the release wants is not in the pickle"
_NODES = "node array from the pickle has an incompatible dtype"
# Written with, read with, what happens, and the classes whose pickles it is true of.
_ESTIMATORS: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    (
        "<1.0",
        ">=1.0",
        REFUSES,
        _MISSING,
        (
            "sklearn.decomposition._nmf.NMF",
            "sklearn.naive_bayes.GaussianNB",
            "sklearn.preprocessing._data.PolynomialFeatures",
            "sklearn.preprocessing._encoders.OrdinalEncoder",
        ),
    ),
    (
        "<1.1",
        ">=1.1",
        REFUSES,
        _MISSING,
        (
            "sklearn.impute._base.SimpleImputer",
            "sklearn.impute._knn.KNNImputer",
            "sklearn.preprocessing._encoders.OneHotEncoder",
            "sklearn.ensemble._gb.GradientBoostingClassifier",
            "sklearn.ensemble._gb.GradientBoostingRegressor",
            "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        ),
    ),
    ("<1.1", ">=1.4", REFUSES, _MISSING, ("sklearn.preprocessing._function_transformer.FunctionTransformer",)),
    (
        "<1.2",
        ">=1.2",
        REFUSES,
        _MISSING,
        (
            "sklearn.calibration.CalibratedClassifierCV",
            "sklearn.impute._base.SimpleImputer",
            "sklearn.impute._knn.KNNImputer",
            "sklearn.preprocessing._encoders.OneHotEncoder",
        ),
    ),
    ("<1.2", ">=1.2,<1.4", REFUSES, _MISSING, ("sklearn.compose._column_transformer.ColumnTransformer",)),
    ("<1.0", ">=1.5", REFUSES, _MISSING, ("sklearn.feature_extraction.text.TfidfTransformer",)),
    ("<1.3", ">=1.3", REFUSES, _NODES, ("sklearn.tree._tree.Tree",)),
    ("<1.3", ">=1.3", REFUSES, _MISSING, ("sklearn.preprocessing._encoders.OrdinalEncoder",)),
    (
        "<1.4",
        ">=1.4",
        REFUSES,
        "No module named 'sklearn.ensemble._gb_losses', or no attribute '_preprocessor'",
        (
            "sklearn.ensemble._gb.GradientBoostingClassifier",
            "sklearn.ensemble._gb.GradientBoostingRegressor",
            "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        ),
    ),
    (
        "<1.4",
        ">=1.4,<1.9",
        REFUSES,
        "object has no attribute 'monotonic_cst'",
        ("sklearn.tree._classes.DecisionTreeClassifier", "sklearn.tree._classes.DecisionTreeRegressor"),
    ),
    (
        "<1.4",
        ">=1.6,<1.9",
        REFUSES,
        "object has no attribute 'monotonic_cst'",
        ("sklearn.ensemble._forest.ExtraTreesClassifier", "sklearn.ensemble._forest.ExtraTreesRegressor"),
    ),
    (
        "<1.8",
        ">=1.8",
        REFUSES,
        _MISSING,
        ("sklearn.impute._base.SimpleImputer", "sklearn.preprocessing._data.MaxAbsScaler"),
    ),
    (
        ">=1.0",
        "<1.0",
        REFUSES,
        _MISSING,
        (
            "sklearn.compose._column_transformer.ColumnTransformer",
            "sklearn.decomposition._nmf.NMF",
            "sklearn.ensemble._bagging.BaggingClassifier",
            "sklearn.ensemble._gb.GradientBoostingClassifier",
            "sklearn.ensemble._gb.GradientBoostingRegressor",
            "sklearn.ensemble._iforest.IsolationForest",
            "sklearn.naive_bayes.GaussianNB",
            "sklearn.preprocessing._polynomial.PolynomialFeatures",
        ),
    ),
    (
        ">=1.1",
        "<1.1",
        REFUSES,
        _MISSING,
        (
            "sklearn._loss.link.Interval",
            "sklearn.ensemble._gb.GradientBoostingClassifier",
            "sklearn.ensemble._gb.GradientBoostingRegressor",
            "sklearn.preprocessing._data.PowerTransformer",
        ),
    ),
    (">=1.1,<1.3", ">=1.3", REFUSES, "Buffer dtype mismatch", ("sklearn._loss.link.Interval",)),
    (">=1.1,<1.6", ">=1.6", REFUSES, "Can't get attribute '__pyx_unpickle_Cy...'", ("sklearn._loss.link.Interval",)),
    (">=1.1,<1.9", ">=1.9", REFUSES, "the losses have moved", ("sklearn._loss.link.Interval",)),
    (
        ">=1.2",
        "<1.2",
        REFUSES,
        _MISSING,
        ("sklearn.calibration.CalibratedClassifierCV", "sklearn.decomposition._nmf.NMF"),
    ),
    (">=1.3", "<1.3", REFUSES, _NODES, ("sklearn.tree._tree.Tree",)),
    (">=1.3", "<1.3", REFUSES, "Buffer dtype mismatch", ("sklearn._loss.link.Interval",)),
    (">=1.4", "<1.2", REFUSES, "no attribute 'sparse'", ("sklearn.preprocessing._encoders.OneHotEncoder",)),
    (
        ">=1.4",
        "<1.4",
        REFUSES,
        "the losses have moved",
        ("sklearn.ensemble._gb.GradientBoostingClassifier", "sklearn.ensemble._gb.GradientBoostingRegressor"),
    ),
    (
        ">=1.4",
        ">=1.2,<1.4",
        REFUSES,
        "no attribute '_name_to_fitted_passthrough'",
        ("sklearn.compose._column_transformer.ColumnTransformer",),
    ),
    (">=1.5", "<1.5", REFUSES, "idf vector is not fitted", ("sklearn.feature_extraction.text.TfidfTransformer",)),
    (">=1.5,<1.9", "<1.5", REFUSES, "No module named '_loss'", ("sklearn._loss.link.Interval",)),
    (
        ">=1.8",
        "<1.8",
        REFUSES,
        "no attribute 'multi_class' in predict_proba",
        (
            "sklearn.linear_model._logistic.LogisticRegression",
            "sklearn.linear_model._logistic.LogisticRegressionCV",
        ),
    ),
    (">=1.8", "<1.6", REFUSES, "no attribute 'algorithm'", ("sklearn.ensemble._weight_boosting.AdaBoostClassifier",)),
    (
        ">=1.0,<1.5",
        ">=1.5",
        DIFFERS,
        "loses the weights of terms (idf) without an error",
        ("sklearn.feature_extraction.text.TfidfTransformer",),
    ),
    (
        ">=1.3,<1.4",
        ">=1.9",
        DIFFERS,
        "returns counts as probabilities",
        ("sklearn.ensemble._forest.ExtraTreesClassifier", "sklearn.tree._classes.DecisionTreeClassifier"),
    ),
    (
        ">=1.3,<1.4",
        ">=1.4,<1.6",
        DIFFERS,
        "returns counts as probabilities",
        ("sklearn.ensemble._forest.ExtraTreesClassifier",),
    ),
    (
        ">=1.4,<1.6",
        ">=1.6",
        DIFFERS,
        "takes the algorithm SAMME where SAMME.R was fitted",
        ("sklearn.ensemble._weight_boosting.AdaBoostClassifier",),
    ),
    (
        ">=1.5,<1.8",
        "<1.5",
        DIFFERS,
        "takes two classes for multinomial in predict_proba",
        ("sklearn.linear_model._logistic.LogisticRegression", "sklearn.linear_model._logistic.LogisticRegressionCV"),
    ),
)
# Names in pickles that came, or went, with a release.
_NAMES = (
    (("sklearn.neighbors._dist_metrics.*",), ">=1.0"),
    (("sklearn.metrics._dist_metrics.EuclideanDistance",), "<1.0"),
    (("sklearn.metrics._dist_metrics.EuclideanDistance",), ">=1.3"),
    (("sklearn.utils._bunch.Bunch",), "<1.1"),
    (("sklearn.metrics._scorer._passthrough_scorer",), ">=1.3"),
    (("sklearn.metrics._dist_metrics.EuclideanDistance64", "sklearn.metrics._scorer._PassthroughScorer"), "<1.3"),
)
ROWS = (
    *(
        Row(_READER, written, _READER, read, effect, says, _SOURCE, classes)
        for written, read, effect, says, classes in _ESTIMATORS
    ),
    *(Row(IMPORT, names, _READER, read, REFUSES, "it lacks {value}", _SOURCE) for names, read in _NAMES),
)
