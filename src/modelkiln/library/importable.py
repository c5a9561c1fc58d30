"""A machine-learning model, packaged by Modelkiln.

`load()` returns it, ready to answer `predict(inputs)`. `record` says what it is made of, `signature` what its
inputs and outputs are, and `__version__` which version of the model this is.
"""

# In a wheel this is the `__init__.py` of what applications import. It is the same in all wheels, and imports
# nothing of the model before it is asked to.

from ._importer import importer_of

__all__ = ["load"]

_LATER = ("PackageError", "record", "signature")
# At once, for processes that multiprocessing starts: they import modules of the code by their names in this process.
_importer = importer_of(__name__, __file__)


def load(models=None):
    """Return the model, whose `predict(inputs)` takes and returns numpy arrays by name.

    Weights that are not in the wheel are fetched first, once for all programs of a host, into the folder
    that MODELKILN_STORE names, by default one of the user's caches. models: a folder that has the files of
    the model artifact, which are then verified and nothing is fetched. Raises PackageError.
    """
    return _model().load(models)


def _model():
    return _importer.module("modelkiln.library.model")


def __getattr__(name):
    if name in _LATER:
        return getattr(_model(), name)
    if name == "__version__":
        return _model().record["wheel"]["version"]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted((*globals(), *_LATER, "__version__"))
