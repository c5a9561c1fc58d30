"""Memory and features of a host, as /proc and /sys show them, against what a package requires."""

import os

import pytest

from modelkiln.runtime.start.host import ARM_FEATURES, LEVELS, X86_FEATURES, check_requires, feature_names, parse_size

GIB = 1024**3
REQUEST = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
MACHINE = os.uname().machine
# A feature of this machine's architecture, and one of the other.
OURS, OTHER = ("avx2", "sve") if MACHINE == "x86_64" else ("sve", "avx2")


@pytest.fixture
def make_host(tmp_path):
    """Return a function that makes a host of files: content by path."""

    def make(**files):
        files.setdefault("proc/meminfo", f"MemTotal:       {16 * GIB // 1024} kB\nMemFree: 1 kB\n")
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return str(tmp_path)

    return make


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8 GiB", 8 * GIB),
        ("8GiB", 8 * GIB),
        ("1.5 TB", 1_500_000_000_000),
        ("500 mb", 500_000_000),
        ("64 KiB", 65536),
        ("7 B", 7),
    ],
)
def test_sizes_are_read(text, expected):
    """Units of 1000 and of 1024."""
    assert expected == parse_size(text)


@pytest.mark.parametrize("text", ["8", "8 G", "GiB", "-1 GiB", "8 GiB and more", 8, None])
def test_what_is_not_a_size_is_refused(text):
    """A number alone might be of anything."""
    with pytest.raises(ValueError, match="is not a size such as"):
        parse_size(text)


