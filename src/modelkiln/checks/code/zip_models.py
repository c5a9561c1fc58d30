"""Models that are zip archives: Keras version 3, TorchScript, torch.package and skops."""

import re
from typing import Any, Iterable, Iterator

from modelkiln.checks.code import keras
from modelkiln.checks.code.names import entry
from modelkiln.checks.content import Content
from modelkiln.checks.json_text import read_json
from modelkiln.checks.pickle_globals import is_never_allowed

__all__ = ["zip_entries"]

# torch/csrc/jit/serialization/export_module.cpp: code lies in `<name>/code/`, whatever else there is.
_TORCH_SCRIPT = re.compile(r"(?:[^/]+/)?code/.+\.py")
# torch/package/package_exporter.py: what marks a package.
_TORCH_PACKAGE = re.compile(r"(?:[^/]+/)?\.data/(?:extern_modules|python_version)")
# Which types skops itself takes for safe: those of these packages that hold data (skops/io/_trusted_types.py).
_OF_SKOPS = ("numpy", "scipy", "sklearn", "collections", "builtins", "pandas", "xgboost", "lightgbm", "catboost")
_SKOPS_SCHEMA, _KERAS_CONFIG = "schema.json", "config.json"


def zip_entries(content: Content, members: Iterable[Content]) -> set:
    """Return the entries of a zip archive, whose members are checked one by one besides."""
    names = {member.name[len(content.name) + 2 :]: member for member in members}
    found = set()
    if any(map(_TORCH_SCRIPT.fullmatch, names)):
        found.add(entry("torchscript", content.name))
    if any(map(_TORCH_PACKAGE.fullmatch, names)):
        found.add(entry("torch-package", content.name))
    if _KERAS_CONFIG in names:
        found |= keras.config_entries(read_json(names[_KERAS_CONFIG]))
    if _SKOPS_SCHEMA in names:
        schema = read_json(names[_SKOPS_SCHEMA])
        if isinstance(schema, dict) and "__loader__" in schema:
            found |= set(_skops_entries(schema))
    return found


def _skops_entries(schema: Any) -> Iterator[str]:
    todo = [schema]
    while todo:
        value = todo.pop()
        todo += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if isinstance(value, dict) and isinstance(value.get("__class__"), str):
            name = f"{value.get('__module__')}.{value['__class__']}"
            if name.partition(".")[0] not in _OF_SKOPS or is_never_allowed(name):
                yield entry("skops-type", name)
