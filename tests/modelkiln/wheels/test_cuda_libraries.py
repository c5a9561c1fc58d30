"""CUDA's libraries in wheels: where they lie and who has to know."""

import json

import pytest
from samples.wheelhouse import make_wheel, put_wheel

from modelkiln.cli.main import main
from modelkiln.store.store import Store
from modelkiln.wheels.cuda_libraries import library_folder, library_folders


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("nvidia/cublas/lib/libcublas.so.12", "nvidia/cublas/lib"),
        ("nvidia/cu13/lib/libcudart.so.13", "nvidia/cu13/lib"),
        ("nvidia/nvshmem/lib/libnvshmem_host.so.3", "nvidia/nvshmem/lib"),
        ("nvidia/cublas/lib/__init__.py", ""),
        ("nvidia/cuda_runtime/include/cuda.h", ""),
        ("numpy.libs/libscipy_openblas64.so", ""),
        ("torch/lib/libtorch.so", ""),
    ],
)
def test_the_folders_of_nvidias_wheels_are_known(path, folder):
    """Only shared libraries below nvidia/ count."""
    assert folder == library_folder(path)


CUBLAS = {"name": "nvidia-cublas-cu12", "libraries": ["nvidia/cublas/lib"]}
CUDNN = {"name": "nvidia-cudnn-cu12", "libraries": ["nvidia/cudnn/lib"]}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["onnxruntime-gpu"], True),
        (["torch"], False),
        (["jax", "jax-cuda12-plugin"], False),
        (["torch", "onnxruntime-gpu"], True),
        (["somebody-elses"], True),
    ],
)
def test_the_linker_is_reported_where_a_package_does_not_look_itself(names, found):
    """Packages that find them by themselves need no path."""
    wheels = [CUDNN, CUBLAS, *({"name": name} for name in names)]
    assert (["nvidia/cublas/lib", "nvidia/cudnn/lib"] if found else []) == library_folders(wheels)


def test_fetching_reports_the_folders(tmp_path):
    """They are read from the wheel's own list of files; other wheels have no such key."""
    store = Store(tmp_path / "store")
    files = {"nvidia/cublas/lib/libcublas.so.12": b"elf", "nvidia/cublas/lib/libcublasLt.so.12": b"elf"}
    wheels = [
        put_wheel(store, make_wheel("nvidia-cublas-cu12", "1.0", files), "nvidia-cublas-cu12", "1.0"),
        put_wheel(store, make_wheel("demo", "1.0"), "demo", "1.0"),
    ]
    (tmp_path / "wheels.json").write_text(json.dumps({"python": "3.11", "wheels": wheels}))
    paths = [f"--wheels={tmp_path / 'wheels.json'}", f"--store={store.root}", f"--output={tmp_path / 'out.json'}"]
    assert 0 == main(["build", "fetch", *paths])
    fetched = json.loads((tmp_path / "out.json").read_text())["wheels"]
    assert [None, ["nvidia/cublas/lib"]] == [wheel.get("libraries") for wheel in fetched]
