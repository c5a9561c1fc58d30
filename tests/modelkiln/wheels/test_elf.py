"""What ELF files need, read from real ones."""

import sys
from pathlib import Path

import pytest
from components import require

from modelkiln.errors import ModelkilnError
from modelkiln.wheels.elf import read_needs


def test_a_program_states_its_libraries_and_versions():
    """Those of the dynamic loader's tables, with the libraries that have the versions."""
    needs = read_needs(Path(require("sed")).read_bytes(), "sed")
    assert "libc.so.6" in needs.libraries
    assert [] == [library for library, _ in needs.versions if library not in needs.libraries and "ld-" not in library]
    assert any(version.startswith("GLIBC_2.") for _, version in needs.versions)


def test_what_is_not_loaded_needs_nothing():
    """Text, and object files, which have the same magic number."""
    assert read_needs(b"#!/bin/sh\n", "x") is None
    data = bytearray(Path(sys.executable).read_bytes())
    data[16:18] = (1).to_bytes(2, sys.byteorder)  # e_type: ET_REL.
    assert read_needs(bytes(data), "x.o") is None


@pytest.mark.parametrize("size", [5, 70])
def test_a_damaged_file_is_refused(size):
    """With its name."""
    data = Path(sys.executable).read_bytes()[:size]
    with pytest.raises(ModelkilnError, match="a/b.so: is not a whole ELF file"):
        read_needs(data, "a/b.so")
