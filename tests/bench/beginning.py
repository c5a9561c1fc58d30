"""The scenario of a beginning: from an ONNX file to a package with a passing smoke test, as a new user would go."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator

from bench import Bench
from generate import SOURCE
from rows import Row
from workspace import Workspace

__all__ = ["begin"]

_MODEL = SOURCE / "src/models/digits/digits.onnx"


def begin(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """`modelkiln init` and the two commands that it names, in an empty folder, without a daemon and with the caches of
    a machine that has done it before: this one's own."""
    _begin(bench, bench.folder / "before")
    seconds = _begin(bench, bench.folder / "monorepo")
    for command, one in seconds.items():
        yield Row(f"begin: {command}", one)
    yield Row("begin: all three commands", sum(seconds.values()), target="2 minutes", limit=120)


def _begin(bench: Bench, folder: Path) -> dict[str, float]:
    model = folder / "digits/digits.onnx"
    model.parent.mkdir(parents=True)
    shutil.copy(_MODEL, model)
    seconds = {"init": bench.engine.run("init", model, cwd=folder).seconds}
    settings = folder / "pants.toml"
    # The backend from here in place of the installed one.
    lines = [line for line in settings.read_text().splitlines() if not line.startswith("plugins")]
    lines.insert(1, f'pythonpath = ["{bench.backend}"]')
    settings.write_text("\n".join([*lines, ""]))
    repo: Any = SimpleNamespace(root=folder)
    workspace = Workspace(repo)
    try:
        for arguments in (("lock", "::"), ("test", "--smoke-test-record", "digits:smoke")):
            seconds[arguments[0]] = workspace.pants(*arguments).seconds
        workspace.pants("test", "digits:smoke")  # It passes.
    finally:
        workspace.stop()
    return seconds
