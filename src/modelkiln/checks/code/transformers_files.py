"""Configurations of transformers: classes that are imported (`auto_map`), and chat templates (Jinja)."""

import re
from typing import Any, Iterator

from modelkiln.checks.code.names import AUTO_MAP, entry
from modelkiln.checks.content import Content
from modelkiln.checks.json_text import read_all, read_json

__all__ = ["is_configuration", "is_template", "template_entries", "transformers_entries"]

_CONFIGURATIONS = ("config.json", "chat_template.json")
_TEMPLATES = (".jinja", ".jinja2", ".j2")
# What Jinja runs: statements and expressions.
_CODE = re.compile(r"\{%.*?(?:%\}|\Z)|\{\{.*?(?:\}\}|\Z)", re.DOTALL)
# Attributes by which every object reaches every other, by name or through a filter, frames of running code, text
# that hides a name, and other files. Jinja's sandbox forbids all of it, and not every loader has one.
_OUTSIDE = re.compile(
    r"__\w+__|\|\s*(?:attr|map\s*\(\s*attribute)\b|\b(?:gi|cr|ag)_frame\b|\bf_(?:globals|back|builtins)\b|\bmro\s*\("
    r"|\bfunc_globals\b|\\x5f|\\u005f|\\137|\\N\{|\{%[-+]?\s*(?:include|import|extends|from)\b"
)


def is_configuration(path: str) -> bool:
    """Return whether transformers reads a file of this name as a configuration."""
    return path.endswith(_CONFIGURATIONS)


def is_template(path: str) -> bool:
    """Return whether a file of this name is a template of Jinja."""
    return path.endswith(_TEMPLATES)


def transformers_entries(content: Content, path: str) -> set:
    """Return the entries of a configuration or a template."""
    if is_template(path):
        return template_entries(read_all(content).decode("utf-8", "replace"), content.name)
    config = read_json(content)
    if not isinstance(config, dict):
        return set()
    found = {entry(AUTO_MAP, name) for name in _auto_map(config.get("auto_map"))}
    templates = config.get("chat_template")
    named = templates if isinstance(templates, list) else [{"name": "chat_template", "template": templates}]
    for one in named:
        if isinstance(one, dict) and isinstance(one.get("template"), str):
            found |= template_entries(one["template"], str(one.get("name")))
    return found


def _auto_map(value: Any) -> Iterator[str]:
    """The classes: of each a name, or several of which some may be None."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _auto_map(one)


def template_entries(template: str, name: str) -> set:
    """Return the entry of a chat template, and another one where it reaches out of Jinja's sandbox."""
    found = {entry("jinja", name)}
    if any(_OUTSIDE.search(code) for code in _CODE.findall(template)):
        found.add(entry("jinja-unsafe", name))
    return found
