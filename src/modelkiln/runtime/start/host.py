"""What a package requires of its host, as its metadata declares it: memory, memory of a device, features of the CPU."""

import os
import re

__all__ = ["ARM_FEATURES", "LEVELS", "VARIABLE", "X86_FEATURES", "check_requires", "feature_names", "parse_size"]

# Names of these, separated by commas, that a start does not insist on.
VARIABLE = "MODELKILN_IGNORE_REQUIRES"
_IGNORABLE = ("memory", "device_memory")

# As /proc/cpuinfo has them (linux, arch/x86/include/asm/cpufeatures.h): those that code is compiled for.
X86_FEATURES = frozenset("""
    abm adx aes amx_bf16 amx_complex amx_fp16 amx_int8 amx_tile avx avx2 avx512_4fmaps avx512_4vnniw avx512_bf16
    avx512_bitalg avx512_fp16 avx512_vbmi2 avx512_vnni avx512_vp2intersect avx512_vpopcntdq avx512bw avx512cd avx512dq
    avx512er avx512f avx512ifma avx512pf avx512vbmi avx512vl avx_ifma avx_ne_convert avx_vnni avx_vnni_int8 avx10 bmi1
    bmi2 cx16 f16c fma fma4 gfni lahf_lm movbe pclmulqdq pni popcnt sha_ni sse sse2 sse4_1 sse4_2 sse4a ssse3 vaes
    vpclmulqdq xop xsave
    """.split())
# The same (arch/arm64/kernel/cpuinfo.c, hwcap_str).
ARM_FEATURES = frozenset("""
    aes asimd asimddp asimdfhm asimdhp asimdrdm atomics bf16 crc32 cpuid dcpop dgh ebf16 fcma flagm fp fphp frint i8mm
    jscvt lrcpc lse128 mte paca pacg pmull rng sha1 sha2 sha3 sha512 sm3 sm4 sme sme2 smei8i32 ssbs sve sve2 sve2p1
    svebf16 svei8mm
    """.split())
# "System V ABI, AMD64 supplement", "Micro-architecture levels"; compilers' -march knows them.
_V2 = ("cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3")
_V3 = (*_V2, "abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave")
LEVELS = {
    "x86-64-v2": _V2,
    "x86-64-v3": _V3,
    "x86-64-v4": (*_V3, "avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"),
}

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([KMGT]i?)?B", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(text):
    """Return the bytes of "8 GiB", "500 MB" or "1.5 TB"; raises ValueError for another text."""
    match = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    if not match:
        raise ValueError(f'{text!r} is not a size such as "8 GiB"')
    unit = (match[2] or "").lower()
    return int(float(match[1]) * (1024 if unit.endswith("i") else 1000) ** _POWERS[unit[:1]])


def feature_names(features, machine):
    """Return which flags of /proc/cpuinfo a list of features means on a machine ("x86_64", "aarch64").

    Those of the other architecture are left out: one package may be for both.
    """
    known = {"x86_64": X86_FEATURES, "aarch64": ARM_FEATURES}.get(machine, frozenset())
    named = [flag for name in features for flag in LEVELS.get(name, (name,))]
    return sorted(known & set(named))


def check_requires(requires, variant, root="/", environ=os.environ):
    """Compare the host with `requires` of a package's metadata; returns a sentence for each thing that it lacks.

    variant: of the record; memory of a device counts for CUDA and ROCm. root: the folder whose `proc`
    and `sys` are read. What cannot be found out is not held against the host.
    """
    ignored = {name.strip() for name in environ.get(VARIABLE, "").split(",")}
    problems = _lacking_features(requires.get("cpu") or (), root)
    if requires.get("memory") and "memory" not in ignored:
        found, wanted = _memory(root), parse_size(requires["memory"])
        if found and found < wanted:
            problems.append(_too_small("memory", requires["memory"], found))
    has_gpu = bool(variant.get("cuda") or variant.get("rocm"))
    if requires.get("device_memory") and "device_memory" not in ignored and has_gpu:
        # ctypes takes a while to import.
        from modelkiln.runtime.start.device_memory import largest_device

        found, wanted = largest_device(variant, root), parse_size(requires["device_memory"])
        if found is not None and found < wanted:
            problems.append(_too_small("device_memory", requires["device_memory"], found))
    unknown = sorted(ignored - {"", *_IGNORABLE})
    if problems and unknown:
        problems.append(f"{VARIABLE} names {', '.join(unknown)}, and knows {' and '.join(_IGNORABLE)} alone.")
    return problems


def _too_small(name, wanted, found):
    there = f"{found / 1024**3:.1f} GiB" if found else "no GPU"
    if name == "memory":
        text = (
            f"it needs {wanted} of memory, and there is {there}. Use a larger machine, or raise the container's limit"
        )
    else:
        text = f"it needs {wanted} on one GPU, and there is {there}. Use a larger GPU, or give the container one"
    return f"{text}; {VARIABLE}={name} starts it all the same."


def _lacking_features(features, root):
    wanted = feature_names(features, os.uname().machine) if features else ()
    flags = _flags(root) if wanted else set()
    lacking = [name for name in wanted if name not in flags]
    if not flags or not lacking:
        return []
    return [f"it needs a CPU with {', '.join(lacking)}, which this one lacks. Run it on a newer or another CPU."]


def _flags(root):
    """The features of the first CPU; x86 calls them flags."""
    for line in _read(os.path.join(root, "proc/cpuinfo")).splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return set(value.split())
    return set()


def _memory(root):
    """The bytes that this process may use: those of the machine, or fewer by the limit of a container. 0: not known."""
    match = re.search(r"^MemTotal: +([0-9]+) kB$", _read(os.path.join(root, "proc/meminfo")), re.MULTILINE)
    limits = [int(match[1]) * 1024] if match else []
    return min([*limits, *_cgroup_limits(root)], default=0)


def _cgroup_limits(root):
    """The limits of this process's control groups and of those that they are in (linux, cgroup-v2.rst, memory.rst)."""
    mount = os.path.join(root, "sys/fs/cgroup")
    for line in _read(os.path.join(root, "proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2) if line.count(":") >= 2 else ("", "-", "")
        if controllers == "":
            folder, file = mount, "memory.max"
        elif "memory" in controllers.split(","):
            folder, file = os.path.join(mount, "memory"), "memory.limit_in_bytes"
        else:
            continue
        # In a container the path is often the host's, and the group is mounted at the top.
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts) + 1):
            text = _read(os.path.join(folder, *parts[:depth], file)).strip()
            if text.isdigit():
                yield int(text)


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""
