"""Keras 3: options of layers and of initializers that came with a release, and that older ones refuse."""

from modelkiln.lint.skew.row import REFUSES, Row

__all__ = ["ROWS"]

_SOURCE = (
    "models of nineteen kinds of layers, written with Keras 3.0.5 to 3.15.1, loaded with each and asked; the rows "
    "below 3.4 with 3.3.3 and 3.4.1 as well"
)


def _options(names: tuple[str, ...], releases: str) -> Row:
    says = "{value} is not an option there: it could not be deserialized properly"
    return Row("keras-option", names, "keras", releases, REFUSES, says, _SOURCE)


def _classes(names: tuple[str, ...], releases: str) -> Row:
    return Row("keras-class", names, "keras", releases, REFUSES, "there is no {value}", _SOURCE)


ROWS = (
    _classes(("keras.initializers.Orthogonal",), "<3.4"),
    _options(("MultiHeadAttention.seed",), "<3.4"),
    _classes(("keras.layers.RMSNormalization",), "<3.9"),
    _options(
        ("Dense.quantization_config", "EinsumDense.quantization_config", "Embedding.quantization_config"), "<3.13"
    ),
    _options(("BatchNormalization.renorm", "MultiHeadAttention.use_gate"), "<3.14"),
    _options(("GlorotUniform.input_axes", "MultiHeadAttention.sliding_window"), "<3.15"),
)
