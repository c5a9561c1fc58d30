"""CUDA libraries in an unpacked image, linked by its loader."""

import shutil
import subprocess

import pytest
from components import require

from modelkiln.errors import ModelkilnError
from modelkiln.smoke.cuda_linking import check_cuda_libraries
from modelkiln.smoke.runnable_image import Runnable

SITE_PACKAGES = "opt/venv/lib/python3.11/site-packages"
# Of a further environment of an ensemble.
OTHER = "opt/venvs/0123456789ab"
WHEELS = [{"name": "nvidia-cuda-runtime", "libraries": ["nvidia/lib"]}, {"name": "onnxruntime-gpu"}]


@pytest.fixture
def root(tmp_path):
    """Return a root with this machine's loader and C library."""
    require("bwrap")
    for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"):
        target = tmp_path / "root" / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    (tmp_path / "root" / SITE_PACKAGES / "demo").mkdir(parents=True)
    return tmp_path / "root"


def library(root, name, source="", needs=(), place=f"{SITE_PACKAGES}/demo"):
    """Compile a shared library of the package `demo`, or at another place, which needs libraries of these names."""
    folder = root / place
    folder.mkdir(parents=True, exist_ok=True)
    command = [require("gcc"), "-shared", "-fPIC", "-o", str(folder / name), f"-Wl,-soname,{name}", "-xc", "-"]
    command += ["-xnone", "-Wl,--no-as-needed", *(str(folder / one) for one in needs)]
    subprocess.run(command, input=source.encode(), check=True)


def check(root, environments=(), beyond=""):
    """Check a root whose loader looks into the package's folder."""
    image = Runnable((), (), {"LD_LIBRARY_PATH": f"/{SITE_PACKAGES}/demo{beyond}"}, "/", ())
    return check_cuda_libraries(image, root, dict(environments))


def test_libraries_that_find_all_they_need_are_counted(root):
    """The driver's library comes from the host, and may be missing."""
    library(root, "libcuda.so.1")
    library(root, "libcudart.so.12")
    library(root, "provider.so", needs=["libcudart.so.12", "libcuda.so.1"])
    (root / SITE_PACKAGES / "demo/libcuda.so.1").unlink()
    found = check(root)
    assert (2, ()) == (found.libraries, found.optional)


def test_a_library_of_cudas_that_is_missing_is_refused(root):
    """The message names who needs it, and the remedy."""
    library(root, "libcudart.so.12")
    library(root, "provider.so", "extern int f(void); int g(void) { return 1; }", ["libcudart.so.12"])
    (root / SITE_PACKAGES / "demo/libcudart.so.12").unlink()
    with pytest.raises(ModelkilnError, match="provider.so needs libcudart.so.12, which the image lacks.*lock it again"):
        check(root)


def test_undefined_symbols_are_refused_unless_a_neighbour_has_them(root):
    """A plug-in takes symbols from what loads it: the library next to it, or Python."""
    library(root, "libcudart.so.12")
    source = "extern int host(void), PyLong_FromLong(void); int f(void) { return host() + PyLong_FromLong(); }"
    library(root, "provider.so", source, ["libcudart.so.12"])
    with pytest.raises(ModelkilnError, match="provider.so: undefined symbols host"):
        check(root)
    library(root, "shared.so", "int host(void) { return 1; }")
    assert 2 == check(root).libraries


def test_further_environments_of_an_ensemble_are_linked_too(root):
    """With the libraries of their own wheels, and not with those of the image's own environment."""
    place = f"{OTHER}/lib/python3.11/site-packages/nvidia/lib"
    library(root, "libcudart.so.12", place=place)
    library(root, "provider.so", needs=["libcudart.so.12"], place=place)
    provider = root / OTHER / "lib/python3.11/site-packages/provider.so"
    (root / place / "provider.so").rename(provider)
    assert 0 == check(root).libraries
    assert 2 == check(root, {OTHER: WHEELS}).libraries
    # What lies in the image's own environment is no use there.
    (root / place / "libcudart.so.12").rename(root / SITE_PACKAGES / "demo/libcudart.so.12")
    with pytest.raises(ModelkilnError, match=f"/{OTHER}/.*/provider.so needs libcudart.so.12, which the image lacks"):
        check(root, {OTHER: WHEELS})
    # What a base image names is.
    (root / "usr/cuda").mkdir(parents=True)
    (root / SITE_PACKAGES / "demo/libcudart.so.12").rename(root / "usr/cuda/libcudart.so.12")
    assert 1 == check(root, {OTHER: WHEELS}, ":/usr/cuda").libraries
