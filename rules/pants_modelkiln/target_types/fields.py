"""Fields that several target types share."""

from __future__ import annotations

import json
from typing import Any, Mapping, Optional

from pants.engine.addresses import Address
from pants.engine.target import Field, InvalidFieldException, InvalidFieldTypeException, SpecialCasedDependencies

from modelkiln.errors import ModelkilnError


def thawed(value: Any) -> Any:
    """A value of a BUILD file as JSON has it: `parametrize` freezes dictionaries, at all depths since Pants 2.31."""
    if isinstance(value, Mapping):
        return {key: thawed(one) for key, one in value.items()}
    return [thawed(one) for one in value] if isinstance(value, (list, tuple)) else value


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
        try:
            text = json.dumps(table, sort_keys=True, allow_nan=False)
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
