"""Whether the CUDA libraries of an unpacked image find each other, according to the image's own loader.

A machine without a GPU can still load them: all but the driver's libraries, which come from the
host that has the GPU, must be in the image.
"""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.smoke.runnable_image import Runnable

__all__ = ["Linked", "check_cuda_libraries"]

# Libraries of the CUDA toolkit, cuDNN and NCCL: those of the `nvidia-*` wheels.
_CUDA = re.compile(
    r"lib(?:cuda?rt|cublas|cublasLt|cudnn|cufft|cufftw|curand|cusolver|cusolverMg|cusparse|cusparseLt|cupti|nvrtc"
    r"|nvJitLink|nccl|npp\w*|nvjpeg|cufile|nvToolsExt)[\w.-]*\.so[.\d]*"
)
# The driver's: the container toolkit brings them from the host.
_DRIVER = re.compile(r"lib(?:cuda|nvidia-[\w-]+)\.so[.\d]*")
_SECONDS = 120.0
_SHOWN = 10


@dataclass(frozen=True)
class Linked:
    """libraries: how many of the image use CUDA and find all they need. optional: names of those
    that lack something that is not CUDA's, such as TensorRT, which their package loads on request."""

    libraries: int
    optional: tuple[str, ...]


def check_cuda_libraries(image: Runnable, root: Path) -> Linked:
    """Link every shared library below `root`'s site-packages as ld.so(8) would to start it.

    Raises ModelkilnError for a library of CUDA's that is missing, and for undefined symbols of a
    library that has all it needs.
    """
    loader = _loader(root)
    paths = sorted(f"/{path.relative_to(root)}" for path in root.glob("opt/venv/lib/python3*/site-packages/**/*.so*"))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = list(pool.map(lambda path: _link(image, root, loader, path), paths))
    problems, optional, count = [], [], 0
    for path, text in zip(paths, found):
        names = re.findall(r"^\s*(\S+) =>", text, re.MULTILINE)
        if not any(_CUDA.fullmatch(name) for name in (*names, path.rsplit("/", 1)[-1])):
            continue
        missing = re.findall(r"^\s*(\S+) => not found", text, re.MULTILINE)
        undefined = sorted(set(re.findall(r"undefined symbol: ([^\s,]+)", text)))
        cuda = [name for name in missing if _CUDA.fullmatch(name)]
        other = [name for name in missing if not _CUDA.fullmatch(name) and not _DRIVER.fullmatch(name)]
        if cuda and not other:
            problems.append(f"{path} needs {', '.join(cuda)}, which the image lacks.")
        elif other:
            optional.append(f"{path.rsplit('/', 1)[-1]} ({', '.join(other)})")
        elif not missing:
            lacking = [name for name in undefined if not _of_host(name, root / path.lstrip("/"))]
            problems += [f"{path}: undefined symbols {', '.join(lacking[:5])}."] if lacking else []
        count += not other
    if problems:
        raise ModelkilnError(
            "libraries of the image do not fit together. " + " ".join(problems[:_SHOWN]) + " Add the wheels that "
            "bring them to the resolve's requirements (the extras of the package often name them), and lock it again."
        )
    return Linked(count, tuple(optional))


def _of_host(symbol: str, path: Path) -> bool:
    """Whether a plug-in takes `symbol` from what loads it: Python, or a library next to it.

    libonnxruntime_providers_cuda.so, say, needs libonnxruntime_providers_shared.so, and names it
    nowhere. Names of symbols stand in a library's string table, between zeros.
    """
    if symbol.startswith(("Py", "_Py")):
        return True
    name = b"\0" + symbol.partition("@")[0].encode() + b"\0"
    for other in sorted(path.parent.glob("*.so*")):
        if other != path and other.stat().st_size:
            with other.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
                if content.find(name) >= 0:
                    return True
    return False


def _loader(root: Path) -> str:
    for pattern in ("lib64/ld-linux*.so*", "usr/lib/*/ld-linux*.so*", "lib/*/ld-linux*.so*", "usr/lib64/ld-linux*.so*"):
        for path in sorted(root.glob(pattern)):
            return f"/{path.relative_to(root)}"
    raise ModelkilnError("image: has no dynamic loader (ld-linux*.so*). Use a base image with glibc.")


def _link(image: Runnable, root: Path, loader: str, path: str) -> str:
    """What the loader says of a library (ld.so(8), LD_TRACE_LOADED_OBJECTS, LD_WARN, LD_BIND_NOW)."""
    argv: Sequence[str] = image.command(
        root, [loader, path], env={"LD_TRACE_LOADED_OBJECTS": "1", "LD_WARN": "yes", "LD_BIND_NOW": "yes"}
    )
    done = subprocess.run(
        argv, env={}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_SECONDS
    )
    return done.stdout.decode("utf-8", "replace")