CGROUPS = [
    ({}, 16),
    ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": f"{4 * GIB}\n"}, 4),
    ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 16),
    (
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/memory.max": f"{3 * GIB}",
            "sys/fs/cgroup/a/b/memory.max": "max",
        },
        3,
    ),
    # Of a container that sees its own group alone, but its path on the host.
    ({"proc/self/cgroup": "0::/../kubepods/pod1\n", "sys/fs/cgroup/memory.max": f"{2 * GIB}"}, 2),
    (
        {
            "proc/self/cgroup": "9:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{5 * GIB}",
        },
        5,
    ),
    # Without a limit, version 1 has a number of its own for that.
    ({"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}, 16),
]


@pytest.mark.parametrize(("files", "expected"), CGROUPS)
def test_memory_is_that_of_the_machine_or_of_its_container(make_host, files, expected):
    """Limits of both versions of control groups count, and those of groups above."""
    root = make_host(**files)
    assert [] == check_requires({"memory": f"{expected} GiB"}, {}, root, {})
    found = check_requires({"memory": f"{expected + 0.5} GiB"}, {}, root, {})
    assert [
        f"it needs {expected + 0.5} GiB of memory, and there is {expected:.1f} GiB. Use a larger machine, or raise the "
        "container's limit; MODELKILN_IGNORE_REQUIRES=memory starts it all the same."
    ] == found
    ignored = {"MODELKILN_IGNORE_REQUIRES": "device_memory, memory"}
    assert [] == check_requires({"memory": f"{expected + 0.5} GiB"}, {}, root, ignored)


def test_a_misspelt_way_out_is_named(make_host):
    """Where it would have mattered."""
    ignored = {"MODELKILN_IGNORE_REQUIRES": "memroy,,device_memory"}
    root = make_host(**CGROUPS[0][0])
    found = check_requires({"memory": "900 TiB"}, {}, root, ignored)
    assert ["MODELKILN_IGNORE_REQUIRES names memroy, and knows memory and device_memory alone."] == found[1:]
    assert [] == check_requires({"memory": "1 MiB"}, {}, root, ignored)


def test_memory_that_is_not_known_is_not_held_against_a_host(make_host):
    """As where /proc is hidden."""
    assert [] == check_requires({"memory": "1 TB"}, {}, make_host(**{"proc/meminfo": ""}), {})


def test_the_memory_of_a_gpu_counts_for_its_variants_alone(make_host):
    """The largest GPU is compared, and a CPU variant of the same model needs none."""
    size = {"device_memory": "16 GiB"}
    cards = {f"sys/class/drm/card{n}/device/mem_info_vram_total": f"{n * 8 * GIB}\n" for n in (1, 2)}
    root = make_host(**{"dev/null": "", "sys/class/drm/renderD128/x": ""})
    rocm = {"rocm": "7"}
    expected = (
        "it needs 16 GiB on one GPU, and there is no GPU. Use a larger GPU, or give the container one; "
        "MODELKILN_IGNORE_REQUIRES=device_memory starts it all the same."
    )
    assert [expected] == check_requires(size, rocm, root, {}) == check_requires(size, {"cuda": "12"}, root, {})
    assert [] == check_requires(size, {}, root, {})
    make_host(**{"dev/kfd": ""})
    assert [] == check_requires(size, rocm, root, {})
    make_host(**cards)
    assert [] == check_requires(size, rocm, root, {})
    assert ["it needs 17 GiB on one GPU, and there is 16.0 GiB"] == [
        text.partition(".  ")[0].partition(". Use")[0]
        for text in check_requires({"device_memory": "17 GiB"}, rocm, root, {})
    ]
    # A driver whose library cannot be asked.
    make_host(**{"dev/nvidia0": ""})
    assert [] == check_requires(size, {"cuda": "12"}, root, {})


@pytest.mark.parametrize(
    "text", [f"processor : 0\nflags\t\t: fpu {OURS} x\n", f"processor : 0\nFeatures\t: fp {OURS} x\n"]
)
def test_features_of_the_cpu_are_compared(make_host, text):
    """As x86 and arm show them; nothing starts a package on a CPU that cannot run it."""
    root = make_host(**{"proc/cpuinfo": text})
    lacking = "amx_tile" if MACHINE == "x86_64" else "sme"
    assert [] == check_requires({"cpu": [OURS, OTHER]}, {}, root, {})
    ignored = {"MODELKILN_IGNORE_REQUIRES": "cpu,memory"}
    expected = [
        f"it needs a CPU with {lacking}, which this one lacks. Run it on a newer or another CPU.",
        "MODELKILN_IGNORE_REQUIRES names cpu, and knows memory and device_memory alone.",
    ]
    assert expected == check_requires({"cpu": [OURS, lacking]}, {}, root, ignored)


def test_levels_stand_for_their_features():
    """Names of the other architecture, and of none, are left out."""
    assert {"avx2", "fma", "ssse3"} <= set(feature_names(["x86-64-v3", "sve"], "x86_64"))
    assert ["sve"] == feature_names(["x86-64-v3", "sve"], "aarch64")
    assert [] == feature_names(["x86-64-v3"], "riscv64")
    assert all(set(flags) <= X86_FEATURES for flags in LEVELS.values()) and "asimd" in ARM_FEATURES


def test_a_host_that_falls_short_is_refused_before_the_model(make_package):
    """With all sentences at once, and the exit code of a host."""
    metadata = {"requires": {"memory": "900 TiB", "cpu": ["avx2", "asimd"]}}
    package = make_package(metadata=metadata)
    said = package.run("predict", request=REQUEST, check=3).stderr.decode()
    assert said.startswith("predict: sums 1.2.0: it needs 900 TiB of memory, and there is ")
    package.run("predict", request=REQUEST, check=0, MODELKILN_IGNORE_REQUIRES="memory")
    assert b'"memory": "900 TiB"' in package.run("info", check=0).stdout


@pytest.mark.parametrize("metadata", [{}, {"requires": "a large machine"}])
def test_what_declares_nothing_costs_nothing(make_package, metadata):
    """No module of these checks is imported; metadata of older packages may say something else there."""
    script = """
import sys
import numpy


def predict(inputs, model):
    print(*(name for name in sys.modules if name.startswith("modelkiln.runtime.start.")), file=sys.stderr)
    return {"y": numpy.sum(inputs["x"], axis=1)}
"""
    result = make_package(script, metadata=metadata).run("predict", request=REQUEST, check=0)
    assert b"modelkiln.runtime.start.check\n" == result.stderr
