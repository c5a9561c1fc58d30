"""Classify handwritten digits with an ONNX model."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime

# CUDA's libraries come from wheels, which no loader searches; without CUDA this does nothing.
onnxruntime.preload_dlls()

# Best first. Where there is no GPU, onnxruntime says so and takes the next one.
_PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")


@cache
def _session(path: Path) -> onnxruntime.InferenceSession:
    """The model at `path`, loaded once for each process."""
    options = onnxruntime.SessionOptions()
    # One image is far too little work to share between threads.
    options.intra_op_num_threads = 1
    available = onnxruntime.get_available_providers()
    providers = [provider for provider in _PROVIDERS if provider in available]
    return onnxruntime.InferenceSession(path, options, providers=providers)


def predict(inputs: dict[str, np.ndarray], model: Path) -> dict[str, np.ndarray]:
    """The digit that each image shows.

    `inputs` holds `images`, FP32 [n, 8, 8] with pixels from 0 (blank) to 16 (ink); `model` is the
    folder of `digits.onnx`. The answer holds `label`, INT64 [n], and `probabilities` of the ten
    digits, FP32 [n, 10].
    """
    session = _session(model / "digits.onnx")
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": inputs["images"]})))
