"""Layers of wheels: a virtual environment's site-packages and scripts, straight from the zips."""

import tempfile
from typing import Any, Mapping, Optional, Sequence

from modelkiln.archives.spool import Spool
from modelkiln.archives.tar import Entry
from modelkiln.base.bytecode import compile_entries, host_packages
from modelkiln.builds.wheel import provide_wheels
from modelkiln.layer import Layer
from modelkiln.layers.packing import pack_to_store
from modelkiln.manifest.wheels import check_wheels, open_wheels
from modelkiln.recipe import WHEELS, Recipe
from modelkiln.store.store import Store
from modelkiln.wheels.platforms import Target
from modelkiln.wheels.venv import VENV, InstalledWheel, Venv, check_conflicts, install

__all__ = ["LARGE_BYTES", "build", "plan", "recipe"]

# A wheel of this size or more is a layer of its own, which images with the same wheel share and a
# push of a new environment does not send again. Below it, a layer's own cost (requests to the
# registry, a mount at run time; overlayfs has 128 at most) outweighs the bytes.
LARGE_BYTES = 8 << 20


def plan(
    wheels: Sequence[Mapping[str, Any]], large_bytes: int = LARGE_BYTES, split_pure: bool = False
) -> list[list[dict[str, Any]]]:
    """Return groups of wheels, one for each layer, lowest first, whatever the order of `wheels`.

    wheels: objects with name, version, filename, sha256 and size (bytes). Those of `large_bytes`
    or more are alone, by name; the small ones are together in the last group. split_pure: pure ones,
    for any platform, are a group of their own, whose layer a package's platforms then share.
    """
    ordered = sorted((dict(wheel) for wheel in wheels), key=lambda wheel: wheel["name"])
    large = [[wheel] for wheel in ordered if wheel["size"] >= large_bytes]
    small = [wheel for wheel in ordered if wheel["size"] < large_bytes]
    shared = [wheel for wheel in small if split_pure and wheel["filename"].endswith("-any.whl")]
    rest = [wheel for wheel in small if wheel not in shared]
    return [*large, *(group for group in (shared, rest) if group)]


def recipe(
    group: Sequence[Mapping[str, Any]],
    python: str,
    platform: str,
    compression: str,
    bytecode: Optional[Mapping[str, Any]] = None,
    venv: str = VENV,
) -> Recipe:
    """Return the recipe of a group's layer.

    python: "3.11". platform: "linux/amd64". bytecode: the interpreter that compiles byte code, see
    `base.bytecode.bytecode_recipe`. venv: where the environment lies, relative to the image's root.
    """
    return Recipe.made_by(
        WHEELS,
        {
            "wheels": check_wheels(group),
            "python": python,
            "platform": platform,
            "venv": venv,
            "compression": compression,
            "bytecode": dict(bytecode) if bytecode else None,
        },
    )


def build(recipe: Recipe, store: Store) -> Layer:
    """Make the layer of a recipe in `store`; wheels that the store lacks are fetched.

    Contents stream from the wheels into the layer and are checked against the wheels' RECORDs on
    the way; only byte code, where it is wanted, waits in a temporary file.
    """
    wheels = check_wheels(recipe["wheels"])
    Target(recipe["python"], recipe["platform"], "2.17")  # Checks both.
    venv = Venv(recipe["python"], recipe["venv"])
    provide_wheels(wheels, recipe["python"], store)
    title = _title(wheels)
    with open_wheels(wheels, store) as opened, tempfile.TemporaryFile() as scratch:
        installed = [install(wheel, venv) for wheel in opened]
        check_conflicts(installed)
        byte_code = _byte_code(installed, recipe["bytecode"], venv, Spool(scratch), store)
        packed = pack_to_store(_entries(installed, byte_code), recipe["compression"], store, title, parallel=True)
    return Layer.of("wheels", title, packed, recipe)


def _title(wheels: Sequence[Mapping[str, str]]) -> str:
    names = [f"{wheel['name']} {wheel['version']}" for wheel in wheels]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _entries(installed: Sequence[InstalledWheel], byte_code: Mapping[str, Entry]) -> list[Entry]:
    """All entries of a layer. `byte_code`: path of a Python file -> entry of its pyc."""
    # A pyc that a wheel brings itself gives way to the one that its Python made.
    made = {entry.path: entry for entry in byte_code.values()}
    found = list(made.values())
    for wheel in installed:
        own = _without(wheel, made)
        compiled = [byte_code[entry.path].path for entry in own.entries if entry.path in byte_code]
        found += [*own.entries, own.record(compiled)]
    return found


def _without(wheel: InstalledWheel, made: Mapping[str, Entry]) -> InstalledWheel:
    """The wheel without the entries that `made` has a better one for."""
    entries = tuple(entry for entry in wheel.entries if entry.path not in made)
    return InstalledWheel(wheel.title, entries, wheel.dist_info, wheel.site_packages)


def _byte_code(
    installed: Sequence[InstalledWheel],
    bytecode: Optional[Mapping[str, Any]],
    venv: Venv,
    spool: Spool,
    store: Store,
) -> dict[str, Entry]:
    """The pycs of the Python files below site-packages, by path of the source."""
    if not bytecode:
        return {}
    entries = [entry for wheel in installed for entry in wheel.entries]
    return compile_entries(entries, venv.site_packages, venv.python, host_packages(bytecode), store, spool)
