"""AMD GPUs and TPUs of a host, as /dev and /sys show them."""

import os
import tempfile
from pathlib import Path

import pytest

from modelkiln.runtime.start.devices import check_devices

NODE = "cpu_cores_count 0\nsimd_count 1216\ngfx_target_version {}\nvendor_id 4098\n"
REQUEST = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}


@pytest.fixture
def make_host(tmp_path):
    """Return a function that makes the /dev and /sys of a host; numbers: of its GPUs."""

    def make(*files, driver="", numbers=()):
        (tmp_path / "dev").mkdir(exist_ok=True)
        for name in files:
            (tmp_path / "dev" / name).parent.mkdir(exist_ok=True)
            (tmp_path / "dev" / name).write_text("")
        if driver:
            (tmp_path / "sys/module/amdgpu").mkdir(parents=True)
            (tmp_path / "sys/module/amdgpu/version").write_text(f"{driver}\n")
        for node, number in enumerate((0, *numbers)):
            folder = tmp_path / f"sys/class/kfd/kfd/topology/nodes/{node}"
            folder.mkdir(parents=True)
            (folder / "properties").write_text(NODE.format(number))
        return str(tmp_path)

    return make


@pytest.mark.parametrize(
    ("variant", "driver", "numbers"),
    [
        ({"rocm": "7"}, "", [90402]),
        ({"rocm": "7", "driver": "6.12.12"}, "6.14.14", [90402]),
        ({"rocm": "7", "driver": "6.12.12"}, "", [90402]),
        ({"rocm": "7", "driver": "6.12.12"}, "of somebody", [90402]),
        ({"rocm": "7", "architectures": ["gfx90a", "gfx942"]}, "", [90010]),
        ({"rocm": "7", "architectures": ["gfx1100"]}, "", [110000, 90402]),
        ({"rocm": "7", "architectures": ["gfx942"]}, "", []),
    ],
)
def test_a_host_that_fits_is_quiet(make_host, variant, driver, numbers):
    """What a host does not say is not held against it."""
    assert ([], []) == check_devices(variant, make_host("kfd", driver=driver, numbers=numbers))


@pytest.mark.parametrize(
    ("variant", "driver", "numbers", "message"),
    [
        (
            {"rocm": "7", "driver": "6.12.12"},
            "6.8.5",
            [],
            "the driver amdgpu is 6.8.5, and ROCm 7 needs 6.12.12 or newer here. Install a newer one on the host.",
        ),
        (
            {"rocm": "7", "architectures": ["gfx942"]},
            "",
            [90010, 110000],
            "the GPU is gfx1100, gfx90a, and the code is compiled for gfx942. Run it on another host.",
        ),
    ],
)
def test_a_driver_or_gpu_that_does_not_fit_is_refused(make_host, variant, driver, numbers, message):
    """The sentence has what is there and what is needed."""
    assert ([message], []) == check_devices(variant, make_host("kfd", driver=driver, numbers=numbers))


def test_a_host_without_a_device_is_reported_and_not_refused(make_host):
    """Frameworks have fallbacks; the control device of vfio alone is not a TPU."""
    root = make_host("null", "vfio/vfio")
    assert "there is no AMD GPU for ROCm 6.4 (/dev/kfd is missing)" in check_devices({"rocm": "6.4"}, root)[1][0]
    assert "there is no TPU (/dev/accel* and /dev/vfio/* are missing)" in check_devices({"tpu": True}, root)[1][0]
    assert ([], []) == check_devices({"cuda": "12"}, root)


@pytest.mark.parametrize("name", ["accel0", "vfio/0"])
def test_a_tpu_is_found(make_host, name):
    """Older ones are accelerators, newer ones groups of vfio."""
    assert ([], []) == check_devices({"tpu": True}, make_host(name, "vfio/vfio"))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(
    ("variant", "name", "message"),
    [({"rocm": "7"}, "kfd", "may not use the AMD GPU (/dev/kfd)"), ({"tpu": True}, "vfio/7", "the TPU (/dev/vfio/7)")],
)
def test_a_device_that_the_user_may_not_open_is_refused(variant, name, message):
    """As of an image's user, who is in none of the host's groups."""
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        device = Path(root, "dev", name)
        device.parent.mkdir(parents=True)
        device.touch(0o600)
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.setuid(65532)
                os.write(theirs, repr(check_devices(variant, root)).encode())
            finally:
                os._exit(0)
        os.close(theirs)
        with os.fdopen(ours) as stream:
            assert message in stream.read()
        os.waitpid(child, 0)


def test_a_package_prints_what_it_lacks_and_answers(make_package):
    """The note goes to standard error, before the model is loaded."""
    package = make_package(variant={"accelerator": "tpu", "tpu": True})
    result = package.run("predict", request=REQUEST, check=0)
    assert b"sums 1.2.0: there is no TPU" in result.stderr and b'"outputs"' in result.stdout
