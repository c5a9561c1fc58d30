"""From an sdist to a wheel: built once, in a process without a network, from pinned inputs alone.

PyPA's pyproject-hooks calls the sdist's own build backend (PEP 517). The wheel is then written
anew, so that it is the same wherever it was built. Code is compiled with a toolchain alone.
"""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional, Sequence

from modelkiln.digest import hex_of, sha256_stream
from modelkiln.errors import ModelkilnError
from modelkiln.manifest.wheels import fetch_wheels, missing_wheels, wheel_digest
from modelkiln.store.store import Store
from modelkiln.wheels.wheel import Wheel, open_wheel

if TYPE_CHECKING:
    from modelkiln.builds.environment import BuildEnvironment
    from modelkiln.builds.toolchain import Toolchain
    from modelkiln.wheels.sdist import BuildSystem

__all__ = ["BUILDER", "TRIMMER", "build_wheel", "provide_wheels", "rebuild_wheel", "trim_wheel"]

# The number rises whenever equal inputs give other bytes.
BUILDER = "sdist/1"
TRIMMER = "trimmed/1"

# Settings of backends that compile in a folder with a name by chance, which then gets into what they
# make: meson-python, "Config settings reference".
_FOLDERS = {"mesonpy": (("build-dir", "tmp/build"),)}

Chooser = Callable[[Sequence[str]], Sequence[Mapping[str, Any]]]


def build_wheel(
    sdist: Mapping[str, Any],
    python: str,
    choose: Chooser,
    store: Store,
    toolchain: Optional[Mapping[str, Any]] = None,
) -> dict[str, Any]:
    """Build the wheel of an sdist (name, version, filename, sha256) into `store`.

    python: "3.11". choose: from PEP 508 requirements to locked wheels that fulfil them. toolchain: as
    in `toolchain`, what it is built in and compiled with. Returns name, version, filename, sha256 and
    requires of the wheel, "build", which is all that it can be built again from, and "is_isolated".
    Raises ModelkilnError for hostile sdists, missing build requirements, backends that fail, and
    wheels that are not pure Python where there is no toolchain.
    """
    # Every layer of wheels asks whether a wheel has to be built, and few of them build one.
    from modelkiln.builds.environment import BuildEnvironment
    from modelkiln.builds.toolchain import open_toolchain
    from modelkiln.manifest.sdists import ensure_sdist
    from modelkiln.wheels.sdist import read_build_system, unpack_sdist

    title = f"{sdist['name']} {sdist['version']}, from {sdist['filename']}"
    opened = open_toolchain(toolchain, python, store, title) if toolchain else None
    archive = ensure_sdist(sdist, store)
    with store.temporary_folder() as folder:
        unpack_sdist(archive, sdist["filename"], folder / "src")
        system = read_build_system(folder / "src", title)
        environment = BuildEnvironment.make(title, folder, python, store, provide_wheels, opened)
        used, filename = _run_backend(environment, system, choose, store)
        made = environment.check_file(folder / "out" / os.path.basename(filename))
        wheel = _finished(made, sdist, opened, folder / "wheel", title)
        store.move_in(folder / "wheel", f"sha256:{wheel['sha256']}")
    build = {
        "builder": BUILDER,
        "python": python,
        "sdist": {key: sdist[key] for key in ("filename", "sha256")},
        "requirements": [_pinned(one) for one in used],
        **({"toolchain": {"locks": toolchain["locks"]}} if toolchain else {}),
    }
    return {**wheel, "build": build, "is_isolated": environment.is_isolated}


def _finished(
    made: Path, sdist: Mapping[str, Any], toolchain: Optional["Toolchain"], path: Path, title: str
) -> dict[str, Any]:
    """Write to `path` what a backend made, in its normal form; returns the wheel without how it was built."""
    from modelkiln.wheels.platform_tag import compiled_name
    from modelkiln.wheels.writing import write_wheel

    is_pure = _is_pure(made.name, title, toolchain)
    with open_wheel(made, made.name, sdist["name"], sdist["version"]) as wheel:
        requires = _requires(wheel)
        filename = made.name if is_pure or not toolchain else compiled_name(wheel, toolchain.machine, title)
        write_wheel(wheel, path, None if is_pure else filename)
    with path.open("rb") as stream:
        digest, _ = sha256_stream(stream)
    pinned = {"name": sdist["name"], "version": sdist["version"], "filename": filename}
    return {**pinned, "sha256": hex_of(digest), "requires": requires}


def _pinned(wheel: Mapping[str, Any]) -> dict[str, Any]:
    return {key: wheel[key] for key in ("name", "version", "filename", "sha256", "build") if key in wheel}


