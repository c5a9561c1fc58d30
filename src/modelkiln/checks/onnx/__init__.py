"""ONNX models: their skeleton, tensors, and the checker of the `onnx` package."""
