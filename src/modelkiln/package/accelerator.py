"""Accelerators: what one word, `cuda12`, `rocm7` or `tpu`, says about a variant of a package."""

import re
from dataclasses import dataclass
from typing import Any, Collection, Mapping, Optional

from modelkiln.errors import ModelkilnError

__all__ = ["CPU", "MINIMAL_DRIVERS", "Accelerator", "find_accelerator"]

CPU = "cpu"

# CUDA major -> the oldest Linux driver that runs every release of it.
# NVIDIA, "CUDA Toolkit Release Notes", section "CUDA Driver", table "CUDA Toolkit and Minimum
# Required Driver Version for CUDA Minor Version Compatibility" (releases 12.9 and 13.1), and "CUDA
# Compatibility", section "Minor Version Compatibility". The other table there, "CUDA Toolkit and
# Corresponding Driver Versions", lists the driver that each toolkit is shipped with: compiling for
# a device that is newer than the toolkit wants that one, so set `driver` where a model needs it.
MINIMAL_DRIVERS = {"11": "450.80.02", "12": "525.60.13", "13": "580.65.06"}

# cuda12, cuda124, cuda12.4 and cuda12_4; PyTorch's spelling, cu124, too.
_NAME = re.compile(r"cu(?:da)?-?([1-9][0-9])(?:[._]?([0-9]{1,2}))?")
_RELEASE = re.compile(r"[1-9][0-9]?(\.[0-9]{1,2})?")
_DRIVER = re.compile(r"[1-9][0-9]{2}(\.[0-9]{1,3}){0,2}")
# rocm7, rocm64, rocm6.4 and rocm6_4.
_ROCM_NAME = re.compile(r"rocm-?([1-9])(?:[._]?([0-9]{1,2}))?")
# Of the kernel module amdgpu as AMD distributes it; the one of Linux itself has no version.
_ROCM_DRIVER = re.compile(r"[1-9][0-9]?(\.[0-9]{1,3}){1,3}")
_TPU_NAME = "tpu"
# nvcc's names of real and virtual architectures ("CUDA Compiler Driver NVCC", "GPU Feature List").
_ARCHITECTURE = re.compile(r"(?:(?:sm|compute)_([1-9][0-9]?)([0-9])[af]?|([1-9][0-9]?)\.([0-9]))")
# LLVM's names of processors ("User Guide for AMDGPU Backend").
_GFX = re.compile(r"gfx[1-9][0-9]{0,2}[0-9a-f][0-9a-f]")
_KINDS = ("cuda", "rocm", "tpu")
_KEYS = ("resolve", *_KINDS, "driver", "architectures", "env")


@dataclass(frozen=True)
class Accelerator:
    """What packages with this accelerator are made from, and what they need.

    resolve: where dependencies come from. cuda: its release, "12" for any minor or "12.4", and ""
    without CUDA. driver: the oldest driver that will do, "525.60.13", or "". architectures: compute
    capabilities that the code was compiled for, such as "8.0", or processors, such as "gfx942". env: for the
    image. rocm: as cuda. tpu: for TPUs, by libtpu.
    """

    name: str
    resolve: str
    cuda: str = ""
    driver: str = ""
    architectures: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    rocm: str = ""
    tpu: bool = False

    @property
    def kind(self) -> str:
        """What computes: "cuda", "rocm" or "tpu", and "" for a CPU."""
        return next((kind for kind in _KINDS if getattr(self, kind)), "")

    @property
    def cuda_major(self) -> str:
        """ "12", or "" without CUDA."""
        return self.cuda.split(".")[0]

    def to_json(self) -> dict[str, Any]:
        """The part of a record's variant that the accelerator decides; without what is not set."""
        found: dict[str, Any] = {"accelerator": self.name, "cuda": self.cuda, "driver": self.driver}
        found.update(architectures=list(self.architectures), env=dict(self.env), rocm=self.rocm, tpu=self.tpu)
        return {key: value for key, value in found.items() if value}

    def image_env(self) -> dict[str, str]:
        """The environment that an image needs for a host to give it its devices.

        The variables are those of nvidia-container-toolkit ("Specialized Configurations with
        Docker"). A host whose driver or device falls short is refused before the model starts. In
        NVIDIA_REQUIRE_CUDA (nvidia-container-toolkit, internal/requirements) a comma is "and", and
        `cuda` is the release that the host's driver came with. The major's first release stands for
        the oldest driver that runs all of it. The driver's own version is asked for only where a
        newer one was set: hosts with integrated devices do not know it, and would refuse. ROCm's is that of AMD's
        container runtime, which requires nothing: a package compares the driver itself as it starts. libtpu finds
        its devices alone.
        """
        if self.rocm:
            return {"AMD_VISIBLE_DEVICES": "all", **dict(self.env)}
        if not self.cuda:
            return dict(self.env)
        require = [f"cuda>={self.cuda_major}.0"]
        if self.driver != MINIMAL_DRIVERS.get(self.cuda_major):
            # Numbers without leading zeros: it is read as a semantic version.
            require.append("driver>=" + ".".join(map(str, _numbers(self.driver))))
        if self.architectures:
            require.append(f"arch>={min(self.architectures, key=_numbers)}")
        needed = {
            "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
            "NVIDIA_REQUIRE_CUDA": ",".join(require),
            "NVIDIA_VISIBLE_DEVICES": "all",
        }
        return {**needed, **dict(self.env)}


