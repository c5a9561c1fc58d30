"""A model that is loaded into the process of an application."""

import importlib
import os
from pathlib import Path

from modelkiln.runtime import signature as signatures
from modelkiln.runtime import tensors
from modelkiln.runtime.document import type_in_words
from modelkiln.runtime.errors import PackageError
from modelkiln.runtime.models import model_folder
from modelkiln.runtime.record import Package, find_package
from modelkiln.runtime.start.check import check_host

__all__ = ["Model", "PackageError", "find_callable", "load", "own_package", "record", "signature"]

# What the wheel has, read once: the package's record, and its signature.
_package = find_package()
record = _package.record
signature = record["signature"]


def own_package(models=None):
    """Return the Package of this wheel, with weights that are fetched where the wheel has their lock.

    models: the folder of the model artifact's files, where the caller has them. For weights that are not
    in the wheel, MODELKILN_MODELS may name it, as for other formats of the package.
    """
    lock = record["wheel"]["weights_lock"]
    here = {**record, "weights": "lazy", "weights_lock": lock} if lock else record
    if models is None and here["weights"] != "bundled":
        models = os.environ.get("MODELKILN_MODELS")
    folder = Path(models) if models else _package.root / ".modelkiln" / "models"
    return Package(_package.root, here, folder)


def find_callable(entry_point):
    """Import the inference script and return what `module:attribute` names in it."""
    module, _, attributes = entry_point.partition(":")
    found = importlib.import_module(module)
    for attribute in attributes.split("."):
        found = getattr(found, attribute)
    return found


def load(models=None):
    """Return the Model; raises PackageError where its files are not to be had, and what its script raises."""
    package = own_package(models)
    check_host(package, in_application=True)
    if models is None:
        folder = model_folder(package)
    else:
        from modelkiln.runtime.weights.sidecar import check_weights

        folder = check_weights(package)
    script = find_callable(record["entry_point"])
    if isinstance(script, type):
        return Model(script(folder).predict)
    return Model(lambda inputs: script(inputs, folder))


class Model:
    """answer: from arrays by name to arrays by name."""

    def __init__(self, answer):
        self._answer = answer

    def predict(self, inputs):
        """Return the outputs, a dict of numpy arrays by name, for `inputs`, a dict of such.

        Both are checked against the signature; raises PackageError where they disagree with it, and
        whatever the inference script raises. BYTES are arrays of bytes, or of strings.
        """
        where = f"{record['name']} {record['version']}"
        _check(inputs, signature["inputs"], "input", f"{where}: predict")
        outputs = self._answer(dict(inputs))
        _check(outputs, signature["outputs"], "output", f"{where}: entry point {record['entry_point']}")
        return outputs

    def __repr__(self):
        return f"<Model {record['name']} {record['version']}>"


def _check(arrays, specs, side, where):
    import numpy

    if not isinstance(arrays, dict):
        raise PackageError(f"{where}: {side}s are {type_in_words(arrays)}, want a dict of numpy arrays by name.")
    found = []
    for name, array in arrays.items():
        if not isinstance(array, numpy.ndarray):
            raise PackageError(
                f"{where}: {side} {name!r} is {type_in_words(array)}, want a numpy array (numpy.asarray)."
            )
        found.append((name, tensors.array_datatype(array) or f"numpy {array.dtype}", array.shape))
    sentences = signatures.problems(specs, found, side)
    if sentences:
        raise PackageError(f"{where}: {' '.join(sentences)}")
