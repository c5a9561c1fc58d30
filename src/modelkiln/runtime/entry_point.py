"""The inference script: found by its entry point and called."""

import importlib
import os
import sys

from modelkiln.runtime.document import type_in_words
from modelkiln.runtime.errors import PackageError

__all__ = ["NO_TELEMETRY", "UserError", "load", "opt_out", "run"]

# onnxruntime from 1.29 on writes a device's identity and a database below the home folder when it is imported,
# and MLflow a file; both report to their makers. huggingface_hub adds to its requests what runs it.
# Only onnxruntime takes no notice of DO_NOT_TRACK, and MLflow of the "1" of https://donottrack.sh.
NO_TELEMETRY = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ORT_DISABLE_TELEMETRY": "1",
}


class UserError(Exception):
    """An exception that the inference script raised; `cause` holds it with its traceback."""

    def __init__(self, cause, doing):
        super().__init__(doing)
        self.cause = cause


def opt_out(record):
    """Set the variables by which libraries stay silent, before any of them is imported.

    What the environment says already stays, and the accelerator's own `env` (in the record's variant)
    counts before ours: so a deployment or a repository undoes it.
    """
    chosen = (record.get("variant") or {}).get("env") or {}
    for name, value in NO_TELEMETRY.items():
        os.environ.setdefault(name, chosen.get(name, value))


def load(entry_point, root):
    """Import `module:attribute` below `root` and return the callable.

    Raises PackageError when it is malformed, cannot be imported, is missing or is not callable.
    """
    module_name, _, attribute = entry_point.partition(":")
    if not module_name or not attribute:
        raise PackageError(
            f"entry point {entry_point!r} is not of the form module:callable. Write the package's entry_point so."
        )
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    where = f"entry point {entry_point}"
    try:
        found = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise PackageError(
            f"{where}: cannot import {module_name}: {_describe(error)}. {_import_remedy(error)}"
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise PackageError(
                f"{where}: {found.__name__} has no {part!r}. Name a function or class of {found.__file__}."
                if hasattr(found, "__file__")
                else f"{where}: there is no {part!r} in it. Name a function or class that is there."
            )
        found = getattr(found, part)
    if not callable(found):
        raise PackageError(
            f"{where}: {attribute} is {type_in_words(found)} and cannot be called. "
            "Name a function or a class with a predict method."
        )
    return found


def run(function, where, inputs, model):
    """Call the inference script and return what it returns; raises UserError for what it raises.

    function: `predict(inputs, model)`, or a class that is made with `model` and has
    `predict(inputs)`. inputs: dict of numpy arrays by name. model: the models folder.
    """
    doing = f"{where} raised"
    try:
        if not isinstance(function, type):
            return function(inputs, model)
        doing = f"{where}: making the model raised"
        instance = function(model)
        doing = f"{where}: predict raised"
        if callable(getattr(instance, "predict", None)):
            return instance.predict(inputs)
    except (Exception, SystemExit) as error:
        raise UserError(error, doing) from error
    raise PackageError(f"{where}: class {function.__name__} has no method predict(self, inputs). Add one.")


def _describe(error):
    """The error in one line, with the place in the deepest file outside of Python's importer."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, SyntaxError):
        return text
    place, frame = "", error.__traceback__
    while frame is not None:
        name = frame.tb_frame.f_code.co_filename
        importer = name.startswith("<frozen") or os.path.dirname(name) == os.path.dirname(importlib.__file__)
        if not importer and name != __file__:
            place = f" ({name}, line {frame.tb_lineno})"
        frame = frame.tb_next
    return text + place


def _import_remedy(error):
    if isinstance(error, ModuleNotFoundError):
        return f"Is {error.name!r} in the package's dependencies?"
    return "Run with --debug for the traceback."
