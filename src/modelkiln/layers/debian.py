"""The base layer: Debian packages merged into one layer, see `base.debian_root`."""

import tempfile
from typing import Any, Mapping, Optional

from modelkiln.archives.spool import Spool
from modelkiln.base.bytecode import compile_entries, host_packages
from modelkiln.base.debian_lock import check_lock, has_python, python_of
from modelkiln.base.debian_mirrors import fetch_debs
from modelkiln.base.debian_root import fill_root
from modelkiln.base.interpreter import interpreter_packages
from modelkiln.layer import Layer
from modelkiln.layers.packing import pack_to_store
from modelkiln.machine.settings import load_machine_env
from modelkiln.recipe import DEBIAN, Recipe
from modelkiln.store.store import Store

__all__ = ["build", "recipe"]


def recipe(lock: Mapping[str, Any], compression: str, bytecode: Optional[Mapping[str, Any]] = None) -> Recipe:
    """Return the recipe of the base layer of a Debian lock.

    bytecode: the interpreter that compiles the standard library (see `base.bytecode.bytecode_recipe`);
    without it, the lock's own, if it has one.
    """
    other = {"bytecode": dict(bytecode)} if bytecode else {} if has_python(lock) else {"bytecode": None}
    return Recipe.made_by(DEBIAN, {"compression": compression, "lock": dict(lock), **other})


def build(recipe: Recipe, store: Store) -> Layer:
    """Make the base layer of a recipe in `store` and return it.

    Its inputs: "compression", "lock" and optionally "bytecode": absent, the
    standard library is compiled by the base's own interpreter; {"packages": [...]}, by that of
    another architecture's lock (the same release), or {"architectures": {NAME: [...]}}, by the
    one that this machine can run; null, not at all. Raises ModelkilnError for
    packages that cannot be fetched, are damaged, hold what a layer must not hold, or get into
    each other's way.
    """
    lock = check_lock(recipe["lock"], "base")
    packages = lock["packages"]
    fetch_debs(packages, store, load_machine_env(store.root))
    bytecode = recipe["bytecode"] if "bytecode" in recipe else {"packages": interpreter_packages(lock)}
    title = f"Python {python_of(lock)} on Debian {lock['suite']}" if has_python(lock) else f"Debian {lock['suite']}"
    incoming = store.root / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=incoming) as spool:
        root = fill_root(lock, host_packages(bytecode) if bytecode is not None else (), store, Spool(spool))
        if bytecode is not None:
            # A root that nobody can write to would never keep byte code of its own making.
            release = python_of(lock)
            standard_library = f"usr/lib/python{release}"
            compiled = compile_entries(
                root.entries.values(), standard_library, release, host_packages(bytecode), store, root.spool
            )
            for entry in compiled.values():
                root.put(entry, "byte code")
        packed = pack_to_store(root.entries.values(), recipe["compression"], store, title, parallel=True)
    return Layer.of("base", title, packed, recipe)
