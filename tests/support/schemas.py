"""The JSON Schemas of docs/schemas, and what real files have that they do not describe."""

import json
from functools import cache
from pathlib import Path
from typing import Any, List

import jsonschema

__all__ = ["load_schema", "schema_problems"]


def _folder() -> Path:
    for folder in Path(__file__).resolve().parents:
        if (folder / "docs/schemas").is_dir():
            return folder / "docs/schemas"
    raise FileNotFoundError("no folder above holds docs/schemas")


@cache
def load_schema(name: str) -> Any:
    """Return the schema `docs/schemas/<name>.json`."""
    return json.loads((_folder() / f"{name}.json").read_text("utf-8"))


def schema_problems(name: str, value: Any) -> List[str]:
    """Return what is wrong with `value` by a schema, of whose objects every key has to be described."""
    errors = jsonschema.Draft202012Validator(_closed(load_schema(name))).iter_errors(value)
    return [f"{'/'.join(map(str, one.absolute_path))}: {one.message}" for error in errors for one in _leaves(error)]


def _leaves(error: Any) -> List[Any]:
    """What a choice of several forms failed for, or the error itself."""
    return [leaf for one in error.context for leaf in _leaves(one)] if error.context else [error]


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **found} if isinstance(found.get("properties"), dict) else found
