"""Does what was locked fit the variant: its device, platform and C library?

Only what is known is refused. What a wheel needs is read from its name, its version and what its
own metadata asks for; the table below is for releases whose metadata says nothing.
"""

import re
from dataclasses import dataclass
from typing import Any, Optional, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.closure import LockedWheel
from modelkiln.package.accelerator import Accelerator
from modelkiln.wheels.markers import holds
from modelkiln.wheels.platforms import Target

__all__ = ["DeviceNeed", "check_consistency", "device_need"]

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


# jax-rocm7-plugin, jax-rocm60-pjrt, cupy-rocm-5-0.
_ROCM_SUFFIX = re.compile(r"(?:^|-)rocm-?([1-9])-?([0-9])?(?=-|$)")
# Wheels for ROCm whose names state no release: onnxruntime-rocm, onnxruntime-migraphx, pytorch-triton-rocm,
# rocm-sdk-core, and ROCm's own libraries as jax-rocm7-plugin's extra `with-rocm` asks for them.
_ROCM = re.compile(r"(?:.*-)?(?:rocm|migraphx)(?:-.*)?|amd-.+-instinct")
# PyTorch's 2.9.0+rocm6.4, jaxlib's 0.4.30+rocm611.
_ROCM_LOCAL = re.compile(r"rocm([1-9])?\.?([0-9])?")
# tensorflow-rocm 2.14.0.600 is for ROCm 6.0.0 ("Build TensorFlow ROCm from source").
_TENSORFLOW_ROCM = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.([1-9])([0-9])[0-9]")
_TPU = re.compile(r"libtpu(?:-nightly)?|tensorflow-tpu")
_WORDS = {"cuda": "CUDA", "rocm": "ROCm", "tpu": "TPU"}


@dataclass(frozen=True)
class DeviceNeed:
    """What one wheel says about the device that it computes on.

    release: of CUDA or ROCm, "12", "12.4", or "" when it needs it and does not say which. built_for: "cuda", "rocm",
    "tpu", or "cpu" for a build for a CPU of what also exists for devices. optional: it does without.
    """

    name: str
    version: str
    release: str = ""
    built_for: str = "cuda"
    optional: bool = False

    def __str__(self) -> str:
        said = {"cpu": "built for a CPU", "cuda": f"CUDA {self.release}"}.get(
            self.built_for, f"built for {_WORDS.get(self.built_for)} {self.release}"
        )
        return f"{self.name} {self.version} ({said.strip()})"


def device_need(wheel: LockedWheel, target: Target) -> Optional[DeviceNeed]:
    """Return what a wheel says about devices, or None when it says nothing."""
    public, _, local = wheel.version.partition("+")
    match = _LOCAL.match(local)
    if match:
        return DeviceNeed(wheel.name, wheel.version, ".".join(filter(None, match.groups())))
    if local.split(".")[0] == "cpu":
        return DeviceNeed(wheel.name, wheel.version, "", "cpu")
    if _TPU.fullmatch(wheel.name):
        return DeviceNeed(wheel.name, wheel.version, "", "tpu")
    release = _rocm(wheel.name, public, local)
    if release is not None:
        return DeviceNeed(wheel.name, wheel.version, release, "rocm")
    release = _named(wheel.name, public)
    if release is not None:
        return DeviceNeed(wheel.name, wheel.version, release)
    release = _required(wheel, target) or _tabled(wheel.name, public)
    if release or wheel.name == "onnxruntime-gpu":
        return DeviceNeed(wheel.name, wheel.version, release, optional=wheel.name in _ALSO_CPU)
    return None


def _rocm(name: str, version: str, local: str) -> Optional[str]:
    """The release of ROCm that a wheel is for, "" where it does not say which, and None for another."""
    match = _ROCM_LOCAL.match(local) or _ROCM_SUFFIX.search(name)
    if not match and name == "tensorflow-rocm":
        match = _TENSORFLOW_ROCM.fullmatch(version)
    if match:
        return ".".join(filter(None, match.groups()))
    return "" if _ROCM.fullmatch(name) else None


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
    issues = [*_device_issues(accelerator, wheels, target), *_tag_issues(wheels, target)]
    if issues:
        raise ModelkilnError(f"{where}: " + " ".join(issues))


def _device_issues(accelerator: Accelerator, wheels: Sequence[LockedWheel], target: Target) -> list[str]:
    needs = [need for need in (device_need(wheel, target) for wheel in wheels) if need]
    kind, resolve = accelerator.kind, accelerator.resolve
    if not kind:
        return _without_device(accelerator, [one for one in needs if one.built_for != "cpu" and not one.optional])
    wanted = accelerator.cuda if kind == "cuda" else accelerator.rocm
    wrong = [need for need in needs if not _suits(need, kind, wanted)]
    if not wrong:
        return []
    majors = sorted({need.release.split(".")[0] for need in needs if need.release and need.built_for == "cuda"})
    mixed = f" CUDA {' and '.join(majors)} are mixed in one environment." if len(majors) > 1 else ""
    said = f"{_WORDS[kind]} {wanted}".strip()
    return [
        f"the accelerator {accelerator.name!r} says {said}, which does not fit {_list(wrong)}.{mixed} "
        f"{_remedy(wrong, kind, resolve)}"
    ]


def _remedy(wrong: Sequence[DeviceNeed], kind: str, resolve: str) -> str:
    """What to do where packages do not fit an accelerator of a kind: of another release, or for another device."""
    built_for = {need.built_for for need in wrong}
    others = " and ".join(word for other, word in _WORDS.items() if other in built_for - {kind})
    ways = [f"Lock other releases in the resolve {resolve!r}"]
    ways += [f"set `{kind}` in [modelkiln.accelerators]"] if kind in built_for else []
    ways += [f"choose an accelerator with {others}"] if others else []
    return ", or ".join(ways) + "."


def _without_device(accelerator: Accelerator, wrong: Sequence[DeviceNeed]) -> list[str]:
    """What an accelerator without a device says of wheels that need one."""
    if not wrong:
        return []
    kinds = [kind for kind in _WORDS if any(need.built_for == kind for need in wrong)]
    words = " and ".join(_WORDS[kind] for kind in kinds)
    builds = "(onnxruntime for onnxruntime-gpu, xgboost-cpu for xgboost, torch with the local version +cpu)"
    device = "TPU" if kinds == ["tpu"] else "GPU"
    return [
        f"the accelerator {accelerator.name!r} is without {words}, but needs a {device}'s packages: {_list(wrong)}. "
        f"Lock builds for a CPU in the resolve {accelerator.resolve!r} {builds}, choose an accelerator with {words}, "
        f"or set its `{kinds[0]}` in [modelkiln.accelerators]."
    ]


def _suits(need: DeviceNeed, kind: str, release: str) -> bool:
    """Whether what a wheel needs is there with an accelerator of a kind and release."""
    if need.built_for == kind:
        return _fits(need.release, release)
    # PyTorch/XLA is there for TPUs next to a PyTorch for the CPU.
    return (need.built_for == "cpu" and kind == "tpu") or (need.optional and kind != "cuda")


def _fits(release: str, wanted: str) -> bool:
    # A side that names no minor release takes any: CUDA's minor releases are compatible.
    return all(have == want for have, want in zip(release.split("."), wanted.split("."))) if release else True


def _list(needs: Sequence[DeviceNeed]) -> str:
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
