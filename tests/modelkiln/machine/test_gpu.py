"""GPUs of a machine, and what a sandbox gets of them."""

from modelkiln.machine.gpu import find_gpu

# As `ldconfig -p` prints it on a machine with NVIDIA's driver; printf understands the escapes.
LDCONFIG = (
    "3 libs found in cache `/etc/ld.so.cache'\\n"
    "\\tlibnvidia-ml.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1\\n"
    "\\tlibcuda.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libcuda.so.1\\n"
    "\\tlibcuda.so.1 (libc6) => /usr/lib/i386-linux-gnu/libcuda.so.1\\n"
    "\\tlibc.so.6 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libc.so.6\\n"
)
DRIVER = "/usr/lib/x86_64-linux-gnu"


def machine(tmp_path, *devices):
    """Make a /dev with these names."""
    dev = tmp_path / "dev"
    dev.mkdir()
    for name in ("null", *devices):
        (dev / name).touch()
    return dev


def test_a_sandbox_gets_devices_and_the_drivers_libraries(tmp_path):
    """Devices are bound where they are, libraries where the loader looks first."""
    dev = machine(tmp_path, "nvidia0", "nvidiactl", "nvidia-uvm")
    gpu = find_gpu(dev, ("/usr/bin/printf", LDCONFIG))
    assert gpu is not None
    assert (f"{dev}/nvidia-uvm", f"{dev}/nvidia0", f"{dev}/nvidiactl") == gpu.devices
    assert (
        ("libcuda.so.1", f"{DRIVER}/libcuda.so.1"),
        ("libnvidia-ml.so.1", f"{DRIVER}/libnvidia-ml.so.1"),
    ) == gpu.libraries
    assert ["--ro-bind", f"{DRIVER}/libcuda.so.1", "/tmp/nvidia/libcuda.so.1"] == gpu.options()[9:12]
    assert {"LD_LIBRARY_PATH": "/tmp/nvidia:/opt/lib"} == gpu.env({"LD_LIBRARY_PATH": "/opt/lib"})


def test_a_machine_without_a_gpu_has_none(tmp_path):
    """Neither a driver without a device nor a control device alone is a GPU."""
    dev = machine(tmp_path, "nvidiactl")
    assert find_gpu(dev, ("/usr/bin/printf", LDCONFIG)) is None


def test_a_device_without_a_driver_is_none(tmp_path):
    """Programs could not use it."""
    dev = machine(tmp_path, "nvidia0", "nvidiactl")
    assert find_gpu(dev, ("/usr/bin/printf", "")) is None
    assert find_gpu(dev, ("/no/ldconfig",)) is None
