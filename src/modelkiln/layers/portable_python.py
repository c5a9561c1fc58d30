"""The layer of a portable CPython, above a base of Debian's libraries; see `base.portable_python`."""

import tempfile
from typing import Any, Mapping

from modelkiln.archives.spool import Spool
from modelkiln.base.bytecode import compile_entries, host_packages
from modelkiln.base.portable_python import PREFIX, archive_entries, fetch_archive
from modelkiln.layer import Layer
from modelkiln.layers.packing import pack_to_store
from modelkiln.machine.settings import load_machine_env
from modelkiln.recipe import PORTABLE_PYTHON, Recipe
from modelkiln.store.store import Store

__all__ = ["build", "recipe"]


def recipe(archive: Mapping[str, Any], compression: str, bytecode: Mapping[str, Any]) -> Recipe:
    """Return the recipe of the layer of an archive, see `base.portable_python.archive_package`.

    bytecode: the interpreter that compiles the standard library (see `base.bytecode.bytecode_recipe`).
    """
    inputs = {"archive": dict(archive), "compression": compression, "bytecode": dict(bytecode)}
    return Recipe.made_by(PORTABLE_PYTHON, inputs)


def build(recipe: Recipe, store: Store) -> Layer:
    """Make the layer of a recipe in `store`; raises ModelkilnError for an archive that cannot be had or is damaged."""
    archive = recipe["archive"]
    fetch_archive(archive, store, load_machine_env(store.root))
    python, _, release = archive["version"].partition("+")
    minor = ".".join(python.split(".")[:2])
    title = f"CPython {python} (python-build-standalone {release})"
    with tempfile.TemporaryFile() as scratch:
        spool = Spool(scratch)
        entries = archive_entries(archive, store, spool)
        # A root that nobody can write to would never keep byte code of its own making.
        compiled = compile_entries(
            entries, f"{PREFIX}/lib/python{minor}", minor, host_packages(recipe["bytecode"]), store, spool
        )
        packed = pack_to_store([*entries, *compiled.values()], recipe["compression"], store, title, parallel=True)
    return Layer.of("base", title, packed, recipe)
