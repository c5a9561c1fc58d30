"""Platform tags of wheels that were compiled here."""

import pytest
from samples.wheelhouse import make_wheel, pin

from modelkiln.errors import ModelkilnError
from modelkiln.wheels.platform_tag import _minor, compiled_name
from modelkiln.wheels.wheel import open_wheel


@pytest.mark.parametrize(
    ("version", "minor"),
    [
        ("GLIBC_2.2.5", 2),
        ("GLIBC_2.34", 34),
        ("GLIBC_ABI_DT_RELR", 36),
        ("GLIBC_PRIVATE", None),
        ("GLIBCXX_3.4", 5),
        ("GLIBCXX_3.4.20", 24),
        ("GLIBCXX_3.4.30", 35),
        ("GLIBCXX_3.4.99", None),
        ("CXXABI_1.3.13", 34),
        ("CXXABI_FLOAT128", 24),
        ("GCC_3.0", 5),
        ("GCC_12.0.0", 35),
        ("OPENSSL_3.0.0", None),
    ],
)
def test_a_version_of_symbols_asks_for_a_glibc(version, minor):
    """The compiler's libraries by the systems that have them; what no system promises has none."""
    assert minor == _minor(version)


def _name(path, tag, machine, **files):
    data = make_wheel(files={"demo.py": b"", **files}, tag=tag)
    (path / "x.whl").write_bytes(data)
    filename = pin(data, tag=tag)["filename"]
    with open_wheel(path / "x.whl", filename, "demo", "1.0") as wheel:
        return compiled_name(wheel, machine, "demo 1.0, from demo-1.0.tar.gz")


@pytest.mark.parametrize(
    ("tag", "machine", "expected"),
    [
        ("cp311-cp311-linux_x86_64", "x86_64", "cp311-cp311-manylinux_2_5_x86_64"),
        ("cp38-abi3-linux_aarch64", "aarch64", "cp38-abi3-manylinux_2_17_aarch64"),
        ("py3-none-manylinux_2_36_x86_64", "x86_64", "py3-none-manylinux_2_5_x86_64"),
    ],
)
def test_the_tag_states_what_files_need(tmp_path, tag, machine, expected):
    """And not where they were built; interpreter and ABI stay as they are."""
    assert f"demo-1.0-{expected}.whl" == _name(tmp_path, tag, machine)


@pytest.mark.parametrize("platform", ["linux_aarch64", "macosx_11_0_x86_64", "musllinux_1_2_x86_64", "linux_i686"])
def test_a_wheel_for_another_platform_is_refused(tmp_path, platform):
    """With its platform, and the one that the toolchain compiles for."""
    with pytest.raises(ModelkilnError, match=f"gives demo-1.0-.*, which is for {platform}, want linux_x86_64"):
        _name(tmp_path, f"cp311-cp311-{platform}", "x86_64")


def test_a_file_that_is_damaged_is_refused(tmp_path):
    """With its path in the wheel."""
    with pytest.raises(ModelkilnError, match="x86_64.whl: native.so: is not a whole ELF file"):
        _name(tmp_path, "cp311-cp311-linux_x86_64", "x86_64", **{"native.so": b"\x7fELF\2\1"})
