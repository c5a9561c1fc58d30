"""The memory of this host's GPUs, as their drivers state it."""

import ctypes
import os
import re

__all__ = ["largest_device"]


class _Memory(ctypes.Structure):
    """nvmlMemory_t (NVML API Reference Guide)."""

    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def largest_device(variant, root="/"):
    """Return the bytes of the GPU that has most, 0 without a GPU, and None where its driver does not say.

    variant: of a record; its GPUs are NVIDIA's for CUDA, and AMD's for ROCm. root: the folder whose `dev` and `sys`
    are read.
    """
    if variant.get("rocm"):
        return _amd(root)
    devices = os.listdir(os.path.join(root, "dev")) if os.path.isdir(os.path.join(root, "dev")) else ()
    if not any(re.fullmatch("nvidia[0-9]+", name) for name in devices):
        return 0
    return _nvidia()


def _amd(root):
    if not os.path.exists(os.path.join(root, "dev/kfd")):
        return 0
    cards, sizes = os.path.join(root, "sys/class/drm"), []
    for name in sorted(os.listdir(cards)) if os.path.isdir(cards) else ():
        try:
            with open(os.path.join(cards, name, "device/mem_info_vram_total"), encoding="ascii") as stream:
                sizes.append(int(stream.read()))
        except (OSError, ValueError):
            continue
    return max(sizes, default=None)


def _nvidia():
    """By NVML, which comes with the driver; it counts the GPUs that this process may use."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        if nvml.nvmlInit_v2():
            return None
    except (OSError, AttributeError):
        return None
    try:
        count, sizes = ctypes.c_uint(), []
        if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)):
            return None
        for number in range(count.value):
            device, memory = ctypes.c_void_p(), _Memory()
            if not nvml.nvmlDeviceGetHandleByIndex_v2(
                number, ctypes.byref(device)
            ) and not nvml.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)):
                sizes.append(memory.total)
        return max(sizes, default=None)
    finally:
        nvml.nvmlShutdown()
