"""Machine code in an image, and the machine that its config names."""

import struct

from modelkiln.validation.elf import machine_problems
from modelkiln.validation.tree import Node, Tree


def elf(machine, kind=3):
    """The start of an ELF file: e_type and e_machine follow its identification."""
    return b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HH", kind, machine)


def problems(architecture="arm64", **heads):
    """What is wrong with files of these first bytes."""
    tree = Tree()
    tree.nodes = {name: Node("file", head=head) for name, head in heads.items()}
    return list(machine_problems(tree, {"architecture": architecture}))


def test_each_file_for_another_machine_is_reported():
    """Programs and libraries count, whatever they are called."""
    assert [] == problems(library=elf(183), program=elf(183, 2), script=b"#!/bin/sh", empty=b"")
    assert ["program: is compiled for amd64, want arm64 as the config says."] == problems(program=elf(62, 2))
    assert ["library: is compiled for machine 21, want amd64 as the config says."] == problems(
        "amd64", library=elf(21), own=elf(62)
    )


def test_code_for_devices_is_the_same_everywhere():
    """CUDA's binaries are ELF files of a machine of their own."""
    assert [] == problems(kernel=elf(190), object=elf(62, 1))
