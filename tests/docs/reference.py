"""The pages of docs/ that are the help texts of target types, fields and options.

`./pants run tests/docs/reference.py`, in the root of the repository, writes them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pants.engine.target import (
    AsyncFieldMixin,
    BoolField,
    Dependencies,
    Field,
    FloatField,
    MultipleSourcesField,
    OptionalSingleSourceField,
    SpecialCasedDependencies,
    StringField,
    StringSequenceField,
    Target,
)
from pants.option.option_types import collect_options_info
from pants.option.subsystem import Subsystem

from pants_modelkiln.lint.subsystem import ModelkilnLint
from pants_modelkiln.register import target_types
from pants_modelkiln.subsystem import ModelkilnSubsystem, SmokeTestSubsystem
from pants_modelkiln.target_types.ensemble import EnsembleMembersField, EnsembleStepsField
from pants_modelkiln.target_types.fields import OneAddressField

__all__ = ["pages"]

_WRITTEN = "<!-- Written by `./pants run tests/docs/reference.py` from the help texts. Edit those. -->\n"
_TARGETS = (
    "# Targets\n\nThe target types of the backend, a page each. `./pants help model_package` prints the same in a "
    "terminal. Fields that Pants itself defines (`tags`, `description`, ...) are described in its own reference.\n\n"
    "| target | what it is |\n|---|---|\n"
)
_OPTIONS = (
    "# Options\n\nOptions of the backend in pants.toml. Each can also be set on the command line "
    "(`--modelkiln-compression=gzip`) and in the environment (`PANTS_MODELKILN_COMPRESSION=gzip`); "
    "`./pants help-advanced modelkiln` prints them in a terminal.\n"
)
# What users write for a field of a type; the first that fits.
_KINDS: tuple[tuple[type, str], ...] = (
    (EnsembleMembersField, "A dictionary of addresses"),
    (EnsembleStepsField, "A list of dictionaries"),
    (OneAddressField, "An address"),
    (SpecialCasedDependencies, "A list of addresses"),
    (Dependencies, "A list of addresses"),
    (OptionalSingleSourceField, "A file"),
    (MultipleSourcesField, "A file, a folder, a URI, or a list of files"),
    (BoolField, "A boolean"),
    (FloatField, "A number"),
    (StringSequenceField, "A list of strings"),
    (StringField, "A string"),
    (AsyncFieldMixin, "A string"),
    (Field, "A dictionary"),
)


def pages() -> dict[str, str]:
    """Return the pages by their paths relative to docs/."""
    found = {f"targets/{one.alias}.md": _target_page(one) for one in target_types()}
    rows = (f"| [`{one.alias}`](targets/{one.alias}.md) | {_summary(one)} |\n" for one in target_types())
    found["targets.md"] = _WRITTEN + _TARGETS + "".join(rows)
    found["options.md"] = (
        _WRITTEN + _OPTIONS + "".join(map(_section, (ModelkilnSubsystem, SmokeTestSubsystem, ModelkilnLint)))
    )
    return found


def _summary(target: type[Target]) -> str:
    """The first paragraph of a target type's help, as a cell of a table."""
    return str(target.help).split("\n\n")[0].replace("|", "\\|")


def _target_page(target: type[Target]) -> str:
    own = [field for field in target.core_fields if field.__module__.startswith("pants_modelkiln.")]
    others = [f"`{field.alias}`" for field in target.core_fields if field not in own]
    text = f"{_WRITTEN}# {target.alias}\n\n{_markdown(target.help)}\n\n## Fields\n\n"
    text += "".join(f"### `{field.alias}`\n\n{_field_facts(field)}\n\n{_markdown(field.help)}\n\n" for field in own)
    return f"{text}Fields of Pants itself: {', '.join(others)}.\n"


def _field_facts(field: type[Field]) -> str:
    kind = next(name for base, name in _KINDS if issubclass(field, base))
    choices = getattr(field, "valid_choices", None)
    kind += f": {', '.join(_code(one) for one in choices)}" if choices else ""
    default = "" if field.default is None else f"; default {_code(field.default)}"
    return f"*{kind}; required.*" if field.required else f"*{kind}{default}.*"


def _code(value: Any) -> str:
    """A default as BUILD files write it."""
    plain = list(value) if isinstance(value, tuple) else value
    return f"`{plain if isinstance(plain, bool) else json.dumps(plain, sort_keys=True)}`"


def _section(subsystem: type[Subsystem]) -> str:
    text = f"\n## [{subsystem.options_scope}]\n\n{_markdown(subsystem.help)}\n\n"
    for info in collect_options_info(subsystem):
        name = info.flag_names[0].lstrip("-").replace("-", "_")
        facts = info.flag_options
        default = getattr(facts["default"], "val", facts["default"])
        notes = [] if default is None else [f"Default {_code(default)}."]
        notes += ["Advanced."] if facts.get("advanced") else []
        text += f"### `{name}`\n\n" + (f"*{' '.join(notes)}*\n\n" if notes else "") + f"{_markdown(facts['help'])}\n\n"
    return text.rstrip("\n") + "\n"


def _markdown(text: Any) -> str:
    """A help text as Markdown, which it is: indented lines are code in both."""
    return (text() if callable(text) else str(text)).strip()


def main() -> None:
    """Write the pages below docs/ of the current folder."""
    for name, text in pages().items():
        path = Path("docs", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
