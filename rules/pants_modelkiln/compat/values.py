"""Values that releases of Pants write in different ways."""

from __future__ import annotations

from typing import Any, Sequence

from pants_modelkiln.compat.calls import HAS_CALLS_BY_NAME

__all__ = ["attempts", "every_dependency", "excludes_of"]


def attempts(result: Any) -> Any:
    """How a test's process ended, as TestResult takes it: newer releases want all attempts."""
    return (result,) if HAS_CALLS_BY_NAME else result


def every_dependency() -> dict[str, Any]:
    """Arguments of a request for targets with which it follows all fields that name targets, not `dependencies`
    alone."""
    if HAS_CALLS_BY_NAME:
        from pants.engine.target import AlwaysTraverseDeps

        return {"should_traverse_deps_predicate": AlwaysTraverseDeps()}
    return {"include_special_cased_deps": True}


def excludes_of(filespec: Any) -> Sequence[str]:
    """The globs that a filespec leaves out; a dictionary that may lack them, or an object of the engine."""
    return filespec.excludes if hasattr(filespec, "excludes") else filespec.get("excludes", ())
