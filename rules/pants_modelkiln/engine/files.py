"""The engine's Python files, which travel with the backend."""

from __future__ import annotations

from pathlib import Path

from pants.engine.fs import FileContent

import modelkiln

# What travels in packages that are ensembles, and in no other.
ENSEMBLE_RUNTIME = "runtime/ensemble"


def engine_files(*folders: str, without: str = "") -> list[FileContent]:
    """The engine's Python files as they are installed, at `modelkiln/...`.

    With folders ("runtime"), only the package's own `__init__.py` and what lies below those, but for what lies below
    `without`.
    """
    files = []
    for root in modelkiln.__path__:
        for path in sorted(Path(root).rglob("*.py")):
            relative = path.relative_to(root).as_posix()
            is_chosen = any(relative.startswith(f"{folder}/") for folder in folders) or relative == "__init__.py"
            if (is_chosen or not folders) and not (without and relative.startswith(f"{without}/")):
                files.append(FileContent(f"modelkiln/{relative}", path.read_bytes()))
    return files
