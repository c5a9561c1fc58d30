"""Fields that several target types share."""

from __future__ import annotations

from typing import Any, Mapping

from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldTypeException, SpecialCasedDependencies


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
