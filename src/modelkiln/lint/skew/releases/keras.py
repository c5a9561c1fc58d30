"""Keras 3: options of layers and of initializers that came with a release, and that older ones refuse."""

from modelkiln.lint.skew.row import REFUSES, Row

__all__ = ["ROWS"]

_SOURCE = (
    "eighteen models written with Keras 3.0.5 to 3.15.1, one of the last of each minor release or two, loaded and "
    "asked with each"
)


def _options(names: tuple[str, ...], releases: str) -> Row:
    says = "{value} is not an option there: it could not be deserialized properly"
    return Row("keras-option", names, "keras", releases, REFUSES, says, _SOURCE)


ROWS = (
    Row("keras-class", ("keras.layers.RMSNormalization",), "keras", "<3.9", REFUSES, "Could not locate class '{value}'",
        _SOURCE),
    _options(("Dense.quantization_config", "EinsumDense.quantization_config", "Embedding.quantization_config"), "<3.13"),
    _options(("BatchNormalization.renorm", "MultiHeadAttention.use_gate"), "<3.14"),
    _options(("GlorotUniform.input_axes", "MultiHeadAttention.sliding_window", "Conv2DTranspose.output_padding"), "<3.15"),
)  # fmt: skip
