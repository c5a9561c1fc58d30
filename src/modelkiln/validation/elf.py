"""Whether what is in an image is compiled for the image's platform, for the validator."""

import struct
from typing import Any, Iterator, Mapping

from modelkiln.validation.tree import Tree

__all__ = ["machine_problems"]

# OCI's names of architectures -> e_machine of the System V ABI's ELF header (gabi, "ELF Header"),
# and the names that people know.
_MACHINES = {"amd64": 62, "arm64": 183}
_NAMES = {3: "x86", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64"}
# Code for devices, which is the same file on every host: EM_CUDA, EM_AMDGPU, EM_BPF.
_DEVICES = (190, 224, 247)
_ET_EXEC, _ET_DYN = 2, 3


def machine_problems(tree: Tree, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield each program and shared library of `tree` that another machine runs than the config's."""
    wanted = _MACHINES.get(str(config.get("architecture")))
    if wanted is None:
        return
    for path, node in sorted(tree.nodes.items()):
        if not node.head.startswith(b"\x7fELF") or len(node.head) < 20:
            continue
        order = ">" if node.head[5] == 2 else "<"  # EI_DATA
        kind, machine = struct.unpack_from(order + "HH", node.head, 16)
        if kind in (_ET_EXEC, _ET_DYN) and machine not in (wanted, *_DEVICES):
            found = _NAMES.get(machine, f"machine {machine}")
            yield f"{path}: is compiled for {found}, want {config['architecture']} as the config says."
