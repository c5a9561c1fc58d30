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
    for root in map(Path, modelkiln.__path__):
        # An edit of a model waits for it: all of the engine are ten times as many.
        within = [root / folder for folder in folders] or [root]
        found = {path for folder in within for path in folder.rglob("*.py")} | {root / "__init__.py"}
        for path in sorted(path for path in found if path.exists()):
            relative = path.relative_to(root).as_posix()
            if not (without and relative.startswith(f"{without}/")):
                files.append(FileContent(f"modelkiln/{relative}", path.read_bytes()))
    return files
