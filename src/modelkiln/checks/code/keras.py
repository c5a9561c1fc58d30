"""Models of Keras: `.keras` (version 3, a zip with config.json) and `.h5` (HDF5 with an attribute model_config).

Keras runs the Python of a Lambda layer, and imports the module of each object that its configuration names.
"""

import json
import re
from typing import Any, Iterator

from modelkiln.checks.code.names import entry
from modelkiln.checks.content import MAX_READ, Content

__all__ = ["HDF5_MAGIC", "config_entries", "hdf5_entries"]

# HDF5 File Format Specification 3.0, II.A: also at byte 512, 1024, 2048 and so on.
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ATTRIBUTE = b"model_config"
# A configuration is JSON in one string, which HDF5 stores in one piece.
_START = re.compile(rb'\{\s*"')
_MAX_CONFIG = 64 << 20
# Of a pattern above, with the white space that it may have.
_LONGEST_START = 256
# Bytes of what looks like JSON and is none: of weights there are few.
_MAX_BROKEN = 256 << 20
# JSON's escape of a letter, which nobody writes but who hides one.
_HIDDEN = re.compile(rb"\\u00[2-7][0-9a-fA-F]")
_OWN = ("keras", "tensorflow.keras", "tf_keras", "keras_nlp", "keras_hub", "keras_cv", "builtins")


def config_entries(config: Any) -> set:
    """Return the entries of a configuration, as JSON gives it."""
    found: set = set()
    todo = [config]
    while todo:
        value = todo.pop()
        if isinstance(value, list):
            todo += value
        elif isinstance(value, dict):
            entries = set(_object_entries(value))
            found |= entries
            # The function of a Lambda layer is an object of its own, of no other name.
            is_lambda = any(one.startswith("keras-lambda:") for one in entries)
            config = value.get("config")
            if is_lambda and isinstance(config, dict):
                value = {**value, "config": {**config, "function": None}}
            todo += value.values()
    return found


def _object_entries(value: dict) -> Iterator[str]:
    name, config = value.get("class_name"), value.get("config")
    inner = config if isinstance(config, dict) else {}
    if name in ("Lambda", "__lambda__") or inner.get("function_type") == "lambda":
        own = inner.get("name") or value.get("name")
        yield entry("keras-lambda", own if isinstance(own, str) else "Lambda")
    # keras/src/saving/serialization_lib.py, `_retrieve_class_or_fn`: any module is imported.
    module = value.get("module")
    if isinstance(module, str) and isinstance(name, str) and not _is_own(module):
        yield entry("keras-module", f"{module}.{name}")


def _is_own(module: str) -> bool:
    return any(module == own or module.startswith(f"{own}.") for own in _OWN)


def hdf5_entries(content: Content) -> set:
    """Return the entries of the configuration in an HDF5 file; none for one without a model.

    The file is read to its end: where an attribute lies depends on the writer.
    """
    if not _has_attribute(content):
        return set()
    configs = _Configs(content)
    with content.reader() as reader:
        data = b""
        while not reader.at_end():
            data += reader.read(len(reader.peek(MAX_READ)))
            data = configs.take(data, reader.at_end())
    return configs.entries


def _has_attribute(content: Content) -> bool:
    with content.reader() as reader:
        before = b""
        while piece := reader.peek(MAX_READ):
            if _ATTRIBUTE in before + reader.read(len(piece)):
                return True
            before = piece[-len(_ATTRIBUTE) :]
    return False


class _Configs:
    """Finds what may be configurations in the bytes of a file. entries: of all that were found."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._broken = 0
        self.entries: set = set()

    def take(self, data: bytes, is_end: bool) -> bytes:
        """Look at `data`; returns what of it has to be looked at with what follows."""
        position = 0
        while match := _START.search(data, position):
            text = data[match.start() :].split(b"\0", 1)
            if len(text) == 1 and not is_end and len(text[0]) <= _MAX_CONFIG:
                return text[0]
            size = self._decode(text[0][:_MAX_CONFIG])
            position = match.start() + size
        return b"" if is_end else data[max(position, len(data) - _LONGEST_START) :]

    def _decode(self, text: bytes) -> int:
        """Take the JSON at the start of `text`, and return how many bytes it has; of what is none, one."""
        try:
            string = text.decode("utf-8", "surrogateescape")
            value, end = json.JSONDecoder().raw_decode(string)
        except (ValueError, RecursionError):
            # Damaged, or hidden: what its text shows counts. Weights look like a start now and then.
            if b'"Lambda"' in text or _HIDDEN.search(text):
                self.entries.add(entry("keras-lambda", "Lambda"))
            self._broken += len(text)
            if self._broken > _MAX_BROKEN:
                what = "holds a configuration of Keras that cannot be read"
                raise self._content.refuse(what, "Save the model again, or save its weights alone") from None
            return 1
        self.entries |= config_entries(value)
        return len(string[:end].encode("utf-8", "surrogateescape"))
