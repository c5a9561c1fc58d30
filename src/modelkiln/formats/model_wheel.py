"""The format `wheel`: a model as a Python distribution, which an application installs, imports and calls.

Specifications: PyPA's "Binary distribution format", "Core metadata", "Entry points" and "Recording installed
projects".
"""

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Iterator, Mapping, Sequence

from modelkiln.conventions import PEX_MODELS
from modelkiln.errors import ModelkilnError
from modelkiln.package.metadata import is_address, project_urls
from modelkiln.package.model_wheel import PROVIDED_EXTRA, code_folder, wheel_stem
from modelkiln.package.record import texts_of
from modelkiln.recipe import Recipe
from modelkiln.wheels.writing import WheelWriter

if TYPE_CHECKING:
    from modelkiln.store.files import StoredFile

__all__ = ["ENTRY_POINTS", "SMALL_BYTES", "build_model_wheel", "small_model_wheel"]

# Files of up to this many bytes together are a wheel without a process of its own: starting one takes ten times as
# long as writing them.
SMALL_BYTES = 4 << 20

# The group of entry points by which applications find the models that are installed.
ENTRY_POINTS = "modelkiln.models"

_UNPRINTED = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]")

# Keys of a package's metadata and the fields of core metadata that say the same.
_FIELDS = {"description": "Summary", "authors": "Author", "license": "License", "url": "Home-page"}


def build_model_wheel(
    record: Mapping[str, Any], recipes: Sequence[Mapping[str, Any]], sources: Path, store: Path, output: Path
) -> None:
    """Write the wheel of a package to `output`.

    record: of the package; its "wheel" says what the wheel is called and requires. sources: the tree of the
    wheel's files, whose modes and times do not matter. recipes: of layers of weights whose files are put
    next to it from the store in the folder `store`. Raises ModelkilnError for what a wheel cannot carry.
    """
    models = f"{code_folder(record['wheel']['import_name'])}/{PEX_MODELS}"
    files: dict[str, Any] = {path: sources / path for path in _list_sources(sources)}
    files.update((f"{models}/{path}", file) for path, file in _stored_files(recipes, store))
    partial = output.with_name(f"{output.name}.partial")
    try:
        _write(partial, record, files)
        os.replace(partial, output)
    finally:
        partial.unlink(missing_ok=True)


def small_model_wheel(record: Mapping[str, Any], sources: Mapping[str, bytes]) -> bytes:
    """Return the wheel that `build_model_wheel` writes of these files, by their paths, without weights of the store."""
    buffer = io.BytesIO()
    _write(buffer, record, sources)
    return buffer.getvalue()


def _write(output: "Path | BinaryIO", record: Mapping[str, Any], sources: Mapping[str, Any]) -> None:
    described = record["wheel"]
    dist_info = f"{wheel_stem(described)}.dist-info"
    files = {**sources, _beside(described, "constraints.txt"): _constraints(record)}
    with WheelWriter(output, dist_info) as writer:
        # Its bill of materials lies in the `.dist-info` folder too (PEP 770), which ends a wheel (PEP 427).
        for path in sorted(files, key=lambda path: (path.startswith(f"{dist_info}/"), path)):
            _add(writer, path, files[path])
        for name, text in sorted(_dist_info(record).items()):
            writer.add(f"{dist_info}/{name}", text.encode())


def _add(writer: WheelWriter, path: str, file: Any) -> None:
    if isinstance(file, bytes):
        writer.add(path, file)
    elif isinstance(file, Path):
        with open(file, "rb") as stream:
            writer.add_stream(path, stream, file.stat().st_size)
    else:
        with file.open() as stream:
            if writer.add_stream(path, stream, file.size) != file.sha256:
                raise ModelkilnError(
                    f"{file.blob}: is not the file {path} with sha256 {file.sha256}. It is damaged: run "
                    "`modelkiln store verify`, and try again."
                )


def _list_sources(sources: Path) -> Iterator[str]:
    for folder, _, names in os.walk(sources):
        for name in names:
            path = Path(folder, name)
            relative = path.relative_to(sources).as_posix()
            if path.is_symlink() or not path.is_file():
                raise ModelkilnError(f"{relative}: is a link or no regular file; a wheel holds files. Refused.")
            yield relative


def _stored_files(recipes: Sequence[Mapping[str, Any]], store: Path) -> "Iterator[tuple[str, StoredFile]]":
    if not recipes:
        return
    # Half of the step's start, and after an edit most of what it takes.
    from modelkiln.layers import weights
    from modelkiln.store.store import Store

    for recipe in map(Recipe.of, recipes):
        found = weights.fetch(recipe, Store(store))
        for file in recipe["files"]:
            yield file["path"], found[file["sha256"]]


def _beside(described: Mapping[str, Any], name: str) -> str:
    """The path of a file in the import package."""
    return f"{described['import_name'].replace('.', '/')}/{name}"


def _constraints(record: Mapping[str, Any]) -> bytes:
    """What the model is tested with, for pip's option `-c`."""
    pins = sorted(f"{wheel['name']}=={wheel['version']}\n" for wheel in record["requirements"])
    return "".join(["# What this model was tested with.\n", *pins]).encode()


def _dist_info(record: Mapping[str, Any]) -> dict[str, str]:
    """The text files of the `.dist-info` folder, but for RECORD."""
    described = record["wheel"]
    name, module = described["distribution"], described["import_name"]
    scripts = f"[console_scripts]\n{name} = {module}.__main__:main\n"
    return {
        "METADATA": _metadata(record),
        # A generator's version would change the wheel where nothing of it is different.
        "WHEEL": "Wheel-Version: 1.0\nGenerator: modelkiln\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": f"{scripts}\n[{ENTRY_POINTS}]\n{name} = {module}\n",
    }


def _metadata(record: Mapping[str, Any]) -> str:
    described, metadata = record["wheel"], record["metadata"]
    texts = {key: _line(text) for key, text in texts_of(metadata).items()}
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {described['distribution']}",
        f"Version: {described['version']}",
        *(
            f"{field}: {texts[key]}"
            for key, field in _FIELDS.items()
            # Indexes refuse a home page that is no address, and show one as a link.
            if texts.get(key) and (key != "url" or is_address(texts[key]))
        ),
        *(f"Project-URL: {label}, {url}" for label, url in project_urls(metadata)),
        f"Requires-Python: {described['requires_python']}",
        *(f"Provides-Extra: {extra}" for extra in [PROVIDED_EXTRA] if record.get("provided")),
        *(f"Requires-Dist: {requirement}" for requirement in described["requires_dist"]),
        "Description-Content-Type: text/markdown",
    ]
    return "".join(f"{line}\n" for line in lines) + "\n" + _description(record, texts)


def _line(value: Any) -> str:
    """A value in one line: a header ends where its line does, and indexes refuse what a terminal could take for a
    command."""
    return " ".join(_UNPRINTED.sub("", str(value)).split())


def _description(record: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    module, signature = record["wheel"]["import_name"], record["signature"]
    sides = "".join(
        f"| {side} | `{one['name']}` | {one['datatype']} | {one['shape']} |\n"
        for side in ("input", "output")
        for one in signature[f"{side}s"]
    )
    return (
        f"# {texts.get('title') or record['name']} {record['version']}\n\nA machine-learning model.\n\n"
        f"```python\nimport {module}\n\nmodel = {module}.load()\noutputs = model.predict(inputs)\n```\n\n"
        f"| | name | datatype | shape |\n|---|---|---|---|\n{sides}\n"
        f"Package digest `{record['package_digest']}`.\n"
    )
