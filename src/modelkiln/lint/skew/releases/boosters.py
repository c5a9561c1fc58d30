"""Boosted trees: XGBoost and LightGBM."""

from modelkiln.checks.traits.trait import Trait
from modelkiln.lint.skew.row import DIFFERS, Row

__all__ = ["ROWS"]

ROWS = (
    Row(
        "xgboost",
        ">=3.1",
        "xgboost",
        "<3.1",
        DIFFERS,
        "reads the list that base_score has become as another number, and predicts other values without an error",
        "models of 1.7.6 to 3.2.0 for twelve objectives, as JSON and UBJSON, loaded with 1.7.6 to 3.0.5; "
        "0.5 is what they take for the list, so that models with that score are the same",
        unless=Trait("xgboost-feature", "base_score-0.5"),
    ),
    Row(
        "lightgbm-feature",
        ("linear_tree",),
        "lightgbm",
        "<3.2",
        DIFFERS,
        "passes over the linear models in the leaves, and predicts other values without an error",
        "models of 2.3.1 to 4.6.0 for seven objectives loaded with each of them",
    ),
)
