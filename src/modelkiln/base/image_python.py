"""The Python of a base image from a registry, as far as its config states it."""

import re
from typing import Sequence

__all__ = ["python_release"]


def python_release(env: Sequence[str], python: str, python_path: str) -> str:
    """Return the full release ("3.11.14") of the interpreter `python_path` that an image's config states, or "".

    env: of the config, NAME=value each. python: its minor release. Docker's official Python images, and
    those made of them, have it in PYTHON_VERSION, of the interpreter below /usr/local that they compile;
    a distribution's own at /usr/bin is another one.
    """
    stated = [value for name, _, value in (one.partition("=") for one in env) if name == "PYTHON_VERSION"][-1:]
    is_known = (
        python_path.startswith("/usr/local/") and stated and re.fullmatch(rf"{re.escape(python)}\.\d+", stated[0])
    )
    return stated[0] if is_known else ""
