"""The devices that a package was made for: AMD GPUs and TPUs of this host.

NVIDIA's are compared by its container toolkit before an image starts (NVIDIA_REQUIRE_CUDA); for others nothing does.
"""

import os
import re

from modelkiln.runtime.start.versions import version_key

__all__ = ["check_devices"]

# "Running ROCm Docker containers" of ROCm's documentation.
_ROCM_REMEDY = "Give a container --device=/dev/kfd --device=/dev/dri, and its user their groups (--group-add)."
_TPU_REMEDY = "Give a container the devices (--device), or run it in a node pool that has TPUs."


def check_devices(variant, root="/"):
    """Compare the host with the variant of a record; returns (sentences of what is wrong, sentences to print).

    A host without a device is no error: the model's framework may have a fallback, as smoke tests have. A
    device that cannot be used is one. root: the folder whose `dev` and `sys` are read.
    """
    if variant.get("rocm"):
        return _amd_gpus(variant, root)
    return _tpus(root) if variant.get("tpu") else ([], [])


def _amd_gpus(variant, root):
    word, device = f"ROCm {variant['rocm']}", os.path.join(root, "dev/kfd")
    if not os.path.exists(device):
        return [], [f"there is no AMD GPU for {word} (/dev/kfd is missing), so a CPU has to do. {_ROCM_REMEDY}"]
    problems = []
    if not os.access(device, os.R_OK | os.W_OK):
        problems.append(f"uid {os.getuid()} may not use the AMD GPU (/dev/kfd). {_ROCM_REMEDY}")
    # The driver that comes with Linux itself has no version.
    driver, found = variant.get("driver"), _read(os.path.join(root, "sys/module/amdgpu/version"))
    if driver and found and _is_older(found, driver):
        problems.append(
            f"the driver amdgpu is {found}, and {word} needs {driver} or newer here. Install a newer one on the host."
        )
    wanted, present = variant.get("architectures") or (), _processors(root)
    if wanted and present and not present & set(wanted):
        problems.append(
            f"the GPU is {', '.join(sorted(present))}, and the code is compiled for {', '.join(wanted)}. Run it on "
            "another host."
        )
    return problems, []


def _processors(root):
    """The names of the GPUs' processors (linux, kfd_topology.c: 90402 is gfx942, 90010 gfx90a)."""
    nodes, found = os.path.join(root, "sys/class/kfd/kfd/topology/nodes"), set()
    for node in sorted(os.listdir(nodes)) if os.path.isdir(nodes) else ():
        text = _read(os.path.join(nodes, node, "properties"))
        match = re.search(r"^gfx_target_version ([0-9]+)$", text, re.MULTILINE)
        number = int(match[1]) if match else 0
        if number:  # That of a CPU is 0.
            found.add(f"gfx{number // 10000}{number // 100 % 100:x}{number % 100:x}")
    return found


def _tpus(root):
    folder = os.path.join(root, "dev")
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if re.fullmatch("accel[0-9]+", name)]
    groups = os.path.join(folder, "vfio")
    paths += [os.path.join(groups, name) for name in sorted(os.listdir(groups) if os.path.isdir(groups) else ())]
    paths = [path for path in paths if os.path.basename(path) != "vfio"]
    if not paths:
        return [], [f"there is no TPU (/dev/accel* and /dev/vfio/* are missing), so a CPU has to do. {_TPU_REMEDY}"]
    closed = [path for path in paths if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        name = f"/{os.path.relpath(closed[0], root)}"
        return [f"uid {os.getuid()} may not use the TPU ({name}). Run it as a user who may open its devices."], []
    return [], []


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def _is_older(found, wanted):
    try:
        return version_key(found) < version_key(wanted)
    except ValueError:
        return False  # Of a driver that somebody built nothing is known.
