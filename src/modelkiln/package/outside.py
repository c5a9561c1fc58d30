"""Records that others wrote: held to the kinds of values that all who read records rely on."""

from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from modelkiln.document import ANYTHING, DIGEST, DIMENSION, SIZE, TEXT, mismatch, parse_object, read_document
from modelkiln.errors import ModelkilnError
from modelkiln.package.record import recorded_digest

__all__ = ["LARGEST_RECORD", "REMEDY", "check_digests", "load_record", "read_record"]

# Bytes: a record of the largest packages, with thousands of files, has a few MiB.
LARGEST_RECORD = 64 << 20

REMEDY = "Name a package, or its NAME.package.json."

_FILE = {"path!": TEXT, "sha256": TEXT, "size": SIZE, "format": TEXT, "facts": {}, "code": [TEXT]}
_WHEEL = {
    "name!": TEXT, "version!": TEXT, "filename": TEXT, "sha256": TEXT, "size": SIZE, "unpacked_size": SIZE, "build": {},
}  # fmt: skip
_TENSOR = {"name!": TEXT, "datatype!": TEXT, "shape!": [DIMENSION]}
_SIGNATURE = {"inputs": [_TENSOR], "outputs": [_TENSOR]}
_LAYER = {
    "kind!": TEXT,
    "title!": TEXT,
    "descriptor!": {"mediaType!": TEXT, "digest!": DIGEST, "size!": SIZE},
    "diff_id!": DIGEST,
    "unpacked_size!": SIZE,
    "recipe!": TEXT,
}
_MEMBER: dict[str, Any] = {
    key: TEXT for key in ("name!", "version!", "package_digest!", "entry_point", "code", "environment")
}
_ENSEMBLE = {
    "members": {"*": _MEMBER},
    "steps": [{}],
    "combine": TEXT,
    "environments": {"*": {"requirements": [_WHEEL]}},
}
_MEMBER["ensemble"] = _ENSEMBLE  # One may be in another one.
_VARIANT = {key: TEXT for key in ("accelerator", "platform", "python", "cuda", "rocm", "driver")}
_RECORD: dict[str, Any] = {
    "package_digest": DIGEST,
    "name": TEXT,
    "version": TEXT,
    "variant": {**_VARIANT, "architectures": [TEXT], "env": {}, "platforms": {}},
    "entry_point": TEXT,
    "entrypoint": [TEXT],
    "signature": _SIGNATURE,
    "artifacts": [_FILE],
    "code": [_FILE],
    "requirements": [_WHEEL],
    "base": {"debian": TEXT, "lock": TEXT, "image": TEXT, "interpreter": {}},
    "interpreter": {"python!": TEXT, "release!": TEXT, "files!": TEXT},
    "image": {"config": {"Env": [TEXT], "Entrypoint": [TEXT], "Cmd": [TEXT], "User": TEXT}, "diff_ids": [TEXT]},
    "metadata": {},
    "weights": TEXT,
    "weights_lock": TEXT,
    "wheel": {"distribution": TEXT, "import_name": TEXT, "version": TEXT, "code": [_FILE]},
    "provided": [{"name!": TEXT, "specifier!": TEXT}],
    "ensemble": _ENSEMBLE,
    "packages": [TEXT],
    "formats": {"*": {"path": TEXT, "manifest": {"digest!": TEXT}, "sha256": TEXT, "size": SIZE}},
    "layers": [_LAYER],
    "sources": [{"target": TEXT, "source": ANYTHING, "set_digest": TEXT, "facts": {}}],
    "variants": [{}],
}
_PACKAGE = {"name!": TEXT, "version": TEXT, "filename": TEXT, "sha256": TEXT, "size": SIZE}
_RECIPE = {
    "packer": TEXT,
    "venv": TEXT,
    "files": [{"path!": TEXT, "sha256!": TEXT, "size!": SIZE}],
    "wheels": [{"name!": TEXT, "version": TEXT, "filename": TEXT, "sha256": TEXT}],
    "lock": {"packages": [_PACKAGE], "suite": TEXT},
}


def read_record(
    data: bytes, where: str, remedy: str = REMEDY, needs: Sequence[str] = ("package_digest",)
) -> dict[str, Any]:
    """Return the record in `data`, of any release; raises ModelkilnError that names `where` for what is not one.

    needs: what the caller reads and it has to state, of each variant, too. Whether its digest is its own is not
    looked at, see `package.record.recorded_digest`.
    """
    try:
        record = parse_object(data)
        problem = next(filter(None, _problems(record, needs)), "")
    except ValueError as error:
        problem = str(error)
    if problem:
        raise ModelkilnError(f"{where}: is not the record of a package: {problem}. {remedy}")
    return record


def load_record(path: Path, remedy: str = REMEDY, needs: Sequence[str] = ("package_digest",)) -> dict[str, Any]:
    """Return the record in a file; see `read_record`."""
    try:
        data = read_document(path, LARGEST_RECORD)
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise ModelkilnError(f"{path}: is not the record of a package: {problem}. {remedy}") from None
    return read_record(data, str(path), remedy, needs)


def check_digests(record: Mapping[str, Any], where: str) -> None:
    """Refuse a record that states another package digest than that of what it lists, or whose variants do."""
    for one in (record, *(record.get("variants") or ())):
        actual, stated = recorded_digest(one), one["package_digest"]
        if actual != stated:
            raise ModelkilnError(
                f"{where}: its record states package digest {stated}, want {actual} for what it lists. It was changed; "
                "package the target again."
            )


def _problems(record: dict[str, Any], needs: Sequence[str]) -> Iterator[str]:
    shape = {**_RECORD, **{f"{key}!": _RECORD[key] for key in needs}}
    yield mismatch(record, shape)
    for number, variant in enumerate(record.get("variants") or ()):
        yield mismatch(variant, shape, f"variants[{number}]")
    for number, layer in enumerate(record.get("layers") or ()):
        if not layer["recipe"]:
            continue
        where = f"layers[{number}].recipe"
        try:
            yield mismatch(parse_object(layer["recipe"]), _RECIPE, where)
        except ValueError as error:
            yield f"{where}: {error}"
