"""Which names a pickle may import: those of a list, and some never."""

import re
from typing import Iterable, Optional

from modelkiln.errors import ModelkilnError

__all__ = ["check_allowed", "is_never_allowed"]

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+(:[^\W\d]\w*(\.[^\W\d]\w*)+)?")
# Types that hold data. Of the other builtins, eval, exec, getattr or __import__ can do anything.
_BUILTINS = {
    "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "range",
    "set", "slice", "str", "tuple",
}  # fmt: skip
# Modules whose names run code, load code or reach other names: to allow one is to allow everything.
_MODULES = {
    "_pickle", "_posixsubprocess", "asyncio", "bdb", "cffi", "cProfile", "cloudpickle", "code", "codeop", "commands",
    "concurrent", "ctypes", "dill", "distutils", "doctest", "ensurepip", "gc", "idlelib", "imp", "importlib",
    "inspect", "io", "_io", "lib2to3", "marshal", "multiprocessing", "nt", "ntpath", "os", "pdb", "pickle", "pip",
    "pkgutil", "platform", "posix", "posixpath", "profile", "pty", "pydoc", "runpy", "setuptools", "shelve",
    "shutil", "signal", "site", "smtplib", "socket", "ssl", "subprocess", "sys", "tempfile", "test", "threading",
    "timeit", "trace", "types", "unittest", "urllib", "venv", "webbrowser", "xmlrpc", "zipimport",
}  # fmt: skip
_NAMES = {
    "functools.partial", "functools.reduce", "functools.partialmethod", "operator.attrgetter",
    "operator.methodcaller", "_operator.attrgetter", "_operator.methodcaller", "joblib.load", "numpy.load",
    "numpy.loads", "numpy.fromfile", "numpy.memmap", "pandas.read_pickle", "pandas.eval", "torch.load",
    "numpy.lib.npyio.load", "torch.serialization.load", "joblib.numpy_pickle.load", "logging.config.dictConfig",
    "logging.config.fileConfig", "copyreg.add_extension", "builtins.type",
}  # fmt: skip
_PREFIXES = (
    "numpy.distutils.", "numpy.f2py.", "numpy.testing.", "sympy.parsing.", "sympy.utilities.lambdify.",
    "torch._dynamo.", "torch._inductor.", "torch.hub.", "torch.jit.", "torch.utils.cpp_extension.",
    "torch.utils.model_zoo.",
)  # fmt: skip


def is_never_allowed(name: str) -> bool:
    """Return whether `name` could do anything, whatever else is listed."""
    if name.startswith("builtins."):
        return name[len("builtins.") :] not in _BUILTINS
    return (
        re.split("[.:]", name)[0] in _MODULES
        or name in _NAMES
        or name.startswith(_PREFIXES)
        or any(part in name.replace(":", ".").split(".") for part in ("__globals__", "__builtins__", "__subclasses__"))
    )


def check_allowed(where: str, names: Optional[Iterable[str]]) -> Optional[frozenset]:
    """Return the names of `allow_pickle` as a set, None for None; raises ModelkilnError for a bad one."""
    if names is None:
        return None
    if isinstance(names, str):
        raise ModelkilnError(f"{where}: allow_pickle is {names!r}; write a list of names.")
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ModelkilnError(
                f"{where}: allow_pickle has {name!r}, which is not a full name. Write each name by itself, such as "
                "'collections.OrderedDict'; there are no wildcards."
            )
        if is_never_allowed(name):
            raise ModelkilnError(
                f"{where}: allow_pickle has {name!r}, with which a pickle can run anything. Save the model in "
                "a format without code, such as safetensors or ONNX."
            )
    return frozenset(names)
