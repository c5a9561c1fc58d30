"""Targets that a field names or, where it names none, an option."""

from __future__ import annotations

from typing import Iterable

from pants.engine.addresses import UnparsedAddressInputs


def named_or_option(named: UnparsedAddressInputs, option: str, value: str | None) -> UnparsedAddressInputs:
    """The addresses that a field names; where it names none, that of `[modelkiln].<option>`, if it has one."""
    return named if named.values or not value else option_addresses(option, [value])


def option_addresses(option: str, values: Iterable[str]) -> UnparsedAddressInputs:
    """The addresses that `[modelkiln].<option>` has as `values`."""
    origin = f"the option `[modelkiln].{option}`"
    return UnparsedAddressInputs(values, owning_address=None, description_of_origin=origin)
