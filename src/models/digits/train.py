"""Train the digits classifier and write it as an ONNX model.

The data are scikit-learn's `load_digits`: 1797 images of handwritten digits, 8x8 pixels with values
0 to 16. A fifth of them, stratified and drawn with seed 0, is held out and only ever measured on.
Each training image is used five times: as it is, and moved by one pixel in each direction.
The network is a perceptron with one hidden layer of 128 rectified units, trained for 60 epochs of
Adam with seed 0. Its width and weight decay are the best of six by fourfold cross-validation on the
training images.

    pants run src/models/digits/train.py -- src/models/digits/digits.onnx

Under the resolve `train` (CPython 3.11, numpy 2.4.6, onnx 1.23.2, scikit-learn 1.9.1) this writes
the committed file, byte for byte. The training runs in float64 and the weights are kept as float32,
so that they do not depend on the order in which a processor sums: kernels for Sandy Bridge, Haswell
and Skylake-X differ by 1e-14 and write one file.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

SEED = 0
EPOCHS = 60
MAX_PIXEL = 16.0
SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))

# onnxruntime reads these since 1.12; newer ones would buy nothing here.
OPSET = 17
IR_VERSION = 8


def split() -> list[np.ndarray]:
    """Images (n, 8, 8) for training and for the test, then the labels (n,) of both."""
    digits = load_digits()
    return train_test_split(digits.images, digits.target, test_size=0.2, random_state=SEED, stratify=digits.target)


def features(images: np.ndarray) -> np.ndarray:
    """Pixels scaled to 0..1, one row of 64 for each image."""
    return (images / MAX_PIXEL).reshape(len(images), -1)


def shifted(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """The images moved by at most one pixel; what comes in at the edge is blank."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    return padded[:, 1 - down : 9 - down, 1 - right : 9 - right]


def train(images: np.ndarray, labels: np.ndarray) -> MLPClassifier:
    """The network after `EPOCHS` passes over the images and their shifted copies."""
    rows = features(np.concatenate([shifted(images, *shift) for shift in SHIFTS]))
    targets = np.tile(labels, len(SHIFTS))
    network = MLPClassifier((128,), alpha=1e-3, batch_size=64, learning_rate_init=2e-3, random_state=SEED)
    for _ in range(EPOCHS):
        network.partial_fit(rows, targets, classes=np.arange(10))
    return network


def to_onnx(network: MLPClassifier) -> onnx.ModelProto:
    """The network as a graph.

    From raw `images` FP32 [n, 8, 8] to `label` INT64 [n] and `probabilities` FP32 [n, 10].
    """
    weights = {"scale": np.float32(1 / MAX_PIXEL)}
    for layer, (kernel, bias) in enumerate(zip(network.coefs_, network.intercepts_)):
        weights[f"kernel{layer}"] = kernel.astype(np.float32)
        weights[f"bias{layer}"] = bias.astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["images"], ["pixels"]),
            helper.make_node("Mul", ["pixels", "scale"], ["scaled"]),
            helper.make_node("Gemm", ["scaled", "kernel0", "bias0"], ["sums"]),
            helper.make_node("Relu", ["sums"], ["hidden"]),
            helper.make_node("Gemm", ["hidden", "kernel1", "bias1"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
        ],
        name="digits",
        inputs=[helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 8, 8])],
        outputs=[
            helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 10]),
        ],
        initializer=[numpy_helper.from_array(np.asarray(w), name) for name, w in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def main(out: Path) -> None:
    """Train, print the accuracy on the held-out images and write the model to `out`."""
    train_images, test_images, train_labels, test_labels = split()
    network = train(train_images, train_labels)
    accuracy = network.score(features(test_images), test_labels)
    print(f"accuracy on {len(test_labels)} held-out images: {accuracy:.4f}")
    out.write_bytes(to_onnx(network).SerializeToString(deterministic=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
