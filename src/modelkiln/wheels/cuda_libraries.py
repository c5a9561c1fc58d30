"""CUDA's shared libraries in NVIDIA's wheels: where they lie, and whether loaders find them."""

import re
from typing import Any, Iterable, Mapping

__all__ = ["library_folder", "library_folders"]

# NVIDIA's wheels put them below site-packages/nvidia: nvidia/cublas/lib, and from CUDA 13 on most
# into nvidia/cu13/lib.
_LIBRARY = re.compile(r"(nvidia/(?:[^/]+/)*lib)/lib[^/]+\.so(?:\.[0-9.]+)?")

# These name the folders in their own RUNPATH, relative to where they lie.
_FINDS_THEM = re.compile(r"torch|jax-cuda[0-9]+-plugin")
# These name none, and load what the dynamic linker finds: libonnxruntime_providers_cuda.so of 1.26
# needs libcublas.so.12 and others and has no RUNPATH (`onnxruntime.preload_dlls()` is for callers).
_NEEDS_PATH = re.compile(r"onnxruntime-gpu|cupy-cuda.+|tensorflow|ctranslate2")


def library_folder(path: str) -> str:
    """Return the folder of a wheel's file when it is one of NVIDIA's shared libraries, else ""."""
    match = _LIBRARY.fullmatch(path)
    return match[1] if match else ""


def library_folders(wheels: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the folders that LD_LIBRARY_PATH has to name, relative to site-packages, sorted.

    wheels: of a record's requirements, with their "libraries". Empty where all that is known to use
    them finds them by itself.
    """
    wheels = list(wheels)
    names = [wheel["name"] for wheel in wheels]
    found = any(map(_FINDS_THEM.fullmatch, names)) and not any(map(_NEEDS_PATH.fullmatch, names))
    return [] if found else sorted({folder for wheel in wheels for folder in wheel.get("libraries", ())})
