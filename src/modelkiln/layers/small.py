"""Layers of a few bytes, made as pure functions: the venv's skeleton and the record."""

import io
import posixpath
from functools import lru_cache
from typing import Sequence

from modelkiln.archives.tar import Entry, bytes_entry
from modelkiln.conventions import CODE_FOLDER, MODELS_FOLDER, OPAQUE_WHITEOUT, RECORD_PATH, SBOM_PATH, VENV
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.layers.packing import pack
from modelkiln.runtime.weights.lock import LOCK_PATH
from modelkiln.store.store import BlobWriter

__all__ = ["LAZY_STORE", "record_layer", "venv_layer", "venv_link_layer"]

# Where an image has the store of lazy weights, for a volume to be mounted at.
LAZY_STORE = "/var/cache/modelkiln"
# Folders of a package, in which nothing of a base may be.
_FOLDERS = (VENV, CODE_FOLDER, MODELS_FOLDER)


@lru_cache(maxsize=16)  # A monorepo asks for the same few, once for each package.
def venv_layer(python: str, python_path: str, over_any_base: bool = True, venv: str = VENV) -> tuple[Layer, bytes]:
    """Return the layer that makes /opt/venv a virtual environment of `python_path`, and its bytes.

    python: "3.11". The format of pyvenv.cfg is that of PEP 405. The link leads to the base's
    interpreter, outside of this layer but inside of every image that it is part of. venv: another place, of an
    environment that an image has beside its own.

    over_any_base: hides what the base has in the folders of a package, so that nothing of it can be
    imported or pass for weights; the layer then lies below all others of the package. False for bases
    that are made here, which have nothing in them. Raises ModelkilnError for an interpreter that would
    be hidden.
    """
    hidden = _hidden(_FOLDERS if venv == VENV else (venv,), python_path) if over_any_base else ()
    home = python_path.rsplit("/", 1)[0]
    config = f"home = {home}\ninclude-system-site-packages = false\nversion = {python}\n"
    entries = [
        *(bytes_entry(f"{folder}/{OPAQUE_WHITEOUT}", b"") for folder in hidden),
        bytes_entry(f"{venv}/pyvenv.cfg", config.encode()),
        Entry(f"{venv}/bin/python", kind="symlink", link=python_path),
        Entry(f"{venv}/bin/python3", kind="symlink", link="python"),
        Entry(f"{venv}/bin/python{python}", kind="symlink", link="python"),
        Entry(f"{venv}/lib/python{python}/site-packages", kind="dir"),
    ]
    place = "" if venv == VENV else f" at /{venv}"
    return _small("venv", f"virtual environment of Python {python}{place}", entries)


@lru_cache(maxsize=16)
def venv_link_layer(python_path: str, over_any_base: bool, venv: str) -> tuple[Layer, bytes]:
    """Return the layer that has /opt/venv lead to the environment at `venv`, and its bytes: of a package whose own
    environment lies there, so that all that knows the one place finds it.

    over_any_base: see `venv_layer`. A link takes the place of a folder that a base has there.
    """
    hidden = _hidden(_FOLDERS, python_path) if over_any_base else ()
    entries = [
        *(bytes_entry(f"{folder}/{OPAQUE_WHITEOUT}", b"") for folder in hidden if folder != VENV),
        Entry(VENV, kind="symlink", link=posixpath.relpath(venv, posixpath.dirname(VENV))),
    ]
    return _small("venv", f"/{VENV} is /{venv}", entries)


def _hidden(folders: Sequence[str], python_path: str) -> Sequence[str]:
    """The folders of a base that a package hides; raises ModelkilnError for an interpreter that would be hidden."""
    for folder in folders:
        if posixpath.normpath(python_path).startswith(f"/{folder}/"):
            raise ModelkilnError(
                f"the base's interpreter {python_path} lies in /{folder}, where the package has its own files. Choose "
                "a base whose interpreter lies elsewhere, and name it in the field `python_path` of its "
                "`oci_base_image`."
            )
    return folders


def record_layer(record: bytes, weights_lock: bytes = b"", sbom: bytes = b"") -> tuple[Layer, bytes]:
    """Return the layer that holds the record at /app/.modelkiln/record.json, and its bytes.

    sbom: the image's bill of materials, which changes with the record. weights_lock: what a package with
    lazy weights carries in their place; the layer then has the folder for the store too. Anyone may write
    there, as in /tmp: a volume that is mounted at it takes over its mode, and the image runs as a user that
    owns nothing.
    """
    entries = [bytes_entry(f"{CODE_FOLDER}/{RECORD_PATH}", record)]
    if sbom:
        entries.append(bytes_entry(SBOM_PATH, sbom))
    if weights_lock:
        entries.append(bytes_entry(f"{CODE_FOLDER}/{LOCK_PATH}", weights_lock))
        entries.append(Entry(LAZY_STORE.lstrip("/"), kind="dir", sticky=True))
    return _small("record", "record", entries)


def _small(kind: str, title: str, entries: Sequence[Entry]) -> tuple[Layer, bytes]:
    buffer = io.BytesIO()
    packed = pack(entries, "none", BlobWriter(buffer), title)
    return Layer.of(kind, title, packed), buffer.getvalue()
