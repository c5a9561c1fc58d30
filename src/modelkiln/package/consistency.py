"""Does what was locked fit the variant: its CUDA release, platform and C library?

Only what is known is refused. What a wheel needs is read from its name, its version and what its
own metadata asks for; the table below is for releases whose metadata says nothing.
"""

import re
from dataclasses import dataclass
from typing import Any, Optional, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.closure import LockedWheel
from modelkiln.package.accelerator import CPU, Accelerator
from modelkiln.wheels.markers import holds
from modelkiln.wheels.platforms import Target

__all__ = ["CudaNeed", "check_consistency", "cuda_need"]

# Package -> (first release, CUDA), newest first, for releases without metadata about CUDA.
# onnxruntime.ai, "CUDA Execution Provider", "Requirements": the packages on PyPI; from 1.21 on they
# have an extra `cuda`. tensorflow.org, "Build from source", "Tested build configurations", GPU:
# 2.14 is the first with an extra `and-cuda`.
_RELEASES = {
    "onnxruntime-gpu": (((1, 19), "12"), ((1, 15), "11")),
    "tensorflow": (((2, 4), "11"),),
}
# Packages that name their CUDA libraries under an extra alone, so that a host's may serve instead.
# The second are of use without a GPU, too.
_BY_EXTRA = ("onnxruntime-gpu", "tensorflow")
_ALSO_CPU = ("tensorflow",)

# cu12, cuda12x, cuda118: nvidia-cublas-cu12, cupy-cuda12x, jax-cuda13-plugin, dgl-cu118.
_SUFFIX = re.compile(r"(?:^|-)cu(?:da)?([1-9][0-9])(?:[0-9]|x)?(?=-|$)")
# PyTorch's 2.4.0+cu121, jaxlib's 0.4.7+cuda12.cudnn88, flash-attn's 2.6.3+cu123torch2.4cxx11abifalse.
_LOCAL = re.compile(r"cu(?:da)?([1-9][0-9])([0-9])?(?![0-9])")
# NVIDIA's wheels that are numbered as the toolkit is. Those for CUDA 11 and 12 carry -cu11 and
# -cu12; from 13 on there is no suffix.
_TOOLKIT = re.compile(
    r"(?:cuda-toolkit|cuda-bindings|cuda-python|nvidia-cublas|nvidia-nvjitlink|nvidia-nvtx"
    r"|nvidia-cuda-(?:runtime|nvrtc|cupti|nvcc|cccl|crt|nvvm))"
)
# Of them, those that name the very release that the others were made for.
_EXACT = re.compile(r"cuda-toolkit|nvidia-cuda-runtime(?:-cu[0-9]+)?")
_LIBRARIES = re.compile(r"nvidia-(?:cudnn|cufft|cufile|curand|cusolver|cusparse|cusparselt|nccl|nvfatbin|nvjpeg|npp)")

_SHOWN = 5


@dataclass(frozen=True)
class CudaNeed:
    """What one wheel says about CUDA.

    release: "12", "12.4", or "" when it needs CUDA and does not say which. built_for: "cuda", "cpu"
    for a build without CUDA of what also exists with it, or "rocm". optional: it does without.
    """

    name: str
    version: str
    release: str = ""
    built_for: str = "cuda"
    optional: bool = False

    def __str__(self) -> str:
        said = {"cpu": "built without CUDA", "rocm": "built for ROCm"}.get(self.built_for, f"CUDA {self.release}")
        return f"{self.name} {self.version} ({said.strip()})"


def cuda_need(wheel: LockedWheel, target: Target) -> Optional[CudaNeed]:
    """Return what a wheel says about CUDA, or None when it says nothing."""
    public, _, local = wheel.version.partition("+")
    match = _LOCAL.match(local)
    if match:
        return CudaNeed(wheel.name, wheel.version, ".".join(filter(None, match.groups())))
    if local.split(".")[0] == "cpu" or local.startswith("rocm"):
        return CudaNeed(wheel.name, wheel.version, "", local[:4].split(".")[0])
    release = _named(wheel.name, public)
    if release is not None:
        return CudaNeed(wheel.name, wheel.version, release)
    release = _required(wheel, target) or _tabled(wheel.name, public)
    if release or wheel.name == "onnxruntime-gpu":
        return CudaNeed(wheel.name, wheel.version, release, optional=wheel.name in _ALSO_CPU)
    return None


def _named(name: str, version: str) -> Optional[str]:
    if _EXACT.fullmatch(name):
        return ".".join(version.split(".")[:2])
    suffix = _SUFFIX.search(name)
    if suffix:
        return suffix[1]
    if _TOOLKIT.fullmatch(name):
        return version.split(".")[0]
    return "" if _LIBRARIES.fullmatch(name) else None


def _required(wheel: LockedWheel, target: Target) -> str:
    """The CUDA major that a wheel's requirements agree on, or ""."""
    firm: set[str] = set()
    loose: set[str] = set()
    for requirement in _requirements(wheel):
        major = _required_major(requirement)
        if major:
            (firm if holds(requirement.marker, target.marker_environment()) else loose).add(major)
    found = firm or (loose if wheel.name in _BY_EXTRA else set())
    return found.pop() if len(found) == 1 else ""


