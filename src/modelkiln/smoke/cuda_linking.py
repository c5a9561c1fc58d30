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
from types import MappingProxyType
from typing import Any, Mapping, Sequence

from modelkiln.conventions import VENV
from modelkiln.errors import ModelkilnError
from modelkiln.smoke.runnable_image import Runnable
from modelkiln.wheels.cuda_libraries import library_folders

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
_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Linked:
    """libraries: how many of the image use CUDA and find all they need. optional: names of those
    that lack something that is not CUDA's, such as TensorRT, which their package loads on request."""

    libraries: int
    optional: tuple[str, ...]


def check_cuda_libraries(
    image: Runnable, root: Path, environments: Mapping[str, Sequence[Mapping[str, Any]]] = _NONE
) -> Linked:
    """Link every shared library below `root`'s site-packages as ld.so(8) would to start it.

    environments: of an ensemble's members, beside the image's own: wheels, as records have them, by path. Raises
    ModelkilnError for a library of CUDA's that is missing, and for undefined symbols of a library that has all it
    needs.
    """
    loader = _loader(root)
    search_paths = _search_paths(image, root, environments)
    searched = {path: search_paths[one] for one in search_paths for path in _libraries(root, one)}
    paths = sorted(searched)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = list(pool.map(lambda path: _link(image, root, [loader, path], searched[path]), paths))
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


def _libraries(root: Path, environment: str) -> list[str]:
    """Paths of the shared libraries of an environment, in the image."""
    return [f"/{path.relative_to(root)}" for path in root.glob(f"{environment}/lib/python3*/site-packages/**/*.so*")]


def _search_paths(image: Runnable, root: Path, others: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, str]:
    """By environment, what processes in it have in LD_LIBRARY_PATH; see `modelkiln.runtime.ensemble.environment`."""
    ours = image.env.get("LD_LIBRARY_PATH", "")
    beyond = [path for path in ours.split(":") if path and not path.startswith(f"/{VENV}/")]
    found = {VENV: ours}
    for environment, wheels in others.items():
        folders = (root / environment).glob("lib/python3*/site-packages")
        places = [f"/{place.relative_to(root)}/{name}" for place in folders for name in library_folders(wheels)]
        found[environment] = ":".join([*places, *beyond])
    return found


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


def _link(image: Runnable, root: Path, argv: Sequence[str], search_path: str) -> str:
    """What the loader says of a library (ld.so(8), LD_TRACE_LOADED_OBJECTS, LD_WARN, LD_BIND_NOW)."""
    env = {"LD_TRACE_LOADED_OBJECTS": "1", "LD_WARN": "yes", "LD_BIND_NOW": "yes", "LD_LIBRARY_PATH": search_path}
    done = subprocess.run(
        image.command(root, argv, env=env),
        env={},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_SECONDS,
    )
    return done.stdout.decode("utf-8", "replace")
