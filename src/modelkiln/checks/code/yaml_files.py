"""YAML: tags by which PyYAML makes objects of Python, and the loader that an MLmodel of MLflow names."""

import codecs
import re
import urllib.parse
from typing import Iterator

from modelkiln.checks.code.names import entry
from modelkiln.checks.content import Content
from modelkiln.checks.json_text import read_all

__all__ = ["is_yaml", "yaml_entries"]

_ENDINGS = (".yaml", ".yml")
_MLMODEL = "MLmodel"
_STARTS = (b"%YAML", b"%TAG", b"--- ", b"---\n", b"---\r")
# YAML 1.1, 4.3: what a tag may have, and directives that give it another handle.
_TAG = re.compile(r"!<([^>\s]*)>|(![\w-]*!|!)([^\s,\[\]{}\"']*)")
_DIRECTIVE = re.compile(r"^%TAG[ \t]+(\S+)[ \t]+(\S+)", re.MULTILINE)
_OF_YAML = "tag:yaml.org,2002:"
_OF_PYTHON = f"{_OF_YAML}python/"
# yaml/constructor.py: those that are data.
_DATA = frozenset("bool bytes complex dict float int list long none str tuple unicode".split())
_LOADER = re.compile(r"""["']?loader_module["']?\s*:\s*["']?([\w.]+)""")
_OF_MLFLOW = "mlflow."


def is_yaml(path: str, head: bytes) -> bool:
    """Return whether a file is YAML by its name or how it starts."""
    return path.endswith((*_ENDINGS, _MLMODEL)) or head.startswith(_STARTS)


def yaml_entries(content: Content, path: str) -> set:
    """Return the entries of a YAML file."""
    text = _text(read_all(content))
    found = {entry("yaml-tag", tag) for tag in _tags(text)}
    if path.endswith(_MLMODEL):
        loaders = set(_LOADER.findall(text))
        found |= {entry("mlflow-loader", name) for name in loaders if not f"{name}.".startswith(_OF_MLFLOW)}
    return found


def _text(data: bytes) -> str:
    # yaml/reader.py: UTF-16 by its byte order mark, else UTF-8.
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8", "replace")


def _tags(text: str) -> Iterator[str]:
    handles = {"!!": _OF_YAML, **dict(_DIRECTIVE.findall(text))}
    for whole, handle, suffix in _TAG.findall(_DIRECTIVE.sub("", text)):
        # yaml/scanner.py, scan_uri_escapes.
        tag = urllib.parse.unquote(whole or handles.get(handle, handle) + suffix)
        if tag.startswith(_OF_PYTHON):
            kind = tag[len(_OF_PYTHON) :]
            if kind not in _DATA:
                yield f"!!python/{kind}"