def find_accelerator(
    name: str, tables: Mapping[str, Any], resolves: Collection[str], default_resolve: str, named_resolve: str = ""
) -> Accelerator:
    """Return the accelerator `name`.

    tables: `[modelkiln.accelerators]`, by name a resolve or a table with some of the keys resolve,
    cuda, rocm, tpu, driver, architectures and env. What it leaves out follows from the name: `cuda12` is any
    CUDA 12 in the resolve cuda12, `cuda124` is CUDA 12.4, `rocm7` and `tpu` are in resolves of their names, `cpu`
    is `default_resolve` where no resolve has that name, and any other resolve is an accelerator without a device.
    named_resolve: of a package that names one itself. Raises ModelkilnError for names that are neither, and for a
    table that cannot be meant.
    """
    is_word = bool(_kind_of(name)[0])
    if named_resolve and named_resolve not in resolves:
        raise ModelkilnError(
            f"the field `resolve` says {named_resolve!r}, which is not in [python.resolves] of pants.toml: that has "
            f"{', '.join(sorted(resolves)) or 'none'}. Add it there, or name another."
        )
    if name not in tables and name not in resolves and name != CPU and not (is_word and named_resolve):
        raise _unknown(name, tables, resolves, is_word)
    table = _table(name, tables.get(name, {}))
    kind, release = _device(name, table)
    driver = _driver(name, kind, release, table.get("driver"))
    architectures = _architectures(name, kind, table.get("architectures", []))
    own = name if name in resolves else default_resolve if name == CPU else ""
    resolve = named_resolve or table.get("resolve") or own
    if resolve not in resolves:
        raise ModelkilnError(
            f"accelerator {name!r}: its resolve {resolve or name!r} is not in [python.resolves] of pants.toml, which "
            f"has {', '.join(sorted(resolves)) or 'none'}. Add it there, or set another `resolve` in "
            "[modelkiln.accelerators]."
        )
    return Accelerator(
        name=name,
        resolve=resolve,
        cuda=release if kind == "cuda" else "",
        driver=driver,
        architectures=architectures,
        env=tuple(sorted(table.get("env", {}).items())),
        rocm=release if kind == "rocm" else "",
        tpu=kind == "tpu",
    )


def _kind_of(name: str) -> tuple[str, str]:
    """What a name alone says of its device and of the release of that: ("cuda", "12.4"), or twice ""."""
    for kind, pattern in (("cuda", _NAME), ("rocm", _ROCM_NAME)):
        match = pattern.fullmatch(name)
        if match:
            return kind, ".".join(filter(None, match.groups()))
    return ("tpu", "") if name == _TPU_NAME else ("", "")


def _device(name: str, table: Mapping[str, Any]) -> tuple[str, str]:
    """The same as a table says it, and otherwise the name. A TPU has no release."""
    named = [kind for kind in _KINDS if table.get(kind)]
    if len(named) > 1:
        raise ModelkilnError(
            f"[modelkiln.accelerators] {name}: has both `{named[0]}` and `{named[1]}`, and is for one of them. "
            "Make two accelerators."
        )
    if not named:
        return _kind_of(name)
    return named[0], "" if named[0] == "tpu" else table[named[0]]