def _run_backend(
    environment: "BuildEnvironment", system: "BuildSystem", choose: Chooser, store: Store
) -> tuple[Sequence[Mapping[str, Any]], str]:
    """Have the wheel built into `out`; returns the wheels that were used, and its file name."""
    from pyproject_hooks import BackendUnavailable, HookMissing, UnsupportedOperation

    used = choose(system.requires)
    environment.install(used, store)
    backend = environment.backend(system)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # What a backend thinks of its sdist is for its authors.
            more = backend.get_requires_for_build_wheel()
            if more:
                used = choose([*system.requires, *more])
                environment.install(used, store)
            settings = {key: f"{environment.root}/{folder}" for key, folder in _FOLDERS.get(system.backend, ())}
            filename = backend.build_wheel(f"{environment.root}/out", settings)
    except (BackendUnavailable, HookMissing, UnsupportedOperation) as error:
        from modelkiln.manifest.sdists import EXTRA_OPTION

        reason = (str(error) or type(error).__name__).strip().splitlines()[-1]
        raise ModelkilnError(
            f"{environment.title}: its build backend {system.backend!r} cannot be used ({reason}). What it is built "
            f"with ({', '.join(system.requires) or 'nothing'}) is the sdist's to say: name what it "
            f"lacks in {EXTRA_OPTION}, or lock another version."
        ) from None
    return used, str(filename)


def _is_pure(filename: str, title: str, toolchain: Optional["Toolchain"]) -> bool:
    """Whether a wheel is for every platform; others are refused without a toolchain."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        tags = parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        raise ModelkilnError(
            f"{title}: its build backend made {filename!r}, which is not the name of a wheel."
        ) from None
    is_pure = all(tag.platform == "any" and tag.abi == "none" for tag in tags)
    if not is_pure and toolchain is None:
        raise ModelkilnError(
            f"{title}: gives {filename}, which is for one platform: its code is compiled, or would be where a compiler "
            "is. Name a `build_toolchain` with this Python in [modelkiln].build_toolchains: it pins the compiler and "
            "what it links. Or lock a version that has a wheel for the platform, or put a wheel of your own into a "
            "folder that [modelkiln.resolve_find_links] names."
        )
    return is_pure


def _requires(wheel: Wheel) -> list[str]:
    from installer.utils import parse_metadata_file

    metadata = parse_metadata_file(wheel.read_metadata("METADATA"))
    return sorted(metadata.get_all("Requires-Dist") or [])


def trim_wheel(wheel: Mapping[str, Any], left_out: Sequence[str], store: Store) -> dict[str, Any]:
    """Write a wheel of `store` anew, without the files `left_out` (paths in it), into `store`.

    Returns its name, version, filename, sha256, and "build", which is all that it can be made again from.
    """
    from modelkiln.wheels.writing import write_wheel

    with store.temporary_folder() as folder:
        path = folder / "wheel"
        title = wheel["filename"]
        with open_wheel(store.path(wheel_digest(wheel)), title, wheel["name"], wheel["version"]) as opened:
            write_wheel(opened, path, left_out=frozenset(left_out))
        with path.open("rb") as stream:
            digest, _ = sha256_stream(stream)
        store.move_in(path, digest)
    original = {key: wheel[key] for key in ("filename", "sha256", "build") if key in wheel}
    build = {"builder": TRIMMER, "wheel": original, "left_out": sorted(left_out)}
    return {**{key: wheel[key] for key in ("name", "version", "filename")}, "sha256": hex_of(digest), "build": build}


def rebuild_wheel(wheel: Mapping[str, Any], python: str, store: Store) -> None:
    """Make a wheel again, from its "build", that `store` lacks; it must come out with the same sha256.

    python: "3.11", which a wheel is fetched for that only lacks some files.
    """
    build = wheel["build"]
    if build.get("builder") not in (BUILDER, TRIMMER):
        raise ModelkilnError(
            f"{wheel['filename']}: was built by {build.get('builder')!r}, and this engine has {BUILDER!r} and "
            f"{TRIMMER!r}. Package the target again."
        )
    pinned = {"name": wheel["name"], "version": wheel["version"]}
    if build["builder"] == TRIMMER:
        original = {**pinned, **build["wheel"]}
        provide_wheels([original], python, store)
        made = trim_wheel(original, build["left_out"], store)
    else:
        requirements, toolchain = build["requirements"], build.get("toolchain")
        made = build_wheel({**pinned, **build["sdist"]}, build["python"], lambda _: requirements, store, toolchain)
    if made["sha256"] != wheel["sha256"]:
        raise ModelkilnError(
            f"{wheel['filename']}: building it again gave sha256 {made['sha256']}, want {wheel['sha256']}. Its build "
            f"is not reproducible, or CPython {python} of this machine differs. Lock a version with a wheel."
        )


def provide_wheels(wheels: Sequence[Mapping[str, Any]], python: str, store: Store) -> None:
    """Put the wheels that `store` lacks into it: those of sdists are built again, the others fetched.

    wheels: objects with name, version, filename and sha256 (hex), and "build" where they were built.
    python: "3.11". Raises ModelkilnError for a wheel that cannot be had with its sha256.
    """
    missing = missing_wheels(wheels, store)
    for wheel in missing:
        if "build" in wheel:
            rebuild_wheel(wheel, python, store)
    fetch_wheels([wheel for wheel in missing if "build" not in wheel], python, store)
