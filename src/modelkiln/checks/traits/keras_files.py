"""Models of Keras 3: the classes that their configuration names, and the options that each is made with.

Source: keras/src/saving/serialization_lib.py, `deserialize_keras_object`: `module`, `class_name` and `config`, whose
items become arguments of the class. A release without the class, or without the argument, refuses the file.
"""

from modelkiln.checks.content import Content
from modelkiln.checks.json_text import read_json
from modelkiln.checks.traits.trait import Survey, Trait

__all__ = ["survey_keras"]

_MAX_TRAITS = 4096


def survey_keras(content: Content) -> Survey:
    """Return what the configuration in a `.keras` file names. Raises ModelkilnError."""
    found: set[Trait] = set()
    stack = [read_json(content)]
    while stack and len(found) < _MAX_TRAITS:
        value = stack.pop()
        if isinstance(value, list):
            stack += value
        elif isinstance(value, dict):
            stack += value.values()
            found |= _named(value)
    return Survey(frozenset(found))


def _named(value: dict) -> set[Trait]:
    """What an object says that is one of Keras' own classes."""
    module, name, config = value.get("module"), value.get("class_name"), value.get("config")
    if not isinstance(name, str) or not isinstance(module, str) or module.partition(".")[0] != "keras":
        return set()
    options = config if isinstance(config, dict) else ()
    return {Trait("keras-class", f"{module}.{name}"), *(Trait("keras-option", f"{name}.{one}") for one in options)}
