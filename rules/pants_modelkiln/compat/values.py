"""Values that releases of Pants write in different ways."""

from __future__ import annotations

from typing import Any, Sequence

from pants_modelkiln.compat.calls import HAS_CALLS_BY_NAME

__all__ = ["attempts", "excludes_of"]


def attempts(result: Any) -> Any:
    """How a test's process ended, as TestResult takes it: newer releases want all attempts."""
    return (result,) if HAS_CALLS_BY_NAME else result


def excludes_of(filespec: Any) -> Sequence[str]:
    """The globs that a filespec leaves out; a dictionary that may lack them, or an object of the engine."""
    return filespec.excludes if hasattr(filespec, "excludes") else filespec.get("excludes", ())
