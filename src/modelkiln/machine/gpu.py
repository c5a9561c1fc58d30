"""NVIDIA GPUs of this machine, and how a sandbox gets them, as the NVIDIA container toolkit does it."""

import functools
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Optional, Sequence

__all__ = ["Gpu", "find_gpu"]

# nvidia-container-toolkit and libnvidia-container (src/nvc_info.c, "compute_libs", "utility_libs"):
# what the capabilities `compute` and `utility` bring into a container from the host's driver.
_LIBRARIES = re.compile(
    r"lib(?:cuda|cudadebugger|nvidia-(?:ml|cfg|nscq|opencl|gpucomp|ptxjitcompiler|fatbinaryloader|allocator"
    r"|compiler|nvvm|nvvm70|pkcs11|pkcs11-openssl3))\.so(?:\.[0-9.]+)?"
)
# The same, "nvidia_driver": devices that every container gets in addition to those of the GPUs.
_DEVICE = re.compile(r"nvidia(?:[0-9]+|ctl|-uvm|-uvm-tools|-modeset)")
# In the sandbox. The root is read-only, so libraries cannot lie next to its own.
_FOLDER = "/tmp/nvidia"


@dataclass(frozen=True)
class Gpu:
    """devices: paths below /dev. libraries: of the driver, by the name that programs load them by."""

    devices: tuple[str, ...]
    libraries: tuple[tuple[str, str], ...]

    def options(self) -> list[str]:
        """bubblewrap's options that bring devices and driver into a sandbox, after its /dev and /tmp."""
        found = [part for device in self.devices for part in ("--dev-bind", device, device)]
        for name, path in self.libraries:
            found += ["--ro-bind", path, f"{_FOLDER}/{name}"]
        return found

    def env(self, env: Mapping[str, str]) -> dict[str, str]:
        """`env` of a sandbox, with which its loader finds the driver's libraries."""
        path = ":".join(filter(None, (_FOLDER, env.get("LD_LIBRARY_PATH"))))
        return {**env, "LD_LIBRARY_PATH": path}


@functools.cache
def find_gpu(dev: Path = Path("/dev"), ldconfig: Sequence[str] = ("/sbin/ldconfig", "-p")) -> Optional[Gpu]:
    """Return this machine's GPUs, or None where it has none or no driver for them."""
    names = sorted(os.listdir(dev)) if dev.is_dir() else []
    devices = tuple(str(dev / name) for name in names if _DEVICE.fullmatch(name))
    libraries = _driver_libraries(ldconfig)
    if not any(re.search(r"nvidia[0-9]+$", device) for device in devices) or "libcuda.so.1" not in libraries:
        return None
    return Gpu(devices, tuple(sorted(libraries.items())))


def _driver_libraries(ldconfig: Sequence[str]) -> dict[str, str]:
    """Name -> path of the driver's libraries that the machine's loader knows.

    The first of a name is the one that it takes; ldconfig lists 64-bit libraries first.
    """
    try:
        done = subprocess.run(ldconfig, env={"LC_ALL": "C"}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        name, arrow, path = line.strip().partition(" => ")
        name = name.split(" ")[0]
        if arrow and _LIBRARIES.fullmatch(name):
            found.setdefault(name, path)
    return found
