"""oras-py's `Registry`, imported without the JSON schemas that it checks manifests of its own with.

Those are a quarter of the import, and for methods that `client` overrides. What oras-py imports in
their place reads the library when something of it is used.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

__all__ = ["Registry"]


class _Deferred(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


_schemas = _Deferred("jsonschema")
sys.modules.setdefault("jsonschema", _schemas)
try:
    from oras.provider import Registry
finally:
    # What others import is the library itself.
    if sys.modules.get("jsonschema") is _schemas:
        del sys.modules["jsonschema"]
