"""The checker of the `onnx` package, loaded without the package."""

import importlib
import importlib.util
import sys
from importlib.machinery import PathFinder
from typing import Any

from modelkiln.checks.content import Content
from modelkiln.errors import ModelkilnError

__all__ = ["AGAIN", "NoChecker", "run_checker"]

AGAIN = "Export it again with the framework that trained it, or fetch it again"


class NoChecker(ModelkilnError):
    """A file is an ONNX model, and the package whose checker it takes is not there."""


def run_checker(content: Content, data: bytes) -> None:
    """Check the model that `data` holds. Raises NoChecker, and ModelkilnError that names `content`."""
    try:
        checker = _checker()
    except ImportError as error:
        what = f"cannot be checked, for want of the package onnx: {error}"
        raise NoChecker(str(content.refuse(what, "Install it (`pip install onnx`)"))) from None
    try:
        checker.check_model(data)
    except Exception as error:
        # The checker also raises what its parser raises, RuntimeError and ValueError among it.
        text = " ".join(str(error).split())
        raise content.refuse(f"not a valid ONNX model: {text[:500].rstrip('.')}", AGAIN) from None


def _checker() -> Any:
    """The checker of the `onnx` package, of which only the extension module is loaded.

    Importing the whole package, with numpy and protobuf, takes ten times as long as starting a
    process and checking a model. `onnx.checker.check_model` does no more than to call this one.
    Raises ImportError.
    """
    name = "onnx.onnx_cpp2py_export"
    if "onnx" in sys.modules or name in sys.modules:
        # Since onnx 1.20 a process that loads it again ends in an ImportError.
        return (sys.modules.get(name) or importlib.import_module(name)).checker
    package = importlib.util.find_spec("onnx")
    found = package and PathFinder.find_spec(name, package.submodule_search_locations)
    if not found or not found.loader:
        raise ImportError("there is no such package with its extension module")
    extension = importlib.util.module_from_spec(found)
    found.loader.exec_module(extension)
    # Who imports the package after all must not load it twice.
    sys.modules[name] = extension
    return extension.checker
