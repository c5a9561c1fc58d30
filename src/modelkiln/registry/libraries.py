"""What speaks HTTP and oras-py's `Registry`, imported without what they never use here.

JSON schemas, with which oras-py checks manifests of its own, for methods that `client` overrides; what guesses the
encoding of a text, which registries state or which is UTF-8; and names of hosts beyond ASCII: a quarter of the import,
and publishing a changed line takes little longer than that. What is imported in their place reads the library when
something of it is used.
"""

import importlib
import sys
import warnings
from types import ModuleType
from typing import Any

__all__ = ["Container", "HTTPAdapter", "Registry", "TokenAuth", "authHeader", "requests"]


class _Deferred(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            if name.startswith("__"):
                # What an import looks at, and the version, which requests compares: as does whoever locks both.
                raise AttributeError(name)
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


_deferred = [_Deferred(name) for name in ("charset_normalizer", "idna", "jsonschema") if name not in sys.modules]
sys.modules.update((module.__name__, module) for module in _deferred)
try:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unable to find acceptable character detection")
        import requests
    from oras.auth.token import TokenAuth
    from oras.auth.utils import authHeader
    from oras.container import Container
    from oras.provider import Registry
    from requests.adapters import HTTPAdapter
finally:
    # What others import is the library itself.
    for module in _deferred:
        if sys.modules.get(module.__name__) is module:
            del sys.modules[module.__name__]
