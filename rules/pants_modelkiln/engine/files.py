"""The engine's Python files, which travel with the backend."""

from __future__ import annotations

from pathlib import Path

from pants.engine.fs import FileContent

import modelkiln


def engine_files(*folders: str) -> list[FileContent]:
    """The engine's Python files as they are installed, at `modelkiln/...`.

    With folders, only the package's own `__init__.py` and those sub-packages.
    """
    files = []
    for root in modelkiln.__path__:
        for path in sorted(Path(root).rglob("*.py")):
            relative = path.relative_to(root)
            if (
                not folders
                or len(relative.parts) == 1
                and relative.name == "__init__.py"
                or (relative.parts[0] in folders)
            ):
                files.append(FileContent(f"modelkiln/{relative.as_posix()}", path.read_bytes()))
    return files
