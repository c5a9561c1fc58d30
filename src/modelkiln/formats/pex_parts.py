"""What PEXs of one environment share, whatever their code is: their *parts*, which Pex writes once.

All that depends on a package's own files are some digests in three small files, so that a changed line is put into a
PEX without Pex, and without reading a wheel. In Pex' packed layout the parts lie in a folder, next to the code and the
wheels; in that of one file they are its head.
"""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any, Iterable, Mapping

from modelkiln.canonical import canonical_json
from modelkiln.digest import hex_of, sha256_stream
from modelkiln.errors import ModelkilnError
from modelkiln.formats.pex_contents import BOOTSTRAP, INFO, MAIN, check_stored, stored_files
from modelkiln.formats.zip_writer import ZipWriter, checksum
from modelkiln.store.store import Store
from modelkiln.weights.lock import set_digest

__all__ = ["FILES", "HEAD", "TEMPLATES", "ZIP", "build_head", "build_parts", "complete"]

_WRITTEN = (INFO, MAIN, "__pex__/__init__.py")
# In all parts: a JSON object with the text of those that name digests, by path.
TEMPLATES = "templates.json"
# Of a packed PEX: the folder of locked weights.
FILES = "files"
# Of one file: its beginning, up to the wheels, and a JSON object with the members that are in it and the CRC-32 of
# each wheel by its file name.
HEAD, ZIP = "head", "zip.json"


def build_parts(spec: Mapping[str, Any], store: Store, output: Path) -> None:
    """Write to the folder `output` what packed PEXs of an environment share: `TEMPLATES`, `BOOTSTRAP` and, below
    `FILES`, the weights that `spec` names. spec: as `build_pex` takes it; wheels that the store lacks are fetched."""
    with store.temporary_folder() as scratch:
        _pack(spec, store, scratch)
        _copy(scratch / "parts" / BOOTSTRAP, output / BOOTSTRAP)
        _write_templates(scratch, output)
        for path, file, sha256 in stored_files(spec.get("weights", ()), store, scratch / "weights"):
            _copy(file, output / FILES / path)
            with (output / FILES / path).open("rb") as stream:
                check_stored(path, file, sha256, hex_of(sha256_stream(stream)[0]))


def build_head(spec: Mapping[str, Any], store: Store, output: Path) -> None:
    """Write to the folder `output` what PEX files of an environment share: `TEMPLATES`, `HEAD` and `ZIP`. spec: as
    `build_pex` takes it; its weights do not matter."""
    with store.temporary_folder() as scratch:
        wheels = _pack(spec, store, scratch)
        _write_templates(scratch, output)
        with (output / HEAD).open("wb") as stream, zipfile.ZipFile(scratch / "parts" / BOOTSTRAP) as archive:
            shebang, _, _ = (scratch / "parts" / MAIN).read_bytes().partition(b"\n")
            stream.write(shebang + b"\n")
            writer = ZipWriter(stream)
            for member in archive.infolist():
                if not member.is_dir():
                    writer.add(f"{BOOTSTRAP}/{member.filename}", archive.read(member))
        sums = {wheel["filename"]: checksum(store.path(f"sha256:{wheel['sha256']}")) for wheel in wheels}
        (output / ZIP).write_bytes(canonical_json({"members": writer.members, "wheels": sums}))


def _pack(spec: Mapping[str, Any], store: Store, scratch: Path) -> list[dict[str, Any]]:
    """Have Pex make a packed PEX without code of `spec`, at `parts` in the folder `scratch`; returns its wheels."""
    # A changed line is put into a PEX with the functions below, without all of these. Pex takes longest to import.
    from pex.layout import Layout

    from modelkiln.builds.wheel import provide_wheels
    from modelkiln.formats.pex_builder import tidy_builder
    from modelkiln.manifest.wheels import check_wheels
    from modelkiln.wheels.platforms import Target

    target, wheels = Target.from_json(spec), check_wheels(spec["wheels"])
    provide_wheels(wheels, target.python, store)
    with tidy_builder(spec, target, wheels, store, scratch) as builder:
        builder.build(
            str(scratch / "parts"), bytecode_compile=False, deterministic=True, compress=False, layout=Layout.PACKED
        )
    return wheels


def _write_templates(scratch: Path, output: Path) -> None:
    templates = {path: (scratch / "parts" / path).read_text("utf-8") for path in _WRITTEN}
    output.mkdir(parents=True, exist_ok=True)
    (output / TEMPLATES).write_bytes(canonical_json(templates))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def complete(templates: Mapping[str, str], files: Iterable[tuple[str, str]]) -> dict[str, bytes]:
    """Return what Pex' small files in a PEX contain, by their paths.

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
