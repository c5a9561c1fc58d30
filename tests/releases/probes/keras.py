"""Small models of many layers, and what they predict: Keras computes with JAX."""

import os

# Read when it is imported.
os.environ["KERAS_BACKEND"] = "jax"

import keras  # noqa: E402
import numpy as np  # noqa: E402

SEED = 7
SIZE, CHANNELS, STEPS, WORDS = 6, 4, 8, 11


def _layers():
    layers = keras.layers
    yield "dense", (SIZE,), [layers.Dense(3, activation="relu")]
    yield "normalization", (SIZE,), [layers.Normalization(mean=[0.5] * SIZE, variance=[2.0] * SIZE), layers.Dense(2)]
    yield "batch_normalization", (SIZE,), [layers.BatchNormalization()]
    yield "layer_normalization", (SIZE,), [layers.LayerNormalization()]
    yield "dropout", (SIZE,), [layers.Dropout(0.5), layers.Activation("softmax")]
    yield "rescaling", (SIZE,), [layers.Rescaling(0.5, offset=1.0)]
    yield "reshape", (SIZE,), [layers.Reshape((2, 3)), layers.Flatten()]
    yield "conv_2d", (STEPS, STEPS, CHANNELS), [layers.Conv2D(3, 3), layers.GlobalAveragePooling2D()]
    yield "depthwise_conv_2d", (STEPS, STEPS, CHANNELS), [layers.DepthwiseConv2D(3)]
    yield "separable_conv_2d", (STEPS, STEPS, CHANNELS), [layers.SeparableConv2D(3, 3)]
    yield "conv_2d_transpose", (STEPS, STEPS, CHANNELS), [layers.Conv2DTranspose(3, 3)]
    yield "pooling", (STEPS, STEPS, CHANNELS), [layers.MaxPooling2D(2), layers.AveragePooling2D(2)]
    yield "group_normalization", (STEPS, CHANNELS), [layers.GroupNormalization(groups=2)]
    yield "einsum_dense", (STEPS, CHANNELS), [layers.EinsumDense("abc,cd->abd", output_shape=(None, 3))]
    yield "lstm", (STEPS, CHANNELS), [layers.LSTM(3)]
    yield "gru", (STEPS, CHANNELS), [layers.GRU(3)]
    yield "embedding", (STEPS,), [layers.Embedding(WORDS, 3), layers.GlobalMaxPooling1D()]
    yield "rms_normalization", (SIZE,), [layers.RMSNormalization()]


def _attention():
    given = keras.Input((STEPS, CHANNELS))
    return keras.Model(given, keras.layers.MultiHeadAttention(2, 3)(given, given))


def _models():
    made = _layers()
    while True:
        try:
            name, shape, listed = next(made)
        except (StopIteration, AttributeError):
            # A layer that the release lacks is the last one.
            break
        yield name, keras.Sequential([keras.Input(shape), *listed])
    yield "attention", _attention()


def _asked(model):
    random = np.random.RandomState(SEED)
    shape = (2, *model.input_shape[1:])
    is_words = any(isinstance(one, keras.layers.Embedding) for one in model.layers)
    return random.randint(0, WORDS, shape) if is_words else random.uniform(-1, 1, shape).astype("float32")


def _predicted(model):
    return np.asarray(model(_asked(model))).round(5).tolist()


def write(folder):
    """Write each, with weights of its own."""
    answers = {}
    random = np.random.RandomState(SEED)
    for name, model in _models():
        model.set_weights([random.uniform(0.1, 1, one.shape).astype(one.dtype) for one in model.get_weights()])
        path = folder / f"{name}.keras"
        model.save(path)
        answers[path.name] = _predicted(model)
    return answers


def read(path):
    """What it predicts."""
    return _predicted(keras.models.load_model(path, compile=False))