def _requirements(wheel: LockedWheel) -> list[Any]:
    from packaging.requirements import Requirement

    # Most wheels have nothing to do with CUDA, and parsing is slow.
    return [Requirement(text) for text in wheel.requires if "cu" in text.lower()]


def _required_major(requirement: Any) -> str:
    from packaging.utils import canonicalize_name

    name = canonicalize_name(requirement.name)
    suffix = _SUFFIX.search(name)
    if suffix:
        return suffix[1]
    if not _TOOLKIT.fullmatch(name):
        return ""
    lowest = {item.version.split(".")[0] for item in requirement.specifier if item.operator in ("==", "~=", ">=")}
    return lowest.pop() if len(lowest) == 1 else ""


def _tabled(name: str, version: str) -> str:
    numbers = tuple(int(part) for part in re.findall("[0-9]+", version)[:2])
    return next((release for first, release in _RELEASES.get(name, ()) if numbers >= first), "")


def check_consistency(where: str, accelerator: Accelerator, wheels: Sequence[LockedWheel], target: Target) -> None:
    """Refuse wheels that do not fit the variant.

    where: what messages begin with. Raises ModelkilnError that names every package, what it needs
    and what the variant says.
    """
    issues = [*_cuda_issues(accelerator, wheels, target), *_tag_issues(wheels, target)]
    if issues:
        raise ModelkilnError(f"{where}: " + " ".join(issues))


def _cuda_issues(accelerator: Accelerator, wheels: Sequence[LockedWheel], target: Target) -> list[str]:
    needs = [need for need in (cuda_need(wheel, target) for wheel in wheels) if need]
    if not accelerator.cuda:
        wrong = [need for need in needs if not need.optional and _is_gpu(need, accelerator)]
        return [
            f"the accelerator {accelerator.name!r} is without CUDA, but needs a GPU's packages: {_list(wrong)}. "
            f"Lock builds for a CPU in the resolve {accelerator.resolve!r} (onnxruntime for onnxruntime-gpu, "
            "xgboost-cpu for xgboost, torch with the local version +cpu), choose an accelerator with CUDA, or "
            "set its `cuda` in [modelkiln.accelerators]."
        ] * bool(wrong)
    wrong = [need for need in needs if need.built_for != "cuda" or not _fits(need.release, accelerator.cuda)]
    if not wrong:
        return []
    majors = sorted({need.release.split(".")[0] for need in needs if need.release})
    mixed = f" CUDA {' and '.join(majors)} are mixed in one environment." if len(majors) > 1 else ""
    return [
        f"the accelerator {accelerator.name!r} says CUDA {accelerator.cuda}, which does not fit {_list(wrong)}.{mixed} "
        f"Lock other releases in the resolve {accelerator.resolve!r}, or set `cuda` in [modelkiln.accelerators]."
    ]


def _is_gpu(need: CudaNeed, accelerator: Accelerator) -> bool:
    return need.built_for == "cuda" or (need.built_for == "rocm" and accelerator.name == CPU)


def _fits(release: str, wanted: str) -> bool:
    # A side that names no minor release takes any: CUDA's minor releases are compatible.
    return all(have == want for have, want in zip(release.split("."), wanted.split("."))) if release else True


def _list(needs: Sequence[CudaNeed]) -> str:
    # What people have chosen comes first, and then the libraries that it brought along.
    ordered = sorted(needs, key=lambda need: (need.name.startswith(("nvidia-", "cuda-")), need.name))
    shown = ", ".join(str(need) for need in ordered[:_SHOWN])
    return shown + (f" and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else "")


_GLIBC = re.compile(r"manylinux_2_([0-9]+)_(.+)")


def _tag_issues(wheels: Sequence[LockedWheel], target: Target) -> list[str]:
    from packaging.utils import parse_wheel_filename

    supported = frozenset(target.wheel_tags())
    issues = []
    for wheel in wheels:
        tags = parse_wheel_filename(wheel.filename)[3]
        if supported.isdisjoint(str(tag) for tag in tags):
            issues.append(f"{wheel.name} {wheel.version}: {_why_not(wheel, tags, target)}")
    return issues


def _why_not(wheel: LockedWheel, tags: Any, target: Target) -> str:
    platforms = sorted(tag.platform for tag in tags)
    here = [match for match in map(_GLIBC.fullmatch, platforms) if match and match[2] == target.machine]
    needed = min((int(match[1]) for match in here), default=0)
    if needed > int(target.glibc.split(".")[1]):
        older = "compile it with a toolchain of an older suite" if wheel.build else "lock a version with a wheel for it"
        return (
            f"{wheel.filename} needs glibc 2.{needed}, and the base image has {target.glibc}. Choose a base image with "
            f"a newer glibc, or {older}."
        )
    if wheel.build:
        return (
            f"{wheel.filename} does not run on {target}: it is compiled by the machine that builds, for itself alone. "
            "Lock a version that has a wheel for this platform."
        )
    return f"{wheel.filename} does not run on {target}. Lock the package again, for this platform and Python."
