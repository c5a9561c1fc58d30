"""Which names a pickle may import: those of a list, and some never."""

import re
from typing import Iterable, Optional

from modelkiln.errors import ModelkilnError

__all__ = ["check_allowed", "is_never_allowed"]

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+(:[^\W\d]\w*(\.[^\W\d]\w*)+)?")
# Attributes by which every object reaches every other. Modules with such a name at their end there are none.
_DUNDER = re.compile(r"__\w+__")
# Types that hold data. Of the other builtins, eval, exec, getattr or __import__ can do anything.
_BUILTINS = {
    "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "range",
    "set", "slice", "str", "tuple",
}  # fmt: skip
# Packages whose names run code, load code or further pickles, or reach other names: to allow one is to
# allow everything. Some, such as ray and jsonpickle, have so many loaders that all of their names are among them.
_STANDARD = {
    "_frozen_importlib", "_frozen_importlib_external", "_imp", "_interpreters", "_io", "_osx_support", "_pickle",
    "_posixsubprocess", "_pyrepl", "_testcapi", "_thread", "_bootsubprocess", "annotationlib", "ast", "asyncio",
    "atexit", "bdb", "cProfile", "cgi", "code", "codeop", "commands", "compileall", "concurrent", "cPickle",
    "ctypes", "_ctypes", "dbm", "dis", "encodings", "distutils", "doctest", "ensurepip", "faulthandler",
    "fileinput", "ftplib", "gc", "gettext", "http", "idlelib", "imaplib", "imp", "importlib", "inspect", "io",
    "lib2to3", "linecache", "mailcap", "marshal", "mmap", "modulefinder", "multiprocessing", "nntplib", "nt",
    "ntpath", "os", "pdb", "pickle", "optparse", "pickletools", "pipes", "pip", "pkgutil", "platform", "poplib",
    "posix", "posixpath", "profile", "pstats", "pty", "py_compile", "pyclbr", "pydoc", "rlcompleter", "runpy",
    "sched", "shelve", "shutil", "signal", "site", "smtplib", "socket", "socketserver", "sqlite3", "_sqlite3",
    "ssl", "subprocess", "symtable", "sys", "sysconfig", "tarfile", "telnetlib", "tempfile", "test", "threading",
    "timeit", "tkinter", "trace", "tracemalloc", "turtle", "types", "unittest", "urllib", "venv", "warnings",
    "webbrowser", "wsgiref", "xml", "xmlrpc", "zipapp", "zipfile", "zipimport",
}  # fmt: skip
_PACKAGES = {
    "IPython", "Pyro4", "Pyro5", "accelerate", "apache_beam", "cffi", "cloudpickle", "cython", "Cython", "dask",
    "dill", "distributed", "django", "execnet", "fsspec", "h5py", "ipykernel", "jsonpickle", "keras", "klepto",
    "llvmlite", "mlflow", "nltk", "numba", "numexpr", "paramiko", "pexpect", "pickle5", "pickleshare",
    "pkg_resources", "ply", "psutil", "py", "pyspark", "pytest", "_pytest", "pyximport", "ray", "requests", "rpyc",
    "ruamel", "s3fs", "setuptools", "sh", "shap", "skops", "smart_open", "spacy", "srsly", "tables", "tensorflow",
    "tf_keras", "torchgen", "twisted", "urllib3", "werkzeug", "yaml", "zmq",
}  # fmt: skip
_MODULES = _STANDARD | _PACKAGES
_NAMES = {
    "_operator.attrgetter", "_operator.call", "_operator.methodcaller", "builtins.type", "codecs.open",
    "copyreg.add_extension", "dataclasses._create_fn", "dataclasses.make_dataclass", "functools.partial",
    "functools.partialmethod", "functools.reduce", "logging.FileHandler", "operator.attrgetter", "operator.call",
    "operator.methodcaller", "tokenize.open", "typing.ForwardRef", "typing.get_type_hints",
    "uuid._get_command_stdout", "weakref.finalize",
    # Of numpy, scipy and pandas.
    "numpy.fromfile", "numpy.genfromtxt", "numpy.load", "numpy.loads", "numpy.loadtxt", "numpy.memmap",
    "numpy.core._ufunc_reconstruct", "numpy.core.memmap", "numpy._core.memmap.memmap", "numpy.core.memmap.memmap",
    "numpy.lib._utils_impl._makenamedict", "numpy.lib.format.read_array", "numpy.lib._format_impl.read_array",
    "numpy._core.function_base.add_newdoc", "numpy.core.function_base.add_newdoc", "pandas.eval", "pandas.read_hdf",
    "pandas.read_pickle", "scipy._lib._uarray._backend.unpickle_function",
    # Of torch: what its own files import are the names of torch._utils, torch.nn and the storages.
    "torch._load_global_deps", "torch._register_device_module", "torch.load", "torch.compile",
    "torch._utils._augment_memory_snapshot_stack_traces", "torch._utils._import_dotted_name",
    "torch.serialization.load", "torch.serialization._legacy_load", "torch.serialization._load",
    "torch.serialization._weights_only_unpickler", "torch.storage._load_from_bytes", "xgboost.collective.broadcast",
}  # fmt: skip
# Modules of which nothing is a model's data, and some names load pickles, import by text, start programs or
# execute text: the distributions of scipy.stats, for one, execute a text of their state when they are unpickled.
_PREFIXES = (
    "datasets.", "fastai.", "functorch.", "gensim.downloader.", "gensim.models.ensemblelda.",
    "gensim.models.phrases.", "gensim.similarities.", "gensim.utils.", "huggingface_hub.", "imblearn.utils.",
    "jax._src.", "jax.experimental.", "jax.tools.", "joblib.compressor.", "joblib.externals.",
    "joblib.func_inspect.", "joblib.load", "joblib.memory.", "joblib.numpy_pickle.load",
    "joblib.numpy_pickle_compat.", "joblib.numpy_pickle_utils.", "joblib.testing.",
    "joblib.numpy_pickle.NumpyUnpickler", "joblib._memmapping_reducer.", "lightning.fabric.",
    "lightning.pytorch.cli.", "lightning.pytorch.core.saving.", "lightning.pytorch.strategies.",
    "lightning.pytorch.trainer.", "lightning.pytorch.utilities.imports.", "lightning_fabric.", "logging.config.",
    "logging.handlers.", "numpy.ctypeslib", "numpy.distutils.", "numpy.f2py.", "numpy.lib._datasource.",
    "numpy.lib._npyio_impl.", "numpy.lib.npyio.", "numpy.testing.", "networkx.utils.", "onnx.", "pandas._config.",
    "pandas.compat._optional.", "pandas.compat.pickle_compat.", "pandas.core.computation.", "pandas.io.",
    "pandas.plotting.", "peft.", "pycaret.", "pytorch_lightning.cli.", "pytorch_lightning.core.saving.",
    "pytorch_lightning.strategies.", "pytorch_lightning.trainer.", "pytorch_lightning.utilities.imports.",
    "scipy._external.", "scipy._lib.", "scipy.datasets.", "scipy.optimize._nonlin.", "scipy.special._ufunc_tools.",
    "scipy.stats.", "sentence_transformers.", "sklearn.datasets.", "sklearn.externals.", "sklearn.utils._testing.",
    "sklearn.utils.discovery.", "sklearn.utils.estimator_checks.", "sktime.base.", "sktime.registry.",
    "sktime.utils.", "statsmodels.iolib.", "statsmodels.tsa.x13.", "sympy.", "timm.optim.", "torch._C._jit",
    "torch._export.", "torch._guards.", "torch._higher_order_ops.", "torch._library.", "torch._native.",
    "torch._ops.", "torch._strobelight.", "torch._dynamo.", "torch._functorch.", "torch._inductor.",
    "torch._lobpcg.", "torch._precompile", "torch._vendor.", "torch._weights_only_unpickler.", "torch.backends.",
    "torch.distributed.", "torch.export.", "torch.fx.", "torch.cuda._memory_viz.", "torch.hub.",
    "torch.nn.attention.", "torch.nn.utils._deprecation_utils.", "torch.jit.", "torch.multiprocessing.",
    "torch.onnx.", "torch.package.", "torch.testing.", "torch.utils.", "transformers.", "umap.parametric_umap.",
)  # fmt: skip


def is_never_allowed(name: str) -> bool:
    """Return whether `name` could do anything, whatever else is listed."""
    if name.startswith("builtins."):
        return name[len("builtins.") :] not in _BUILTINS
    return (
        re.split("[.:]", name)[0] in _MODULES
        or name in _NAMES
        or name.startswith(_PREFIXES)
        or any(_DUNDER.fullmatch(part) for part in name.replace(":", ".").split(".")[1:])
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
