"""A PEX that is a folder: Pex' packed layout, with the code apart from the wheels.

In it a changed line is a changed line: all that depends on a package's own files are some digests
in three small files, so that the folder is put together without Pex, and without reading a wheel. What does not
depend on them, Pex writes once for an environment: the *parts*.
"""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, Iterable, Mapping

from modelkiln.builds.wheel import provide_wheels
from modelkiln.canonical import canonical_json
from modelkiln.errors import ModelkilnError
from modelkiln.formats.pex_contents import BOOTSTRAP, INFO, MAIN, RESERVED, SCRIPT, check_source, stored_files
from modelkiln.manifest.wheels import check_wheels
from modelkiln.store.store import Store
from modelkiln.weights.lock import set_digest
from modelkiln.wheels.platforms import Target

__all__ = ["FILES", "TEMPLATES", "build_parts", "check_packed", "complete"]

_WRITTEN = (INFO, MAIN, "__pex__/__init__.py")
# In the parts: a JSON object with the text of those that name digests, by path, and the folder of locked weights.
TEMPLATES, FILES = "templates.json", "files"


def build_parts(spec: Mapping[str, Any], store: Store, output: Path) -> None:
    """Write to the folder `output` what packed PEXs of an environment share: `TEMPLATES`, `BOOTSTRAP` and, below
    `FILES`, the weights that `spec` names. spec: as `build_pex` takes it; wheels that the store lacks are fetched."""
    # Pex, below it, takes as long to import as all else takes.
    from pex.layout import Layout

    from modelkiln.formats.pex_builder import tidy_builder

    target, wheels = Target.from_json(spec), check_wheels(spec["wheels"])
    provide_wheels(wheels, target.python, store)
    incoming, prefix = store.temporary_location("incoming")
    # On the store's file system, so that wheels are linked and not copied.
    with tempfile.TemporaryDirectory(dir=incoming, prefix=prefix) as folder:
        scratch = Path(folder).absolute()
        with tidy_builder(spec, target, wheels, store, scratch) as builder:
            builder.build(
                str(scratch / "parts"), bytecode_compile=False, deterministic=True, compress=False,
                layout=Layout.PACKED,
            )  # fmt: skip
        _copy(scratch / "parts" / BOOTSTRAP, output / BOOTSTRAP)
        templates = {path: (scratch / "parts" / path).read_text("utf-8") for path in _WRITTEN}
        (output / TEMPLATES).write_bytes(canonical_json(templates))
        for path, file in stored_files(spec.get("weights", ()), store, scratch / "weights"):
            _copy(file, output / FILES / path)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def check_packed(path: str, is_file: bool) -> None:
    """Refuse (ModelkilnError) a package's file that a packed PEX cannot carry."""
    check_source(path, is_file, (*RESERVED, SCRIPT))


def complete(templates: Mapping[str, str], files: Iterable[tuple[str, str]]) -> dict[str, bytes]:
    """Return what the small files of a packed PEX contain, by their paths.

    templates: those of the parts. files: the package's own, as (sha256 in hex, path). Pex keeps what it unpacked by the
    digests in PEX-INFO: of the code, and of everything (pex/pex_builder.py, _prepare_code).
    """
    info = json.loads(templates[INFO])
    before = info.pop("pex_hash")
    info["code_hash"] = _sha1(set_digest(files))
    after = _sha1(_dumped(info))
    found = {INFO: _dumped({**info, "pex_hash": after})}
    for path in _WRITTEN[1:]:
        if before not in templates[path]:
            raise ModelkilnError(
                f"pex: {path} is not that of the Pex that this engine's lock names (tool.txt). "
                "Use the locked release of Pex."
            )
        found[path] = templates[path].replace(before, after)
    return {path: text.encode() for path, text in found.items()}


def _dumped(info: Mapping[str, Any]) -> str:
    return json.dumps(info, sort_keys=True, separators=(",", ":"))


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
