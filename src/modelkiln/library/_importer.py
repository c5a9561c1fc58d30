"""Imports of a model's own code, which neither the application nor another model in its process sees.

The code lies in a folder of the model's wheel and imports its modules by the names that they have in
their repository: `import common.scaling`. Other models have other commits of it. So each of its modules
is known to Python under a name below the wheel's own (`acme_fraud._package.common.scaling`), and gets a
`__import__` that looks there first. CPython takes that function from the `__builtins__` of a module,
for `import` statements and for nothing else; `importlib` and `pkgutil`, which are given names as text, are
therefore seen by the code through facades.
"""

import builtins
import functools
import importlib
import os
import sys
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from types import ModuleType

__all__ = ["FOLDER", "Importer", "importer_of"]

# Where a wheel's package has the code, and what that is called as a module.
FOLDER = "_package"

# Functions that take names of modules as text, and how many of their arguments are such names.
_BY_NAME = {
    "importlib": {"import_module": 2},
    "importlib.resources": dict.fromkeys(
        ("files", "open_text", "open_binary", "read_text", "read_binary", "path", "is_resource", "contents"), 1
    ),
    "importlib.util": {"find_spec": 2},
    "pkgutil": {"get_data": 1, "resolve_name": 1},
}
_OPTIONS = ("anchor", "name", "package")


def importer_of(package, file):
    """Return the Importer of an importable package, whose module `file` is; it is made at the first call.

    Raises ImportError where the package is imported from a zip file.
    """
    name, folder = f"{package}.{FOLDER}", os.path.join(os.path.dirname(os.path.abspath(file)), FOLDER)
    for finder in sys.meta_path:
        if getattr(finder, "name", None) == name and getattr(finder, "folder", None) == folder:
            return finder
    if not os.path.isdir(folder):
        raise ImportError(
            f"{package}: {folder} is not a folder. Install the wheel of this model unpacked, as pip does."
        )
    importer = Importer(name, folder)
    sys.meta_path.insert(0, importer)
    return importer


class Importer:
    """Finds the modules below `folder`, under names that begin with `name`."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.builtins = {**vars(builtins), "__import__": self._import}
        self._loaders = (
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (functools.partial(_Loader, self.builtins), SOURCE_SUFFIXES),
        )
        self._owned = {}

    def module(self, name):
        """Import one of the model's modules by the name that it has in its code."""
        return importlib.import_module(f"{self.name}.{name}")

    def find_spec(self, fullname, path=None, target=None):
        """Return the spec of one of the model's modules, or None: see `importlib.abc.MetaPathFinder`."""
        if fullname == self.name:
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [self.folder]
            return spec
        if not fullname.startswith(f"{self.name}."):
            return None
        found = (FileFinder(folder, *self._loaders).find_spec(fullname) for folder in path or ())
        spec = next((spec for spec in found if spec), None)
        if spec is not None and spec.loader is None:
            spec.submodule_search_locations = _NamespacePath(spec.submodule_search_locations)
        return spec

    def own_name(self, name):
        """Return what a module is called in this process, by its name in the model's code; None for one of others."""
        return f"{self.name}.{name}" if isinstance(name, str) and name and self._owns(name) else None

    def _owns(self, name):
        top, _, rest = name.partition(".")
        if top not in self._owned:
            spec = self.find_spec(f"{self.name}.{top}", [self.folder])
            is_regular = spec is not None and spec.loader is not None
            self._owned[top] = is_regular, spec is not None and (is_regular or self._has_code(top))
        is_regular, is_own = self._owned[top]
        # A folder without `__init__.py` may be a part of what others have parts of, too.
        return is_own and (is_regular or not rest or self._exists(name.split(".")))

    def _has_code(self, top):
        files = (file for _, _, files in os.walk(os.path.join(self.folder, top)) for file in files)
        return any(file.endswith((*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES)) for file in files)

    def _exists(self, parts):
        place = os.path.join(self.folder, *parts)
        return any(os.path.exists(place + suffix) for suffix in ("", *SOURCE_SUFFIXES, *EXTENSION_SUFFIXES))

    def _import(self, name, globals=None, locals=None, fromlist=(), level=0):
        """What `import` statements of the model's code call in place of the builtin function."""
        own = None if level else self.own_name(name)
        if own is None:
            return _facade(builtins.__import__(name, globals, locals, fromlist, level), self)
        try:
            if fromlist:
                return builtins.__import__(own, globals, locals, fromlist, 0)
            importlib.import_module(own)
        except ModuleNotFoundError as error:
            if error.name and error.name.startswith(f"{self.name}."):
                # Code that catches the error compares the name with the one that it wrote.
                error.name = error.name[len(self.name) + 1 :]
                error.msg = f"No module named {error.name!r}"
            raise
        return sys.modules[f"{self.name}.{name.partition('.')[0]}"]


class _NamespacePath(list):
    """Where a package without `__init__.py` lies. `importlib.resources` knows such a path by the name of its type."""

    def __repr__(self):
        return f"_NamespacePath({super().__repr__()})"


class _Loader(SourceFileLoader):
    """Loads a module whose `import` statements find the model's own code first."""

    def __init__(self, builtins_of_code, fullname, path):
        super().__init__(fullname, path)
        self._builtins = builtins_of_code

    def exec_module(self, module):
        """Execute the module."""
        vars(module)["__builtins__"] = self._builtins
        super().exec_module(module)


def _facade(module, importer):
    return _Facade(module, importer) if getattr(module, "__name__", None) in _BY_NAME else module


class _Facade(ModuleType):
    """A module of the standard library whose functions know the model's modules by their names in its code."""

    def __init__(self, module, importer):
        super().__init__(module.__name__, module.__doc__)
        self._module, self._importer = module, importer

    def __getattr__(self, name):
        value = getattr(self._module, name)
        names = _BY_NAME[self._module.__name__].get(name)
        if names is None:
            return _facade(value, self._importer)

        @functools.wraps(value)
        def call(*arguments, **options):
            own = self._importer.own_name
            if not arguments and not options:
                # `files()` is that of the module which calls it.
                arguments = (sys._getframe(1).f_globals["__name__"],)
            named = [own(one) or one for one in arguments[:names]]
            options = {key: own(one) or one if key in _OPTIONS else one for key, one in options.items()}
            return value(*named, *arguments[names:], **options)

        return call

    def __dir__(self):
        return dir(self._module)