def _unknown(name: str, tables: Collection[str], resolves: Collection[str], is_word: bool) -> ModelkilnError:
    if is_word:
        return ModelkilnError(
            f"accelerator {name!r} has no resolve. Add one of this name to [python.resolves] of pants.toml, or say "
            f'in [modelkiln.accelerators] which one it takes: {name} = "<resolve>".'
        )
    return ModelkilnError(
        f"accelerator {name!r} is unknown; known are {', '.join(sorted({CPU, *tables}))}, and by their names the "
        f"resolves of [python.resolves]: {', '.join(sorted(resolves)) or 'none'}. "
        "Add it to [modelkiln.accelerators] in pants.toml."
    )


def _table(name: str, value: Any) -> dict[str, Any]:
    where = f"[modelkiln.accelerators] {name}"
    if isinstance(value, str):
        return {"resolve": value}
    if not isinstance(value, Mapping):
        raise ModelkilnError(f"{where}: {value!r} is neither a resolve nor a table with some of {', '.join(_KEYS)}.")
    unknown = sorted(set(value) - set(_KEYS))
    if unknown:
        raise ModelkilnError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(_KEYS)}.")
    table = dict(value)
    for key, pattern, example in (("cuda", _RELEASE, "12.4"), ("rocm", _RELEASE, "7.0"), ("resolve", None, "gpu")):
        text = table.get(key)
        if text is not None and not (isinstance(text, str) and (pattern.fullmatch(text) if pattern else text)):
            raise ModelkilnError(f'{where}: {key} = {text!r} is not of the form {key} = "{example}".')
    if not isinstance(table.get("tpu", False), bool):
        raise ModelkilnError(f"{where}: tpu = {table['tpu']!r} is not of the form tpu = true.")
    _check_env(where, table.get("env", {}))
    return table


def _architectures(name: str, kind: str, value: Any) -> tuple[str, ...]:
    where = f"[modelkiln.accelerators] {name}"
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise ModelkilnError(f'{where}: architectures = {value!r} is not a list, as in architectures = ["8.0", "9.0"].')
    pattern, form = (_GFX, '"gfx942"') if kind == "rocm" else (_ARCHITECTURE, '"8.0" or "sm_80"')
    found = set()
    for text in value:
        match = pattern.fullmatch(text) if isinstance(text, str) else None
        if not match:
            raise ModelkilnError(f"{where}: architecture {text!r} is not of the form {form}.")
        found.add(".".join(part for part in match.groups() if part is not None) or text)
    return tuple(sorted(found) if kind == "rocm" else sorted(found, key=_numbers))


def _check_env(where: str, env: Any) -> None:
    if not isinstance(env, Mapping):
        raise ModelkilnError(f'{where}: env = {env!r} is not a table, as in env = {{OMP_NUM_THREADS = "1"}}.')
    for name, value in env.items():
        if not isinstance(name, str) or not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) or not isinstance(value, str):
            raise ModelkilnError(f"{where}: env: {name!r} = {value!r} is not a variable with a text as its value.")


def _driver(name: str, kind: str, release: str, driver: Optional[str]) -> str:
    where = f"[modelkiln.accelerators] {name}"
    if not driver and kind != "cuda":
        return ""
    if kind not in ("cuda", "rocm"):
        raise ModelkilnError(f"{where}: has a `driver` and neither `cuda` nor `rocm`. Say which release.")
    pattern, example = (_DRIVER, "525.60.13") if kind == "cuda" else (_ROCM_DRIVER, "6.12.12")
    if driver and not (isinstance(driver, str) and pattern.fullmatch(driver)):
        raise ModelkilnError(f'{where}: driver = {driver!r} is not of the form driver = "{example}".')
    if kind == "rocm":
        return driver or ""
    major = release.split(".")[0]
    oldest = MINIMAL_DRIVERS.get(major, "")
    if not driver and not oldest:
        raise ModelkilnError(
            f"{where}: which driver CUDA {release} needs is not known here (known are CUDA "
            f'{", ".join(MINIMAL_DRIVERS)}). Set driver = "..." to the oldest that NVIDIA\'s release notes name.'
        )
    if driver and _numbers(driver) < _numbers(oldest or "0"):
        raise ModelkilnError(f"{where}: driver {driver} is too old for CUDA {major}; set {oldest} or newer.")
    return driver or oldest


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
