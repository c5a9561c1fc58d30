"""Which distributions read the files of a format, and which are one library under several names."""

from typing import Optional

__all__ = ["READERS", "locked_release", "reader_of"]

# Distributions with the same modules, of another accelerator.
_SAME = {
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-qnn", "onnxruntime-rocm"),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-rocm", "tensorflow-intel"),
    "xgboost": ("xgboost", "xgboost-cpu"),
}
# By format, distributions that open its files: the first is what to lock.
READERS = {
    "gguf": ("llama-cpp-python", "ctransformers", "gguf", "gpt4all", "sglang", "transformers", "vllm"),
    "keras": ("keras", "tensorflow", "tensorflow-cpu", "tf-keras"),
    "lightgbm": ("lightgbm", "hummingbird-ml", "lleaves", "onnxmltools", "tl2cgen", "treelite"),
    "onnx": (*_SAME["onnxruntime"], "onnx", "onnx2torch", "opencv-python", "opencv-python-headless", "openvino",
             "tensorrt", "torch-tensorrt"),
    "safetensors": ("safetensors", "mlx", "tinygrad"),
    "sentencepiece": ("sentencepiece", "fairseq", "tensorflow-text", "tokenizers"),
    "tokenizer": ("tokenizers", "tokie", "tiktoken"),
    "xgboost": (*_SAME["xgboost"], "cuml-cu12", "hummingbird-ml", "onnxmltools", "tl2cgen", "treelite"),
}  # fmt: skip


def locked_release(reader: str, versions: dict) -> Optional[tuple[str, str]]:
    """Return the distribution of a lock that is a reader, and its release; None where there is none."""
    for name in _SAME.get(reader, (reader,)):
        if name in versions:
            return name, versions[name]
    return None


def reader_of(format: str) -> str:
    """Return the distribution that a format is best read with."""
    return READERS[format][0]
