"""Consistency: what was locked fits the variant."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.closure import LockedWheel
from modelkiln.package.accelerator import Accelerator
from modelkiln.package.consistency import check_consistency, device_need
from modelkiln.wheels.platforms import Target

TARGET = Target("3.11", "linux/amd64", "2.36")
CPU = Accelerator("cpu", "cpu")
CUDA12 = Accelerator("cuda12", "gpu", "12", "525.60.13")
CUDA124 = Accelerator("cuda124", "gpu", "12.4", "525.60.13")
ROCM6 = Accelerator("rocm6", "amd", rocm="6")
ROCM7 = Accelerator("rocm7", "amd", rocm="7")
TPU = Accelerator("tpu", "tpu", tpu=True)
CUDA13 = Accelerator("cuda13", "gpu", "13", "580.65.06")


def _wheel(name, version="1.0", *requires, tag="py3-none-any"):
    return LockedWheel(name, version, f"{name.replace('-', '_')}-{version}-{tag}.whl", "0" * 64, requires)


def _needs(name, version="1.0", *requires):
    need = device_need(_wheel(name, version, *requires), TARGET)
    return need and (need.release, need.optional)


ORT12 = 'nvidia-cuda-runtime-cu12~=12.0; extra == "cuda"'
ORT13 = ['nvidia-cuda-runtime~=13.0; extra == "cuda"', 'nvidia-cufft~=12.0; extra == "cuda"']
TORCH = 'nvidia-cudnn-cu12==9.1.0.70; platform_system == "Linux" and platform_machine == "x86_64"'


@pytest.mark.parametrize(
    ("wheel", "expected"),
    [
        (("torch", "2.4.0+cu121"), ("12.1", False)),
        (("torch", "2.7.0+cu118"), ("11.8", False)),
        (("jaxlib", "0.4.7+cuda12.cudnn88"), ("12", False)),
        (("flash-attn", "2.6.3+cu123torch2.4cxx11abifalse"), ("12.3", False)),
        (("demo", "1.0+custom1"), None),
        (("nvidia-cublas-cu12", "12.4.5.8"), ("12", False)),
        (("nvidia-cuda-runtime-cu12", "12.4.127"), ("12.4", False)),
        (("nvidia-cuda-runtime", "13.0.48"), ("13.0", False)),
        (("cuda-toolkit", "13.2.2"), ("13.2", False)),
        (("nvidia-cublas", "13.0.0.19"), ("13", False)),
        # Its own number says nothing: 12 is the one that comes with CUDA 13.
        (("nvidia-cufft", "12.0.0.15"), ("", False)),
        (("cupy-cuda12x", "13.3.0"), ("12", False)),
        (("cupy-cuda118", "12.0"), ("11", False)),
        (("jax-cuda13-plugin", "0.9"), ("13", False)),
        (("torch", "2.9.0", TORCH), ("12", False)),
        (("torch", "2.15.0", 'cuda-toolkit[cublas]==13.2.2; platform_system == "Linux"'), ("13", False)),
        (("onnxruntime-gpu", "1.26.0", ORT12), ("12", False)),
        (("onnxruntime-gpu", "1.28.0", *ORT13), ("13", False)),
        (("onnxruntime-gpu", "1.20.1"), ("12", False)),
        (("onnxruntime-gpu", "1.18.1"), ("11", False)),
        (("onnxruntime-gpu", "0.9"), ("", False)),
        (("tensorflow", "2.21.0", 'nvidia-nccl-cu12>=2; extra == "and-cuda"'), ("12", True)),
        (("tensorflow", "2.13.1"), ("11", True)),
        (("tensorflow", "1.15"), None),
        # It serves both; and what is said under an extra is said by few.
        (("jax", "0.9", 'jax-cuda12-plugin; extra == "cuda12"', 'jax-cuda13-plugin; extra == "cuda13"'), None),
        (("spacy", "4", 'cupy-cuda12x; extra == "cuda"'), None),
        (("nvidia-ml-py", "13.580"), None),
        (("cuda-pathfinder", "1.3"), None),
        (("numpy", "2.4.6"), None),
        (("curl-cffi", "0.7", "cffi>=1.12"), None),
    ],
)
def test_what_a_wheel_says_about_cuda(wheel, expected):
    """Name, version and metadata decide; what is not known stays open."""
    assert expected == _needs(*wheel)


# Names, versions and requirements of the wheels that the index has.
JAX_ROCM7 = [_wheel("jax-rocm7-plugin", "0.12.0", "jax-rocm7-pjrt==0.12.0"), _wheel("jax-rocm7-pjrt", "0.12.0")]
JAX_ROCM60 = [_wheel("jax-rocm60-plugin", "0.5.0", "jax-rocm60-pjrt ==0.5.0"), _wheel("jax-rocm60-pjrt", "0.5.0")]
# What jax-rocm7-plugin's extra `with-rocm` requires: ROCm itself, in wheels of names without a release.
WITH_ROCM = [
    _wheel(f"amd-{name}-instinct", "7.0")
    for name in (
        "hipblas", "hipfft", "hipsolver", "hipsparse", "hipsparselt", "miopen-hip", "rccl", "rocm-device-libs",
        "rocm-hip-runtime", "rocm-hip-runtime-devel", "rocm-language-runtime", "rocm-llvm",
    )
]  # fmt: skip
TORCH_XLA = _wheel("torch-xla", "2.9.0", 'libtpu==0.0.21; extra == "tpu"', 'tpu-info; extra == "tpu"')


@pytest.mark.parametrize(
    ("wheel", "expected"),
    [
        (JAX_ROCM7[0], ("rocm", "7")),
        (JAX_ROCM60[1], ("rocm", "6.0")),
        (_wheel("torch", "2.9.0+rocm6.4"), ("rocm", "6.4")),
        (_wheel("jaxlib", "0.4.30+rocm611"), ("rocm", "6.1")),
        (_wheel("cupy-rocm-5-0", "12.3.0"), ("rocm", "5.0")),
        (_wheel("tensorflow-rocm", "2.14.0.600"), ("rocm", "6.0")),
        (_wheel("onnxruntime-rocm", "1.22.2.post1"), ("rocm", "")),
        (_wheel("onnxruntime-migraphx", "1.23.0"), ("rocm", "")),
        (_wheel("amd-miopen-hip-instinct", "7.0"), ("rocm", "")),
        (_wheel("libtpu", "0.0.52"), ("tpu", "")),
        (_wheel("libtpu-nightly", "0.1"), ("tpu", "")),
        (_wheel("torch", "2.9.0+cpu"), ("cpu", "")),
        (TORCH_XLA, None),
        (_wheel("tpu-info", "0.5"), None),
        (_wheel("rocket", "1.0"), None),
    ],
)
def test_what_a_wheel_says_about_other_devices(wheel, expected):
    """Names and versions say which device, and of ROCm mostly which release."""
    need = device_need(wheel, TARGET)
    assert expected == (need and (need.built_for, need.release))


@pytest.mark.parametrize(
    ("accelerator", "wheels"),
    [
        (ROCM7, [*JAX_ROCM7, *WITH_ROCM]),
        (ROCM7, [*JAX_ROCM7, _wheel("jax", "0.12.0", 'libtpu==0.0.52; extra == "tpu"')]),
        (ROCM7, [_wheel("onnxruntime-migraphx", "1.23.0"), _wheel("tensorflow", "2.13.1")]),
        (ROCM6, JAX_ROCM60),
        (Accelerator("rocm64", "amd", rocm="6.4"), [_wheel("torch", "2.9.0+rocm6.4")]),
        (TPU, [TORCH_XLA, _wheel("torch", "2.9.0+cpu"), _wheel("libtpu", "0.0.21")]),
        (CPU, [_wheel("torch", "2.4.0+cpu"), _wheel("onnxruntime"), _wheel("tensorflow", "2.21.0")]),
        (CUDA12, [_wheel("onnxruntime-gpu", "1.26.0", ORT12), _wheel("nvidia-cuda-runtime-cu12", "12.9.79")]),
        (CUDA12, [_wheel("torch", "2.4.0+cu121"), _wheel("nvidia-cublas-cu12", "12.1.3.1")]),
        (CUDA124, [_wheel("torch", "2.5.0+cu124"), _wheel("cupy-cuda12x")]),
        (CUDA13, [_wheel("onnxruntime-gpu", "1.28.0", *ORT13), _wheel("nvidia-cufft", "12.0.0.15")]),
        (CUDA13, [_wheel("numpy")]),
    ],
)
def test_what_fits_is_taken(accelerator, wheels):
    """The release of a variant may leave its minor open, and so may a package."""
    check_consistency("a:b", accelerator, wheels, TARGET)


@pytest.mark.parametrize(
    ("accelerator", "wheels", "message"),
    [
        (CPU, [_wheel("onnxruntime-gpu", "1.26.0", ORT12)], "'cpu' is without CUDA.*onnxruntime-gpu 1.26.0 .CUDA 12"),
        (CPU, [_wheel("nvidia-cudnn-cu12")], "'cpu' is without CUDA.*nvidia-cudnn-cu12 1.0"),
        (CPU, [_wheel("torch", "2.4.0+rocm6.1")], "torch 2.4.0.rocm6.1 .built for ROCm 6.1"),
        (CPU, JAX_ROCM7, "'cpu' is without ROCm, but needs a GPU's packages: jax-rocm7-pjrt 0.12.0 .built for ROCm 7."),
        *((CPU, [wheel], f"'cpu' is without ROCm, .*{wheel.name} 7.0 .built for ROCm") for wheel in WITH_ROCM),
        (TPU, WITH_ROCM, "'tpu' says TPU, which .* and 7 more. Lock .* 'tpu', or choose an accelerator with ROCm."),
        (CUDA12, [_wheel("torch", "2.9.0+cpu")], "built for a CPU.*. Lock other releases in the resolve 'gpu'[.]$"),
        (CPU, [_wheel("libtpu", "0.0.52")], "without TPU, but needs a TPU's packages: libtpu 0.0.52.*set its `tpu`"),
        (CUDA12, JAX_ROCM7, "'cuda12' says CUDA 12, which does not fit jax-rocm7-pjrt 0.12.0 .built for ROCm 7"),
        (CUDA12, [_wheel("libtpu", "0.0.52")], "says CUDA 12, which does not fit libtpu 0.0.52 .built for TPU"),
        (ROCM7, JAX_ROCM60, "'rocm7' says ROCm 7, which does not fit jax-rocm60-pjrt 0.5.0 .built for ROCm 6.0."),
        (ROCM6, JAX_ROCM7, "'rocm6' says ROCm 6, .*jax-rocm7-plugin 0.12.0 .built for ROCm 7..*set `rocm`"),
        (ROCM7, [_wheel("torch", "2.9.0", TORCH)], "says ROCm 7, which does not fit torch 2.9.0 .CUDA 12"),
        (ROCM7, [_wheel("torch", "2.9.0+cpu")], "says ROCm 7, which does not fit torch 2.9.0.cpu .built for a CPU"),
        (ROCM7, [_wheel("libtpu", "0.0.52")], "says ROCm 7, which does not fit libtpu 0.0.52"),
        (TPU, JAX_ROCM7, "'tpu' says TPU, which does not fit jax-rocm7-pjrt"),
        (TPU, [_wheel("jax-cuda12-plugin")], "'tpu' says TPU, which does not fit jax-cuda12-plugin 1.0 .CUDA 12"),
        (Accelerator("train", "train"), [_wheel("cupy-cuda12x")], "'train' is without CUDA.*set its `cuda`"),
        (CUDA12, [_wheel("onnxruntime-gpu", "1.28.0", *ORT13)], "'cuda12' says CUDA 12.*1.28.0 .CUDA 13"),
        (CUDA12, [_wheel("onnxruntime-gpu", "1.18.0")], "onnxruntime-gpu 1.18.0 .CUDA 11.*resolve 'gpu'"),
        (CUDA13, [_wheel("tensorflow", "2.21.0", 'nvidia-nccl-cu12>=2; extra == "and-cuda"')], "tensorflow 2.21.0"),
        (CUDA13, [_wheel("jax-cuda12-plugin")], "jax-cuda12-plugin 1.0 .CUDA 12"),
        (CUDA124, [_wheel("torch", "2.4.0+cu121")], "says CUDA 12.4, .*torch 2.4.0.cu121 .CUDA 12.1"),
        (CUDA124, [_wheel("nvidia-cuda-runtime-cu12", "12.9.79")], "nvidia-cuda-runtime-cu12 12.9.79 .CUDA 12.9"),
        (CUDA12, [_wheel("torch", "2.4.0+cpu")], "torch 2.4.0.cpu .built for a CPU"),
        (CUDA12, [_wheel("a-cu12"), _wheel("nvidia-nccl-cu13")], "nccl-cu13 1.0 .CUDA 13.*CUDA 12 and 13 are mixed"),
    ],
)
def test_what_does_not_fit_is_refused(accelerator, wheels, message):
    """The package, what it needs and what the variant says are named."""
    with pytest.raises(ModelkilnError, match=f"^a:b: .*{message}"):
        check_consistency("a:b", accelerator, wheels, TARGET)


def test_the_package_that_people_chose_is_reported_first():
    """Its libraries follow, and not all of them."""
    wheels = [_wheel(f"nvidia-{name}-cu12") for name in ("cublas", "cudnn", "cufft", "curand", "nccl", "nvtx")]
    with pytest.raises(ModelkilnError, match="packages: torch 2.9.0 .CUDA 12., nvidia-cublas-cu12.* and 2 more"):
        check_consistency("a:b", CPU, [*wheels, _wheel("torch", "2.9.0", TORCH)], TARGET)


@pytest.mark.parametrize("builds", ["onnxruntime for onnxruntime-gpu", "xgboost-cpu for xgboost", "torch with .* .cpu"])
def test_builds_for_a_cpu_are_advised(builds):
    """By the names that they have in an index, without those of accelerators among the resolves."""
    with pytest.raises(ModelkilnError, match=f"Lock builds for a CPU in the resolve 'cpu' .*{builds}"):
        check_consistency("a:b", CPU, [_wheel("xgboost", "3.1.1", "nvidia-nccl-cu12")], TARGET)


def test_on_another_platform_a_wheel_may_need_no_cuda():
    """PyTorch's wheel for arm64 asks for no CUDA libraries."""
    arm = Target("3.11", "linux/arm64", "2.36")
    assert device_need(_wheel("torch", "2.9.0", TORCH), arm) is None


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("cp311-cp311-manylinux_2_39_x86_64", "needs glibc 2.39, and the base image has 2.36"),
        ("cp311-cp311-manylinux_2_28_aarch64", "does not run on linux/amd64, CPython 3.11, glibc 2.36"),
        ("cp312-cp312-manylinux_2_28_x86_64", "does not run on linux/amd64, CPython 3.11"),
    ],
)
def test_a_wheel_of_another_platform_is_refused(tag, message):
    """The file and what it would run on are named."""
    with pytest.raises(ModelkilnError, match=f"^a:b: demo 1.0: demo-1.0-{tag}.whl {message}"):
        check_consistency("a:b", CPU, [_wheel("demo", tag=tag)], TARGET)


@pytest.mark.parametrize("tag", ["cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", "cp38-abi3-linux_x86_64"])
def test_a_wheel_with_a_fitting_tag_is_taken(tag):
    """One of a file's tags is enough."""
    check_consistency("a:b", CPU, [_wheel("demo", tag=tag)], TARGET)
