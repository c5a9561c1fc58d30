"""Files of skops: loaders that came, or went, with a release."""

from modelkiln.lint.skew.row import REFUSES, Row

__all__ = ["ROWS"]

_SOURCE = "estimators of scikit-learn 1.5.2 and plain objects written with skops 0.9.0 to 0.16.0, loaded with each"


def _loaders(names: tuple[str, ...], releases: str) -> Row:
    return Row("skops-loader", names, "skops", releases, REFUSES, "Can't find loader {value}", _SOURCE)


ROWS = (
    _loaders(("DefaultDictNode", "LossNode"), "<0.11"),
    _loaders(("ConstructorFromReduceNode",), "<0.12"),
    _loaders(("SGDNode",), ">=0.11"),
)
