"""CUDA libraries in an unpacked image, linked by its loader."""

import shutil
import subprocess

import pytest
from components import require

from modelkiln.errors import ModelkilnError
from modelkiln.smoke.cuda_linking import check_cuda_libraries
from modelkiln.smoke.runnable_image import Runnable

SITE_PACKAGES = "opt/venv/lib/python3.11/site-packages"


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


def library(root, name, source="", needs=()):
    """Compile a shared library of the package `demo`, which needs libraries of these names."""
    folder = root / SITE_PACKAGES / "demo"
    command = [require("gcc"), "-shared", "-fPIC", "-o", str(folder / name), f"-Wl,-soname,{name}", "-xc", "-"]
    command += ["-xnone", "-Wl,--no-as-needed", *(str(folder / one) for one in needs)]
    subprocess.run(command, input=source.encode(), check=True)


def check(root):
    """Check a root whose loader looks into the package's folder."""
    image = Runnable((), (), {"LD_LIBRARY_PATH": f"/{SITE_PACKAGES}/demo"}, "/", ())
    return check_cuda_libraries(image, root)


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
