"""Fields that several target types share."""

from __future__ import annotations

import json
from typing import Any, Iterator, Mapping, Optional

from pants.engine.addresses import Address
from pants.engine.target import (
    Field,
    InvalidFieldException,
    InvalidFieldTypeException,
    SpecialCasedDependencies,
    StringField,
)
from pants.util.strutil import help_text

from modelkiln.errors import ModelkilnError

# Layouts of a PEX, as `pex_binary` calls them.
ZIPAPP, PACKED = "zipapp", "packed"


def thawed(value: Any) -> Any:
    """A value of a BUILD file as JSON has it: `parametrize` freezes dictionaries, at all depths since Pants 2.31."""
    if isinstance(value, Mapping):
        return {key: thawed(one) for key, one in value.items()}
    return [thawed(one) for one in value] if isinstance(value, (list, tuple)) else value


def _keys(value: Any) -> Iterator[Any]:
    """The keys of all dictionaries in a value."""
    if isinstance(value, dict):
        yield from value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(one)


class OneAddressField(SpecialCasedDependencies):
    """A field that holds one address, written as a plain string."""

    @classmethod
    def compute_value(cls, raw_value: Any, address: Address) -> Any:
        """Take one address, as a list of one."""
        if raw_value is not None and not isinstance(raw_value, str):
            raise InvalidFieldTypeException(
                address, cls.alias, raw_value, expected_type="an address, such as ':digits'"
            )
        return super().compute_value(None if raw_value is None else (raw_value,), address)


class TableField(Field):
    """A field that holds a JSON object, written as a dictionary. Its value is a JSON text: it must be hashable, and
    may be nested."""

    value: Optional[str]
    default = None

    @classmethod
    def compute_value(cls, raw_value: Any, address: Address) -> Optional[str]:
        """Return the dictionary as JSON text; raises InvalidFieldException for one that `check` refuses."""
        value = super().compute_value(raw_value, address)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise InvalidFieldTypeException(address, cls.alias, value, expected_type="a dictionary")
        table = thawed(value)
        for key in _keys(table):
            if not isinstance(key, str):  # `json` would write it as a text, next to one that says the same.
                raise InvalidFieldException(
                    f"{address}: the field `{cls.alias}` has the key {key!r}, which is not a text. Write it in quotes."
                )
        try:
            text = json.dumps(table, sort_keys=True, allow_nan=False)
            json.dumps(table, ensure_ascii=False).encode()  # Half of a surrogate pair is no text in UTF-8.
        except (TypeError, ValueError) as error:
            raise InvalidFieldException(
                f"{address}: the field `{cls.alias}` cannot be written as JSON: {error}. "
                "Use strings, numbers, booleans, lists and dictionaries."
            ) from error
        try:
            cls.check(table, address)
        except ModelkilnError as error:
            raise InvalidFieldException(str(error)) from error
        return text

    @classmethod
    def check(cls, value: dict[str, Any], address: Address) -> None:
        """Raise ModelkilnError for what cannot be meant."""


class ModelLayoutField(StringField):
    alias = "layout"
    valid_choices = (ZIPAPP, PACKED)
    help = help_text("""
        With the format `"pex"`: `"zipapp"`, one file, or `"packed"`, a folder in which the wheels are apart from
        the code, as a `pex_binary` has them. In `dist/` those wheels are links into the store: after a changed
        line no byte of them is read or written. It starts as `digits.pex/pex predict`, or as
        `python3.11 digits.pex predict`.

        The default is `"zipapp"` for a PEX of up to `[modelkiln].large_blob_limit` bytes, and `"packed"` above.
        """)
