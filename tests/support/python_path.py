"""What other processes of tests import from, and a step of the engine in such a process."""

import os
import subprocess
import sys
from pathlib import Path

import modelkiln

__all__ = ["build_apart", "python_path"]


def python_path() -> str:
    """Return this process' search path as a PYTHONPATH, without the packages that Pex vendors.

    Once it is imported they come first, in older releases than those that are locked.
    """
    return os.pathsep.join(path for path in sys.path if f"pex{os.sep}vendor" not in path)


def build_apart(folder: Path, umask: int, output: str, *argv: str, **environ: str) -> bytes:
    """Run `modelkiln build ARGV --store=store --output=OUTPUT` in `folder`, and return the bytes of what it wrote.

    environ: all variables but PYTHONPATH, which they may replace.
    """
    subprocess.run(
        [sys.executable, "-m", "modelkiln", "build", *argv, "--store=store", f"--output={output}"],
        cwd=folder,
        env={"PYTHONPATH": str(Path(modelkiln.__file__).parents[1]), **environ},
        preexec_fn=lambda: os.umask(umask),
        check=True,
    )
    return (folder / output).read_bytes()
